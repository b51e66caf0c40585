"""`cdc connectors add-table`: more tables of a source, from its catalogue into its connector file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer

from cdc.capture.connect import Connect
from cdc.capture.contract import to_yaml
from cdc.capture.onboard.add import Addition, add
from cdc.capture.onboard.decision import Name
from cdc.capture.onboard.plan import survey_of
from cdc.capture.source import Source, parse_source
from cdc.cli.chosen import Name as SourceName
from cdc.cli.chosen import named
from cdc.cli.complete import complete_excluded
from cdc.cli.connectors.apply import apply_source
from cdc.cli.connectors.on_record import on_record
from cdc.cli.context import acting
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line
from cdc.cli.repeated import of_deployment
from cdc.cli.target import apply_target
from cdc.cli.written import writing
from cdc.config import Settings, environment


def add_table(
    context: typer.Context,
    name: SourceName,
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE...",
            help="PostgreSQL: schema.table (or table of public).",
            autocompletion=complete_excluded,
        ),
    ],
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Then do what comes next: the target, the connector; rows are read.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the lines that would be added; write nothing.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: source, dry_run (nothing was written), diff (of the connector file), contracts (of "
            "the new tables), decisions (table, what, code, why), statements (SQL for the DBA), next, done (with "
            "--apply).",
        ),
    ] = False,
) -> None:
    """Add tables to a source: lines to its connector file, a contract each; other tables are not read again.

    Lines are put in behind their parents and before their children; no other line changes. What would stop a table is
    decided and written beside it as `cdc connectors init` does. If the DBA has to run something first nothing is
    written, and the exit code is 4: behind that the same command again. One that was interrupted is repeated with
    --apply, and goes on with what the file has by then.
    """
    options = acting(context)
    folder = options.folders.connector_configs
    source = named(options, name)
    file = folder / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    wanted = [_name(source, table) for table in tables]
    # Without --apply nothing comes behind the file: who names a table that it has is mistaken.
    listed = [one for one in wanted if apply and one in {(table.schema, table.name) for table in source.tables}]
    new = [one for one in wanted if one not in listed]
    added = add(source, survey_of(source, environment()), new, text, listed)
    parse_source(name, added.text)  # what cannot be read again is not written
    # Whatever starts while the DBA has not run them would stop at a table that it may not read.
    writes = not dry_run and not added.statements
    if writes:
        _write(folder / "contracts" / name, file, added)
    done = _apply(options, name) if apply and writes else []
    diff = "".join(_diff(file.name, text, added.text))
    following = [] if done else _next(name, tables, added)
    _tell(added, diff, following, done, writes=writes, as_json=as_json)
    if added.statements:
        raise typer.Exit(Exit.ATTENTION)


def _name(source: Source, table: str) -> Name:
    if source.has_binlog:
        return "", table
    schema, _, own = table.rpartition(".")
    return schema or "public", own


def _write(contracts: Path, file: Path, added: Addition) -> None:
    """Write contracts first: a worker that meets a table without one stops."""
    with writing(file):
        contracts.mkdir(parents=True, exist_ok=True)
        for contract in added.contracts:
            (contracts / f"{contract.table}.yaml").write_text(to_yaml(contract), encoding="utf-8")
        file.write_text(added.text, encoding="utf-8")


def _apply(options: Settings, name: str) -> list[str]:
    done = apply_target(options, tell=say)
    source = named(options, name)
    with (
        Connect(options.connect) as connect,
        on_record(options) as action,
        action("connectors add-table", name) as effect,
    ):
        effect["done"] = done  # also what was done before the rest failed
        apply_source(source, options, connect, done)
    return done


def _diff(file: str, before: str, after: str) -> list[str]:
    return list(difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), file, file))


def _next(name: str, tables: list[str], added: Addition) -> list[str]:
    if added.statements:
        steps = ["have the DBA run the statements", f"cdc connectors add-table {name} {' '.join(tables)} --apply"]
    else:
        steps = [f"cdc source contract {name} --check", "cdc target apply", f"cdc connectors apply {name}"]
    return [of_deployment(step) for step in steps]


def _tell(added: Addition, diff: str, following: list[str], done: list[str], *, writes: bool, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "source": added.source.name,
            "dry_run": not writes,
            "diff": diff,
            "contracts": [contract.mirror for contract in added.contracts],
            "decisions": added.decisions,
            "statements": added.statements,
            "next": following,
            "done": done,
        }
        write_json(document)
        return
    write_line(diff.rstrip("\n"))
    for statement in added.statements:
        write_line(statement)
    for step in done:
        write_line(step)
    say(f"{len(added.contracts)} tables {'are' if writes else 'would be'} added to {added.source.name}.")
    for step in following:
        say(f"next: {step}")

"""`cdc drift`: what sources have otherwise than their mirrors, what that touches, and accepting it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from cdc.capture.catalogue import read_contracts
from cdc.capture.contract import Contract
from cdc.capture.source import Source
from cdc.cli.chosen import Name, Names, chosen, named
from cdc.cli.complete import complete_mirror
from cdc.cli.context import acting, settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.source import compare_files, write_files, write_some
from cdc.config import Settings, environment
from cdc.derive.active import dictionary_for_reading
from cdc.derive.touched import Touched, touched
from cdc.errors import FatalError
from cdc.land.contract.accept import Outcome, accept_contracts
from cdc.land.contract.drift import BY_SNAPSHOT, Drift, drift
from cdc.land.contract.in_force import read_contracts_in_force, renew_sessions
from cdc.land.resume import require_unowned
from cdc.observe.stopping import read_stops
from cdc.store.action import record_action
from cdc.store.connection import as_service_errors, connect
from transforms.review.redeclared import patches

Connection = psycopg.Connection[Any]

app = typer.Typer(
    help="What sources have otherwise than their mirrors, what that touches, and accepting it.", no_args_is_help=True
)


@app.command()
def show(
    context: typer.Context,
    names: Names = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a list: source, mirror, column (empty: the table), what, stops (the code with which landing "
            "stops, empty: it does not), kind and policy (as the connector file has them; empty: it has none for it), "
            "ignored_since (empty: it is not), canonical (list of schema.table.column), mappings (list of what to "
            "change), patch (unified diffs of contract and mapping files, by file).",
        ),
    ] = False,
) -> None:
    """Compare the live catalogue of each source with the contracts in force: what differs, and what hangs on it.

    Reads sources and target, writes nothing. Exit code 3 if something differs that landing follows by itself, or
    ignores, 4 if it stops at something: `cdc drift accept`.
    """
    options = settings(context)
    live = [(source, read_contracts(source, environment())) for source in chosen(options, names)]
    with as_service_errors(), connect(options.target, "cdc drift show") as connection:
        connection.autocommit = True
        dictionary = dictionary_for_reading(connection, options.folders.dictionary)
        found = [
            (source.name, one)
            for source, contracts in live
            for one in touched(dictionary, read_contracts_in_force(connection, source.name), contracts, source.drift)
        ]
    files = {
        f"contracts/{source.name}/{file}": difference
        for source, contracts in live
        for file, difference in compare_files(_folder(options, source.name), contracts).items()
    }
    if as_json:
        write_json([{"source": name, **_document(options, files, name, one)} for name, one in found])
    else:
        _write(options, files, found)
    if found:
        raise typer.Exit(Exit.ATTENTION if any(one.drift.stops for _, one in found) else Exit.DIFFERENT)


@app.command("accept")
def accept_drift(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the evidence.")],
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE...]",
            help="Tables as the mirrors call them. Default: all.",
            show_default=False,
            autocompletion=complete_mirror,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: source, files (list), patch (their unified diffs and those of mapping files, by "
            "file), canonical (list of schema.table.column that are made of what differs), mappings (list of what to "
            "change), steps (list of title, statement), by_snapshot (list of mirrors whose rows a new snapshot has to "
            "bring), awaited (list of schema.table.column that landing takes as they come in the stream).",
        ),
    ] = False,
) -> None:
    """Take the live catalogue as it is, where landing has stopped at it: contract files, contracts in force, mirrors.

    What the connector file stops (TGT-119) needs nothing more. Else a column whose type is another one becomes a new
    column, and what the old one held stays beside it; all rows of such a mirror count as behind the source until a new
    snapshot brings them: run `cdc stream resnapshot SOURCE` next. Columns that are ignored are taken in where their
    TABLE is named, by a new snapshot too. Mappings that read what has changed have to follow: what it touches, and the
    patch of their files, is printed, for the dictionary's stewards. Workers have to be stopped.
    """
    options = acting(context)
    source = named(options, name)
    every = read_contracts(source, environment())
    files = _folder(options, name)
    patch = compare_files(files, every)
    with as_service_errors(), connect(options.target, "cdc drift accept") as connection:
        with connection.transaction(force_rollback=dry_run):
            require_unowned(connection, source.stream)  # until it is over: nobody begins to land by what was before
            connection.execute("SET LOCAL statement_timeout = 0")
            stopped = _stopped_at(connection, every)
            live = _chosen(connection, name, every, tables or (), stopped)
            dictionary = dictionary_for_reading(connection, options.folders.dictionary)
            found = list(touched(dictionary, read_contracts_in_force(connection, name), live, source.drift))
            outcome = accept_contracts(connection, source, live, with_ignored=bool(tables), stopped=stopped)
            told = {step.title: step.statement.as_string(connection) for step in outcome.steps}
            awaited = [f"take {column} as it comes in the stream" for column in outcome.awaited]
            record_action(connection, "drift accept", name, [*told, *awaited], reason)
        if tables:  # what else differs was not asked for, and a file that says so would be taken for reviewed
            wanted = {f"{contract.table}.yaml" for contract in live}
            patch = {file: difference for file, difference in patch.items() if file in wanted}
        if not dry_run:
            write_some(files, live) if tables else write_files(files, every)
            with connection.transaction():
                renew_sessions(connection, outcome.steps)
    if as_json:
        write_json(_told(options, source, patch, told, outcome, found))
    else:
        _tell_touched(options, found)
        _tell(source, patch, told, outcome, dry_run=dry_run)


def _folder(options: Settings, source: str) -> Path:
    """Return where the contract files of a source are."""
    return options.folders.connector_configs / "contracts" / source


def _mapping_patches(options: Settings, found: Iterable[Touched]) -> dict[str, str]:
    return patches(options.folders.dictionary, [each for one in found for each in one.redeclared])


def _stopped_at(connection: Connection, live: Iterable[Contract]) -> frozenset[str]:
    """Return the mirrors that landing has said it cannot follow: MariaDB's stream tells more than its catalogue."""
    said = [stop.detail for stop in read_stops(connection) if stop.worker == "land" and stop.code in BY_SNAPSHOT]
    mirrors = (contract.mirror for contract in live)
    return frozenset(name for name in mirrors if any(re.search(rf"\b{re.escape(name)}(?!\w)", one) for one in said))


def _chosen(
    connection: Connection, source: str, live: Iterable[Contract], tables: Iterable[str], stopped: Container[str]
) -> list[Contract]:
    """Return the contracts that differ, or whose mirrors landing has stopped at; of these tables only if any are named.

    If none is, not those of which a column is ignored and nothing else. Raises SRC-104 for one not captured.
    """
    by_table = {contract.table: contract for contract in live}
    for table in tables:
        if table not in by_table:
            raise FatalError("SRC-104", f"{source}.{table}")
    in_force = {contract.mirror: contract for contract in read_contracts_in_force(connection, source)}
    wanted = [by_table[table] for table in tables]
    return [
        contract
        for contract in wanted or by_table.values()
        if contract.mirror in stopped
        or any(wanted or not one.ignored_since for one in drift(in_force.get(contract.mirror), contract))
    ]


def _document(options: Settings, files: Mapping[str, str], source: str, one: Touched) -> dict[str, Any]:
    file = f"contracts/{source}/{one.drift.mirror.partition('.')[2]}.yaml"
    contract = {file: files[file]} if file in files else {}
    mappings = list(map(str, one.mappings))
    patch = {**contract, **_mapping_patches(options, [one])}
    return {**asdict(one.drift), "canonical": list(one.canonical), "mappings": mappings, "patch": patch}


def _write(options: Settings, files: Mapping[str, str], found: list[tuple[str, Touched]]) -> None:
    if not found:
        say("Every source is as its contracts in force.")
        return
    rows = [
        (one.drift.mirror, one.drift.column, one.drift.what, _landing(one.drift), len(one.canonical))
        for _, one in found
    ]
    write_table("Drift", ("mirror", "column", "what", "landing", "canonical columns"), rows)
    for difference in files.values():
        write_line(difference)
    _tell_touched(options, [one for _, one in found])
    if any(one.drift.stops for _, one in found):
        say("Landing stops at what has a code: `cdc code CODE`, then `cdc drift accept SOURCE --reason TEXT`.")


def _tell_touched(options: Settings, found: list[Touched]) -> None:
    """Say what hangs on the differences, and how mappings have to read by now."""
    for one in found:
        for line in one.mappings:
            write_line(str(line))
        if one.canonical:
            write_line(f"{one.drift.mirror}.{one.drift.column} makes {', '.join(one.canonical)}")
    for difference in _mapping_patches(options, found).values():
        write_line(difference)


def _landing(one: Drift) -> str:
    """Return what landing does about a difference."""
    if one.ignored_since:
        return f"ignored since {one.ignored_since}"
    return one.stops or ("ignores" if one.is_ignorable else "follows")


def _told(
    options: Settings,
    source: Source,
    patch: Mapping[str, str],
    steps: Mapping[str, str],
    outcome: Outcome,
    found: list[Touched],
) -> dict[str, Any]:
    return {
        "source": source.name,
        "files": sorted(patch),
        "patch": {**patch, **_mapping_patches(options, found)},
        "canonical": list(dict.fromkeys(column for one in found for column in one.canonical)),
        "mappings": [str(each) for one in found for each in one.mappings],
        "steps": [{"title": title, "statement": statement} for title, statement in steps.items()],
        "by_snapshot": list(outcome.by_snapshot),
        "awaited": list(outcome.awaited),
    }


def _tell(
    source: Source, patch: Mapping[str, str], steps: Mapping[str, str], outcome: Outcome, *, dry_run: bool
) -> None:
    """Say what was done, or would be; `steps` are statements by title."""
    for difference in patch.values():
        write_line(difference)
    for title, statement in steps.items():
        write_line(f"{title}\n  {statement}")
    for column in outcome.awaited:
        write_line(f"landing takes {column} as it comes in the stream")
    if outcome.by_snapshot:
        write_line(f"a new snapshot has to bring the rows of {', '.join(outcome.by_snapshot)}")
    if dry_run:
        say("Nothing was done.")
    elif outcome.by_snapshot:
        say(f"Accepted. Next: `cdc stream resnapshot {source.name} --reason TEXT`, then `cdc run`.")
    else:
        say("Accepted. No new snapshot is needed. Next: `cdc run`.")

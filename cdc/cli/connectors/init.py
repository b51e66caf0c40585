"""`cdc connectors init`: a source taken on, from its catalogue to connector file and contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cdc.capture.onboard.catalogue_file import read_catalogue_file
from cdc.capture.onboard.decision import Plan, written
from cdc.capture.onboard.duration import Load, load_of
from cdc.capture.onboard.file import header, text_of
from cdc.capture.onboard.plan import Choice, plan, survey_of
from cdc.capture.source import BINLOG, KINDS, Source, parse_source
from cdc.cli.complete import complete_kind
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.repeated import of_deployment
from cdc.cli.source import write_files
from cdc.cli.written import writing
from cdc.config import environment
from cdc.errors import FatalError

_PORTS = {"postgresql": "5432", "mariadb": "3306", "mysql": "3306", "sqlserver": "1433", "oracle": "1521"}
_UNIT_BYTES = 1024**2
_MINUTE_S = 60

Patterns = list[str] | None


def init(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of the source that is to be.")],
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help=f"{' or '.join(KINDS)}; with --from the file says it.", autocompletion=complete_kind
        ),
    ] = "",
    host: Annotated[str, typer.Option("--host", help="Default: ${env:CDC_<SOURCE>_HOST}.")] = "",
    port: Annotated[str, typer.Option("--port", help="Default: the product's own.")] = "",
    database: Annotated[str, typer.Option("--database", help="Name of the database.")] = "",
    user: Annotated[str, typer.Option("--user", help="Default: ${env:CDC_<SOURCE>_USER}.")] = "",
    password: Annotated[
        str, typer.Option("--password", help="A reference, never a password. Default: ${env:CDC_<SOURCE>_PASSWORD}.")
    ] = "",
    tls: Annotated[
        Patterns, typer.Option("--tls", metavar="ENTRY=VALUE", help="Entry of the group tls, such as mode=require.")
    ] = None,
    schema: Annotated[Patterns, typer.Option("--schema", help="Only tables of this schema.")] = None,
    tables: Annotated[Patterns, typer.Option("--tables", metavar="PATTERN", help="Only such tables (*, ?).")] = None,
    exclude: Annotated[Patterns, typer.Option("--exclude", metavar="PATTERN", help="Not such tables.")] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="What a script of connector-configs/init printed, for the DBA."),
    ] = None,
    rows_per_s: Annotated[
        int | None, typer.Option("--rows-per-s", min=1, help="Rows of an initial load per second, as you measured it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and tell, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of a source that is there.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: source, files, dry_run, tables (table, rows, bytes, expected_s, in order), "
            "decisions (table, what, code, why), load (tables, rows, bytes, unknown, rows_per_s, measured_by), "
            "expected_s, statements, next.",
        ),
    ] = False,
) -> None:
    """Take a source on: read its catalogue (nothing is written there), write connector file and contracts.

    All tables are taken, or those that are chosen, parents first. What would stop a table is decided, said, and written
    down beside it: a column of a type that cannot travel, a table without a key, one that nobody can capture. What the
    DBA has to run for single tables is written to SOURCE.dba.sql. Exit code 5 if the source is there already, 4 if no
    connector can read it yet.
    """
    folder = settings(context).folders.connector_configs
    given = None if catalogue is None else read_catalogue_file(catalogue)
    product = given.kind if given else kind
    if given is None and kind not in KINDS:
        raise typer.BadParameter(f"{kind or 'nothing'} is none of {', '.join(KINDS)}", param_hint="--kind")
    files = Files(folder, name, product)
    files.require_new(force=force or dry_run)
    values = {"host": host, "port": port, "database": database or (given.database if given else "")}
    head = header(product, _connection(name, product, {**values, "user": user, "password": password}), _pairs(tls))
    source = _checked(name, product, head)
    made = plan(source, given or survey_of(source, environment()), Choice(schema or (), tables or (), exclude or ()))
    load = load_of(made.found, rows_per_s)
    text = text_of(made, head, _title(name, load))
    if product in KINDS:
        parse_source(name, text)  # what cannot be read again is not written
    if not dry_run:
        with writing(folder):
            files.write(made, text)
    _tell(made, load, files, dry_run=dry_run, as_json=as_json)
    if product not in KINDS:
        say(f"No connector of this service reads {product} yet: {files.connector.name} is read by nobody.")
        raise typer.Exit(Exit.ATTENTION)


def _checked(name: str, kind: str, head: str) -> Source:
    """Return the source as far as it is given, without tables of its own. Raises SRC-101.

    Of a product that no connector file can have yet, the entries are held against what PostgreSQL's have to be.
    """
    known = kind if kind in KINDS else "postgresql"
    table = "none" if known in BINLOG else "none.none"
    source = parse_source(name, f"{head.replace(f'kind: {kind}', f'kind: {known}', 1)}tables: [{table}]\n")
    return replace(source, kind=kind)


class Files:
    """The files of a source: connector file, contracts, the DBA's statements."""

    def __init__(self, folder: Path, name: str, kind: str) -> None:
        self._name = name
        # A connector file of a product that is not known would be a fault of the whole folder.
        self.connector = folder / (f"{name}.yaml" if kind in KINDS else f"{name}.yaml.draft")
        self.contracts = folder / "contracts" / name
        self.statements = folder / f"{name}.dba.sql"

    def require_new(self, *, force: bool) -> None:
        """Raise SRC-350 if there is a connector file that nobody said to replace."""
        if self.connector.exists() and not force:
            raise FatalError("SRC-350", self.connector.name)

    def write(self, made: Plan, text: str) -> None:
        """Write them, the connector file last: it is what makes the source known."""
        write_files(self.contracts, made.contracts)
        if made.statements:
            lines = [
                f"-- For the DBA: what source {self._name} needs, in this order, as owner of the tables; a superuser",
                "-- where an account gets REPLICATION.",
            ]
            self.statements.write_text("\n".join([*lines, *made.statements, ""]), encoding="utf-8")
        else:
            self.statements.unlink(missing_ok=True)
        self.connector.write_text(text, encoding="utf-8")

    def listed(self, made: Plan) -> list[str]:
        """Return their names."""
        own = [self.connector.name, f"contracts/{self._name}/ ({len(made.contracts)} files)"]
        return [*own, self.statements.name] if made.statements else own


def _connection(name: str, kind: str, values: Mapping[str, str]) -> dict[str, str]:
    if not values["database"]:
        raise typer.BadParameter("is missing", param_hint="--database")
    behind = {part: f"${{env:CDC_{name.upper()}_{part.upper()}}}" for part in ("host", "user", "password")}
    defaults = {**behind, "port": _PORTS[kind]}
    return {part: value or defaults[part] for part, value in values.items()}


def _pairs(entries: Iterable[str] | None) -> dict[str, str]:
    pairs = {}
    for entry in entries or ():
        key, sign, value = entry.partition("=")
        if not sign:
            raise typer.BadParameter(f"{entry} is not ENTRY=VALUE", param_hint="--tls")
        pairs[key] = value
    return pairs


def _title(name: str, load: Load) -> list[str]:
    return [
        f"Written by `cdc connectors init {name}`: {load.tables} tables, parents first (the first snapshot reads in",
        "this order). Beside a table stands what was decided of it, and why.",
    ]


def next_steps(name: str, made: Plan) -> list[str]:
    """Return the commands that come next, in order; none where no connector can read the source."""
    if made.source.kind not in KINDS:
        return []
    dba = (
        [f"psql -d {made.source.database} -v ON_ERROR_STOP=1 -f {name}.dba.sql   (the DBA)"] if made.statements else []
    )
    steps = [
        *dba,
        f"cdc connectors preflight {name}",
        f"cdc source contract {name} --check",
        "cdc target apply",
        f"cdc connectors apply {name}",
        "cdc run",
    ]
    return [of_deployment(step) for step in steps]


def _tell(made: Plan, load: Load, files: Files, *, dry_run: bool, as_json: bool) -> None:
    name = made.source.name
    if as_json:
        write_json(_document(made, load, files, dry_run=dry_run))
        return
    write_table("Order of the first snapshot", ("table", "rows", "MiB", "s"), map(_row, _tables(made, load)))
    if made.decisions:
        rows = [(one.table or "(all)", one.what, one.code or None, one.why) for one in made.decisions]
        write_table("Decided", ("table", "what", "code", "why"), rows)
    say(f"{load.tables} tables, {len(made.left_out)} left out; {_size(load)}.")
    say(
        f"Initial load: about {_duration(load.expected_s)} at {load.rows_per_s} rows/s ({load.measured_by});"
        " wide rows take longer."
    )
    say(f"{'Would be written' if dry_run else 'Written'}: {', '.join(files.listed(made))}.")
    for step in next_steps(name, made):
        write_line(f"next: {step}")


def _document(made: Plan, load: Load, files: Files, *, dry_run: bool) -> dict[str, Any]:
    return {
        "source": made.source.name,
        "files": files.listed(made),
        "dry_run": dry_run,
        "tables": _tables(made, load),
        "decisions": made.decisions,
        "load": load,
        "expected_s": load.expected_s,
        "statements": made.statements,
        "next": next_steps(made.source.name, made),
    }


def _tables(made: Plan, load: Load) -> list[dict[str, Any]]:
    """Return the tables in the order of the first snapshot; None is what no statistics say."""
    return [
        {
            "table": written(one.name),
            "rows": one.rows,
            "bytes": one.bytes,
            "expected_s": None if one.rows is None else load_of([one], load.rows_per_s).expected_s,
        }
        for one in made.found
    ]


def _row(table: Mapping[str, Any]) -> tuple[Any, ...]:
    mib = None if table["bytes"] is None else table["bytes"] / _UNIT_BYTES
    return table["table"], table["rows"], mib, table["expected_s"]


def _size(load: Load) -> str:
    known = f"about {load.rows} rows, {load.bytes / _UNIT_BYTES:.0f} MiB by the server's statistics"
    return f"{known}; {load.unknown} tables have none yet (ANALYZE)" if load.unknown else known


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 2 * _MINUTE_S else f"{-(-seconds // _MINUTE_S)} min"

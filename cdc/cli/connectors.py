"""`cdc connectors`: bring the connectors of Kafka Connect to what connector-configs says, and see where they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from cdc.capture import connector, watchdog
from cdc.capture.connect import Connect, Status
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.capture.reading import Readings, Unread
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.left_out import check_left_out
from cdc.cli.output import write_json, write_line, write_table
from cdc.cli.run import work_noted
from cdc.config import Settings
from cdc.errors import FatalError
from cdc.evidence.publisher import publishing
from cdc.observe.monitor import Monitor
from cdc.stream.topic import TopicPlan, apply_topics, history_plan, signal_plan, stream_plan

app = typer.Typer(help="Apply, watch and show the connectors of the sources.", no_args_is_help=True)

_Names = Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Default: every source.")]


@app.command()
def apply(context: typer.Context, names: _Names = None) -> None:
    """Make topics and connectors what the connector files say, and wait until each is in its state.

    A second call changes nothing and says so. Failed tasks are started again. The rows of a table that is new in the
    file of a running connector are read beside the stream; `cdc connectors status` says when they have been.
    """
    options = settings(context)
    with Connect(options.connect) as connect:
        for source in _chosen(options, names):
            done = apply_source(source, options, connect)
            for action in done or ["nothing to do"]:
                write_line(f"{source.name}: {action}")


def apply_source(source: Source, options: Settings, connect: Connect) -> list[str]:
    """Bring the topics and the connector of one source to its file; return what was done, in words."""
    known = contracts(source, options)
    selects = snapshot_selects(source, known)
    check_left_out(source, known, options)
    done = apply_topics(options.kafka, topic_plans(source))
    reader = Reader(source, options.kafka, connect)
    done += reader.tidy()
    # In this order: what is interrupted in between leaves the need on record, and the next call meets it.
    reader.record.note_changes(connect.config(source.name))
    own = Lifecycle(connect, options.kafka, source, source.name)
    done += own.apply(connector.render(source, options.kafka.for_connectors, selects), source.state)
    return done + reader.begin(selects)


def topic_plans(source: Source) -> Iterator[TopicPlan]:
    """Yield the topics that a source's connector needs."""
    yield stream_plan(source.stream, connector.max_record_bytes(source))
    yield signal_plan(connector.signal_topic(source))
    if source.kind == "mariadb":
        yield history_plan(connector.history_topic(source))


@app.command()
def read(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a source.")],
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Tables as the connector file names them.")],
) -> None:
    """Have tables read again beside the stream, for rows that their mirrors lack.

    Rows that are in the mirrors stay: a wrong one, or one too many, takes a snapshot of the whole source.
    """
    options = settings(context)
    source = find_source(load_sources(options.folders.connector_configs), name)
    needed = _captured(source, tables)
    selects = snapshot_selects(source, contracts(source, options))
    with Connect(options.connect) as connect:
        reader = Reader(source, options.kafka, connect)
        done = reader.tidy()
        reader.record.need(needed)
        done += reader.begin(selects)
    for action in done or ["noted: it is under way, or `cdc connectors apply` begins it once the connector runs"]:
        write_line(f"{name}: {action}")


def _captured(source: Source, tables: Sequence[str]) -> list[str]:
    """Return the names that the connector has for tables of the file. Raises SRC-104."""
    written = (".".join(filter(None, (table.schema, table.name))) for table in source.tables)
    names = dict(zip(written, connector.table_names(source), strict=True))
    unknown = [table for table in tables if table not in names]
    if unknown:
        raise FatalError("SRC-104", f"{source.name}: {', '.join(unknown)}")
    return [names[table] for table in tables]


@app.command()
def restart(context: typer.Context, names: _Names = None) -> None:
    """Start connectors again, so that they read passwords, certificates and keys anew; wait until they run.

    Nothing is lost. A snapshot that is under way is interrupted, and taken again.
    """
    options = settings(context)
    with Connect(options.connect) as connect:
        for source in _chosen(options, names):
            if source.state != "running":
                write_line(f"{source.name}: does not run")
                continue
            is_begun_again = Lifecycle(connect, options.kafka, source, source.name).renew()
            write_line(f"{source.name}: restarted{', its snapshot begins again' if is_begun_again else ''}")


@app.command()
def reload(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Names of sources.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Have whole sources captured again: each connector forgets its place and takes a new snapshot of all its tables.

    Changes that the connector has not sent by then are in no journal; the snapshot has what they led to. Mirrors stay
    usable meanwhile. A connector whose file does not say running begins once it does.
    """
    options = settings(context)
    sources = _chosen(options, names)
    if not yes:
        tables = ", ".join(f"{source.name} ({len(source.tables)} tables)" for source in sources)
        typer.confirm(f"Read all rows again of {tables}?", abort=True, err=True)
    with Connect(options.connect) as connect:
        for source in sources:
            write_line(f"{source.name}: {_reload(source, options, connect)}")


def _reload(source: Source, options: Settings, connect: Connect) -> str:
    is_wanted = source.state == "running"
    Lifecycle(connect, options.kafka, source, source.name).begin(is_wanted=is_wanted)
    return "snapshot begun" if is_wanted else "takes its snapshot once its file says running"


@dataclass(frozen=True, slots=True)
class Finding:
    """What `connectors status` says of one source. `settings` is as applied, differs, or absent.

    `unread` are captured tables whose rows have not all been read; `waits` says that they wait for somebody.
    """

    source: str
    wanted: str
    connector: str
    task: str
    settings: str
    failure: str
    unread: list[Unread]
    waits: bool


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, one per source.")] = False,
) -> None:
    """Show whether each connector is in its state, has the settings of its file, and has read its tables.

    Exit code 4 if a connector has failed or is in another state, or if tables are unread and nothing reads them; 3 if
    only settings differ from the file.
    """
    options = settings(context)
    with Connect(options.connect) as connect:
        findings = [_finding(source, options, connect) for source in _chosen(options, None)]
    if as_json:
        write_json(findings)
    else:
        rows = [
            (
                f.source,
                f.wanted,
                f.connector,
                f.task,
                f.settings,
                ", ".join(map(str, f.unread)) or None,
                f.failure or None,
            )
            for f in findings
        ]
        write_table("Connectors", ("source", "wanted", "connector", "task", "settings", "unread", "failure"), rows)
    raise typer.Exit(_exit_code(findings))


@app.command()
def render(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a source.")]
) -> None:
    """Print the configuration that Kafka Connect is sent; secrets stay references."""
    options = settings(context)
    source = find_source(load_sources(options.folders.connector_configs), name)
    write_json(rendered(source, options))


@app.command()
def watch(context: typer.Context) -> None:
    """Start failed and silent connectors again, until SIGTERM or Ctrl-C. `cdc run` does the same.

    If the settings have `anchors`, the heads of the journal's chains are published meanwhile.
    """
    raise typer.Exit(work_noted("watch", _watch, settings(context)))


def _watch(read: Settings, stop: threading.Event, monitor: Monitor) -> None:
    with publishing(read, monitor):
        watchdog.run(read, stop, monitor)


def _chosen(options: Settings, names: Sequence[str] | None) -> list[Source]:
    sources = load_sources(options.folders.connector_configs)
    return [find_source(sources, name) for name in names or sources]


def contracts(source: Source, options: Settings) -> tuple[Contract, ...]:
    """Return the reviewed contracts of a source. Raises SRC-102."""
    return read_contracts(options.folders.connector_configs / "contracts" / source.name)


def rendered(source: Source, options: Settings) -> dict[str, str]:
    """Return the configuration of a source's connector, as its file and the contracts say. Raises SRC-102."""
    return connector.render(source, options.kafka.for_connectors, snapshot_selects(source, contracts(source, options)))


def _finding(source: Source, options: Settings, connect: Connect) -> Finding:
    now = connect.status(source.name)
    current = connect.config(source.name)
    wanted = rendered(source, options)
    agreement = "absent" if current is None else "as applied" if current == wanted else "differ"
    reader = Reader(source, options.kafka, connect)
    told = Readings(source.name) if current is None else reader.record.fold()
    unread = told.unread(connector.table_names(source))
    beginning = "" if told.beginning(source.name) is None else "CON-115"
    return Finding(
        *(source.name, source.state, now.state.lower(), _task_state(now), agreement, now.failure or beginning),
        unread=unread,
        waits=_wait(reader, unread, source, connect),
    )


def _wait(reader: Reader, unread: Sequence[Unread], source: Source, connect: Connect) -> bool:
    """Tell whether tables are unread though the connector runs, and neither its first snapshot nor a reader is on."""
    if not unread or source.state != "running" or connect.in_snapshot(source.name):
        return False
    return any(table.again for table in unread) or not reader.is_under_way(unread)


def _task_state(now: Status) -> str:
    return ", ".join(task.state.lower() for task in now.tasks) or "none"


def _exit_code(findings: Sequence[Finding]) -> Exit:
    if any(finding.waits or finding.failure or not _in_state(finding) for finding in findings):
        return Exit.ATTENTION
    return Exit.DIFFERENT if any(finding.settings != "as applied" for finding in findings) else Exit.OK


def _in_state(finding: Finding) -> bool:
    task = "none" if finding.wanted == "stopped" else finding.wanted
    return finding.connector == finding.wanted and finding.task == task

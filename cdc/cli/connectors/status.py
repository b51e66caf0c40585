"""`cdc connectors status`: whether each connector is as its file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect, Status
from cdc.capture.reader import Reader
from cdc.capture.reading import Readings, Unread
from cdc.capture.source import Source
from cdc.cli.connectors.chosen import chosen, rendered
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import write_json, write_table
from cdc.config import Settings


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
        findings = [_finding(source, options, connect) for source in chosen(options, None)]
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

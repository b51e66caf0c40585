"""`cdc connectors preflight`: what would break if the sources were captured now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect
from cdc.capture.preflight.connect import ask_connect
from cdc.capture.preflight.finding import Finding, Report
from cdc.capture.preflight.limits import Limits
from cdc.capture.preflight.output import read_output
from cdc.capture.preflight.preflight import preflight as look_at
from cdc.cli.chosen import Names, chosen
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.config import environment
from cdc.errors import TransientError

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9]\d{0,4})([mhd])")
_DEFAULT = Limits()


def _span(text: str) -> float:
    """Return the seconds of `90m`, `12h` or `3d`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise typer.BadParameter("not a time such as 90m, 12h or 3d")
    return int(found[1]) * _UNITS_S[found[2]]


def preflight(
    context: typer.Context,
    names: Names = None,
    outage: Annotated[
        float,
        typer.Option(parser=_span, metavar="TIME", help="How long the service may be away, such as 90m, 12h, 3d."),
    ] = "3d",  # type: ignore[assignment] # as it would be typed
    rows: Annotated[int, typer.Option(min=0, help="How many rows of each table are looked at.")] = _DEFAULT.rows,
    output: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Judge what a script of connector-configs/preflight printed."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `ok` (bool) and `sources`, a list of source, findings (code, severity, what, why, "
            "statement, action), rows (looked at, by table) and unseen.",
        ),
    ] = False,
) -> None:
    """Look at the sources before anything is created: server, grants, log, tables, values, clock, slots, connectors.

    Nothing is written there or anywhere. Each finding has the statement that ends it, for the DBA. Exit code 5 if
    something would break, 4 for warnings alone.
    """
    if output and names:
        raise typer.BadParameter("--from says of which server the file is: name no source beside it")
    limits = Limits(outage, rows)
    away: list[TransientError] = []
    reports = [read_output(output, limits)] if output else _look(context, names, limits, away)
    if as_json:
        write_json({"ok": _exit_code(reports) == Exit.OK, "sources": [_document(report) for report in reports]})
    else:
        _write(reports)
    if away:
        raise away[0]
    raise typer.Exit(_exit_code(reports))


def _look(
    context: typer.Context, names: Sequence[str] | None, limits: Limits, away: list[TransientError]
) -> list[Report]:
    """Return what was found of every source; those whose server does not answer are added to `away`."""
    options = settings(context)
    variables, reports = environment(), []
    with Connect(options.connect, patience_s=1.0) as connect:
        for source in chosen(options, names):
            asked = ask_connect(connect, connector.render(source, options.kafka.for_connectors, {}))
            try:
                reports.append(look_at(source, variables, limits, asked))
            except TransientError as error:
                away.append(error)
    return reports


def _document(report: Report) -> dict[str, Any]:
    found = [
        {
            "code": f.code,
            "severity": f.severity,
            "what": f.what,
            "why": f.why,
            "statement": f.statement or None,
            "action": f.action,
        }
        for f in report.findings
    ]
    return {"source": report.source, "findings": found, "rows": report.rows, "unseen": report.unseen}


def _write(reports: Sequence[Report]) -> None:
    table = [(r.source, f.severity, f.code, f.what, f.statement or None) for r in reports for f in r.findings]
    write_table("Preflight", ("source", "severity", "code", "what", "statement"), table)
    for report in reports:
        for finding in report.findings:
            say(f"\n{report.source}: {_advice(finding)}")
        looked = sum(report.rows.values())
        say(f"\n{report.source}: {looked} rows of {len(report.rows)} tables were looked at for values.")
        for unseen in report.unseen:
            say(f"{report.source}: not seen: {unseen}")


def _advice(finding: Finding) -> str:
    lines = [
        f"{finding.severity} {finding.code}: {finding.what}",
        f"  why:  {finding.why}",
        f"  next: {finding.action}",
    ]
    return "\n".join([*lines, *([f"  run:  {finding.statement}"] if finding.statement else [])])


def _exit_code(reports: Sequence[Report]) -> Exit:
    severities = {finding.severity for report in reports for finding in report.findings}
    if "refuse" in severities:
        return Exit.REFUSED
    return Exit.ATTENTION if "warning" in severities else Exit.OK

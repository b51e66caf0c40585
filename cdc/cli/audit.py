"""`cdc audit`: whether what is on record is what landed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cdc.cli.audit_mirrors import mirrors
from cdc.cli.audit_rows import rows
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.progress import Shown
from cdc.errors import FatalError
from cdc.evidence.anchor import Anchor, read_anchors
from cdc.evidence.chain import Verdict, current_heads, walk
from cdc.store.connection import as_service_errors, connect

app = typer.Typer(
    help="Evidence: whether what is on record is what landed, and tables what it implies.", no_args_is_help=True
)
app.command()(rows)
app.command()(mirrors)

Streams = Annotated[
    list[str] | None,
    typer.Argument(metavar="STREAM", help="Streams (`cdc.erp`). Default: all that have landed.", show_default=False),
]


@app.command()
def verify(
    context: typer.Context,
    streams: Streams = None,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchor", metavar="FILE", help="Heads of before, as `cdc audit heads` printed them. Repeatable."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `holds` (bool) and `streams`, a list of stream, batches, records, offset and head "
            "(where the walk ended), anchors (how many were met), fault (null, or batch, offset, what).",
        ),
    ] = False,
) -> None:
    """Walk the journal of each stream from its first record on, and hold it against its own chain of hashes.

    An edited, deleted, inserted or reordered record is found by the chain itself. A tail that was cut off, and a
    journal that was written anew with all its hashes, are found by anchors: heads that were kept out of the
    database's reach.
    Exit code 3 with the first bad batch and offset.
    """
    anchors = _by_stream([one for path in anchor or () for one in read_anchors(path)])
    with as_service_errors(), connect(settings(context).target, "cdc audit verify") as connection:
        heads = {head.stream: head for head in current_heads(connection)}
        named = streams or sorted({*heads, *anchors})
        verdicts = []
        with Shown() as shown:
            for stream in named:
                total = heads[stream].offset if stream in heads else 0
                verdicts.append(walk(connection, stream, anchors.get(stream), _shown(shown, stream, total)))
                shown.end()
    if as_json:
        write_json({"holds": not any(one.fault for one in verdicts), "streams": [_document(one) for one in verdicts]})
    else:
        _write(verdicts)
    raise typer.Exit(Exit.DIFFERENT if any(one.fault for one in verdicts) else Exit.OK)


@app.command()
def heads(context: typer.Context) -> None:
    """Print the head of each stream's chain, a line of JSON each: kept elsewhere, it is an anchor for `verify`.

    A line is `{"stream": ..., "offset": ..., "head": hex of SHA-256, "time": ISO 8601}`; `offset` is the one behind the
    last record that the head is over.
    """
    with as_service_errors(), connect(settings(context).target, "cdc audit heads") as connection:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for head in current_heads(connection):
            write_line(msgspec.json.encode(Anchor(head.stream, head.offset, head.chain.hex(), now)).decode())


def _by_stream(anchors: list[Anchor]) -> Mapping[str, dict[int, bytes]]:
    found: dict[str, dict[int, bytes]] = {}
    for one in anchors:
        known = found.setdefault(one.stream, {}).setdefault(one.offset, one.chain)
        if known != one.chain:
            raise FatalError("EVD-102", f"{one.stream} at offset {one.offset}")
    return found


def _shown(shown: Shown, stream: str, total: int) -> Any:
    return lambda offset: shown.show(f"verify {stream}", offset, total)


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "stream": verdict.stream,
        "batches": verdict.batches,
        "records": verdict.records,
        "offset": verdict.head.offset,
        "head": verdict.head.chain.hex(),
        "anchors": verdict.anchors,
        "fault": verdict.fault and verdict.fault._asdict(),
    }


def _write(verdicts: list[Verdict]) -> None:
    columns = ("stream", "batches", "records", "up to offset", "anchors", "head")
    rows = [
        (one.stream, one.batches, one.records, one.head.offset, one.anchors, one.head.chain.hex()[:16])
        for one in verdicts
    ]
    write_table("Chains", columns, rows)
    wrong = [
        f"\n  {one.stream}: batch {one.fault.batch}, offset {one.fault.offset}: {one.fault.what}"
        for one in verdicts
        if one.fault
    ]
    if wrong:
        say(FatalError("EVD-101", "".join(wrong)).advice())
    else:
        say("Every chain holds." if verdicts else "Nothing has landed yet.")

"""`cdc audit`: whether what is on record is what landed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cdc.cli.anchor import JSON_HELP, Files, Heads, Keys, Topic
from cdc.cli.audit_mirrors import mirrors
from cdc.cli.audit_rows import rows
from cdc.cli.context import settings
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.progress import Shown
from cdc.errors import FatalError
from cdc.evidence.anchor import anchor_of
from cdc.evidence.chain import Verdict, current_heads, walk
from cdc.evidence.signed import read_private_key
from cdc.land.journal import SHREDDED
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
    anchor: Files = None,
    topic: Topic = None,
    key: Keys = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help=f"Print one object: `holds` (bool), {JSON_HELP} and `streams`, a list of "
            "stream, batches, records, offset and head "
            "(where the walk ended), anchors (how many were met), archived (where it began: at the end of the archive; "
            "0 without one), shredded (how many of the records nobody can read any more), lost (where they are: "
            "first_offset, next_offset, records, why), fault (null, or batch, offset, what).",
        ),
    ] = False,
) -> None:
    """Walk the journal of each stream from its first record on, and hold it against its own chain of hashes.

    The walk begins where the archive ends, if there is one: `cdc journal verify` is for what is in its files.

    An edited, deleted, inserted or reordered record is found by the chain itself. A tail that was cut off, and a
    journal that was written anew with all its hashes, are found by anchors: heads that were kept out of the
    database's reach. Those that the database itself has on record (cdc.anchor) are asked, too.
    Of records whose key was shredded the head that was stored behind them stands as given: how many these are is said,
    and all behind them is folded from there.
    Exit code 3 with the first bad batch and offset; 4 if a stream has no head in the file or topic that was given.
    """
    given = Heads(settings(context), anchor, topic, key)
    with given.in_target("cdc audit verify") as (opener, anchors):
        heads = {head.stream: head for head in current_heads(opener.connection)}
        named = streams or sorted({*heads, *anchors})
        verdicts = []
        with Shown() as shown:
            for stream in named:
                total = heads[stream].offset if stream in heads else 0
                verdicts.append(walk(opener, stream, anchors.get(stream), _shown(shown, stream, total)))
                shown.end()
    holds = not any(one.fault for one in verdicts)
    if as_json:
        write_json({"holds": holds, **given.document(named), "streams": [_document(one) for one in verdicts]})
    else:
        _write(verdicts)
    given.end(named, holds=holds)


@app.command()
def heads(
    context: typer.Context,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Sign them by this private key (PEM, Ed25519).")
    ] = None,
) -> None:
    """Print the head of each stream's chain, a line of JSON each: kept elsewhere, it is an anchor for `verify`.

    A line is `{"stream": ..., "offset": ..., "head": hex of SHA-256, "time": ISO 8601}`, with a `signature` if there is
    a key; `offset` is the one behind the last record that the head is over.
    """
    signing = None if key is None else read_private_key(key)
    with as_service_errors(), connect(settings(context).target, "cdc audit heads") as connection:
        for head in current_heads(connection):
            write_line(anchor_of(head, signing).line().decode())


def _shown(shown: Shown, stream: str, total: int) -> Any:
    return lambda offset: shown.show(f"verify {stream}", offset, total, "records")


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "stream": verdict.stream,
        "batches": verdict.batches,
        "records": verdict.records,
        "offset": verdict.head.offset,
        "head": verdict.head.chain.hex(),
        "anchors": verdict.anchors,
        "archived": verdict.archived,
        "shredded": sum(one.records for one in verdict.lost),
        "lost": [one._asdict() for one in verdict.lost],
        "fault": verdict.fault and verdict.fault._asdict(),
    }


def _write(verdicts: list[Verdict]) -> None:
    columns = ("stream", "archived to", "batches", "records", "up to offset", "anchors", "head")
    rows = [
        (one.stream, one.archived, one.batches, one.records, one.head.offset, one.anchors, one.head.chain.hex()[:16])
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
    lost = "".join(f"\n  {verdict.stream}: {one}" for verdict in verdicts for one in verdict.lost)
    if lost:
        say(FatalError(SHREDDED, lost).advice())
    if any(one.archived for one in verdicts):
        say("What was archived is not walked here: `cdc journal verify` reads its files.")

"""`cdc audit`: whether what is on record is what landed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cdc.cli.audit_mirrors import mirrors
from cdc.cli.audit_rows import rows
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.progress import Shown
from cdc.config import Settings
from cdc.errors import FatalError
from cdc.evidence.anchor import Anchor, anchor_of, read_anchor_file, read_anchor_key, read_anchors
from cdc.evidence.chain import Verdict, current_heads, walk
from cdc.evidence.published import read_lines
from cdc.evidence.signed import read_private_key
from cdc.store.connection import as_service_errors, connect
from cdc.stream.signal import read_signals

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
            "--anchor",
            metavar="FILE",
            help="Heads of before: a file to which they are published, or what `cdc audit heads` printed. Repeatable.",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="NAME", help="The topic to which heads are published.")
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="A public key (PEM, Ed25519): every anchor has to be signed by it, or by another one. Repeatable.",
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
    database's reach. Those that the database itself has on record (cdc.anchor) are asked, too.
    Exit code 3 with the first bad batch and offset; 4 if a stream has no head in the file or topic that was given.
    """
    read = settings(context)
    keys = [read_anchor_key(path) for path in key or ()]
    found = [one for path in anchor or () for one in read_anchor_file(path, keys)]
    found += _published(read, topic, keys) if topic else []
    kept = {one.stream for one in found}
    with as_service_errors(), connect(read.target, "cdc audit verify") as connection:
        found += _on_record(connection, keys)
        anchors = _by_stream(found)
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
        if not keys and any(one.signature for one in found):
            say("Anchors are signed, and nothing was held against their signatures: give the public key, `--key FILE`.")
    bare = [one.stream for one in verdicts if (anchor or topic) and one.stream not in kept]
    if bare:
        say(f"No head of {', '.join(bare)} is there: that these were not cut off or written anew is not shown.")
    raise typer.Exit(_exit_code(verdicts, bare))


def _exit_code(verdicts: Iterable[Verdict], bare: Sequence[str]) -> Exit:
    if any(one.fault for one in verdicts):
        return Exit.DIFFERENT
    return Exit.ATTENTION if bare else Exit.OK


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


def _published(read: Settings, topic: str, keys: Sequence[Ed25519PublicKey]) -> list[Anchor]:
    """Return the anchors of a topic. Raises STR-109 and its like, EVD-102, EVD-122."""
    lines = (record.value or b"null" for record in read_signals(read.kafka, topic))
    return read_anchors(lines, f"topic {topic}", keys)


def _on_record(connection: psycopg.Connection, keys: Sequence[Ed25519PublicKey]) -> list[Anchor]:
    return read_anchors(read_lines(connection), "cdc.anchor", keys)


def _by_stream(anchors: Iterable[Anchor]) -> Mapping[str, dict[int, bytes]]:
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

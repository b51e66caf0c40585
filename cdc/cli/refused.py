"""`cdc refused`: changes that could not be landed exactly, with their bytes as they came."""

from __future__ import annotations

import sys
from base64 import b64encode
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.errors import FatalError, catalogue
from cdc.land.refused import Refused, Selection, count_refused, read_groups, read_record, read_refused
from cdc.protect.mask import MASK, Masks
from cdc.store.connection import as_service_errors, connect

app = typer.Typer(help="Changes that could not be landed exactly, and why.", no_args_is_help=True)


@app.command("list")
def list_refused(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="STREAM", help="Only of this stream (`cdc.erp`).")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="MIRROR", help="Only of this mirror (`erp.t_ICItem`).")
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="Only those refused with this code.")
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those because of which a row is still behind its source.")
    ] = False,
    group: Annotated[
        bool, typer.Option("--group", help="Show what changes have in common, the most frequent first.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many, the latest first.")] = 100,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `total` (count) and `refused`, a list of stream, offset, batch, mirror, key (list, "
            "or null: its record has it), code, detail, refused_at, stale; with --group `groups`, a list of stream, "
            "mirror, code, detail, changes, stale, first_at, last_at.",
        ),
    ] = False,
) -> None:
    """List refused changes, the latest first: where each stands, which row it is of, and the code.

    A row that is stale is behind its source until a whole change of it lands; what derives from it is held meanwhile.
    The record of a refused change is kept for good, also when its row has long been healed.
    """
    read = settings(context)
    shown = masks(read, "refused list", stream or "*", reveal, reason)
    selection = Selection(stream, table, code.upper() if code else None, stale)
    with as_service_errors(), connect(read.target, "cdc refused list") as connection:
        total = count_refused(connection, selection)
        groups = read_groups(connection, selection)[:limit] if group else []
        rows = [_masked(shown, row) for row in ([] if group else read_refused(connection, selection, limit))]
    if as_json:
        listed = {"groups": [asdict(one) for one in groups]} if group else {"refused": [asdict(row) for row in rows]}
        write_json({"total": total, **listed})
        return
    if group:
        columns = ("changes", "stale", "stream", "table", "code", "detail", "first", "last")
        lines = [(g.changes, g.stale, g.stream, g.mirror, g.code, g.detail, g.first_at, g.last_at) for g in groups]
        write_table("Groups of refused changes", columns, lines)
    else:
        write_table(
            "Refused changes", ("stream", "offset", "table", "key", "code", "detail", "stale", "at"), map(_line, rows)
        )
    say(f"{total} refused changes." if total else "No change was refused.")


@app.command()
def show(  # noqa: PLR0913, PLR0917 - as above
    context: typer.Context,
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The stream, as `cdc refused list` has it.")],
    offset: Annotated[int, typer.Argument(metavar="OFFSET", help="The offset of the change.")],
    raw: Annotated[
        bool,
        typer.Option("--raw", help="With --reveal: write the value's bytes to standard output, and nothing else."),
    ] = False,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: stream, offset, batch, mirror, key, code, detail, refused_at, stale, shredded "
            "(when and by whom, if its record can be read no more; else null), `record_key` and `record_value` "
            "(base64 of the bytes, or null), both with --reveal only.",
        ),
    ] = False,
) -> None:
    """Show one refused change: where it stands, why it did not land, and its record, byte for byte.

    The record has values of the source, of which nobody can say which are personal: it is shown with --reveal, and
    otherwise how long it is. Exit code 3 if no such change was refused, 4 with --raw if its key was shredded.
    """
    if raw and not reveal:
        raise typer.BadParameter("the bytes are shown with --reveal --reason TEXT", param_hint="--raw")
    read = settings(context)
    shown = masks(read, "refused show", f"{stream} {offset}", reveal, reason)
    with as_service_errors(), connect(read.target, "cdc refused show") as connection:
        found = read_record(connection, stream, offset, read.protection)
    if found is None:
        say(f"No change at offset {offset} of {stream} was refused.")
        raise typer.Exit(Exit.DIFFERENT)
    refused, key, value = _masked(shown, found.change), found.key, found.value
    if raw:
        if found.shredded is not None:
            raise FatalError("PRT-107", f"{stream} offset {offset}: {found.shredded}")
        sys.stdout.buffer.write(value or b"")
        return
    if as_json:
        record = {"record_key": _base64(key), "record_value": _base64(value)} if reveal else {}
        write_json({**asdict(refused), "shredded": found.shredded, **record})
        return
    names = ("stream", "offset", "batch", "mirror", "key", "code", "detail", "refused_at", "stale")
    write_table("Refused change", ("what", "value"), [(name, _text(getattr(refused, name))) for name in names])
    say(f"{refused.code}: {catalogue()[refused.code].cause}")
    if found.shredded is not None:
        say(f"Its record can be read by nobody any more: {found.shredded}.")
        return
    for name, part in (("key", key), ("value", value)):
        write_line(f"{name:6} {_readable(part) if reveal or part is None else f'{MASK} {len(part)} bytes'}")


def _masked(shown: Masks, row: Refused) -> Refused:
    return row if row.key is None else replace(row, key=shown.key(row.mirror or "", row.key))


def _line(row: Refused) -> tuple[Any, ...]:
    return (row.stream, row.offset, row.mirror, _text(row.key), row.code, row.detail, _text(row.stale), row.refused_at)


def _text(value: object) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _readable(value: bytes | None) -> str:
    """Return bytes for a terminal: text as it is, what is none of it escaped."""
    if value is None:
        return "-"
    text = value.decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)

"""`cdc history`: every change of one row, out of the journal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, NamedTuple

import psycopg
import typer

from cdc.capture.contract import Contract
from cdc.capture.source import Source, load_sources
from cdc.cli import replayed
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import exactly, say, write_json, write_line, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks_or_look, require_reason
from cdc.config import Settings
from cdc.derive.active import dictionary_for_reading, dictionary_in_force
from cdc.derive.plan import Step
from cdc.errors import FatalError
from cdc.evidence.history import Cell, Entry, Key, as_of, in_archive, read_history
from cdc.evidence.made_of import find_canonical
from cdc.evidence.replay import Replayed, Then, canonical_as_of, replay
from cdc.land.contract.in_force import read_contracts_in_force
from cdc.land.journal import SHREDDED, Archived, read_archived
from cdc.protect.mask import MASK, Masks
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect
from transforms.mapping import Fold
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]


def _moment(text: str) -> datetime:
    """Return a moment that somebody names."""
    named = datetime.fromisoformat(text)
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def history(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A mirror (`erp.t_ICItem`) or a canonical table (`trace.material`).")
    ],
    key: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="The values of its key, in order, as PostgreSQL prints them.")
    ],
    moment: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            parser=_moment,
            metavar="TIME",
            help="Show the row as it was at this time of the source's clock: ISO 8601, as `committed` is printed; "
            "without an offset it is UTC.",
        ),
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a list of source rows: mirror, key, `changes` (what, stream, batch, offset, committed_at, "
            "landed_at, transaction, position, digest, cells: column, before, after; shredded: true of "
            "what nobody can read any more), `archived` (null, or up to which batch and offset the stream has left the "
            "journal); with --as-of `row` (null: not there); of a canonical "
            "row `canonical`: table, mapping, `looked_up` (mirrors that the mapping looks up, as they are now), and "
            "`changes` (offset, committed_at, outcome, rows), and with --as-of `was`: outcome, row (null: not there).",
        ),
    ] = False,
) -> None:
    """Show what the source did to a row: each change with its commit time, transaction and place in the stream.

    Of a canonical row these are the changes of the source rows that it is made of, each replayed through its mapping:
    by the dictionary in force, and by what its look-ups find now, also with --as-of. Personal values are masked, and
    those of columns that the dictionary does not name. Exit code 3 if there is no such row, 4 if there may be more of
    it in the archive, or in records of which the key was shredded.
    """
    require_reason(reveal, reason)
    read = settings(context)
    with as_service_errors(), connect(read.target, "cdc history") as connection:
        connection.autocommit = True  # no transaction waits for what is made of the changes here
        sources = load_sources(read.folders.connector_configs)
        contracts = {one.mirror: one for source in sources for one in read_contracts_in_force(connection, source)}
        dictionary = _dictionary(connection, read, replays=table not in contracts)
        shown = masks_or_look(connection, dictionary, ("history", f"{table} {', '.join(key)}"), reveal, reason)
        told = list(_histories(connection, read, dictionary, _Known(sources, contracts), table, tuple(key)))
    then = None if moment is None else _then(told, moment)
    found = [_masked(shown, one) for one in told]
    if as_json:
        write_json([_document(one, moment, then, shown) for one in found])
    else:
        for one in found:
            _write(one, moment, shown)
        if then is not None:
            replayed.write_then(table, key, then, shown)
    _say_looked_up(found)
    for archived in {one.archived for one in found if one.archived and moment is None}:
        say(FatalError("EVD-107", in_archive(archived)).advice())
    shredded = {entry.what for one in found for entry in one.entries if entry.shredded and moment is None}
    for what in sorted(shredded):
        say(FatalError(SHREDDED, what).advice())
    if shredded or (any(one.archived for one in found) and moment is None):
        raise typer.Exit(Exit.ATTENTION)
    if not any(one.entries for one in found):
        say(f"The journal has no change of {table} {', '.join(key)}.")
        raise typer.Exit(Exit.DIFFERENT)


def _say_looked_up(found: list[_Told]) -> None:
    mirrors = sorted({mirror for one in found for mirror in one.looked_up})
    if mirrors:
        say(f"What is looked up in {', '.join(mirrors)} is as it is now; `cdc history` of those rows has what it was.")


class _Known(NamedTuple):
    """Connector files, and contracts in force by their mirrors."""

    sources: Mapping[str, Source]
    contracts: Mapping[str, Contract]


class _Told(NamedTuple):
    """A mirror row, its changes, and what of its stream is not in the journal any more.

    Of a canonical row, too: its table, the mapping of the source row, and what that makes of each change.
    """

    mirror: str
    row: Key
    entries: list[Entry]
    archived: Archived | None
    step: Step | None = None
    table: str = ""
    fold: Fold | None = None
    replayed: tuple[Replayed, ...] = ()

    @property
    def looked_up(self) -> list[str]:
        """The mirrors that the mapping looks up: their rows are those of now, whatever the moment."""
        return [] if self.step is None else sorted({str(one.mirror) for one in self.step.mapping.lookups})


def _masked(shown: Masks, told: _Told) -> _Told:
    row = tuple(shown.key(told.mirror, told.row))
    return told._replace(row=row, entries=[_masked_entry(shown, told.mirror, entry) for entry in told.entries])


def _masked_entry(shown: Masks, mirror: str, entry: Entry) -> Entry:
    cells = tuple(
        Cell(name, shown.value(mirror, name, before), shown.value(mirror, name, after))
        for name, before, after in entry.cells
    )
    hidden = any(shown.hides(mirror, name) for name in shown.mirrors.get(mirror, ()))
    # Of a row that moved, the other key stands among the words.
    what = re.sub(r" key .*", f" key {MASK}", entry.what, flags=re.DOTALL) if hidden else entry.what
    return replace(entry, cells=cells, what=what)


def _dictionary(connection: Connection, read: Settings, *, replays: bool) -> Dictionary:
    """Return the dictionary in force; with the keys of its tokens if something is replayed by it."""
    if replays:
        return dictionary_in_force(connection, read)
    return dictionary_for_reading(connection, read.folders.dictionary)


def _histories(
    connection: Connection, read: Settings, dictionary: Dictionary, known: _Known, table: str, key: Key
) -> Iterator[_Told]:
    """Yield the mirror rows that are meant, with their changes. Raises EVD-103 for a table that is none."""
    if table in known.contracts:
        yield _told(connection, read, known, table, key)
        return
    canonical = find_canonical(connection, dictionary, table, key)
    for step, output, row in canonical.parts:
        told = _told(connection, read, known, str(step.mapping.source), row)
        changes = tuple(replay(connection, step, output, told.entries))
        yield told._replace(step=step, table=table, fold=canonical.fold, replayed=changes)


def _told(connection: Connection, read: Settings, known: _Known, mirror: str, row: Key) -> _Told:
    if mirror not in known.contracts:
        raise FatalError("EVD-103", f"there is no contract of {mirror}")
    source = known.sources[mirror.partition(".")[0]]
    opener = Opener(connection, read.protection)
    entries = list(read_history(opener, known.contracts[mirror], source.kind, row, read.tokens))
    return _Told(mirror, row, entries, read_archived(connection, source.stream))


def _then(told: list[_Told], moment: datetime) -> Then | None:
    """Return what a canonical row was at a moment; None of a mirror row."""
    parts = [(one.step, one.row, one.replayed) for one in told if one.step is not None]
    return canonical_as_of(parts, told[0].fold, moment) if parts else None


def _document(told: _Told, moment: datetime | None, then: Then | None, shown: Masks) -> dict[str, Any]:
    changes = [{**asdict(entry), "cells": [cell._asdict() for cell in entry.cells]} for entry in told.entries]
    before = told.archived and {"batch": told.archived.batch, "offset": told.archived.next_offset}
    document: dict[str, Any] = {"mirror": told.mirror, "key": list(told.row), "changes": changes, "archived": before}
    if moment is not None:
        document["row"] = as_of(told.entries, moment, told.archived)
    if told.step is not None:
        changes = replayed.documents(told.table, told.replayed, shown)
        canonical: dict[str, Any] = {"table": told.table, "mapping": told.step.mapping.name}
        canonical |= {"looked_up": told.looked_up, "changes": changes}
        if then is not None:
            row = None if then.row is None else replayed.values(told.table, then.row, shown)
            canonical["was"] = {"outcome": then.outcome, "row": row}
        document["canonical"] = canonical
    return document


def _write(told: _Told, moment: datetime | None, shown: Masks) -> None:
    title = f"{told.mirror} {', '.join(told.row)}"
    if moment is not None:
        then = as_of(told.entries, moment, told.archived)
        if then is None:
            write_line(f"{title}: not there")
        else:
            write_table(title, ("column", "value"), sorted(then.items()))
        return
    columns = ("committed", "what", "column", "before", "after", "transaction", "offset")
    write_table(title, columns, chain.from_iterable(map(_lines, told.entries)))
    if told.step is not None:
        made = f"{told.table} made of it by {told.step.mapping.name}"
        write_table(
            made,
            ("committed", "outcome", "column", "before", "after", "offset"),
            replayed.lines(told.table, told.replayed, shown),
        )


def _lines(entry: Entry) -> Iterator[tuple[Any, ...]]:
    """Yield a line for the change and one for each column that it changed."""
    cells = entry.cells or (None,)
    for place, cell in enumerate(cells):
        head = (exactly(entry.committed_at), entry.what) if place == 0 else (None, "")
        tail = (entry.transaction, entry.offset) if place == 0 else ("", "")
        shown = ("", "", "") if cell is None else tuple(cell)
        yield (*head, *shown, *tail)

"""`cdc history`: every change of one row, out of the journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, NamedTuple

import psycopg
import typer
from psycopg.sql import SQL, Identifier

from cdc.capture.source import load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.errors import FatalError
from cdc.evidence.history import Cell, Entry, Key, as_of, in_archive, read_history
from cdc.land.contract.in_force import read_contracts_in_force
from cdc.land.journal import Archived, read_archived
from cdc.protect.mask import MASK, Masks
from cdc.store.connection import as_service_errors, connect
from transforms.beside import CONTRIBUTION

Connection = psycopg.Connection[Any]


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
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
            help="Show the row as it was at this time of the source's clock; without an offset it is UTC.",
        ),
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a list of rows: mirror, key, `changes` (what, stream, batch, offset, committed_at, landed_at, "
            "transaction, position, digest, cells: column, before, after), `archived` (null, or up to which batch and "
            "offset the stream has left the journal) and, with --as-of, `row` (null: not there).",
        ),
    ] = False,
) -> None:
    """Show what the source did to a row: each change with its commit time, transaction and place in the stream.

    Of a canonical row these are the changes of the source rows that it is made of. Personal values are masked, and
    those of columns that the dictionary does not name. Exit code 3 if there is no such row, 4 if there may be more of
    it in the archive.
    """
    read = settings(context)
    shown = masks(read, "history", f"{table} {', '.join(key)}", reveal, reason)
    with as_service_errors(), connect(read.target, "cdc history") as connection:
        found = [_masked(shown, one) for one in _histories(connection, read, table, tuple(key))]
    if as_json:
        write_json([_document(one, moment) for one in found])
    else:
        for one in found:
            _write(one, moment)
    for archived in {one.archived for one in found if one.archived and moment is None}:
        say(FatalError("EVD-107", in_archive(archived)).advice())
    if any(one.archived for one in found) and moment is None:
        raise typer.Exit(Exit.ATTENTION)
    if not any(one.entries for one in found):
        say(f"The journal has no change of {table} {', '.join(key)}.")
        raise typer.Exit(Exit.DIFFERENT)


class _Told(NamedTuple):
    """A mirror row, its changes, and what of its stream is not in the journal any more."""

    mirror: str
    row: Key
    entries: list[Entry]
    archived: Archived | None


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


def _histories(connection: Connection, read: Settings, table: str, key: Key) -> Iterator[_Told]:
    """Yield the mirror rows that are meant, with their changes. Raises EVD-103 for a table that is none."""
    sources = load_sources(read.folders.connector_configs)
    contracts = {one.mirror: one for source in sources for one in read_contracts_in_force(connection, source)}
    rows = [(table, key)] if table in contracts else list(_source_rows(connection, read, table, key))
    for mirror, row in rows:
        if mirror not in contracts:
            raise FatalError("EVD-103", f"there is no contract of {mirror}")
        source = sources[mirror.partition(".")[0]]
        entries = list(read_history(connection, contracts[mirror], source.kind, row, read.tokens))
        yield _Told(mirror, row, entries, read_archived(connection, source.stream))


def _source_rows(connection: Connection, read: Settings, table: str, key: Key) -> Iterator[tuple[str, Key]]:
    """Yield mirror and key of the source rows that a canonical row is made of."""
    dictionary = dictionary_in_force(connection, read)
    mirrors = {mapping.name: str(mapping.source) for mapping in dictionary.mappings}
    targets = {str(target): target for mapping in dictionary.mappings for target in mapping.targets}
    if table not in targets:
        raise FatalError("EVD-103", f"{table} is neither a mirror nor a canonical table")
    target = targets[table]
    if len(key) != len(target.key):
        raise FatalError("EVD-103", f"the key of {table} is {', '.join(target.key)}")
    schema = target.schema + CONTRIBUTION if target.contributes else target.schema
    same = SQL(" AND ").join(SQL("{}::text = %s").format(Identifier(name)) for name in target.key)
    query = SQL("SELECT _mapping, _source_key FROM {} WHERE {} ORDER BY 1, 2").format(
        Identifier(schema, target.table), same
    )
    for mapping, source_key in connection.execute(query, key).fetchall():
        yield mirrors[mapping], tuple(source_key)


def _document(told: _Told, moment: datetime | None) -> dict[str, Any]:
    changes = [{**asdict(entry), "cells": [cell._asdict() for cell in entry.cells]} for entry in told.entries]
    before = told.archived and {"batch": told.archived.batch, "offset": told.archived.next_offset}
    shown = {} if moment is None else {"row": as_of(told.entries, _aware(moment), told.archived)}
    return {"mirror": told.mirror, "key": list(told.row), "changes": changes, "archived": before, **shown}


def _write(told: _Told, moment: datetime | None) -> None:
    title = f"{told.mirror} {', '.join(told.row)}"
    if moment is not None:
        then = as_of(told.entries, _aware(moment), told.archived)
        if then is None:
            write_line(f"{title}: not there")
        else:
            write_table(title, ("column", "value"), sorted(then.items()))
        return
    columns = ("committed", "what", "column", "before", "after", "transaction", "offset")
    write_table(title, columns, chain.from_iterable(map(_lines, told.entries)))


def _lines(entry: Entry) -> Iterator[tuple[Any, ...]]:
    """Yield a line for the change and one for each column that it changed."""
    cells = entry.cells or (None,)
    for place, cell in enumerate(cells):
        head = (entry.committed_at, entry.what) if place == 0 else (None, "")
        tail = (entry.transaction, entry.offset) if place == 0 else ("", "")
        shown = ("", "", "") if cell is None else tuple(cell)
        yield (*head, *shown, *tail)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

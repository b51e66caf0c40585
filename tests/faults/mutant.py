"""Workers with a fault built in: `python -m tests.faults.mutant NAME land ...`. The lane must find each of them.

Some faults show only when the worker is killed at the right place, and some layers of defence have to be taken out
together: one alone changes nothing that anybody could see.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

from psycopg.sql import SQL, Composable, Composed

from cdc.config import load
from cdc.derive import turn
from cdc.derive import write as derive_write
from cdc.land import journal, ledger, reader, stream, transaction
from cdc.land.mirror import changed_keys
from cdc.land.mirror import rows as mirror_rows
from cdc.land.mirror import writer as mirror_writer
from cdc.land.mirror.table import MirrorTable
from cdc.land.position import Position, write_position
from cdc.store.connection import connect

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(build: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[build.__name__] = build
    return build


def _put(owner: Any, name: str, substitute: Any) -> None:
    """Put something in the place of what is there: nothing would come of a name that is not."""
    assert hasattr(owner, name), name
    setattr(owner, name, substitute)


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _noop(*_: Any) -> Composed:
    return SQL("{}").format(SQL("SELECT"))


@mutant
def position_before_rows() -> None:
    """The position is committed first, the batch after it."""
    run = transaction._Landing.run

    def moved_first(self: Any) -> Position:
        moved = dataclasses.replace(self._position, next_offset=self._batch.next_offset)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("ALTER TABLE cdc.batch DROP CONSTRAINT IF EXISTS batches_abut")
            write_position(cursor, moved, None, None)
        return run(self)

    _put(transaction._Landing, "run", moved_first)
    _put(transaction, "require_unmoved", _nothing)


@mutant
def position_after_rows() -> None:
    """The batch is committed first, the position after it, and nothing knows a batch that comes again."""
    run = transaction._Landing.run

    def moved_last(self: Any) -> Position:
        with self._connection.transaction():
            for table, key in (
                ("batch_table", "batch_table_stream_batch_fkey"),
                ("batch_table", "batch_table_pkey"),
                ("batch", "batch_stream_first_offset_key"),
                ("batch", "batches_abut"),
                ("batch", "batch_end"),
                ("batch", "batch_pkey"),
                ("journal", "journal_pkey"),
                ("unit", "unit_pkey"),
                ("refused", "refused_pkey"),
            ):
                self._connection.execute(f"ALTER TABLE cdc.{table} DROP CONSTRAINT IF EXISTS {key}")
        position: Position = run(self)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            write_position(cursor, position, None, None)
        return position

    _put(transaction._Landing, "run", moved_last)
    _put(transaction, "write_position", _nothing)
    _put(transaction.replay, "find_replayed", lambda *_: set())
    _put(transaction.replay, "write_units", _nothing)


@mutant
def nobody_is_fenced() -> None:
    """A worker that was replaced goes on."""
    _put(transaction, "require_unmoved", _nothing)


@mutant
def transactions_are_torn() -> None:
    """A batch may end in the middle of a source transaction."""
    add = reader.StreamReader._add

    def torn(self: Any, unit: Any) -> None:
        if unit.id is None or len(unit.rows) < 4 or unit.counted is not None or unit.whole is not None:
            return add(self, unit)
        middle = unit.rows[1].record.offset
        halves = [[record for record in unit.records if (record.offset <= middle) is first] for first in (True, False)]
        add(
            self,
            dataclasses.replace(unit, rows=unit.rows[:2], records=halves[0], control=1, repeated=[], is_last=False),
        )
        return add(self, dataclasses.replace(unit, rows=unit.rows[2:], records=halves[1], control=unit.control - 1))

    _put(reader.StreamReader, "_add", torn)


@mutant
def parts_are_committed() -> None:
    """Each part of a large transaction is committed by itself."""

    def land_part(self: Any, prepared: Any) -> None:
        self.position = self._land(prepared)

    _put(stream.StreamLanding, "_land_part", land_part)


@mutant
def deletes_are_dropped() -> None:
    _put(mirror_rows, "delete", _noop)


@mutant
def deleted_rows_are_not_kept() -> None:
    def delete(table: MirrorTable) -> Composed:
        return SQL("DELETE FROM {mirror} m USING {stage} s WHERE s._op IN ('d', 'x') AND {match}").format(
            mirror=table.name, stage=table.stage, match=table.match("m")
        )

    _put(mirror_rows, "delete", delete)


@mutant
def refused_changes_are_dropped() -> None:
    _put(mirror_writer.MirrorWriter, "refuse", _nothing)


@mutant
def superseded_counts_as_filtered() -> None:
    count = ledger.Ledger.count

    def miscount(self: Any, mirror: str, fate: str, events: int = 1) -> None:
        count(self, mirror, "filtered" if fate == "superseded" else fate, events)

    _put(ledger.Ledger, "count", miscount)


@mutant
def journal_has_gaps() -> None:
    write = journal.write_chunk

    def sometimes(cursor: Any, stream: str, batch: int, chunk: Any) -> None:
        if batch % 5:
            write(cursor, stream, batch, chunk)

    _put(journal, "write_chunk", sometimes)


@mutant
def deleted_keys_are_not_noted() -> None:
    _only_where("s._op = 'u'")


@mutant
def old_values_are_not_noted() -> None:
    _put(changed_keys, "note_keys", changed_keys.note_written_keys)


def _only_where(condition: str) -> None:
    note = changed_keys.note

    def narrowed(mirror: Composable, rows: Composable) -> Composed:
        return note(mirror, rows + SQL(" WHERE ") + SQL(condition))  # type: ignore[arg-type]

    _put(changed_keys, "note", narrowed)


@mutant
def watermark_before_rows() -> None:
    """Watermarks are committed first, on another connection; canonical rows follow."""
    decide = turn.decide

    def moved_first(work: Any) -> None:
        decide(work)
        with _another_session() as connection:
            for span in work.window.spans:
                connection.execute(
                    "INSERT INTO cdc.watermark VALUES (%s, %s, %s)"
                    " ON CONFLICT (domain, stream) DO UPDATE SET batch = excluded.batch",
                    (work.plan.name, span.stream, span.last),
                )

    _put(turn, "decide", moved_first)


def _another_session() -> Any:
    return connect(load().target, "mutant")


@mutant
def fewer_batches_than_visible() -> None:
    """A cut inside of what the mirrors show."""
    turn.CUT[0] = lambda spans: tuple(
        dataclasses.replace(span, last=max(span.after, span.last - 1)) if span.stream == "cdc.north" else span
        for span in spans
    )


@mutant
def statements_see_different_batches() -> None:
    """Turns take their time: batches land between their statements, and what comes of it is there to be seen."""
    turn.OPENING[0] = lambda _plan: ("BEGIN ISOLATION LEVEL READ COMMITTED",)
    read_changes = turn._read_changes

    def later(work: Any) -> None:
        time.sleep(0.2)
        read_changes(work)

    _put(turn, "_read_changes", later)


@mutant
def held_rows_are_not_listed() -> None:
    _put(derive_write, "_hold", lambda *_: b"SELECT")


if __name__ == "__main__":
    name = sys.argv.pop(1)
    MUTANTS[name]()
    from cdc.cli.main import main

    main()

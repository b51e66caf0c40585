"""Random histories of a source: what its table comes to hold, and the stream that its connector would write."""

from __future__ import annotations

import random
from typing import Any

from tests.contract.cdc.land.tables import item
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
BAD_QTY = "1.234"  # more digits than the mirror's type keeps
KEYS = 6
Row = dict[str, Any]


class History:
    """A source with one table of few keys, so that everything happens to every key; `rows` is what it holds."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.is_postgresql = self.random.random() < 0.5
        self.wire: Wire = PostgresWire() if self.is_postgresql else MariaWire()
        self.rows: dict[int, Row] = {}
        self.landed_units: list[tuple[int, int]] = []
        self.can_replay = True

    def play(self, steps: int) -> None:
        """Begin with a snapshot, which may be interrupted, then stream."""
        self.rows = {key: self._row(key) for key in range(KEYS) if self.random.random() < 0.5}
        self._snapshot(interrupted=True)
        for _ in range(steps):
            self._step()
        self.wire.begin()
        self.wire.message() if isinstance(self.wire, PostgresWire) else None
        self.wire.end()

    def _step(self) -> None:
        kind = self.random.choices(
            (self._transaction, self._heartbeat, self._replay, self._ddl, self._snapshot_again), (12, 3, 2, 1, 1)
        )[0]
        kind()

    def _transaction(self) -> None:
        first = self.wire.next_offset
        self.wire.begin()
        for _ in range(self.random.randint(1, 5)):
            self.random.choices(
                (self._insert, self._update, self._delete, self._change_key, self._swap, self._truncate),
                (4, 6, 2, 3, 1, 0.3 if self.is_postgresql else 0),
            )[0]()
            if self.random.random() < 0.1:
                self.wire.heartbeat()
            if self.random.random() < 0.1:
                self._repeat_inside(first)
        self.wire.end()
        self.landed_units.append((first, self.wire.records[-1].offset))

    def _repeat_inside(self, first: int) -> None:
        rows = [r.offset for r in self.wire.records if r.offset > first and r.key and b'"id": "' not in (r.key or b"")]
        rows = [offset for offset in rows if self._is_row(offset)]
        if rows:
            self.wire.repeat(self.random.choice(rows), self.wire.next_offset)

    def _is_row(self, offset: int) -> bool:
        record = next(r for r in self.wire.records if r.offset == offset)
        return b'"op"' in (record.value or b"")

    def _heartbeat(self) -> None:
        self.wire.heartbeat()

    def _replay(self) -> None:
        """A connector that lost its place sends the last transactions again, whole."""
        if self.landed_units:
            self.wire.repeat(*self.random.choice(self.landed_units[-2:]))

    def _ddl(self) -> None:
        if isinstance(self.wire, MariaWire):
            self.wire.begin()
            self.wire.ddl("GRANT SELECT ON t TO somebody")
            self.wire.id = None

    def _snapshot_again(self) -> None:
        """A snapshot of later days: rows went while nobody looked. Of an empty database nothing would be sent."""
        for key in list(self.rows):
            if len(self.rows) > 1 and self.random.random() < 0.2:
                del self.rows[key]
        self._snapshot(interrupted=self.random.random() < 0.3)

    def _snapshot(self, *, interrupted: bool) -> None:
        if interrupted and len(self.rows) > 1 and self.random.random() < 0.5:
            keys = sorted(self.rows)[: self.random.randint(1, len(self.rows) - 1)]
            self._send_snapshot(keys, whole=False)
            self.rows.pop(self.random.choice(keys))
        self._send_snapshot(sorted(self.rows), whole=True)
        # What follows streams from the snapshot's position: an older transaction cannot come again.
        self.landed_units.clear()

    def _send_snapshot(self, keys: list[int], *, whole: bool) -> None:
        self.wire.start_snapshot()
        for place, key in enumerate(keys):
            marker = "last" if whole and place == len(keys) - 1 else "first" if place == 0 else "true"
            self.wire.snapshot("item", "id", self.rows[key], marker)

    def _insert(self) -> None:
        free = [key for key in range(KEYS) if key not in self.rows]
        if free:
            key = self.random.choice(free)
            self.rows[key] = self._row(key)
            self.wire.insert("item", "id", self.rows[key])

    def _update(self) -> None:
        if self.rows:
            key = self.random.choice(sorted(self.rows))
            before = self.rows[key]
            self.rows[key] = self._row(key, before["note"] if self.random.random() < 0.5 else None)
            self.wire.update("item", "id", self._sent(self.rows[key], before))

    def _delete(self) -> None:
        if self.rows:
            self.wire.delete("item", "id", self.rows.pop(self.random.choice(sorted(self.rows))))

    def _change_key(self) -> None:
        free = [key for key in range(KEYS) if key not in self.rows]
        if free and self.rows:
            self._move(self.random.choice(sorted(self.rows)), self.random.choice(free))

    def _swap(self) -> None:
        if len(self.rows) > 1:
            one, two = self.random.sample(sorted(self.rows), 2)
            self._move(one, KEYS + 1)
            self._move(two, one)
            self._move(KEYS + 1, two)

    def _truncate(self) -> None:
        self.wire.truncate("item")
        self.rows.clear()

    def _move(self, old: int, new: int) -> None:
        before = self.rows.pop(old)
        self.rows[new] = {**before, "id": new}
        self.wire.change_key("item", "id", before, self._sent(self.rows[new], before))

    def _row(self, key: int, note: str | None = None) -> Row:
        qty = BAD_QTY if self.random.random() < 0.08 else f"{self.random.randint(0, 9)}.50"
        return item(key, self.random.choice("abcde"), note or f"note {self.random.randint(0, 999)}", qty)

    def _sent(self, row: Row, before: Row) -> Row:
        """A long value that did not change is not in PostgreSQL's log."""
        return {**row, "note": UNCHANGED} if self.is_postgresql and row["note"] == before["note"] else row

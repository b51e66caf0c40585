"""What a source did, by a seed: the records that its connector would write, and what its mirrors have to show.

The reference is a fold in plain Python that shares nothing with the workers. It is kept after every source transaction,
so that what a target shows can be judged at any moment: a mirror set that belongs to no transaction is wrong, and so
are two halves of a transfer that do not add up.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.tables import KINDS, TABLES
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

Values = dict[str, Any]
UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
# PostgreSQL cannot store the character: the change cannot land, and its source needs not be asked.
BAD_STATE = "OPEN\0"
STOCK = 100
_PLACES = 4
_KEYS = range(1, 10)


@dataclass(frozen=True)
class Row:
    """A row of a mirror; `event` and `deleted` are places in the history's records."""

    values: Values
    event: int
    deleted: int | None = None


@dataclass
class State:
    """What the mirrors of a source hold, their deleted twins, and which rows a refused change left behind."""

    live: dict[str, dict[int, Row]]
    deleted: dict[str, dict[int, Row]]
    stale: dict[str, set[int]]

    def copy(self) -> State:
        """Return the state as it is now; rows are never changed, only replaced."""
        live, deleted = ({table: dict(rows) for table, rows in part.items()} for part in (self.live, self.deleted))
        return State(live, deleted, {table: set(keys) for table, keys in self.stale.items()})


@dataclass(frozen=True)
class Step:
    """Records that belong together, [first, next), and the state after them: a transaction, or a whole snapshot."""

    first: int
    next: int
    state: State


@dataclass
class Event:
    """A row event: what it says of which key. `replayed` has landed before, `refused` cannot land."""

    record: int
    table: str
    key: int | None
    refused: bool = False
    replayed: bool = False


@dataclass
class History:
    """A source. `play` makes it up; `records` of the wire, `steps` and `events` are what came of it."""

    source: str
    seed: int
    steps: list[Step] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.source} {self.seed}")
        self.is_postgresql = KINDS[self.source] == "postgresql"
        self.wire: Wire = PostgresWire() if self.is_postgresql else MariaWire()
        tables = TABLES[self.source]
        self.state = State({t: {} for t in tables}, {t: {} for t in tables}, {t: set() for t in tables})
        # The source's own rows: those of the mirrors but where a change was refused.
        self.rows: dict[str, dict[int, Values]] = {table: {} for table in tables}
        self.commits = 0
        self.version = 0
        self._replayable: tuple[int, int] | None = None

    @property
    def stream(self) -> str:
        return f"cdc.{self.source}"

    @property
    def length(self) -> int:
        """How many records there are."""
        return len(self.wire.records)

    def expected(self, records: int) -> State | None:
        """Return the state after the first `records` records; None inside of a snapshot, where none is promised."""
        over = self.step_over(records)
        if over is not None and self.is_snapshot(over):
            return None
        place = bisect_right(self.steps, records, key=lambda step: step.next)
        return self.steps[place - 1].state if place else None

    def step_over(self, records: int) -> Step | None:
        """Return the step that has begun and not ended after the first `records` records."""
        place = bisect_right(self.steps, records, key=lambda step: step.next)
        return self.steps[place] if place < len(self.steps) and self.steps[place].first < records else None

    def is_snapshot(self, step: Step) -> bool:
        """Whether it is a snapshot, not a transaction."""
        return b'"op": "r"' in (self.wire.records[step.first].value or b"")

    def play(self, commits: int, *, large: int = 0) -> None:
        """Begin with a snapshot, go on with transactions, now and then a new snapshot; one transaction is large."""
        for table in ("shelf", "cart"):
            for place in range(_PLACES):
                self.rows[table][place] = {"id": place, "qty": STOCK, "ver": 0}
        self.snapshot()
        for number in range(1, commits + 1):
            if number == commits // 2 and large:
                self.commit(*[self.transfer] * (large // 2))
            else:
                self._anything()
            if number in (commits // 3, 2 * commits // 3):
                self.snapshot()

    def commit(self, *actions: Callable[[], None]) -> None:
        """Commit a transaction that does these things, in this order."""
        first = self.length
        self.wire.begin()
        self.commits += 1
        self._put("tx", {"id": self.commits})
        for action in actions:
            action()
            if self.random.random() < 0.05:
                self.wire.heartbeat()
        self.wire.end()
        self._replayable = (first, self.length)
        self._settled(first)

    def snapshot(self) -> None:
        """Send all rows; some of the lots and claims were deleted while no connector looked."""
        if self.steps:
            self._lose_some()
        first = self.length
        self.wire.start_snapshot()
        rows = [(table, row) for table, found in self.rows.items() for _, row in sorted(found.items())]
        brought = {(table, row["id"]) for table, row in rows}
        for place, (table, row) in enumerate(rows):
            marker = "first" if place == 0 else "last" if place == len(rows) - 1 else "true"
            self.wire.snapshot(table, "id", row, marker)
            self._written(table, row)
        for table, mirrored in self.state.live.items():
            for key in [key for key in mirrored if (table, key) not in brought]:
                self._bury(table, key, self.length - 1)
        self._replayable = None  # what follows streams from the snapshot's position
        self._settled(first)

    def transfer(self) -> None:
        """Move a quantity from one table to the other."""
        amount = self.random.randint(1, 9)
        for table, change in (("shelf", -amount), ("cart", amount)):
            row = self.rows[table][self.random.randrange(_PLACES)]
            self._update(table, {**row, "qty": row["qty"] + change, "ver": row["ver"] + 1})

    # --- what happens -----------------------------------------------------------------------------------------------

    def _anything(self) -> None:
        if self.random.random() < 0.06:
            self.wire.heartbeat()
        if self._replayable and self.random.random() < 0.04:
            self._replay(*self._replayable)
        if isinstance(self.wire, MariaWire) and self.random.random() < 0.05:
            self.wire.begin()
            self.wire.ddl("GRANT SELECT ON t TO somebody")
            self.wire.id = None
        actions = [
            self.random.choices(*zip(*self._actions(), strict=True))[0] for _ in range(self.random.randint(1, 4))
        ]
        self.commit(*actions)

    def _actions(self) -> list[tuple[Callable[[], None], float]]:
        common = [(self.transfer, 3.0)]
        if self.source == "north":
            return [
                *common,
                (lambda: self._insert_one("lot"), 3.0),
                (lambda: self._change_one("lot"), 4.0),
                (lambda: self._delete_one("lot"), 1.5),
                (lambda: self._move_one("lot"), 1.0),
                (self._refuse_lot, 0.8),
                (lambda: self._insert_one("serial"), 3.0),
                (lambda: self._change_one("serial"), 4.0),
                (lambda: self._delete_one("serial"), 1.5),
                (lambda: self._move_one("serial"), 1.0),
                (lambda: self._truncate("serial"), 0.15),
            ]
        if self.source == "south":
            claims = [self._insert_one, self._change_one, self._delete_one, self._move_one]
            return [*common, *((lambda do=do: do("claim"), 1.5) for do in claims)]
        return common

    def _insert_one(self, table: str) -> None:
        free = [key for key in _KEYS if key not in self.rows[table]]
        if free:
            self._put(table, self._row(table, self.random.choice(free)))

    def _change_one(self, table: str) -> None:
        if key := self._pick(table):
            before = self.rows[table][key]
            after = self._row(table, key, before)
            # A long value that did not change is not in PostgreSQL's log; a stale row is healed by a whole one.
            if "note" in before and key not in self.state.stale[table] and self.random.random() < 0.5:
                after["note"] = before["note"]
            self._update(table, after)

    def _refuse_lot(self) -> None:
        if key := self._pick("lot"):
            before = self.rows["lot"][key]
            after = {**self._row("lot", key, before), "state": BAD_STATE}
            self.wire.update("lot", "id", after, None)
            self.rows["lot"][key] = after
            self.events.append(Event(self.length - 1, "lot", key, refused=True))
            self.state.stale["lot"].add(key)

    def _delete_one(self, table: str) -> None:
        if key := self._pick(table):
            self.wire.delete(table, "id", self._before(table, key))
            self._gone(table, key)

    def _move_one(self, table: str) -> None:
        """Change the key of a row; what is unchanged and long is left out of the insert as well."""
        free = [key for key in _KEYS if key not in self.rows[table]]
        key = self._pick(table)
        if not free or not key or key in self.state.stale[table]:
            return
        new = self.random.choice(free)
        before = self.rows[table][key]
        after = {**self._row(table, new, before), **({"note": before["note"]} if "note" in before else {})}
        self.wire.delete(table, "id", self._before(table, key))
        self._gone(table, key)
        self.wire.insert(table, "id", self._sent(after, before), old_key={"id": key})
        self._written(table, after)

    def _truncate(self, table: str) -> None:
        self.wire.truncate(table)
        self.events.append(Event(self.length - 1, table, None))
        for key in list(self.state.live[table]):
            self._bury(table, key, self.length - 1)
        self.state.stale[table].clear()
        self.rows[table].clear()

    def _replay(self, first: int, end: int) -> None:
        """Send a whole transaction again, as a connector does that lost its place."""
        offsets = [record.offset for record in self.wire.records[first:end]]
        again = {event.record: event for event in self.events if first <= event.record < end}
        moved = self.length - first
        self.wire.repeat(offsets[0], offsets[-1])
        for record, event in again.items():
            self.events.append(Event(record + moved, event.table, event.key, replayed=True))

    def _lose_some(self) -> None:
        for table in self.rows.keys() - {"tx", "shelf", "cart"}:
            for key in list(self.rows[table]):
                if self.rows[table][key].get("state") == BAD_STATE or self.random.random() < 0.2:
                    del self.rows[table][key]

    # --- records, and what comes of them ----------------------------------------------------------------------------

    def _put(self, table: str, row: Values) -> None:
        self.wire.insert(table, "id", row)
        self._written(table, row)

    def _update(self, table: str, after: Values) -> None:
        before = self.rows[table][after["id"]]
        self.wire.update(table, "id", self._sent(after, before), None if self.is_postgresql else before)
        self._written(table, after)

    def _sent(self, after: Values, before: Values) -> Values:
        if self.is_postgresql and "note" in after and after["note"] == before["note"]:
            return {**after, "note": UNCHANGED}
        return after

    def _before(self, table: str, key: int) -> Values:
        """PostgreSQL's log has of a deleted row its key, and nothing else that is true."""
        row = self.rows[table][key]
        return {**dict.fromkeys(row), "id": key} if self.is_postgresql else row

    def _written(self, table: str, row: Values) -> None:
        key, record = row["id"], self.length - 1
        self.rows[table][key] = row
        self.events.append(Event(record, table, key))
        self.state.live[table][key] = Row(row, record)
        self.state.deleted[table].pop(key, None)
        self.state.stale[table].discard(key)

    def _gone(self, table: str, key: int) -> None:
        self.events.append(Event(self.length - 1, table, key))
        del self.rows[table][key]
        self._bury(table, key, self.length - 1)

    def _bury(self, table: str, key: int, record: int) -> None:
        self.state.stale[table].discard(key)
        row = self.state.live[table].pop(key, None)
        if row is not None:
            self.state.deleted[table][key] = Row(row.values, row.event, record)

    def _settled(self, first: int) -> None:
        self.steps.append(Step(first, self.length, self.state.copy()))

    def _pick(self, table: str) -> int:
        keys = sorted(self.rows[table])
        return self.random.choice(keys) if keys else 0

    def _row(self, table: str, key: int, before: Values | None = None) -> Values:
        pick = self.random
        self.version += 1
        version = 1 if before is None else before["ver"] + 1
        row: Values = {"id": key, "ver": version}
        if table == "lot":
            hist = f"{before['hist']},{self.version}" if before else str(self.version)
            row |= {"code": f"L{pick.randint(1, 12)}", "state": pick.choice(("OPEN", "HOLD", "DONE")), "hist": hist}
            row |= {"weight": f"{pick.randint(0, 99)}.50", "note": f"note {self.version} " + "long " * 20}
        elif table == "serial":
            row |= {"code": f"S{pick.randint(1, 14)}", "lot_code": f"L{pick.randint(1, 12)}"}
            row |= {"grade": pick.randint(1, 5), "note": f"note {self.version}"}
        else:
            row |= {"serial_code": f"S{pick.randint(1, 14)}", "units": pick.randint(0, 99)}
        return {name: row[name] for name in TABLES[self.source][table]}

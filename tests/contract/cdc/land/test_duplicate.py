"""A declared key that two rows of the source have: refused where it shows, and never one row in the place of two."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import pair
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

KEY = "code,number"
PAIRS = "SELECT code, qty::text FROM src.pair ORDER BY 1"
STALE = "SELECT key[1], code FROM cdc.stale ORDER BY 1"
REFUSED = """SELECT "offset", key[1], code FROM cdc.refused ORDER BY 1"""
LEDGER = "SELECT sum(landed)::int, sum(superseded)::int, sum(refused)::int FROM cdc.batch"


@pytest.fixture
def wire() -> PostgresWire:
    return PostgresWire()


def transact(wire: Wire, *changes: tuple[Any, ...]) -> None:
    wire.begin()
    for name, *arguments in changes:
        getattr(wire, name)("pair", KEY, *arguments)
    wire.end()


def read(wire: Wire, *rows: dict[str, Any]) -> None:
    for place, row in enumerate(rows):
        wire.snapshot("pair", KEY, row, "last" if place == len(rows) - 1 else "first" if place == 0 else "true")


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_a_key_that_one_snapshot_brings_twice_is_stale_and_its_first_row_stays(
    stage: Stage, wire: PostgresWire, batch_rows: int
) -> None:
    read(wire, pair("A", 1), pair("B", 1), pair("A", 1, "3.00"), pair("A", 1))
    stage.land(wire.records, batch_rows=batch_rows)
    assert stage.query(PAIRS) == [("A", "2.00"), ("B", "2.00")]
    assert stage.query(STALE) == [("A", "VAL-107")]
    assert stage.query(REFUSED) == [(2, "A", "VAL-107"), (3, "A", "VAL-107")]
    assert stage.query(LEDGER) == [(2, 0, 2)]
    assert stage.query("SELECT op::text FROM cdc.journal_key WHERE key[1] = 'A' ORDER BY batch DESC LIMIT 1") == [
        ("u",)
    ]


@pytest.mark.parametrize("first", ["insert", "read", "refused"])
@pytest.mark.parametrize("apart", [True, False])
def test_an_insert_on_a_key_that_has_a_row_is_refused(
    stage: Stage, wire: PostgresWire, first: str, apart: bool
) -> None:
    row = pair("A", 1, "x" if first == "refused" else "2.00")
    read(wire, row) if first == "read" else transact(wire, ("insert", row))
    if apart:
        stage.land(wire.records)
    transact(wire, ("insert", pair("A", 1, "3.00")))
    stage.land(wire.records)
    assert stage.query(PAIRS) == ([] if first == "refused" else [("A", "2.00")])
    assert stage.query(STALE) == [("A", "VAL-107")]


def test_a_refused_value_does_not_hide_that_it_is_a_second_row(stage: Stage, wire: PostgresWire) -> None:
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("A", 1, "x")), ("update", pair("A", 1, "5.00")))
    stage.land(wire.records)
    assert stage.query(STALE) == [("A", "VAL-107")]
    assert stage.query(PAIRS) == [("A", "2.00")]


@pytest.mark.parametrize("apart", [True, False])
def test_what_follows_on_a_key_of_two_rows_is_refused_until_a_snapshot_brings_it_once(
    stage: Stage, wire: PostgresWire, apart: bool
) -> None:
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("A", 1, "3.00")))
    stage.land(wire.records) if apart else None
    transact(wire, ("update", pair("A", 1, "4.00")), ("delete", pair("A", 1)), ("insert", pair("A", 1, "6.00")))
    stage.land(wire.records) if apart else None
    wire.snapshot("pair", KEY, pair("A", 1, "7.00"), "incremental")
    stage.land(wire.records)
    assert stage.query(PAIRS) == [("A", "2.00")]
    assert stage.query(STALE) == [("A", "VAL-107")]
    assert stage.query(LEDGER) == [(1, 1, 4)]
    wire.start_snapshot()
    read(wire, pair("A", 1, "8.00"), pair("B", 1))
    transact(wire, ("update", pair("A", 1, "9.00")))
    stage.land(wire.records)
    assert stage.query(PAIRS) == [("A", "9.00"), ("B", "2.00")]
    assert stage.query(STALE) == []


def test_a_snapshot_without_the_key_or_a_truncate_ends_it_too(stage: Stage, wire: PostgresWire) -> None:
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("A", 1)))
    stage.land(wire.records)
    wire.start_snapshot()
    read(wire, pair("B", 1), pair("B", 1))
    stage.land(wire.records)
    assert (stage.query(PAIRS), stage.query(STALE)) == ([("B", "2.00")], [("B", "VAL-107")])
    wire.begin()
    wire.truncate("pair")
    wire.insert("pair", KEY, pair("B", 1, "3.00"))
    wire.end()
    stage.land(wire.records)
    assert (stage.query(PAIRS), stage.query(STALE)) == ([("B", "3.00")], [])


@pytest.mark.parametrize("splits", [True, False])
def test_a_row_that_moves_to_a_key_that_has_one_leaves_its_old_key(stage: Stage, splits: bool) -> None:
    stage.database, wire = "mariadb", MariaWire()
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("B", 1, "3.00")))
    stage.land(wire.records)
    moved = pair("A", 1), pair("B", 1)
    transact(wire, ("change_key", *moved) if splits else ("update", moved[1], moved[0]))
    stage.land(wire.records)
    assert stage.query(PAIRS) == [("B", "3.00")]
    assert stage.query("SELECT code FROM src_deleted.pair") == [("A",)]
    assert stage.query(STALE) == [("B", "VAL-107")]


@pytest.mark.parametrize("splits", [True, False])
def test_a_row_that_leaves_a_key_of_two_rows_takes_its_own_values_along(stage: Stage, splits: bool) -> None:
    stage.database, wire = "mariadb", MariaWire()
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("A", 1, "3.00")))
    stage.land(wire.records)
    moved = pair("A", 1, "3.00"), pair("B", 1, "3.00")
    transact(wire, ("change_key", *moved) if splits else ("update", moved[1], moved[0]))
    stage.land(wire.records)
    assert stage.query(PAIRS) == [("A", "2.00"), ("B", "3.00")]
    assert stage.query(STALE) == [("A", "VAL-107")]


@pytest.mark.parametrize("apart", [True, False])
def test_keys_that_are_left_before_they_are_taken_are_no_second_rows(stage: Stage, apart: bool) -> None:
    stage.database, wire = "mariadb", MariaWire()
    transact(wire, ("insert", pair("A", 1)), ("insert", pair("D", 1)))
    stage.land(wire.records) if apart else None
    transact(wire, ("change_key", pair("A", 1), pair("B", 1)), ("update", pair("C", 1), pair("B", 1)))
    transact(wire, ("delete", pair("D", 1)), ("insert", pair("D", 1, "3.00")), ("update", pair("D", 1, "4.00")))
    transact(wire, ("insert", pair("A", 1, "5.00")), ("insert", pair("B", 1, "6.00")))
    stage.land(wire.records)
    assert stage.query(PAIRS) == [("A", "5.00"), ("B", "6.00"), ("C", "2.00"), ("D", "4.00")]
    assert stage.query(REFUSED) == []


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_rows_that_are_read_again_are_no_second_rows(stage: Stage, wire: PostgresWire, batch_rows: int) -> None:
    wire.snapshot("pair", KEY, pair("A", 1), "first")  # an interrupted snapshot, and the whole one
    wire.snapshot("pair", KEY, pair("B", 1), "true")
    wire.start_snapshot()
    read(wire, pair("A", 1), pair("B", 1))
    transact(wire, ("insert", pair("C", 1)))
    for _ in range(2):
        for code in "ABC":
            wire.snapshot("pair", KEY, pair(code, 1), "incremental")
    wire.start_snapshot()
    read(wire, pair("A", 1, "3.00"), pair("B", 1), pair("C", 1))
    stage.land(wire.records, batch_rows=batch_rows)
    assert stage.query(PAIRS) == [("A", "3.00"), ("B", "2.00"), ("C", "2.00")]
    assert stage.query(REFUSED) == []


def test_a_transaction_that_comes_again_brings_no_second_rows(stage: Stage, wire: PostgresWire) -> None:
    transact(wire, ("insert", pair("A", 1)))
    first, last = wire.records[0].offset, wire.records[-1].offset
    stage.land(wire.records)
    wire.repeat(first, last)
    stage.land(wire.records)
    assert stage.query(STALE) == []


class Pairs:
    """A source whose table keeps no key unique: `rows`, and the keys that two of them had since they were last read."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.wire: Wire = PostgresWire() if seed % 2 else MariaWire()
        self.rows: list[dict[str, Any]] = []
        self.doubled: set[str] = set()

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choices((self._transaction, self._snapshot, self._incremental), (10, 1, 1))[0]()
        self.wire.begin()
        self.wire.insert("pair", KEY, pair("end", 1))
        self.wire.end()
        self.rows.append(pair("end", 1))

    def _transaction(self) -> None:
        self.wire.begin()
        for _ in range(self.random.randint(1, 4)):
            self.random.choices((self._insert, self._update, self._delete, self._move), (3, 3, 3, 2))[0]()
            self._look()
        self.wire.end()

    def _look(self) -> None:
        codes = [row["code"] for row in self.rows]
        self.doubled |= {code for code in codes if codes.count(code) > 1}

    def _row(self, code: str | None = None) -> dict[str, Any]:
        qty = "1.234" if self.random.random() < 0.1 else f"{self.random.randint(0, 99)}.00"
        return pair(code or self.random.choice("ABCDEFGHIJKL"), 1, qty)

    def _insert(self) -> None:
        self.rows.append(self._row())
        self.wire.insert("pair", KEY, self.rows[-1])

    def _taken(self) -> dict[str, Any] | None:
        return self.rows.pop(self.random.randrange(len(self.rows))) if self.rows else None

    def _update(self) -> None:
        if before := self._taken():
            self.rows.append(self._row(before["code"]))
            self.wire.update("pair", KEY, self.rows[-1], before)

    def _delete(self) -> None:
        if before := self._taken():
            self.wire.delete("pair", KEY, before)

    def _move(self) -> None:
        before = self._taken()
        after = self._row()
        if before is None or before["code"] == after["code"]:
            self.rows += [before] if before else []
            return
        self.rows.append(after)
        if self.random.random() < 0.5:
            self.wire.change_key("pair", KEY, before, after)
        else:
            self.wire.update("pair", KEY, after, before)

    def _snapshot(self) -> None:
        if len(self.rows) < 2:
            return
        if self.random.random() < 0.5:  # one that is interrupted
            self.wire.start_snapshot()
            for place, row in enumerate(self.rows[:-1]):
                self.wire.snapshot("pair", KEY, row, "true" if place else "first")
            self.rows.pop()
        if self.rows:
            self.wire.start_snapshot()
            read(self.wire, *self.rows)
            self.doubled.clear()
            self._look()

    def _incremental(self) -> None:
        for row in {row["code"]: row for row in self.rows}.values():
            self.wire.snapshot("pair", KEY, row, "incremental")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_a_key_is_refused_exactly_where_two_rows_had_it(
    new_stage: Callable[..., Stage], seed: int
) -> None:
    source = Pairs(seed)
    source.play(30)
    states = []
    for cuts in ("whole", "small"):
        stage = new_stage(database=source.wire.database)
        stage.land(source.wire.records, batch_rows=10_000 if cuts == "whole" else 1)
        stale = dict(stage.query(STALE))
        assert {code for code, why in stale.items() if why == "VAL-107"} == source.doubled
        wanted = {(row["code"], row["qty"]) for row in source.rows if row["code"] not in source.doubled}
        assert {row for row in stage.query(PAIRS) if row[0] not in stale} == {
            row for row in wanted if row[0] not in stale
        }
        assert {code for code, qty in wanted if qty == "1.234"} == stale.keys() - source.doubled
        states.append(stage.state())
    assert states[0] == states[1]

"""The changes of a row, read again from the journal: whatever the source did, however the batches were cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cdc.errors import FatalError
from cdc.evidence.history import Cell, Entry, as_of, read_history
from cdc.land.journal import record_digest
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR, item, pair
from tests.unit.cdc.stream.wire import PostgresWire


@pytest.fixture
def stage(target_dsn: str) -> Iterator[Stage]:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        yield stage


@pytest.fixture
def wire() -> PostgresWire:
    """A row with a life: read, changed twice at once, moved, moved back, deleted, inserted, emptied, refused."""
    wire = PostgresWire()
    wire.snapshot("item", "id", item(1, "first"), "first")
    wire.snapshot("item", "id", item(2, "other"), "last")
    wire.begin()
    wire.update("item", "id", item(1, "second"))
    wire.update("item", "id", item(1, "third", qty="2.50"))
    wire.update("item", "id", item(2, "not this one"))
    wire.end()
    wire.begin()
    wire.change_key("item", "id", item(1, "third"), item(9, "moved"))
    wire.end()
    wire.begin()
    wire.change_key("item", "id", item(9, "moved"), item(1, "back"))
    wire.end()
    wire.begin()
    wire.delete("item", "id", item(1, "back"))
    wire.end()
    wire.begin()
    wire.insert("item", "id", item(1, "again", qty=None))
    wire.end()
    wire.begin()
    wire.truncate("item")
    wire.end()
    wire.begin()
    wire.insert("item", "id", item(1, "bad\0"))
    wire.end()
    return wire


def changes(stage: Stage, *key: str) -> list[Entry]:
    return list(read_history(stage.session.opener(), ITEM, "postgresql", key))


LIFE = [
    ("read", {"id": "1", "name": "first"}),
    ("updated", {"name": "second"}),
    ("updated", {"name": "third", "qty": "2.50"}),
    ("moved to key 9", {}),
    ("inserted, moved from key 9", {"id": "1", "name": "back", "qty": "1.50"}),
    ("deleted", {}),
    ("inserted", {"id": "1", "name": "again", "qty": None}),
    ("deleted by a TRUNCATE", {}),
    ("refused with VAL-103", {}),
]


@pytest.mark.parametrize("every", [True, False])
def test_a_life(stage: Stage, wire: PostgresWire, every: bool) -> None:
    stage.land_units(wire.records, lambda: every)
    entries = changes(stage, "1")
    assert [entry.what for entry in entries] == [what for what, _ in LIFE]
    for entry, (_, expected) in zip(entries, LIFE, strict=True):
        told = {cell.column: cell.after for cell in entry.cells}
        assert {name: told[name] for name in expected} == expected
        assert bool(told) == bool(expected)
    assert entries[2].cells == (Cell("name", "second", "third"), Cell("qty", "1.50", "2.50"))
    # The one that was moved from 1 to 9 and back, from the other side.
    assert [entry.what for entry in changes(stage, "9")] == ["inserted, moved from key 1", "moved to key 1"]


def test_where_it_stands_and_when_it_was(stage: Stage, wire: PostgresWire) -> None:
    stage.land(wire.records)
    for entry in changes(stage, "1"):
        record = next(record for record in wire.records if record.offset == entry.offset)
        assert entry.digest == record_digest(record).hex()
        assert (entry.stream, entry.transaction is None) == ("cdc.src", entry.what == "read")
        assert entry.committed_at is not None
    updated = changes(stage, "1")[2]
    assert updated.committed_at is not None
    before, after = updated.committed_at - timedelta(microseconds=1), updated.committed_at
    first, then = as_of(changes(stage, "1"), before), as_of(changes(stage, "1"), after)
    assert first is not None
    assert then is not None
    assert (first["name"], first["qty"], then["name"], then["qty"]) == ("second", "1.50", "third", "2.50")
    with pytest.raises(FatalError, match=r"EVD-104 .*from batch 1 on: read"):  # it was there: since when, nobody says
        as_of(changes(stage, "1"), datetime(2000, 1, 1, tzinfo=UTC))
    assert as_of(changes(stage, "9"), datetime(2000, 1, 1, tzinfo=UTC)) is None
    assert as_of(changes(stage, "1"), datetime(2100, 1, 1, tzinfo=UTC)) is None


def test_a_key_of_two_columns_is_found_by_its_text(stage: Stage) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("pair", "code", pair("a,b", 1))
    wire.insert("pair", "code", pair("a", 1))
    wire.update("pair", "code", pair("a,b", 1, "3.00"), pair("a,b", 1))
    wire.update("pair", "code", pair("c", 2), pair("a,b", 1))  # a declared key: the update moves the row by itself
    wire.end()
    stage.land(wire.records)
    found = list(read_history(stage.session.opener(), PAIR, "postgresql", ("a,b", "1")))
    assert [entry.what for entry in found] == ["inserted", "updated", "moved to key c, 2"]
    (moved,) = read_history(stage.session.opener(), PAIR, "postgresql", ("c", "2"))
    assert moved.what == "updated, moved from key a,b, 1"


def test_a_key_of_another_shape_is_refused(stage: Stage) -> None:
    with pytest.raises(FatalError, match=r"EVD-103 .* code, number"):
        list(read_history(stage.session.opener(), PAIR, "postgresql", ("a",)))


def test_nothing_is_known_of_a_row_that_never_was(stage: Stage, wire: PostgresWire) -> None:
    stage.land(wire.records)
    assert changes(stage, "77") == []


def test_what_happened_without_an_event_leaves_the_row_unknown_until_the_next_one() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def entry(what: str, hours: int | None, *cells: Cell) -> Entry:
        told = None if hours is None else at + timedelta(hours=hours)
        return Entry(what, "cdc.src", 1, at, None if hours is None else hours, told, cells=cells)

    life = [
        entry("inserted", 0, Cell("id", None, "1"), Cell("parent", None, "7")),
        entry("changed by a cascade", None),
        entry("updated", 2, Cell("id", None, "1"), Cell("parent", None, "8")),
    ]
    with pytest.raises(FatalError, match="EVD-104"):
        as_of(life, at + timedelta(hours=1))
    assert as_of(life, at + timedelta(hours=2)) == {"id": "1", "parent": "8"}
    with pytest.raises(FatalError, match="EVD-104"):
        as_of([*life, entry("deleted by a cascade, or not there in a new snapshot", None)], at + timedelta(hours=9))

"""Rows of incremental snapshots that are older than what stands before them: the stream wins, in whatever batches."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.config import Protection
from cdc.reference import Secret
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.unit.cdc.stream.wire import PostgresWire

UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
ITEMS = "SELECT id, name, note FROM src.item ORDER BY id"
STALE = "SELECT key[1], code FROM cdc.stale ORDER BY 1"
SUMS = "SELECT sum(captured) - sum(control), sum(landed), sum(superseded), sum(refused) FROM cdc.batch"

apart = pytest.mark.parametrize("apart", [True, False])


@pytest.fixture
def wire() -> PostgresWire:
    return PostgresWire()


class Story:
    """What happens to the items: step by step in batches of their own, or all of it within one transaction."""

    def __init__(self, stage: Stage, wire: PostgresWire, *, apart: bool) -> None:
        self.stage, self.wire, self.apart = stage, wire, apart
        if not apart:
            wire.begin()

    def stream(self, *steps: tuple[Any, ...]) -> None:
        if self.apart:
            self.wire.begin()
        for name, *arguments in steps:
            getattr(self.wire, name)("item", *(() if name == "truncate" else ("id", *arguments)))
        if self.apart:
            self.wire.end()
            self.land()

    def read(self, *rows: dict[str, Any]) -> None:
        transaction, self.wire.id = self.wire.id, None
        for row in rows:
            self.wire.snapshot("item", "id", row, "incremental")
        self.wire.id = transaction
        self.land() if self.apart else None

    def land(self) -> None:
        """Land what has happened; from here on step by step."""
        if not self.apart:
            self.wire.end()
            self.apart = True
        self.stage.land(self.wire.records)


@apart
def test_a_deleted_row_does_not_come_back(stage: Stage, wire: PostgresWire, *, apart: bool) -> None:
    story = Story(stage, wire, apart=apart)
    story.stream(("insert", item(1)), ("delete", {"id": 1}), ("delete", {"id": 2}))
    story.read(item(1), item(2), item(3))
    story.land()
    assert [row[0] for row in stage.query(ITEMS)] == [3]
    assert stage.query("SELECT sum(captured), sum(landed) + sum(superseded) FROM cdc.batch") == [(8, 6)]


@apart
def test_a_truncated_row_does_not_come_back_and_later_ones_stay(
    stage: Stage, wire: PostgresWire, *, apart: bool
) -> None:
    story = Story(stage, wire, apart=apart)
    story.stream(("insert", item(1)))
    story.stream(("truncate",), ("insert", item(2, name="new")))
    story.read(item(1), item(2), item(3))
    story.land()
    assert stage.query(ITEMS) == [(2, "new", "long")]


@apart
def test_a_row_that_moved_away_does_not_come_back(stage: Stage, wire: PostgresWire, *, apart: bool) -> None:
    story = Story(stage, wire, apart=apart)
    story.stream(("change_key", item(1), item(5)))
    story.read(item(1), item(5, name="old"))
    story.land()
    assert [row[:2] for row in stage.query(ITEMS)] == [(5, "a")]


@apart
def test_a_changed_row_keeps_its_change(stage: Stage, wire: PostgresWire, *, apart: bool) -> None:
    story = Story(stage, wire, apart=apart)
    story.read(item(1), item(2))
    story.stream(("update", item(1, name="b", note=UNCHANGED)), ("update", item(2, name="b", note="changed")))
    story.read(item(1), item(2))
    story.land()
    assert stage.query(ITEMS) == [(1, "b", "long"), (2, "b", "changed")]


@apart
def test_changes_of_a_row_that_came_before_it_was_read_are_laid_over_it(
    stage: Stage, wire: PostgresWire, *, apart: bool
) -> None:
    story = Story(stage, wire, apart=apart)
    story.stream(("update", item(1, name="b", note=UNCHANGED)))
    story.stream(("update", item(1, name="c", note=UNCHANGED, qty="7.00")))
    story.read(item(1))
    story.land()
    assert stage.query(ITEMS) == [(1, "c", "long")]
    assert stage.query("SELECT qty::text, _source_ts IS NOT NULL FROM src.item") == [("7.00", True)]
    assert stage.query(STALE) == []
    assert stage.query(SUMS) == [(3, 1, 0, 2)] if apart else stage.query(SUMS) == [(3, 1, 2, 0)]
    story.stream(("update", item(1, name="d", note=UNCHANGED)))
    story.land()
    assert stage.query(ITEMS) == [(1, "d", "long")]


def test_changes_by_a_key_that_is_not_kept_are_laid_over_it_until_that_is_shredded(
    stage: Stage, wire: PostgresWire
) -> None:
    stage.session.protection = Protection({"m1": Secret("m" * 32)}, "m1")
    stage.do("INSERT INTO cdc.mirror_class VALUES ('src.item', 'personal', '{id}')")
    story = Story(stage, wire, apart=True)
    for row in ({"name": "b"}, {"name": "c", "qty": "7.00"}):
        story.stream(("update", item(1, note=UNCHANGED, **row)), ("update", item(2, note=UNCHANGED, **row)))
    kept = stage.query("SELECT DISTINCT key, length(key_token) FROM cdc.refused")
    assert (kept, len(stage.query("SELECT DISTINCT key_token FROM cdc.refused"))) == ([(None, 64)], 2)
    story.read(item(1))
    assert (stage.query(ITEMS), stage.query(STALE)) == ([(1, "c", "long")], [("2", "VAL-104")])
    # Nobody knows any more what has to be laid over the other one: it waits for a whole change.
    stage.do("UPDATE cdc.data_key SET wrapped = NULL, shredded_at = now(), reason = 'why'")
    story.read(item(2))
    assert (stage.query(ITEMS), stage.query(STALE)) == ([(1, "c", "long")], [("2", "VAL-104")])
    story.stream(("update", item(2, name="d", note="whole")))
    assert (stage.query(ITEMS)[1], stage.query(STALE)) == ((2, "d", "whole"), [])


@apart
def test_what_was_refused_of_an_earlier_row_of_the_key_is_not_laid_over(
    stage: Stage, wire: PostgresWire, *, apart: bool
) -> None:
    story = Story(stage, wire, apart=apart)
    story.stream(("update", item(1, name="first life", note=UNCHANGED)), ("delete", {"id": 1}))
    story.stream(("change_key", item(9), item(1, name="second life", note=UNCHANGED)))
    story.read(item(1, name="second life", note="its own"))
    story.land()
    # In one batch the row that was read is taken for none of the two: it waits for the next reading.
    wanted = [(1, "second life", "its own")]
    if not apart:
        assert (stage.query(ITEMS), stage.query(STALE)) == ([], [("1", "VAL-110")])
        story.read(item(1, name="second life", note="its own"))
        story.land()
    assert (stage.query(ITEMS), stage.query(STALE)) == (wanted, [])


@apart
def test_a_row_that_is_read_twice_is_there_once(stage: Stage, wire: PostgresWire, *, apart: bool) -> None:
    story = Story(stage, wire, apart=apart)
    story.read(item(1), item(2))
    story.read(item(2), item(3))
    story.land()
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2, 3]
    assert stage.query(SUMS) == [(4, 3, 1, 0)]


def test_a_refused_value_is_not_healed_by_an_older_row(stage: Stage, wire: PostgresWire) -> None:
    story = Story(stage, wire, apart=True)
    story.stream(("insert", item(1)))
    story.stream(("update", item(1, qty="no number")))
    story.read(item(1))
    assert stage.query(STALE) == [("1", "VAL-101")]
    story.stream(("update", item(1, name="corrected")))
    assert (stage.query(ITEMS), stage.query(STALE)) == ([(1, "corrected", "long")], [])

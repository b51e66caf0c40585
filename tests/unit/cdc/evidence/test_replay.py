"""A canonical row as it was: of one source row, or folded of what several said by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cdc.derive.plan import Step
from cdc.errors import FatalError
from cdc.evidence.history import Cell, Entry, images_of
from cdc.evidence.replay import Replayed, canonical_as_of
from transforms.mapping import Column, Fold, Rule, Target

START = datetime(2026, 11, 1, tzinfo=UTC)
KEY = Column("id", "text", required=True)
NAME = Column("name", "text", required=True)
FOLD = Fold(Target("trace", "part", (KEY, NAME), ("id",), (), "tombstone"), {"name": Rule("owner", "erp")}, "")


def step(name: str) -> Step:
    source = SimpleNamespace(schema=name.partition(".")[0])
    return cast("Step", SimpleNamespace(mapping=SimpleNamespace(name=name, source=source)))


def at(minutes: int | None, outcome: str = "row", *, marked: bool = False, **values: Any) -> Replayed:
    committed = None if minutes is None else START + timedelta(minutes=minutes)
    entry = Entry("inserted", "cdc.erp", 1, START, 7 if minutes is not None else None, committed)
    return Replayed(entry, outcome, ({"id": "A", **values},) if values else (), marked)


ERP = (step("erp.item"), ("1",), [at(1, name="one"), at(3, "refused with COD-201 state"), at(5, name="five")])
MES = (step("mes.item"), ("9",), [at(2, name="two"), at(9, "tombstone", marked=True, name="two")])


@pytest.mark.parametrize(
    ("minutes", "outcome", "name"),
    [(0, "not there", None), (1, "row", "one"), (4, "refused with COD-201 state", None), (6, "row", "five")],
)
def test_of_one_source_row(minutes: int, outcome: str, name: str | None) -> None:
    then = canonical_as_of([ERP], None, START + timedelta(minutes=minutes))
    assert (then.outcome, then.row and then.row["name"]) == (outcome, name)


@pytest.mark.parametrize(
    ("minutes", "outcome", "row"),
    [
        (0, "not there", None),
        (2, "row", {"id": "A", "name": "one", "_warnings": None}),
        (4, "refused with REQ-101 name no contribution says it", None),  # the owner's row is held by then
        (6, "row", {"id": "A", "name": "five", "_warnings": None}),
    ],
)
def test_folded_of_what_was_said_by_then(minutes: int, outcome: str, row: dict[str, Any] | None) -> None:
    then = canonical_as_of([ERP, MES], FOLD, START + timedelta(minutes=minutes))
    assert (then.outcome, then.row) == (outcome, row)


def test_what_a_row_was_before_it_was_seen_first_nobody_knows() -> None:
    read = Replayed(Entry("read", "cdc.erp", 4, START, 7, START), "row", ({"id": "A", "name": "one"},))
    parts = [(step("erp.item"), ("1",), [read])]
    with pytest.raises(FatalError, match="EVD-104"):
        canonical_as_of(parts, None, START - timedelta(minutes=1))


def test_what_a_cascade_has_made_of_it_nobody_knows() -> None:
    parts = [(step("erp.item"), ("1",), [at(1, name="one"), at(None, "not known")])]
    with pytest.raises(FatalError, match="EVD-104"):
        canonical_as_of(parts, None, START + timedelta(minutes=9))


def test_behind_what_was_shredded_nobody_knows_the_row_before_it_comes_whole() -> None:
    cells = (Cell("id", None, "1"),)
    told = [Entry(what, "cdc.erp", 1, START, 7, START, cells=cells) for what in ("inserted", "updated", "inserted")]
    lost = Entry("shredded on 2026-11-01 by a", "cdc.erp", 1, START, shredded=True)
    assert [image.row for image in images_of([told[0], lost, *told[1:]])] == [{"id": "1"}, None, None, {"id": "1"}]
    changes = [Replayed(told[0], "row", ({"id": "1"},)), Replayed(lost, "not known"), Replayed(told[1], "not known")]
    with pytest.raises(FatalError, match="PRT-107"):
        canonical_as_of([(step("erp.a"), ("1",), changes)], None, START)

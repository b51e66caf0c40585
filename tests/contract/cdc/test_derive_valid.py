"""Look-ups of rows that are valid for a time: which one is found, and who follows when only its time changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from tests.contract.derive_target import SmallWorld, copying, small_world
from transforms.mapping import Lookup, Match, MirrorRef, Valid

PRICE, SALE = MirrorRef("src", "price"), MirrorRef("src", "sale")
DDL = {
    PRICE: "id int PRIMARY KEY, item text, amount text, since date, until date",
    SALE: "id int PRIMARY KEY, item text, day date",
}
LOOKUP = Lookup("price", PRICE, (Match("item", "", "item"),), None, Valid("", "day", "since", "until"))
VALUES = {"id": ("", "id", "integer"), "amount": ("price", "amount", "text"), "day": ("", "day", "date")}


@pytest.fixture
def world(target, target_dsn: str) -> Iterator[SmallWorld]:
    sales = copying("sales", SALE, "out.sale", VALUES, ("id",), (LOOKUP,))
    with small_world(target_dsn, DDL, [sales]) as world:
        world.insert(
            PRICE,
            {"id": 1, "item": "A", "amount": "old", "since": None, "until": date(2026, 1, 1)},
            {"id": 2, "item": "A", "amount": "new", "since": date(2026, 1, 1), "until": None},
        )
        days = [date(2025, 12, 31), date(2026, 1, 1), None]
        world.insert(SALE, *({"id": number, "item": "A", "day": day} for number, day in enumerate(days)))
        world.derive()
        yield world


def amounts(world: SmallWorld) -> list[str | None]:
    return [amount for (amount,) in world.rows("SELECT amount FROM out.sale ORDER BY id")]


def test_the_row_is_found_that_is_valid_at_the_moment(world: SmallWorld) -> None:
    assert amounts(world) == ["old", "new", None]


def test_rows_follow_when_only_the_time_of_what_they_look_up_changes(world: SmallWorld) -> None:
    world.insert(PRICE, {"id": 2, "item": "A", "amount": "new", "since": date(2026, 6, 1), "until": None})
    world.derive()
    assert amounts(world) == ["old", None, None]


def test_rows_follow_when_their_moment_changes(world: SmallWorld) -> None:
    world.insert(SALE, {"id": 1, "item": "A", "day": date(2025, 1, 1)})
    world.derive()
    assert amounts(world) == ["old", "old", None]


def test_a_look_up_forgets_its_time_and_is_found_out(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is watched of a row that is looked up is also from when to when it is valid, or nobody would follow."""
    monkeypatch.setattr(Lookup, "columns", property(lambda lookup: [match.column for match in lookup.match]))
    world.use(mapping for domain in world.domains for mapping in domain.mappings)
    world.insert(PRICE, {"id": 2, "item": "A", "amount": "new", "since": date(2026, 6, 1), "until": None})
    world.derive()
    assert amounts(world) == ["old", "new", None]

"""Parents first, whatever refers to what."""

from __future__ import annotations

import random

import pytest

from cdc.capture.onboard.decision import Name
from cdc.capture.onboard.order import parents_first


def name(text: str) -> Name:
    return "public", text


def parents(**refers: str) -> dict[Name, set[Name]]:
    return {name(table): {name(parent) for parent in own.split()} for table, own in refers.items()}


def test_parents_stand_first_and_the_rest_by_name() -> None:
    order, circles = parents_first(parents(order_line="customer_order item", item="", customer_order="item", audit=""))
    assert [table for _, table in order] == ["audit", "item", "customer_order", "order_line"]
    assert circles == []


def test_a_table_that_refers_to_itself_or_to_what_is_not_captured_waits_for_nothing() -> None:
    order, circles = parents_first(parents(part="part elsewhere", assembly="part"))
    assert [table for _, table in order] == ["part", "assembly"]
    assert circles == []


def test_a_circle_is_told_once_and_what_hangs_on_it_stands_behind_it() -> None:
    order, circles = parents_first(parents(child="c", a="b root", b="c", c="a", root=""))
    assert [table for _, table in order] == ["root", "a", "c", "b", "child"]
    assert circles == [frozenset({name("a"), name("b"), name("c")})]


@pytest.mark.parametrize("seed", range(20))
def test_only_tables_of_a_circle_stand_before_a_parent(seed: int) -> None:
    draw = random.Random(seed)
    names = [f"t{number}" for number in range(40)]
    refers = parents(**{table: " ".join(draw.sample(names, draw.choice([0, 1, 1, 2]))) for table in names})
    order, circles = parents_first(refers)
    assert sorted(order) == sorted(refers)
    place = {table: index for index, table in enumerate(order)}
    for table, own in refers.items():
        for parent in own - {table}:
            together = any({table, parent} <= circle for circle in circles)
            assert place[parent] < place[table] or together, (table, parent)

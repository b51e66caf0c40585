"""What a connector that is started again among rows of one place loses or doubles, as far as the stream shows it."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.errors import FatalError
from cdc.stream.assembler import Assembler
from cdc.stream.envelope import read_event
from cdc.stream.unit import State
from tests.unit.cdc.stream.wire import MariaWire, MySqlWire, PostgresWire, Wire

KEYED = ("item", "id")
KEYLESS = ("log", "")


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number} for number in numbers]


def arrived(wire: Wire) -> int:
    """Return how many rows the units of the stream have."""
    assembler = Assembler(wire.database, State(None, 1), lambda _: None)
    return sum(unit.row_count for record in wire.records for unit in assembler.feed(read_event(record, wire.database)))


def refused(wire: Wire) -> str:
    with pytest.raises(FatalError) as caught:
        arrived(wire)
    assert caught.value.code == "STR-124"
    return caught.value.detail


@pytest.fixture
def wire() -> PostgresWire:
    wire = PostgresWire()
    wire.begin()
    return wire


def test_a_copy_that_nobody_interrupts(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2, 3))
    wire.block(*KEYED, *rows(4))
    wire.end()
    assert arrived(wire) == 4


def test_the_rest_of_a_block_is_missing_behind_its_first_row(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.block(*KEYED, *rows(3))
    wire.start()
    wire.block(*KEYED, *rows(5, 6))
    assert refused(wire) == "rows of public.item may be missing behind offset 3"


def test_it_is_missing_from_the_first_block_as_the_next_one_shows(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1))
    wire.start()
    wire.block(*KEYED, *rows(3))
    wire.block(*KEYED, *rows(4, 5))
    assert refused(wire) == "rows of public.item may be missing behind offset 1"


def test_it_is_missing_from_the_last_block(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.block(*KEYED, *rows(3))
    wire.start()
    wire.end()
    assert refused(wire) == "rows of public.item may be missing behind offset 3"


def test_nothing_is_missing_behind_several_rows_of_a_block(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.block(*KEYED, *rows(3, 4))
    wire.start()
    wire.block(*KEYED, *rows(6, 7))
    wire.end()
    assert arrived(wire) == 6


def test_nothing_is_missing_where_the_block_goes_on(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.block(*KEYED, *rows(3))
    wire.start()
    wire.log_from -= 1  # the place of the row before
    wire.block(*KEYED, *rows(4))
    wire.log_from += 1
    wire.block(*KEYED, *rows(5, 6))
    wire.end()
    assert arrived(wire) == 6


def test_rows_of_an_insert_have_their_own_places(wire: PostgresWire) -> None:
    for number in range(4):
        wire.insert(*KEYED, {"id": number})
        wire.start()
    wire.change_key(*KEYED, {"id": 3}, {"id": 9})
    wire.end()
    assert arrived(wire) == 6


def test_a_copy_into_another_table_shows_nothing(wire: PostgresWire) -> None:
    wire.block("lot", "id", *rows(1, 2))
    wire.insert(*KEYED, {"id": 1})
    wire.start()
    wire.insert(*KEYED, {"id": 2})
    wire.end()
    assert arrived(wire) == 4


def test_an_update_is_the_only_one_at_its_place(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.update(*KEYED, {"id": 1})
    wire.start()
    wire.block(*KEYED, *rows(3, 4))
    wire.end()
    assert arrived(wire) == 5


@pytest.mark.parametrize("again", [0, 1])
def test_a_start_before_the_first_row_loses_nothing(again: int) -> None:
    wire = PostgresWire()
    wire.begin()
    for _ in range(again):
        wire.start()
    wire.block(*KEYED, *rows(1))
    wire.block(*KEYED, *rows(2, 3))
    wire.end()
    assert arrived(wire) == 3


def sent_again(wire: PostgresWire, table: tuple[str, str], number: int, first: int = 1) -> None:
    """Interrupt a block of three behind its second row, 2; `number` is the row with which it goes on."""
    wire.block(*table, *rows(first, 2))
    wire.start()
    wire.log_from -= 2
    wire.block(*table, *rows(number))
    wire.log_from += 2
    wire.end()


def test_a_row_without_a_key_may_have_come_twice_in_the_first_block(wire: PostgresWire) -> None:
    sent_again(wire, KEYLESS, 2)
    assert refused(wire) == "public.log: offset 3 may be the row of offset 2 again"


def test_it_comes_once_in_other_blocks(wire: PostgresWire) -> None:
    wire.block(*KEYLESS, *rows(0))
    sent_again(wire, KEYLESS, 2)
    assert arrived(wire) == 4


@pytest.mark.parametrize(("table", "number"), [(KEYED, 2), (KEYLESS, 3)])
def test_a_row_that_can_be_told_apart_is_taken(wire: PostgresWire, table: tuple[str, str], number: int) -> None:
    sent_again(wire, table, number)
    assert arrived(wire) == 3


def test_equal_rows_behind_one_another_are_taken_for_one(wire: PostgresWire) -> None:
    sent_again(wire, KEYLESS, 2, first=2)
    assert refused(wire) == "public.log: offset 3 may be the row of offset 2 again"


def test_what_came_before_shows_that_nothing_was_left_out(wire: PostgresWire) -> None:
    wire.block(*KEYED, *rows(1, 2))
    wire.block(*KEYED, *rows(3))
    wire.start()
    wire.heartbeat()
    wire.repeat(1, 3)
    wire.block(*KEYED, *rows(5, 6))
    wire.end()
    assert arrived(wire) == 5


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire(), MySqlWire()])
def test_a_row_that_does_not_come_back_under_its_new_key(wire: Wire, is_last: bool) -> None:
    wire.records.clear()
    wire.begin()
    wire.change_key(*KEYED, {"id": 1}, {"id": 2})
    gone = wire.records.pop()
    wire.order -= 1
    if not is_last:
        wire.insert(*KEYED, {"id": 3})
    wire.end()
    assert refused(wire) == f"public.item: the row of offset {gone.offset - 1} is missing under its new key"


def test_a_row_that_comes_back_under_its_new_key(wire: PostgresWire) -> None:
    wire.change_key(*KEYED, {"id": 1}, {"id": 2})
    wire.start()
    wire.delete(*KEYED, {"id": 2})
    wire.start()
    wire.end()
    assert arrived(wire) == 3


def test_a_truncate_of_which_tables_may_be_missing(wire: PostgresWire) -> None:
    wire.truncate("item")
    wire.start()
    wire.insert(*KEYED, {"id": 3})
    assert refused(wire) == "a TRUNCATE may be missing behind that of public.item, offset 1"


def test_a_truncate_that_goes_on(wire: PostgresWire) -> None:
    wire.truncate("item")
    wire.start()
    wire.log_from -= 1
    wire.truncate("lot")
    wire.end()
    assert arrived(wire) == 2

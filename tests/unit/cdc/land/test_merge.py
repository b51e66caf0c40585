from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cdc.capture.contract import ColumnContract, Contract
from cdc.errors import FatalError
from cdc.land.contract.merge import is_published_anew, merge


def column(name: str, number: int | None = None, **changes: Any) -> ColumnContract:
    plain = ColumnContract(name, "varchar(20)", "character varying(20)", "text", nullable=True, number=number)
    return dataclasses.replace(plain, **changes)


def table(*columns: ColumnContract, **changes: Any) -> Contract:
    return dataclasses.replace(
        Contract("src.t", "public.t", ("id",), "primary", (column("id", 1), *columns)), **changes
    )


def refused(in_force: Contract, wanted: Contract, *, live: bool = True) -> FatalError:
    with pytest.raises(FatalError) as caught:
        merge(in_force, wanted, live=live)
    return caught.value


def test_the_first_contract_is_taken_as_it_is() -> None:
    assert merge(None, table()) == table()


@pytest.mark.parametrize("live", [False, True])
def test_another_comment_makes_no_other_contract(live: bool) -> None:
    before, after = table(column("name", 2)), table(column("name", 2, comment="生产批号"))
    assert merge(before, after, live=live) == before


@pytest.mark.parametrize("numbers", [(2, 2), (None, None), (None, 2), (2, None)])
@pytest.mark.parametrize("live", [False, True])
def test_a_column_that_may_have_been_renamed_is_refused(numbers: tuple[Any, Any], live: bool) -> None:
    error = refused(table(column("name", numbers[0])), table(column("full_name", numbers[1])), live=live)
    assert (error.code, error.detail) == ("TGT-113", "src.t: name is gone, full_name has come")


def test_a_dropped_column_and_a_new_one_are_told_apart_by_number() -> None:
    merged = merge(table(column("a", 2)), table(column("b", 3)), live=True)
    assert [known.name for known in merged.columns] == ["id", "b", "a"]
    assert merged.dropped == ("a",)


def test_a_dropped_column_stays_dropped_and_stands_in_no_ones_way() -> None:
    dropped = merge(table(column("a")), table(), live=True)
    assert dropped.dropped == ("a",)
    assert merge(dropped, table(), live=True) == dropped
    assert merge(dropped, table(column("b")), live=True).dropped == ("a",)


def test_a_file_that_lacks_a_column_does_not_drop_it() -> None:
    behind = merge(table(column("a", 2)), table())
    assert behind == table(column("a", 2))


def test_a_file_that_has_a_dropped_column_does_not_bring_it_back() -> None:
    dropped = merge(table(column("a", 2)), table(), live=True)
    assert merge(dropped, table(column("a"))).dropped == ("a",)


@pytest.mark.parametrize(("before", "after"), [(2, 3), (None, None)])
def test_a_column_that_was_dropped_and_came_again_is_refused(before: Any, after: Any) -> None:
    dropped = merge(table(column("a", before)), table(), live=True)
    assert refused(dropped, table(column("a", after))).code == "TGT-113"


def test_another_column_under_the_same_name_is_refused_if_numbers_tell() -> None:
    assert refused(table(column("a", 2)), table(column("a", 3))).code == "TGT-113"
    assert merge(table(column("a")), table(column("a", 3)), live=True).column("a").number == 3


def test_numbers_outlive_a_file() -> None:
    assert merge(table(column("a", 2)), table(column("a"))) == table(column("a", 2))


def test_an_entry_of_the_publication_outlives_a_file_and_tells_that_the_table_was_out() -> None:
    before, after = (dataclasses.replace(table(), published=entry) for entry in (7, 8))
    assert merge(before, table()).published == merge(table(), before, live=True).published == 7
    assert merge(before, after, live=True) == after
    assert is_published_anew(before, after)
    assert not any(is_published_anew(*pair) for pair in ((before, before), (table(), after), (before, table())))


def test_the_tables_number_outlives_a_file_and_tells_that_it_is_another_table() -> None:
    before, after = (dataclasses.replace(table(), published=7, relation=number) for number in (1, 2))
    assert merge(before, table()).relation == merge(table(), before, live=True).relation == 1
    assert merge(before, after, live=True) == after
    assert is_published_anew(before, after)
    assert not any(is_published_anew(*pair) for pair in ((before, before), (table(), after), (before, table())))


def test_a_reading_that_was_overtaken_drops_nothing_for_good() -> None:
    dropped = merge(table(column("a", 2)), table(), live=True)
    assert merge(dropped, table(column("a", 2)), live=True).dropped == ()


def test_what_older_rows_hold_is_settled_when_the_column_comes() -> None:
    known = merge(table(), table(column("a", 2, default="A")), live=True)
    assert merge(known, table(column("a", 2, default="B")), live=True).column("a").default == "A"
    assert merge(known, table(column("a", default="B"))).column("a").default == "B"


def test_a_file_does_not_narrow_what_the_source_has_widened() -> None:
    wide = column("a", 2, type="varchar(40)", mirror_type="character varying(40)")
    assert merge(table(wide), table(column("a"))).column("a") == wide
    assert merge(table(wide), table(column("a", 2)), live=True).column("a").mirror_type == "character varying(20)"


@pytest.mark.parametrize(
    ("old", "new", "decoder"),
    [
        (("text", "enum"), ("text", "text"), "text"),
        (("smallint", "tinyint1"), ("integer", "int"), "tinyint1"),
        (("smallint", "int"), ("smallint", "tinyint1"), "tinyint1"),
        (("text", "text"), ("text", "enum"), None),
        (("text", "text_hex"), ("text", "text"), None),
        (("lseg", "text_hex"), ("lseg", "lseg"), "lseg"),
        (("lseg", "lseg"), ("lseg", "text_hex"), None),
    ],
)
def test_events_from_before_and_after_a_change_need_one_decoder(
    old: tuple[str, str], new: tuple[str, str], decoder: str | None
) -> None:
    before, after = (table(column("a", mirror_type=kind, decoder=name)) for kind, name in (old, new))
    if decoder is None:
        assert refused(before, after).code == "TGT-110"
    else:
        assert merge(before, after, live=True).column("a").decoder == decoder


def test_a_number_that_loses_its_sign_is_refused() -> None:
    signed = column("a", type="int(11)", mirror_type="integer", decoder="int")
    unsigned = column("a", type="int(10) unsigned", mirror_type="bigint", decoder="int")
    assert refused(table(signed), table(unsigned)).code == "TGT-110"
    assert merge(table(unsigned), table(unsigned), live=True) == table(unsigned)


def test_a_file_neither_forbids_null_nor_takes_what_is_narrower() -> None:
    known = column("a", type="enum('a','b')", mirror_type="text", decoder="enum", charset="utf8mb4")
    behind = dataclasses.replace(known, type="enum('a')", nullable=False)
    assert merge(table(known), table(behind)).column("a") == known
    assert refused(table(known), table(behind)).detail == (
        "src.t.a: was enum('a','b') (utf8mb4), is enum('a') (utf8mb4)"
    )


def test_a_generated_column_that_becomes_a_plain_one_holds_what_nobody_can_tell() -> None:
    merged = merge(table(omitted=("total",)), table(column("total", 2)), live=True)
    assert merged.column("total").computed_default


def test_a_file_that_does_not_know_a_generated_column_yet_changes_nothing() -> None:
    in_force = table(omitted=("total", "late"))
    assert merge(in_force, table(omitted=("total",))) == in_force
    assert merge(in_force, table(omitted=("total",)), live=True).omitted == ("total",)
    assert merge(in_force, table(column("late", 2), omitted=("total",))).omitted == ("total",)
    assert merge(in_force, table(omitted=("total",), without=("late",))).skipped == ("total", "late")


def test_a_column_that_is_left_out_goes_and_one_that_comes_back_holds_what_nobody_can_tell() -> None:
    before = table(column("photo", 2), column("gone", 3), dropped=("gone",))
    merged = merge(before, table(without=("photo",)))
    assert [found.name for found in merged.columns] == ["id", "gone"]
    assert (merged.without, merged.dropped) == (("photo",), ("gone",))
    assert merge(merged, table(without=("photo",)), live=True) == merged
    assert merge(merged, table(column("photo", 2))).column("photo").computed_default


def test_a_dropped_column_that_is_left_out_is_forgotten() -> None:
    merged = merge(table(column("photo", 2), dropped=("photo",)), table(without=("photo",)))
    assert (merged.columns, merged.dropped) == (table().columns, ())

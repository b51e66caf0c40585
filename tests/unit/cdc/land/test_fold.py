from __future__ import annotations

from typing import Any

import pytest

from cdc.change import UNCHANGED, Change, Refusal
from cdc.errors import FatalError
from cdc.land.change.fold import DUPLICATE, Image, fold


def change(offset: int, op: str, key: int, old_key: int | None = None, **values: Any) -> Change:
    return Change(offset, op, (key,), values, None, None if old_key is None else (old_key,))


def image(*changes: Change | Refusal, key: int = 1) -> Image:
    return fold(changes).images[(key,)]


def test_the_last_change_of_a_key_wins() -> None:
    found = image(change(1, "c", 1, a=1), change(2, "u", 1, a=2))
    assert (found.values, found.offset, found.mirror_key) == ({"a": 2}, 2, None)


def test_an_unchanged_value_comes_from_the_stretch_if_it_is_there() -> None:
    found = image(change(1, "u", 1, a=1, t="x"), change(2, "u", 1, a=2, t=UNCHANGED))
    assert (found.values, found.mirror_key) == ({"a": 2, "t": "x"}, None)


def test_an_unchanged_value_comes_from_the_mirror_under_the_first_key_of_a_chain() -> None:
    chain = [change(1, "d", 1), change(2, "c", 2, 1, t=UNCHANGED), change(3, "d", 2), change(4, "c", 3, 2, t=UNCHANGED)]
    assert image(*chain, key=3).mirror_key == (1,)
    assert image(*chain, key=2).is_deleted
    assert image(*chain, key=2).mirror_key == (1,)


def test_an_update_keeps_what_it_does_not_know() -> None:
    found = image(change(1, "c", 1, a=1, dropped="x"), change(2, "u", 1, a=2))
    assert found.values == {"a": 2, "dropped": "x"}


def test_an_insert_after_a_delete_keeps_nothing_of_the_row_before() -> None:
    found = image(change(1, "c", 1, a=1, b=1), change(2, "d", 1), change(3, "c", 1, a=2))
    assert (found.values, found.is_deleted) == ({"a": 2}, False)


def test_a_delete_keeps_the_last_image_and_its_own_place() -> None:
    found = image(change(1, "u", 1, a=1), change(2, "d", 1))
    assert (found.values, found.offset, found.deleted_at, found.last_offset) == ({"a": 1}, 1, 2, 2)


def test_a_second_delete_of_a_row_that_is_gone_changes_nothing() -> None:
    found = image(change(1, "d", 1), change(2, "d", 1))
    assert found.deleted_at == 1


def test_an_update_that_moves_a_row_deletes_the_old_key() -> None:
    moved = [change(1, "u", 2, 1, a=1)]
    assert image(*moved, key=1).is_deleted
    assert image(*moved, key=2).values == {"a": 1}


def test_a_row_that_is_read_again_unchanged_only_moves() -> None:
    found = image(change(1, "u", 1, a=1), change(2, "r", 1, a=1))
    assert (found.offset, found.reread) == (2, False)


def test_a_refusal_leaves_the_row_behind_until_it_comes_whole() -> None:
    refusal = Refusal(2, (1,), "VAL-101", "t.a")
    assert image(change(1, "c", 1, a=1), refusal).behind == refusal
    assert image(refusal, change(3, "u", 1, a=1, t=UNCHANGED)).behind == refusal
    assert image(refusal, change(3, "u", 1, a=1)).behind is None
    assert image(refusal, change(3, "d", 1)).behind is None


def test_a_refused_insert_after_a_delete_leaves_the_key_deleted_and_behind() -> None:
    refusal = Refusal(2, (1,), "VAL-101", "t.a")
    found = image(change(1, "d", 1), refusal)
    assert found.is_deleted
    assert found.behind == refusal


def test_a_partial_update_of_a_refused_insert_is_refused() -> None:
    folded = fold([change(1, "d", 1), Refusal(2, (1,), "VAL-101", "t.a"), change(3, "u", 1, t=UNCHANGED)])
    assert [(refusal.offset, refusal.code) for refusal in folded.refusals] == [(3, "VAL-104")]
    assert folded.images[(1,)].is_deleted


def test_a_key_change_of_a_refused_insert_is_refused() -> None:
    folded = fold(
        [change(1, "d", 1), Refusal(2, (1,), "VAL-101", "t.a"), change(3, "d", 1), change(4, "c", 2, 1, t=UNCHANGED)]
    )
    assert [refusal.key for refusal in folded.refusals] == [(2,)]
    assert folded.images[(2,)].values is None


def test_a_partial_update_of_a_deleted_row_stops_the_stream() -> None:
    with pytest.raises(FatalError, match="LND-104"):
        fold([change(1, "d", 1), change(2, "u", 1, t=UNCHANGED)])


def test_taking_an_image_back_uncovers_the_delete_before_it() -> None:
    folded = fold([change(1, "u", 1, a=1), change(2, "d", 1), change(3, "d", 9), change(4, "c", 1, 9, t=UNCHANGED)])
    folded.refuse(folded.images[(1,)])
    found = folded.images[(1,)]
    assert (found.deleted_at, found.values) == (2, {"a": 1})
    assert found.behind is not None
    assert found.behind.offset == 4


def test_taking_an_image_back_does_not_hide_that_two_rows_had_its_key() -> None:
    duplicate = Refusal(3, (1,), DUPLICATE, "t")
    folded = fold([change(1, "d", 9), change(2, "c", 1, 9, t=UNCHANGED), duplicate])
    folded.refuse(folded.images[(1,)])
    assert [refusal.code for refusal in folded.refusals] == ["VAL-104"]
    assert folded.images[(1,)].behind == duplicate

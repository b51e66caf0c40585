"""Differences as they are put on record."""

from __future__ import annotations

from cdc.cli.differing import recorded
from cdc.derive.rehearsal import Difference
from cdc.protect.mask import MASK, Masks


def test_a_key_that_may_be_a_persons_is_not_put_on_record() -> None:
    hidden = Masks(
        frozenset({"src.item.code"}), mirrors={"src.item": ["code", "number"]}, origin={"src.item": "src.item"}
    )
    difference = Difference("trace.thing", "src.item", ("canary", "1"), (("kind", "a"),), None)
    assert recorded(hidden, difference)["source_key"] == [MASK, "1"]

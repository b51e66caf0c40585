"""GTIDs, as both products write them."""

from __future__ import annotations

import pytest

from cdc.capture.log_end import gtid_marks
from cdc.errors import FatalError
from cdc.land.restored import require_not_restored

ONE, OTHER = "cb3422d3-ea80-11f1-ab0a-02fc00000001", "5072b10c-ea80-11f1-a419-02fc00000001"


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("", {}),
        ("0-1-42,7-1-3", {"0": 42, "7": 3}),
        (f"{ONE}:17", {ONE: 17}),
        (f"{ONE.upper()}:1-9:11-20", {ONE: 20}),
        (f"{OTHER}:1-3,\n{ONE}:1-9:11", {OTHER: 3, ONE: 11}),
        (f"{ONE}:1-9:batch:1-4:7:other:2", {ONE: 9, f"{ONE}:batch": 7, f"{ONE}:other": 2}),
        (f"{ONE}:batch:5", {f"{ONE}:batch": 5}),
    ],
)
def test_the_largest_number_of_each_counts(text: str, marks: dict[str, int]) -> None:
    assert gtid_marks(text) == marks


def test_a_server_that_was_restored_has_a_smaller_set() -> None:
    landed = gtid_marks(f"{ONE}:42")
    require_not_restored("cdc.shop", landed, gtid_marks(f"{OTHER}:1-3,{ONE}:1-42"))
    with pytest.raises(FatalError, match=f"STR-123 .*ends at sequence number 41 of domain {ONE}"):
        require_not_restored("cdc.shop", landed, gtid_marks(f"{ONE}:1-41"))

"""The example runner finds what is wrong; otherwise green examples would say nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from transforms.load import load
from transforms.outcome import run_example

MAPPING = next(mapping for mapping in load().mappings if mapping.name == "erp.ICStockBillEntry")
EXAMPLES = {example.name: example for example in MAPPING.examples}
GOOD, FILTERED, REFUSED = EXAMPLES["production receipt"], EXAMPLES["cancelled"], EXAMPLES["bill not here"]

ROW = GOOD.expected[0][0]


def other(column, value):
    """Return the outcome with another value in the first table."""
    place = [one.name for one in MAPPING.targets[0].columns].index(column)
    return (((*ROW[:place], value, *ROW[place + 1 :]),), *GOOD.expected[1:])


def test_what_comes_out_as_expected_is_no_news():
    assert [run_example(MAPPING, example) for example in (GOOD, FILTERED, REFUSED)] == [()] * 3


@pytest.mark.parametrize(
    ("example", "told"),
    [
        (
            replace(GOOD, expected=other("movement_id", "K3-1001-2")),
            "trace.stock_movement: movement_id is 'K3-1001-1', expected 'K3-1001-2'",
        ),
        (
            replace(GOOD, expected=other("source_bill", None)),
            "trace.stock_movement: source_bill is 'WORK000077', expected None",
        ),
        (replace(GOOD, expected=None), "gave a row, expected filtered"),
        (replace(GOOD, expected=None, code="REF-301"), "gave a row, expected REF-301"),
        (replace(FILTERED, expected=GOOD.expected), "filtered, expected a row"),
        (replace(FILTERED, code="REF-301"), "filtered, expected REF-301"),
        (replace(REFUSED, code="REF-302"), "refused with REF-301 head erp.ICStockBill: no row found, expected REF-302"),
        (replace(REFUSED, code=None), "refused with REF-301 head erp.ICStockBill: no row found, expected filtered"),
    ],
)
def test_any_other_outcome_is_told(example, told):
    assert run_example(MAPPING, example) == (told,)


def test_another_number_of_digits_is_another_value():
    (told,) = run_example(MAPPING, replace(GOOD, expected=other("quantity", Decimal("100.0"))))
    assert told == "trace.stock_movement: quantity is Decimal('100.000000'), expected Decimal('100.0')"


def test_example_like_another_changes_only_what_it_names():
    changed = EXAMPLES["lot with a space inside"].row
    assert [
        used.column for used, one, other in zip(MAPPING.inputs, GOOD.row, changed, strict=True) if one != other
    ] == ["FBatchNo"]

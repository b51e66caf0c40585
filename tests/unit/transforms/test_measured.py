"""Measured values: number, bound, tolerance or word; a bound is never a bare number, and nobody guesses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import DictionaryError, Refused
from transforms.value.measured import Measured, parse_measured


def measured(value: str | None, comparator: str | None = "=", tolerance: str | None = None) -> Measured:
    return Measured(value and Decimal(value), comparator, tolerance and Decimal(tolerance))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5", measured("12.5")),
        ("１２.5", measured("12.5")),
        ("1,200.50 ", measured("1200.50")),
        ("-3", measured("-3")),
        ("\u22123", measured("-3")),
        ("≥5", measured("5", ">=")),
        ("≤ 0.05", measured("0.05", "<=")),
        ("<0.05", measured("0.05", "<")),
        ("＜0.05", measured("0.05", "<")),
        (">=7", measured("7", ">=")),
        ("~3", measured("3", "~")),
        ("≈3", measured("3", "~")),
        ("=3", measured("3")),
        ("1.02±0.03", measured("1.02", "=", "0.03")),
        ("1.02 +/- 0.03", measured("1.02", "=", "0.03")),
        ("OK", measured(None, None)),
        ("/", measured(None, None)),
        ("合格", measured(None, None)),
        ("", measured(None, None)),
        ("<", measured(None, None)),
    ],
)
def test_what_a_text_says(text, expected):
    assert parse_measured(text) == expected


NO_FORMS = [
    *[
        "10²",
        "5×10³",
        "1.2.3",
        "1.02±-0.03",
        "1.02±\u22120.03",
        "1.02 +/- +0.03",
        "12,5",
        "1,20",
        "1e5",
        "3 mm",
        "5-7",
        "1/2",
        "½",
        "① 5",
        "5 >",
        "1 2",
        "9" * 61,
        "±3",
        "٣",
    ],
]


@pytest.mark.parametrize("text", NO_FORMS)
def test_digits_in_another_form_are_refused(text):
    with pytest.raises(Refused, match="NUM-101"):
        parse_measured(text)


def said(text: str) -> Measured | str:
    try:
        return parse_measured(text)
    except Refused as refused:
        return refused.code


def test_any_text_is_a_value_a_word_or_refused():
    @given(st.text(max_size=40) | st.text("0123456789.,<>≥≤±+-/ ", max_size=30))
    def holds(text):
        found = said(text)
        assert found == "NUM-101" or (found.value is None) == (found.comparator is None)

    holds()


FIELDS = (
    "  value: {label: {zh: v, en: v}, definition: d, type: 'decimal(9,3)', owner: o, example: '2.5'}\n"
    "  sign: {label: {zh: s, en: s}, definition: d, type: string(2), owner: o, example: '<='}\n"
)
MAPPING = """
mapping: erp.tests
version: "1"
source:
  table: erp.tests
  columns: {no: text, result: text}
let:
  amount: MEASURED_VALUE(result)
target:
  table: trace.test
  key: [part_id]
  columns:
    part_id: no
    value: amount
    sign: MEASURED_COMPARATOR(result)
examples:
  - {name: a bound, in: {no: P1, result: "<0.05"}, out: {part_id: P1, value: "0.050", sign: "<"}}
  - {name: a word, in: {no: P1, result: OK}, out: {part_id: P1}}
"""


def test_a_value_without_its_comparator_is_a_fault(folder):
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELDS}")
    folder.write("mappings/erp.tests.yaml", MAPPING.lstrip())
    folder.load()
    without = MAPPING.lstrip().replace("    sign: MEASURED_COMPARATOR(result)\n", "").replace(', sign: "<"', "")
    folder.write("mappings/erp.tests.yaml", without)
    with pytest.raises(DictionaryError) as error:
        folder.load()
    assert "a value without its comparator passes a bound off as a number" in str(error.value)

"""Words and sentinels for "none": of a source, and of a field whichever source says them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from transforms.errors import DictionaryError

FIELDS = """  word: {label: {zh: w, en: w}, definition: d, type: string(9), owner: o, example: x, null_tokens: [无批号,
    none]}
  day: {label: {zh: d, en: d}, definition: d, type: date, owner: o, example: "2026-01-31", null_tokens: ["9999-12-31"]}
  instant:
    {label: {zh: i, en: i}, definition: d, type: datetime, owner: o, example: "2026-01-31T00:00:00Z",
     null_tokens: ["1900-01-01T00:00:00+08:00"]}
  amount: {label: {zh: a, en: a}, definition: d, type: "decimal(9,2)", owner: o, example: "1",
    null_tokens: ["-1", "0.00"]}
  kind: {label: {zh: k, en: k}, definition: d, type: code, code_set: state, owner: o, example: ON, null_tokens: ["8"]}
"""
MAPPING = """mapping: erp.things
version: "1"
source:
  table: erp.things
  columns: {no: text, word: text, day: date, instant: timestamptz, amount: decimal, kind: integer}
target:
  table: trace.thing
  key: [part_id]
  columns: {part_id: no, word: word, day: day, instant: instant, amount: amount, kind: kind}
examples:
  - {name: bare, in: {no: P1, word: " 无批号 ", day: "9999-12-31", amount: "-1", kind: "8"}, out: {part_id: P1}}
"""


@pytest.fixture
def thing(folder):
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELDS}")
    folder.write("mappings/erp.things.yaml", MAPPING)

    def thing(**values):
        mapping = next(mapping for mapping in folder.load().mappings if mapping.name == "erp.things")
        ((row,),) = mapping.normalise([{"no": "P1", **values}.get(used.column) for used in mapping.inputs])
        return dict(zip((column.name for column in mapping.targets[0].columns), row, strict=True))

    return thing


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("word", "无批号"),
        ("word", " none\t"),
        ("word", "-"),
        ("day", date(9999, 12, 31)),
        ("instant", datetime(1899, 12, 31, 16, tzinfo=UTC)),
        ("amount", Decimal("-1.0000")),
        ("amount", 0),
        ("kind", 8),
        ("kind", Decimal("8")),
    ],
)
def test_what_means_none_is_null(thing, column, value):
    assert thing(**{column: value})[column] is None


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("word", "None", "None"),
        ("day", date(9999, 12, 30), date(9999, 12, 30)),
        ("amount", Decimal("0.01"), Decimal("0.01")),
        ("kind", 1, "ON"),
    ],
)
def test_all_else_is_a_value(thing, column, value, expected):
    assert thing(**{column: value})[column] == expected


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"9999-12-31"]', '"99991231x"]', "`99991231x` is no date"),
        ('"1900-01-01T00:00:00+08:00"', '"1900-01-01"', "is no datetime"),
        ('"0.00"', '"1e3"', "`1e3` is no decimal"),
    ],
)
def test_a_sentinel_is_of_the_fields_type(folder, thing, old, new, told):
    folder.replace("fields.yaml", old, new)
    with pytest.raises(DictionaryError, match=told):
        thing()

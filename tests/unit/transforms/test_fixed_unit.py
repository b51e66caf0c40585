"""A field in a fixed unit: every value of a column is in it, whichever way through the expression it comes."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError

MAPPING = """mapping: erp.bars
version: "1"
source:
  table: erp.bars
  columns: {no: text, a: decimal, b: decimal, u: text}
let: {converted: "TO_UNIT(a, u, 'MMT')", raw: a}
target:
  table: trace.bar
  key: [part_id]
  columns:
    part_id: no
    length: EXPRESSION
examples:
  - {name: nothing is known, in: {no: B1, u: mm}, out: {part_id: B1}}
"""
LENGTH = "  length: {label: {zh: l, en: l}, definition: d, type: 'decimal(9,3)', unit: MMT, rounding: half_up,"
MMT = 'MMT: {label: {zh: m, en: mm}, ucum: mm, dimension: length, factor: "1/1000"}'
INH = 'INH: {label: {zh: i, en: in}, ucum: "[in_i]", dimension: length, factor: "254/10000"}'
NOT_EVERY = "not every value of this is"


@pytest.fixture
def write(folder):
    """Write a mapping whose column `length`, in MMT, is an expression; load the dictionary."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{LENGTH} owner: o, example: '1.000'}}\n")
    folder.replace("units.yaml", "units:\n", f"units:\n  {MMT}\n  {INH}\n")
    folder.replace("units.yaml", "{PCS: C62}", "{PCS: C62, mm: MMT}")

    def write(expression: str, *changes: tuple[str, str]):
        text = MAPPING.replace("EXPRESSION", expression if expression[0] == "{" else f'"{expression}"')
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        folder.write("mappings/erp.bars.yaml", text)
        return folder.load()

    return write


@pytest.mark.parametrize(
    "expression",
    [
        "TO_UNIT(a, u, 'MMT')",
        "TO_UNIT(a, u, 'mm')",
        "converted",
        "CASE WHEN u = 'in' THEN TO_UNIT(a, u, 'MMT') WHEN u = 'x' THEN NULL ELSE TO_UNIT(b, u, 'MMT') END",
        "COALESCE(TO_UNIT(a, u, 'MMT'), converted, TO_UNIT(b, 'MMT', 'MMT'))",
        "NULLIF(TO_UNIT(a, u, 'MMT'), 0)",
        "TO_UNIT(a, u, 'MMT') + TO_UNIT(b, u, 'MMT')",
        "TO_UNIT(a, u, 'MMT') - converted",
        "-ABS(ROUND(TO_UNIT(a, u, 'MMT'), 2))",
        "CAST(converted AS DECIMAL(9,3))",
        "2 * (TO_UNIT(a, u, 'MMT')) * b / 3",
        "NULL",
        "{expr: converted, sign: CASE WHEN b < 0 THEN -1 ELSE 1 END}",
    ],
)
def test_what_is_in_the_unit_on_each_way_is_taken(write, expression):
    assert write(expression)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("a", NOT_EVERY),
        ("raw", NOT_EVERY),
        ("0", NOT_EVERY),
        ("TO_UNIT(a, u, 'INH')", "this is in INH"),
        ("TO_UNIT(a, u, u)", NOT_EVERY),
        ("CASE WHEN u = 'in' THEN TO_UNIT(a, u, 'MMT') ELSE a END", NOT_EVERY),
        ("CASE WHEN TO_UNIT(a, u, 'MMT') > 1 THEN a END", NOT_EVERY),
        ("COALESCE(a, TO_UNIT(b, u, 'MMT'))", NOT_EVERY),
        ("COALESCE(converted, raw)", NOT_EVERY),
        ("COALESCE(TO_UNIT(a, u, 'MMT'), TO_UNIT(a, u, 'INH'))", NOT_EVERY),
        ("TO_UNIT(a, u, 'MMT') + b", NOT_EVERY),
        ("b - TO_UNIT(a, u, 'MMT')", NOT_EVERY),
        ("TO_UNIT(a, u, 'MMT') * TO_UNIT(b, u, 'MMT')", NOT_EVERY),
        ("TO_UNIT(a, u, 'MMT') / TO_UNIT(b, u, 'MMT')", NOT_EVERY),
        ("1.0 / TO_UNIT(a, u, 'MMT')", NOT_EVERY),
        ("{expr: converted, sign: \"TO_UNIT(b, u, 'MMT')\"}", NOT_EVERY),
    ],
)
def test_a_way_to_another_unit_or_to_none_is_a_fault(write, expression, told):
    with pytest.raises(DictionaryError) as error:
        write(expression)
    (fault,) = error.value.faults
    assert (fault.code, fault.place.file) == ("DIC-123", "mappings/erp.bars.yaml")
    assert f"field `length` is in MMT, {told}" in fault.message


@pytest.mark.parametrize(("second", "held"), [("TO_UNIT(b, u, 'MMT')", True), ("NULL", True), ("b", False)])
def test_parts_of_a_row_are_in_the_unit_that_all_of_them_are_in(write, second, held):
    parts = f'[{{n: 1, v: converted}}, {{n: 2, v: "{second}"}}]'
    changes = (
        ("  columns:\n    part", f"  explode: {{from: {parts}}}\n  columns:\n    part"),
        ("part_id: no", "part_id: CONCAT(no, n)"),
        ("out: {part_id: B1}", "out: {trace.bar: [{part_id: B11}, {part_id: B12}]}"),
    )
    if held:
        assert write("v", *changes)
        return
    with pytest.raises(DictionaryError, match=f"field `length` is in MMT, {NOT_EVERY}"):
        write("v", *changes)

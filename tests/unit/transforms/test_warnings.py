"""What is tolerated is said on the row: a value that gives way, a check that only warns. All else is refused."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError, Refused

FIELDS = """
  part_id: {label: {zh: p, en: p}, definition: d, type: string(5), owner: o, example: P1}
  made: {label: {zh: m, en: m}, definition: d, type: date, owner: o, example: "2026-01-31", tolerate: {DAT-101: null}}
  state: {label: {zh: s, en: s}, definition: d, type: code, code_set: state, owner: o, example: ON,
          tolerate: {COD-201: "NO"}}
  lot: {label: {zh: l, en: l}, definition: d, type: string(5), owner: o, example: L1, check: [gs1_cset82],
        on_error: {gs1_cset82: LOT-W01, default: LOT-101}}
"""
MAPPING = """
mapping: erp.lots
version: "1"
source:
  table: erp.lots
  columns: {no: text, made: text, state: text, lot: text}
target:
  table: trace.lot
  key: [part_id]
  columns:
    part_id: no
    made: CAST(made AS DATE)
    state: {expr: state, required: true}
    lot: lot
  checks:
    - {rule: "made >= DATE '2000-01-01'", error: OLD-W01}
    - {rule: part_id <> 'X', error: QC-101}
examples:
  - name: good
    in: {no: P1, made: "2026-01-31", state: "1", lot: L1}
    out: {part_id: P1, made: "2026-01-31", state: ON, lot: L1}
  - name: all that is tolerated
    in: {no: P1, made: "2026-13-31", state: "7", lot: "L#1"}
    out: {part_id: P1, state: "NO", lot: "L#1", warnings: [DAT-101 made, COD-201 state, LOT-W01 lot]}
  - {name: refused all the same, like: good, in: {no: X}, refused: QC-101}
"""
WARNINGS = "".join(
    f"{code}: {{kind: warning, label: {{zh: z, en: t}}, cause: c, action: a, owner: o}}\n"
    for code in ("LOT-W01", "OLD-W01")
)


@pytest.fixture
def mapping(folder):
    folder.write("fields.yaml", "fields:" + FIELDS)
    folder.write("errors.yaml", (folder.root / "errors.yaml").read_text(encoding="utf-8") + WARNINGS)
    folder.write("mappings/erp.lots.yaml", MAPPING.lstrip())
    return next(mapping for mapping in folder.load().mappings if mapping.name == "erp.lots")


def outcome(mapping, **changes):
    row = {"no": "P1", "made": "2026-01-31", "state": "1", "lot": "L1"} | changes
    return mapping.normalise([row[used.column] for used in mapping.inputs])


def test_warnings_are_a_column_of_the_row(mapping):
    assert [(column.name, column.type) for column in mapping.targets[0].columns][-1] == ("_warnings", "text[]")
    assert outcome(mapping)[0][0][-1] is None


def test_a_check_with_the_code_of_a_warning_lets_the_row_pass(mapping):
    ((row,),) = outcome(mapping, made="1999-12-31")
    assert row[-1] == ["OLD-W01 made"]


def test_what_is_not_tolerated_is_refused(mapping):
    with pytest.raises(Refused, match="LOT-101 lot"):
        outcome(mapping, lot="123456")
    with pytest.raises(Refused, match="TXT-101 part_id"):
        outcome(mapping, no="123456")


def test_a_required_column_is_not_made_up_for_by_nothing(mapping):
    with pytest.raises(Refused, match="REQ-101 state"):
        outcome(mapping, state=None)


def test_codes_that_are_tolerated_or_warn_are_none_that_refuse(mapping):
    assert mapping.codes == {"LOT-101", "TXT-101", "QC-101", "REQ-101"}


def test_each_column_says_what_it_can_refuse_with(mapping):
    codes = {column.name: set(column.codes) for column in mapping.targets[0].columns}
    assert codes.pop("part_id") == {"TXT-101", "REQ-101"}
    assert codes == {"made": set(), "state": {"REQ-101"}, "lot": {"LOT-101"}, "_warnings": set()}


BEYOND = """
  - name: a day that Python does not have
    in: {no: P1, made: infinity, state: "1", lot: L1}
    out: {part_id: P1, state: ON, lot: L1, warnings: [DAT-101 made]}
"""


@pytest.mark.parametrize("named", [False, True], ids=["as a column is read", "under a name of its own"])
def test_what_is_tolerated_is_tolerated_wherever_it_comes_from(folder, mapping, named):
    """A column that cannot be read, and a named expression, belong to the column that uses them."""
    changed = MAPPING.replace("made: text", "made: date").replace('"2026-13-31"', "infinity") + BEYOND.lstrip("\n")
    changed = changed.replace("made: CAST(made AS DATE)", "made: day" if named else "made: made")
    changed = changed.replace(
        "target:\n", "let: {day: made, unused: CAST(no AS INT)}\ntarget:\n" if named else "target:\n"
    )
    loaded = folder.write("mappings/erp.lots.yaml", changed.lstrip()).load()
    found = next(one for one in loaded.mappings if one.name == "erp.lots")
    assert "DAT-101" not in found.codes
    assert "NUM-101" not in found.codes  # what nothing uses refuses nothing


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{DAT-101: null}", "{DAT-101: soon}", "`soon` is not a value of the field"),
        ("{DAT-101: null}", "{DAT-999: null}", "code `DAT-999` is not in errors.yaml"),
        ("{DAT-101: null}", "{OLD-W01: null}", "code `OLD-W01` is warning: a row cannot be refused with it"),
        ('{COD-201: "NO"}', "{COD-201: MAYBE}", "`MAYBE` is not a value of the field"),
        ("default: LOT-101", "default: LOT-W01", "code `LOT-W01` is warning: a row cannot be refused with it"),
    ],
)
def test_faults_are_told(folder, mapping, old, new, told):
    with pytest.raises(DictionaryError) as error:
        folder.replace("fields.yaml", old, new).load()
    assert told in str(error.value)

"""Codes that mean one thing for a time, or beside certain values, and another one otherwise. Nobody guesses."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from transforms.errors import DictionaryError, Refused
from transforms.review.dependency import affected

CODE_SET = """
code_set: fate
version: "1"
codes:
  {OPEN: {zh: 开, en: Open}, BLOCKED: {zh: 冻结, en: Blocked}, REJECTED: {zh: 拒, en: Rejected},
   HELD: {zh: 待, en: Held}}
normalise: [trim, upper]
synonyms:
  - {system: erp, code: "1", to: OPEN, relationship: equivalent}
  - {system: erp, code: "9", to: REJECTED, valid_to: "2021-06-01"}
  - {system: erp, code: "9", to: BLOCKED, valid_from: "2021-06-01", note: re-used code}
  - {system: erp, code: hold, to: HELD, depends_on: {kind: fqc}}
  - {system: erp, code: HOLD, to: REJECTED, depends_on: {owner.state: X}}
  - {system: erp, code: HOLD, to: BLOCKED}
unmapped: COD-201
"""
MAPPING = """
mapping: erp.lots
version: "1"
source:
  table: erp.lots
  columns: {no: text, status: text, kind: text, day: date, instant: timestamptz}
lookups:
  owner:
    table: erp.owners
    match: owner.id = no
    columns: {id: text, state: text}
target:
  table: trace.lot
  key: [part_id]
  columns:
    part_id: no
    fate: {expr: status, at: day}
examples:
  - name: since the code means another thing
    in: {no: P1, status: "9", day: "2021-06-01"}
    out: {part_id: P1, fate: BLOCKED}
"""
INSTANT = """at: instant}
examples:
  - name: since the code means another thing
    in: {no: P1, status: "9", instant: "2021-06-01T00:00:00+08:00"}
    out: {part_id: P1, fate: BLOCKED}
"""
FIELD = "  fate: {label: {zh: f, en: f}, definition: d, type: code, code_set: fate, owner: o, example: OPEN}\n"


@pytest.fixture
def write(folder):
    """Write code set and mapping, changed, and return the mapping."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELD}")

    def write(old: str = "", new: str = ""):
        assert old in CODE_SET + MAPPING
        folder.write("codesets/fate.yaml", CODE_SET.lstrip().replace(old, new) if old else CODE_SET.lstrip())
        folder.write("mappings/erp.lots.yaml", MAPPING.lstrip().replace(old, new) if old else MAPPING.lstrip())
        return next(mapping for mapping in folder.load().mappings if mapping.name == "erp.lots")

    return write


def fate(mapping, **changes):
    row = {
        "no": "P1",
        "status": "1",
        "kind": "IQC",
        "day": date(2026, 1, 1),
        "instant": None,
        "id": "P1",
        "state": None,
    }
    row |= changes
    ((candidate,),) = mapping.normalise([1 if used.column is None else row[used.column] for used in mapping.inputs])
    return candidate[1]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "OPEN"),
        ({"day": None}, "OPEN"),
        ({"status": None}, None),
        ({"status": " - "}, None),
        ({"status": "9", "day": date(2021, 5, 31)}, "REJECTED"),
        ({"status": "9", "day": date(2021, 6, 1)}, "BLOCKED"),
        ({"status": "9", "day": date.max}, "BLOCKED"),  # what applications write for "open" is a day as well
        ({"status": "9", "day": date.min}, "REJECTED"),
        ({"status": "hold"}, "BLOCKED"),
        ({"status": "Hold", "kind": " Fqc"}, "HELD"),
        ({"status": "HOLD", "state": "x"}, "REJECTED"),
    ],
)
def test_a_code_means_what_it_means_then_and_there(write, changes, expected):
    assert fate(write(), **changes) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "9", "day": None},
        {"status": "8"},
        {"status": "HOLD", "kind": "FQC", "state": "X"},
    ],
)
def test_what_means_nothing_or_several_things_is_refused(write, changes):
    mapping = write()
    assert "COD-201" in mapping.codes
    with pytest.raises(Refused, match="COD-201 fate not registered in code set fate for erp"):
        fate(mapping, **changes)


def test_an_instant_has_the_date_of_the_sources_clocks(write):
    mapping = write(MAPPING[MAPPING.index("at: day}") :], INSTANT)
    shanghai_midnight = datetime(2021, 5, 31, 16, tzinfo=UTC)
    assert fate(mapping, status="9", instant=shanghai_midnight) == "BLOCKED"


CALLED = "CASE WHEN CODE(status, 'fate', day) = 'BLOCKED' THEN 'stop' ELSE CODE(status, 'fate', day) END"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "9", "day": date(2021, 6, 1)}, "stop"),
        ({"status": " Hold ", "kind": "fqc"}, "HELD"),
        ({"status": " - "}, None),
        ({"status": "8"}, "COD-201"),
    ],
)
def test_expressions_decide_by_what_a_code_means(folder, write, changes, expected):
    write()
    note = "  told: {label: {zh: t, en: t}, definition: d, type: string(20), owner: o, example: stop}\n"
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{note}")
    folder.replace("mappings/erp.lots.yaml", "fate: {expr: status, at: day}", f"told: {CALLED}")
    folder.replace("mappings/erp.lots.yaml", "fate: BLOCKED", "told: stop")
    dictionary = folder.load()
    mapping = next(mapping for mapping in dictionary.mappings if mapping.name == "erp.lots")
    assert "COD-201" in mapping.codes
    if expected == "COD-201":
        with pytest.raises(Refused, match="COD-201 told"):
            fate(mapping, **changes)
    else:
        assert fate(mapping, **changes) == expected
    assert "trace.lot.told" in affected(dictionary, "code_set", "fate")
    assert "trace.lot.told" in affected(dictionary, "source_column", "erp.lots.kind")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("CODE(status, 'fat', day)", "DIC-111 unknown code set `fat`; did you mean `fate`?"),
        ("CODE(status, 'fate')", "codes of `fate` are valid for a time: say which moment counts"),
        ("CODE(status, 'fate', kind)", "a date or a time is wanted here, this is text"),
        ("CODE(status, kind, day)", "CODE needs the code set in quotes"),
        ("CODE(day, 'fate', day)", "text or an integer is wanted here"),
        ("CODE(status)", "write CODE"),
    ],
)
def test_faults_of_a_call_are_told_with_a_caret(write, expression, told):
    with pytest.raises(DictionaryError) as error:
        write("part_id: no\n", f"part_id: {expression}\n")
    assert told in str(error.value)
    assert "^" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('valid_to: "2021-06-01"', 'valid_to: "2021-06-02"', "registered twice for the same time"),
        ('valid_from: "2021-06-01"', 'valid_from: "9999-12-31"}\n  - {system: erp, code: "9", to: HELD, '
         'valid_from: "9999-12-31"', "registered twice for the same time"),
        ('valid_to: "2021-06-01"', 'valid_to: "2021-13-01"', "`valid_to` is a date like 2026-01-31"),
        ("depends_on: {kind: fqc}", "depends_on: {knd: fqc}", "depend on `knd`, which is not declared; did you"),
        ("relationship: equivalent", "relationship: same", "`relationship` must be one of"),
        (", at: day}", "}", "are valid for a time: say which moment counts"),
        ("at: day", "at: kind", "a date or a time is wanted here"),
        ("fate: {expr", "state: {expr: no, at: day}\n    fate: {expr", "no moment counts, take `at` (of CODE"),
        ("part_id: no\n", "part_id: {expr: no, at: day}\n", "there is nothing that `at` would count for"),
    ],
)  # fmt: skip
def test_faults_are_told(write, old, new, told):
    with pytest.raises(DictionaryError) as error:
        write(old, new)
    assert told in str(error.value)

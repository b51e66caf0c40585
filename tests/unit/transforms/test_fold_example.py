"""Examples of folds: what several rows say, the row that it becomes, and what of the rules they leave open."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError
from transforms.review.trial import try_examples

FOLD = """\
fold: trace.part
key: [part_id]
order: number
columns:
  state: {take: owner erp, required: true}
  note: first
  newest: last
  largest: max
  flagged: max
"""
PARTS = """\
mapping: erp.parts
version: "1"
source: {table: erp.parts, columns: {no: text, state: integer, note: text, at: integer}}
target:
  table: trace.part
  key: [part_id]
  order: at
  columns: {part_id: CLEAN(no), state: state, note: note, newest: note, largest: note, flagged: note}
examples:
  - name: good
    in: {no: P1, state: 1, note: abc, at: 1}
    out: {part_id: P1, state: ON, note: abc, newest: abc, largest: abc, flagged: abc, order: 1}
    then: [{delete: true, marked: {part_id: P1}}]
"""
OTHER = """\
mapping: mes.parts
version: "1"
source: {table: mes.parts, columns: {no: text, state: integer, note: text}}
target:
  table: trace.part
  key: [part_id]
  on_delete: delete
  order: 2
  columns: {part_id: CLEAN(no), state: {expr: "CASE WHEN state = 1 THEN '1' END"}, note: note}
examples: [{name: good, in: {no: P1, note: abc}, out: {part_id: P1, note: abc, order: 2}}]
"""
NOTES = "".join(
    f"  {name}: {{label: {{zh: n, en: n}}, definition: d, type: string(5), owner: o, example: abc}}\n"
    for name in ("note", "newest", "largest", "flagged")
)
ERP = "{mapping: erp.parts, source_key: '7', says: {state: ON, note: a, newest: a, largest: a, order: 1}}"
LATER = "{mapping: erp.parts, source_key: '10', says: {state: 'NO', note: b, newest: b, largest: b, order: 3}}"
MES = "{mapping: mes.parts, source_key: '1', says: {state: ON, note: c, order: 2}}"


@pytest.fixture
def told(folder):
    """Write the fold with these examples; return the faults of the dictionary."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{NOTES}")
    folder.write("sources/mes.yaml", (folder.root / "sources/erp.yaml").read_text().replace("erp", "mes"))
    folder.write("mappings/erp.parts.yaml", PARTS)
    folder.write("mappings/mes.parts.yaml", OTHER)

    def told(*examples: str) -> list[str]:
        lines = ["examples:", *(f"  - {{name: {one}}}" for one in examples)] if examples else []
        folder.write("folds/trace.part.yaml", FOLD + "\n".join(lines))
        try:
            folder.load()
        except DictionaryError as error:
            return [fault.message for fault in error.faults]
        return []

    return told


ALL = (
    f"all, contributions: [{ERP}, {LATER}, {MES}], out: {{state: 'NO', note: a, newest: b, largest: b}}, conflicts: ["
    "{column: state, mapping: erp.parts, source_key: '7', value: ON},"
    " {column: state, mapping: mes.parts, source_key: '1', value: ON},"
    " {column: note, mapping: erp.parts, source_key: '10', value: b},"
    " {column: note, mapping: mes.parts, source_key: '1', value: c},"
    " {column: newest, mapping: erp.parts, source_key: '7', value: a},"
    " {column: largest, mapping: erp.parts, source_key: '7', value: a}]"
)


def test_a_row_is_folded_by_the_rule_of_each_column(told):
    assert told(ALL) == []


def test_what_comes_out_otherwise_is_told(told):
    (message,) = told(ALL.replace("newest: b, largest: b}, conf", "newest: a, largest: b}, conf"))
    assert message == "example `all`: newest is 'b', expected 'a'"
    (message,) = told(ALL.replace("{column: note, mapping: mes.parts, source_key: '1', value: c},", ""))
    assert message == "example `all`: a conflict that is not expected: note is 'c' by mes.parts 1"
    (message,) = told(ALL.replace("source_key: '1', value: c}", "source_key: '2', value: c}"))
    assert message.endswith("no such conflict: note is 'c' by mes.parts 2")
    (message,) = told(ALL.replace("conflicts: [", "marked: true, conflicts: ["))
    assert message == "example `all`: a live row, expected a tombstone"


def test_what_nobody_says_is_refused_if_it_is_required(told):
    assert told(f"the owner is silent, contributions: [{MES}], refused: REQ-101") == []
    (message,) = told(f"the owner speaks, contributions: [{ERP}], refused: REQ-101")
    assert message == "example `the owner speaks`: gave a row, expected REQ-101"
    (message,) = told(f"the owner is silent, contributions: [{MES}], out: {{note: c}}")
    assert message.endswith("refused with REQ-101 state no contribution says it, expected a row")


def test_ties_go_by_source_then_mapping_then_the_text_of_the_key(told):
    early = "{mapping: erp.parts, source_key: '10', says: {state: ON, note: x, order: 1}}"
    assert (
        told(
            f"ten before seven, contributions: [{ERP}, {early}], out: {{state: ON, note: x, newest: a, largest: a}},"
            " conflicts: [{column: note, mapping: erp.parts, source_key: '7', value: a}]"
        )
        == []
    )
    beside = MES.replace("order: 2", "order: 1")
    assert (
        told(
            f"erp before mes, contributions: [{beside}, {ERP}], out: {{state: ON, note: a, newest: a, largest: a}},"
            " conflicts: [{column: note, mapping: mes.parts, source_key: '1', value: c}]"
        )
        == []
    )


def test_who_gives_no_order_comes_last_either_way(told):
    none = "{mapping: erp.parts, source_key: ['1', '2'], says: {note: z, newest: z}}"
    assert (
        told(
            f"without an order, contributions: [{none}, {ERP}], out: {{state: ON, note: a, newest: a, largest: a}},"
            " conflicts: [{column: note, mapping: erp.parts, source_key: ['1', '2'], value: z},"
            " {column: newest, mapping: erp.parts, source_key: ['1', '2'], value: z}]"
        )
        == []
    )


def test_deleted_rows_count_only_when_all_are(told):
    gone = LATER.replace("}}", "}, deleted: true}")
    assert (
        told(
            f"one is gone, contributions: [{ERP}, {gone}], out: {{state: ON, note: a, newest: a, largest: a}}",
            f"both are, contributions: [{gone}], out: {{state: 'NO', note: b, newest: b, largest: b}}, marked: true",
        )
        == []
    )


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (f"one, contributions: [{ERP}]", "an example of a fold has one of `out` and `refused`"),
        ("one, contributions: [], refused: REQ-101", "an example of a fold has at least one contribution"),
        (f"one, contributions: [{MES}], refused: REQ-101, marked: true", "neither `marked` nor `conflicts`"),
        ("one, contributions: [{mapping: erp.part, source_key: '1', says: {}}], out: {}", "did you mean `erp.parts`?"),
        ("one, contributions: [{mapping: mes.parts, source_key: '1', says: {newest: a}}], out: {}", "`newest`"),
        (f"one, contributions: [{MES.replace('}}', '}, deleted: true}')}], refused: REQ-101", "is no contribution"),
        (f"one, contributions: [{ERP}], out: {{part_id: P1}}", "unknown canonical column `part_id`"),
        (
            f"one, contributions: [{ERP}], out: {{}},"
            " conflicts: [{column: x, mapping: erp.parts, source_key: a, value: b}]",
            "unknown canonical column `x`",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_fault(told, example: str, message: str):
    (found,) = told(example)
    assert message in found


def test_two_examples_of_one_name_are_a_fault(told):
    assert "a second example `all`" in told(ALL, ALL)


def test_what_no_example_shows_is_named(told, folder):
    def unreached(*examples: str):
        assert told(*examples) == []
        return next((one for one in try_examples(folder.root).unreached if one.mapping == "trace.part"), None)

    of = "of several values"
    rules = [f"state: owner erp {of}", f"note: first {of}", f"newest: last {of}", f"largest: max {of}"]
    gone = ["what a deleted row says beside a live one", "a row of which all source rows are deleted"]
    found = unreached()
    assert (found.codes, list(found.rules)) == (("REQ-101 state",), [*rules, f"flagged: max {of}", *gone])
    found = unreached(ALL, f"silent, contributions: [{MES}], refused: REQ-101")
    assert (found.codes, list(found.rules)) == ((), [f"flagged: max {of}", *gone])
    gone_by_now = LATER.replace("}}", "}, deleted: true}")
    found = unreached(
        f"one is gone, contributions: [{ERP}, {gone_by_now}], out: {{state: ON, note: a, newest: a, largest: a}}",
        f"all are, contributions: [{gone_by_now}], out: {{state: 'NO', note: b, newest: b, largest: b}}, marked: true",
    )
    assert list(found.rules) == [*rules, f"flagged: max {of}"]


def test_two_values_of_one_order_do_not_show_what_is_first(told, folder):
    tie = ERP.replace("'7'", "'8'").replace("note: a", "note: b")
    conflict = "{column: note, mapping: erp.parts, source_key: '8', value: b}"
    row = "{state: ON, note: a, newest: a, largest: a}"
    assert told(f"a tie, contributions: [{ERP}, {tie}], out: {row}, conflicts: [{conflict}]") == []
    (found,) = (one for one in try_examples(folder.root).unreached if one.mapping == "trace.part")
    assert "note: first of several values" in found.rules


def test_a_failure_of_a_fold_is_told_with_its_place(told, folder):
    told(ALL.replace("newest: b, largest: b}, conf", "newest: a, largest: b}, conf"))
    (failure,) = try_examples(folder.root).failures
    assert (failure.mapping, failure.example, str(failure.place)) == ("trace.part", "all", "folds/trace.part.yaml:11:5")
    assert failure.diff == ("newest is 'b', expected 'a'",)

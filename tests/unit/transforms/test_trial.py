"""Running the examples: each that does not hold is told with its difference, and so is each refusal that none shows."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError
from transforms.load import load
from transforms.review.trial import Failure, Unreached, try_examples

MAPPING = "mappings/erp.parts.yaml"
GOOD = "  - {name: good, in: {no: P1, state: 1}, out: {part_id: P1, state: ON}}\n"
DELETED = "{delete: true, gone: {part_id: P1}}"
GONE = GOOD.replace("}}\n", f"}}, then: [{DELETED}]}}\n")
DELETES = ("delete of trace.part (delete)",)
KEY = "trace.part gets another key"


def test_examples_that_hold_are_counted(folder):
    trial = try_examples(folder.root)
    assert (trial.examples, trial.failures) == (1, ())


def test_every_code_that_no_example_shows_is_named(folder):
    folder.replace(MAPPING, GOOD, GOOD + "  - {name: unknown, in: {no: P1, state: 2}, refused: COD-201}\n")
    codes = ("NUM-101 state", "REQ-101 part_id", "REQ-101 state", "TXT-101 part_id")
    assert try_examples(folder.root).unreached == (Unreached("erp.parts", codes, (*DELETES, KEY)),)


def test_a_code_of_one_column_does_not_count_for_another(folder):
    long = "  - {name: long, in: {no: P12345, state: 1}, refused: TXT-101}\n"
    folder.replace(MAPPING, "    state: {expr", "    more: {expr: more, field: part_id}\n    state: {expr")
    folder.replace(MAPPING, "state: integer}", "state: integer, more: text}")
    folder.replace(MAPPING, GOOD, GOOD + long)
    (found,) = try_examples(folder.root).unreached
    assert "TXT-101 more" in found.codes
    assert "TXT-101 part_id" not in found.codes
    assert "REQ-101 part_id" in found.codes


def test_an_example_that_names_the_column_holds_for_no_other(folder):
    folder.replace(MAPPING, GOOD, GOOD + "  - {name: none, in: {no: P1}, refused: REQ-101 part_id}\n")
    (failure,) = try_examples(folder.root).failures
    assert failure.diff == ("refused with REQ-101 state no value, expected REQ-101 part_id",)
    folder.replace(MAPPING, "refused: REQ-101 part_id", "refused: REQ-101 state")
    assert try_examples(folder.root).failures == ()


def test_what_an_earlier_column_refuses_first_is_not_asked_for_again(folder):
    folder.replace(MAPPING, "    state: {expr", "    again: {expr: CLEAN(no), field: part_id}\n    state: {expr")
    (found,) = try_examples(folder.root).unreached
    assert not [code for code in found.codes if code.endswith(" again")]


NEVER = ("state: {expr: state, required: true}", "state: {expr: state, required: true, never: [REQ-101]}")


def test_what_never_comes_out_is_not_asked_for(folder):
    folder.replace(MAPPING, *NEVER)
    assert "REQ-101 state" not in try_examples(folder.root).unreached[0].codes
    folder.replace(MAPPING, "never: [REQ-101]", "never: [REQ-10]")
    with pytest.raises(DictionaryError, match="this column never refuses with `REQ-10` anyway, only with COD-201"):
        try_examples(folder.root)


def test_an_example_of_what_never_comes_out_is_a_fault(folder):
    folder.replace(MAPPING, *NEVER)
    folder.replace(MAPPING, GOOD, GOOD + "  - {name: none, in: {no: P1}, refused: REQ-101}\n")
    (failure,) = try_examples(folder.root).failures
    assert failure.diff == ("refused with REQ-101 state no value, which `never` says of it",)


def test_what_a_field_tolerates_has_to_be_shown(folder):
    folder.replace("fields.yaml", "example: P1}", "example: P1, tolerate: {TXT-101: null}}")
    folder.replace(MAPPING, "    state: {expr", "    more: {expr: more, field: part_id}\n    state: {expr")
    folder.replace(MAPPING, "state: integer}", "state: integer, more: text}")
    (found,) = try_examples(folder.root).unreached
    assert "warning TXT-101 more" in found.rules
    taken = "{part_id: P1, state: ON, warnings: [TXT-101 more]}"
    folder.replace(MAPPING, GOOD, f"{GOOD}  - {{name: long, in: {{no: P1, more: P12345, state: 1}}, out: {taken}}}\n")
    (found,) = try_examples(folder.root).unreached
    assert "warning TXT-101 more" not in found.rules


def test_each_column_is_asked_to_be_empty(folder):
    folder.replace(MAPPING, "state: {expr: state, required: true}", "state: state")
    (found,) = try_examples(folder.root).unreached
    assert "trace.part.state empty" in found.rules
    folder.replace(MAPPING, GOOD, GOOD + "  - {name: none, in: {no: P1}, out: {part_id: P1}}\n")
    (found,) = try_examples(folder.root).unreached
    assert "trace.part.state empty" not in found.rules


def test_another_key_is_asked_for_unless_the_source_s_own_makes_it(folder):
    assert KEY in try_examples(folder.root).unreached[0].rules
    folder.replace(MAPPING, "table: erp.parts", "table: erp.parts\n  key: [no]")
    assert KEY not in try_examples(folder.root).unreached[0].rules
    folder.replace(MAPPING, "key: [no]", "key: [state]")
    then = "then: [{in: {no: P2}, out: {part_id: P2, state: ON}, gone: {part_id: P1}}]"
    folder.replace(MAPPING, GOOD, GOOD.replace("}}\n", f"}}, {then}}}\n"))
    assert KEY not in try_examples(folder.root).unreached[0].rules


def test_a_change_of_the_source_s_key_is_no_step(folder):
    folder.replace(MAPPING, "table: erp.parts", "table: erp.parts\n  key: [no]")
    then = "then: [{in: {no: P2}, out: {part_id: P2, state: ON}, gone: {part_id: P1}}]"
    folder.replace(MAPPING, GOOD, GOOD.replace("}}\n", f"}}, {then}}}\n"))
    with pytest.raises(DictionaryError, match="`no` is of the source's key: a change of it is a delete and a new row"):
        try_examples(folder.root)


def test_what_look_ups_refuse_is_asked_for_each(folder):
    lookups = "lookups:\n" + "".join(
        f"  {name}: {{table: erp.sorts, match: {name}.id = state, missing: REF-301, columns: {{id: integer}}}}\n"
        for name in ("one", "two")
    )
    folder.replace(MAPPING, "target:\n", f"{lookups}target:\n")
    both = "lookups: {one: {id: 1}, two: {id: 1}}"
    folder.replace(MAPPING, "in: {no: P1, state: 1}", f"in: {{no: P1, state: 1}}, {both}")
    more = "  - {name: none, like: good, lookups: {one: missing}, refused: REF-301 one}\n"
    folder.write(MAPPING, (folder.root / MAPPING).read_text() + more)
    (found,) = try_examples(folder.root).unreached
    wanted = ("REF-301 look-up two", "REF-302 look-up one", "REF-302 look-up two")
    assert tuple(code for code in found.codes if code.startswith("REF")) == wanted


def test_a_table_of_which_no_delete_is_shown_is_named_with_what_becomes_of_its_row(folder):
    folder.replace(MAPPING, GOOD, GONE)
    (found,) = try_examples(folder.root).unreached
    assert found.rules == (KEY,)
    folder.replace(
        MAPPING, DELETED, "{in: {state: 2}, refused: COD-201, gone: {part_id: P1}}, {delete: true, gone: {}}"
    )
    (found,) = try_examples(folder.root).unreached
    assert found.rules == (*DELETES, KEY), "there was no row by then"
    assert "COD-201 state" not in found.codes, "an update shows the refusal"


def test_all_failures_are_told_with_place_and_every_column(folder):
    wrong = "  - {name: one, in: {no: P1, state: 1}, out: {part_id: P2, state: 'NO'}}\n"
    more = "  - {name: two, in: {no: P1, state: 2}, out: {part_id: P1, state: ON}}\n"
    folder.replace(MAPPING, GOOD, GOOD + wrong + more)
    trial = try_examples(folder.root)
    assert trial.examples == 3
    first, second = trial.failures
    assert (first.mapping, first.example, str(first.place)) == ("erp.parts", "one", f"{MAPPING}:15:5")
    assert first.diff == ("part_id is 'P1', expected 'P2'", "state is 'ON', expected 'NO'")
    assert (second.example, second.place.line) == ("two", 16)
    (line,) = second.diff
    assert line.startswith("refused with COD-201 state")
    assert "expected a row" in line


def test_a_code_that_only_a_failing_example_shows_is_not_reached(folder):
    folder.replace(MAPPING, GOOD, GOOD + "  - {name: no, in: {no: P1, state: 1}, refused: COD-201}\n")
    trial = try_examples(folder.root)
    assert [failure.example for failure in trial.failures] == ["no"]
    assert "COD-201 state" in trial.unreached[0].codes


def test_a_value_with_a_semicolon_is_not_taken_apart(folder):
    folder.replace(MAPPING, "part_id: P1, state: ON", "part_id: 'a; b', state: ON")
    (failure,) = try_examples(folder.root).failures
    assert failure == Failure("erp.parts", "good", failure.place, ("part_id is 'P1', expected 'a; b'",))


def test_what_does_not_compile_cannot_be_tried(folder):
    folder.replace(MAPPING, "CLEAN(no)", "CLEEN(no)")
    with pytest.raises(DictionaryError, match="DIC-121"):
        try_examples(folder.root)


def test_a_dictionary_with_a_failing_example_is_not_loaded(folder):
    folder.replace(MAPPING, "part_id: P1, state", "part_id: P2, state")
    assert try_examples(folder.root).failures
    with pytest.raises(DictionaryError, match="DIC-142"):
        load(folder.root)


def test_the_packaged_examples_hold_and_show_every_code():
    trial = try_examples()
    assert trial.examples > 50
    assert (trial.failures, trial.unreached) == ((), ())


RULES = """\
mapping: erp.parts
version: "1"
source: {table: erp.parts, columns: {no: text, state: integer, kind: integer}}
where: kind > 0
targets:
  - table: trace.part
    key: [part_id]
    on_delete: delete
    columns: {part_id: CLEAN(no), state: state}
    checks:
      - {rule: part_id <> 'P9', error: QC-101}
      - {rule: part_id <> 'P8', error: QC-101}
  - table: trace.other
    key: [part_id]
    when: kind = 2
    columns: {part_id: CLEAN(no)}
examples:
  - {name: good, in: {no: P1, kind: 1}, out: {trace.part: [{part_id: P1}]}}
"""


def test_rules_that_no_example_shows_are_named(folder):
    folder.write(MAPPING, RULES)
    (found,) = try_examples(folder.root).unreached
    checks = ("check part_id <> 'P9'", "check part_id <> 'P8'")
    part = ("trace.part.state", *DELETES, KEY)
    assert found.rules == ("where", *part, "trace.other", *checks, "line 15: when holds")
    more = (
        "  - {name: filtered, in: {no: P1, kind: 0}, filtered: true}\n"
        "  - {name: two, in: {no: P1, kind: 2, state: 1}, out: {trace.part: [{part_id: P1, state: ON}], "
        "trace.other: [{part_id: P1}]}, then: [{delete: true, gone: {trace.part: [{part_id: P1}]}, "
        "marked: {trace.other: [{part_id: P1}]}}]}\n"
        "  - {name: nine, in: {no: P9, kind: 1}, refused: QC-101}\n"
    )
    folder.write(MAPPING, RULES + more)
    (found,) = try_examples(folder.root).unreached
    assert of_kind(found, "check") == ["check part_id <> 'P8'"]  # of two checks with one code each has to be shown
    assert "QC-101" not in found.codes


def of_kind(found, *kinds):
    return [rule for rule in found.rules if rule.startswith(kinds)]


FINDING = """\
mapping: erp.parts
version: "1"
source: {table: erp.parts, columns: {no: text, kind: integer}}
lookups:
  sort: {table: erp.sorts, match: sort.id = kind, columns: {id: integer, name: text}}
target:
  table: trace.part
  key: [part_id]
  columns: {part_id: "COALESCE(sort.name, CLEAN(no))"}
  checks: [{rule: part_id <> 'P8', error: ENC-W02}]
examples:
  - {name: alone, in: {no: P1, kind: 1}, lookups: {sort: missing}, out: {part_id: P1}}
"""


def test_what_only_warns_and_what_may_be_found_has_to_be_shown(folder):
    folder.replace("errors.yaml", "REQ-101:", f"ENC-W02: {{kind: warning, {TOLD}}}\nREQ-101:")
    folder.write(MAPPING, FINDING)
    (found,) = try_examples(folder.root).unreached
    assert of_kind(found, "check", "look-up") == ["check part_id <> 'P8'", "look-up sort finds a row"]
    more = (
        "  - {name: both, in: {no: P1, kind: 1}, lookups: {sort: {id: 1, name: P8}}, "
        "out: {part_id: P8, warnings: [ENC-W02 part_id]}}\n"
    )
    folder.write(MAPPING, FINDING + more)
    (found,) = try_examples(folder.root).unreached
    assert not of_kind(found, "check", "look-up")
    folder.write(MAPPING, FINDING.partition("  - {name: alone")[0] + more)
    (found,) = try_examples(folder.root).unreached
    assert "look-up sort finds nothing" in found.rules


TOLD = "label: {zh: z, en: t}, cause: c, action: a, owner: o"


def test_what_differs_in_several_tables_and_rows_is_told_apart(folder):
    folder.write(MAPPING, RULES + "  - {name: two, in: {no: P2, kind: 2}, out: {trace.part: [{part_id: P3}]}}\n")
    (failure,) = try_examples(folder.root).failures
    assert failure.diff == ("trace.part: part_id is 'P2', expected 'P3'", "trace.other: 1 rows, expected 0")


BRANCHING = """  columns:
    part_id: COALESCE(CASE WHEN state = 1 THEN CLEAN(no) WHEN state = 0 THEN 'P0' ELSE no END, 'P9')
    state: {expr: state, required: true}
"""


def rules(folder, *examples):
    folder.replace(MAPPING, GOOD, "".join((GONE, *examples)))
    (found,) = try_examples(folder.root).unreached
    return tuple(of_kind(found, "line"))


def test_ways_through_expressions_that_no_example_takes_are_named(folder):
    text = (folder.root / MAPPING).read_text()
    folder.replace(MAPPING, text[text.index("  columns:\n    part_id") : text.index("examples:")], BRANCHING)
    assert rules(folder) == ("line 11: WHEN state = 0", "line 11: ELSE", "line 11: COALESCE takes 'P9'")


def test_ways_that_examples_take_are_not(folder):
    text = (folder.root / MAPPING).read_text()
    folder.replace(MAPPING, text[text.index("  columns:\n    part_id") : text.index("examples:")], BRANCHING)
    off = "  - {name: off, in: {state: 0}, out: {part_id: P0, state: 'NO'}}\n"
    assert rules(folder, off, "  - {name: two, in: {no: P2, state: 2}, refused: COD-201}\n") == (
        "line 11: COALESCE takes 'P9'",
    )


def test_both_outcomes_of_when_and_skip_are_asked_for(folder):
    explode = "  when: state = 1\n  explode: {from: [{value: no}, {value: no}], skip: value = 'P1'}\n"
    folder.replace(MAPPING, "  on_delete: delete\n", f"  on_delete: delete\n{explode}")
    folder.replace(MAPPING, "part_id: CLEAN(no)", "part_id: value")
    folder.replace(MAPPING, "out: {part_id: P1, state: ON}}", "out: {trace.part: []}}")
    text = (folder.root / MAPPING).read_text()
    (found,) = try_examples(folder.root).unreached
    assert [rule.partition(": ")[2] for rule in found.rules if rule.startswith("line")] == [
        "when does not hold",
        "skip does not hold",
    ]
    assert "when: state" in text.splitlines()[int(found.rules[-2].split()[1].rstrip(":")) - 1]


def test_two_parts_of_one_key_are_asked_for_where_there_can_be(folder):
    folder.replace(MAPPING, "  on_delete: delete\n", "  on_delete: delete\n  explode: {split: no, by: ',', as: part}\n")
    folder.replace(MAPPING, "part_id: CLEAN(no)", "part_id: part")
    folder.replace(MAPPING, "out: {part_id: P1, state: ON}}", "out: {trace.part: [{part_id: P1, state: ON}]}}")
    (found,) = try_examples(folder.root).unreached
    assert "KEY-201 trace.part" in found.codes
    twice = "  - {name: twice, in: {no: 'P1,P1', state: 1}, refused: KEY-201 part_id}\n"
    folder.write(MAPPING, (folder.root / MAPPING).read_text() + twice)
    trial = try_examples(folder.root)
    assert trial.failures == ()
    assert "KEY-201 trace.part" not in trial.unreached[0].codes

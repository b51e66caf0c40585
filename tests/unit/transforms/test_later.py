"""Examples that go on: what an update and a delete leave standing, as the derive worker would have it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.derive.outcome import OUTCOME_META, evaluate
from cdc.derive.plan import Output, Step
from transforms.errors import DictionaryError, Refused
from transforms.load import load
from transforms.mapping import Mapping
from transforms.standing import Standing, standing_of, standing_of_deleted

FILE = "mappings/erp.parts.yaml"
MAPPING = """\
mapping: erp.parts
version: "1"
source: {table: erp.parts, columns: {no: text, state: integer, other: text}}
where: state IS NOT NULL
targets:
  - {table: trace.gone, key: [part_id], on_delete: delete, columns: {part_id: CLEAN(no)}}
  - {table: trace.marked, key: [part_id], when: other <> 'x', columns: {part_id: CLEAN(other), state: state}}
  - {table: trace.as_it_was, key: [part_id], on_delete: ignore, columns: {part_id: CLEAN(no)}}
  - table: trace.parts
    explode: {split: other, by: "|", as: part, seq: seq}
    key: [part_id]
    on_delete: forbid
    columns: {part_id: part}
examples:
  - name: all
    in: {no: A, state: 1, other: B}
    out:
      trace.gone: [{part_id: A}]
      trace.marked: [{part_id: B, state: ON}]
      trace.as_it_was: [{part_id: A}]
      trace.parts: [{part_id: B}]
    then:
"""
KEYS = (
    "{trace.gone: [{part_id: A}], trace.marked: [{part_id: B}], trace.as_it_was: [{part_id: A}],"
    " trace.parts: [{part_id: B}]}"
)
FORBIDDEN = "DEL-101: {kind: row, label: {zh: z, en: t}, cause: c, action: a, owner: o}\n"
BY_POLICY = (
    "{delete: true, gone: {trace.gone: [{part_id: A}]}, marked: {trace.marked: [{part_id: B}]},"
    " kept: {trace.as_it_was: [{part_id: A}], trace.parts: [{part_id: B}]}, refused: DEL-101}"
)


@pytest.fixture
def folder(folder):
    """A dictionary that knows what becomes of a row that must not be deleted."""
    folder.replace("errors.yaml", "REQ-101:", f"{FORBIDDEN}REQ-101:")
    return folder


@pytest.fixture
def then(folder):
    """Load the mapping with an example that goes on with these steps; return what does not hold."""

    def then(*steps: str) -> list[str]:
        folder.write(FILE, MAPPING + "".join(f"      - {step}\n" for step in steps))
        try:
            folder.load()
        except DictionaryError as error:
            return [fault.message for fault in error.faults]
        return []

    return then


def test_each_table_keeps_marks_or_loses_the_row_of_a_deleted_one(then):
    assert then(BY_POLICY) == []
    for word in ("gone: {trace.gone: [{part_id: A}]}", "marked: {trace.marked: [{part_id: B}]}", "refused: DEL-101"):
        (told,) = then(BY_POLICY.replace(f"{word}, ", "").replace(f", {word}", ""))
        assert "then 1: " in told


@pytest.mark.parametrize(
    "step",
    [
        f"{{in: {{state: null}}, filtered: true, gone: {KEYS}}}",
        f"{{in: {{state: 2}}, refused: COD-201, gone: {KEYS}}}",
        f"{{in: {{no: ''}}, refused: REQ-101, gone: {KEYS}}}",
    ],
)
def test_a_row_that_is_filtered_or_refused_leaves_every_table(then, step: str):
    assert then(step) == []
    (told,) = then(step.replace("trace.gone: [{part_id: A}], ", ""))
    assert told == "example `all`: then 1: trace.gone: gone A, expected nothing"


def test_a_changed_key_a_list_that_shrinks_and_a_table_that_it_leaves(then):
    longer = (
        "{in: {no: N, other: 'B|C'}, out: {trace.gone: [{part_id: N}], trace.marked: [{part_id: 'B|C', state: ON}],"
        " trace.as_it_was: [{part_id: N}], trace.parts: [{part_id: B}, {part_id: C}]},"
        " gone: {trace.gone: [{part_id: A}], trace.marked: [{part_id: B}], trace.as_it_was: [{part_id: A}]}}"
    )
    shorter = (
        "{in: {other: x}, out: {trace.gone: [{part_id: N}], trace.as_it_was: [{part_id: N}],"
        " trace.parts: [{part_id: x}]},"
        " gone: {trace.marked: [{part_id: 'B|C'}], trace.parts: [{part_id: B}, {part_id: C}]}}"
    )
    assert then(longer, shorter) == []
    (told,) = then(longer, shorter.replace(", {part_id: C}]}}", "]}}"))
    assert told == "example `all`: then 2: trace.parts: gone B, C, expected B"


def test_a_row_that_the_source_has_again_stands_as_any_other(then):
    again = (
        "{in: {state: 0}, out: {trace.gone: [{part_id: A}], trace.marked: [{part_id: B, state: 'NO'}],"
        " trace.as_it_was: [{part_id: A}], trace.parts: [{part_id: B}]}}"
    )
    assert then(BY_POLICY, again, BY_POLICY) == []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{gone: {}}", "a row is changed by `in` and `lookups`, or it goes by `delete`"),
        ("{delete: true, in: {no: B}, gone: {}}", "a row is changed by `in` and `lookups`, or it goes by `delete`"),
        ("{delete: true}", "what a delete leaves is said by `gone`, `marked`, `kept` and `refused`"),
        ("{delete: true, filtered: true}", "what a delete leaves is said by `gone`, `marked`, `kept` and `refused`"),
        ("{in: {no: B}, kept: {}}", "what a change leaves is said by one of `out`, `refused` and `filtered`"),
        ("{in: {no: B}, gone: {}}", "what a change leaves is said by one of `out`, `refused` and `filtered`"),
        ("{in: {no: B}, refused: DEL-101}", "this mapping never refuses with `DEL-101`"),
        ("{delete: true, gone: {trace.gone: [{state: ON}]}}", "unknown canonical column `state`"),
        ("{delete: true, gone: {trace.nothing: [{part_id: A}]}}", "the mapping has no target `trace.nothing`"),
        ("{delete: true, gone: {trace.gone: {part_id: A}}}", "a list of rows is wanted here"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(then, step: str, told: str):
    (found,) = then(step)
    assert told in found


def test_what_a_deleted_row_is_held_for_must_be_in_the_catalogue(then, folder):
    folder.replace("errors.yaml", FORBIDDEN, "")
    (told,) = then(BY_POLICY)
    assert told == "code `DEL-101` is missing; rows of erp.parts can be refused with it"


def test_a_delete_with_nothing_to_leave_says_so_with_an_empty_map(then):
    gone = f"{{in: {{state: null}}, filtered: true, gone: {KEYS}}}"
    assert then(gone, "{delete: true, gone: {}}") == []


def derived(mapping: Mapping, row: tuple[object, ...], *, deleted: bool) -> Standing:
    """Return what the derive worker stages of a source row, as it would stand."""
    targets = enumerate(mapping.targets)
    step = Step(0, mapping, {}, tuple(Output(place, "", "", target, False, "", "") for place, target in targets))
    read = (["1"], 20, None, deleted, None, *row, *((10, None) if step.keeps_unmarked else ()))
    staged = evaluate(step, read)
    nothing = ((),) * len(mapping.targets)
    refused = next((row[5] for rows in staged for row in rows if not row[4]), None)
    if refused:
        return Standing(nothing, nothing, Refused(refused))
    columns = (len(target.columns) for target in mapping.targets)  # behind them a stage has room for warnings
    values = (
        tuple(
            tuple(one[4 + len(OUTCOME_META) :][:count] for one in rows)
            for rows, count in zip(staged, columns, strict=False)
        )
        or nothing
    )
    marks = [deleted and not output.keeps_unmarked for output in step.outputs]
    live = tuple(() if marked else rows for rows, marked in zip(values, marks, strict=True))
    return Standing(live, tuple(rows if marked else () for rows, marked in zip(values, marks, strict=True)))


def test_what_stands_is_what_the_derive_worker_stages(folder):
    folder.write(FILE, f"{MAPPING}      - {BY_POLICY}\n")
    mapping = folder.load().mappings[0]
    rows = [{"no": "A", "state": 1, "other": other} for other in ("B|C", "x", None)] + [{"state": 1}, {"no": "A"}]
    more = [(mapping, tuple(row.get(used.column) for used in mapping.inputs)) for row in rows]
    packaged = [(mapping, example.row) for mapping in load().mappings for example in mapping.examples]
    compared = 0
    for mapping, row in [*packaged, *more]:
        assert said(standing_of(mapping, row)) == said(derived(mapping, row, deleted=False))
        if any(target.on_delete != "delete" for target in mapping.targets):  # others are not even read when deleted
            now, wanted = standing_of_deleted(mapping, row), derived(mapping, row, deleted=True)
            if said(now)[2] == "DEL-101":  # SQL says that, of what is staged
                wanted = replace(wanted, refused=now.refused)
            assert said(now) == said(wanted)
            compared += any(map(any, (now.rows, now.marked)))
    assert compared > len(load().mappings)


def said(standing: Standing) -> tuple[str, str, str | None]:
    return repr(standing.rows), repr(standing.marked), standing.refused and standing.refused.code

"""The way back from a canonical column to the sources, and the index the other way round."""

from __future__ import annotations

import pytest

from transforms.load import load
from transforms.review.dependency import ROWS, affected, origins

MAPPING = "mappings/erp.parts.yaml"
WRITTEN = """\
mapping: erp.parts
version: "1"
source:
  table: erp.parts
  columns: {no: text, state: integer, kind: integer, R1: text, R2: text, head: integer}
lookups:
  top: {table: erp.tops, match: top.id = head, columns: {id: integer, root: integer, open: integer}}
  root: {table: erp.roots, match: root.id = top.root, columns: {id: integer, name: text}}
let:
  clean: CLEAN(no)
  named: COALESCE(clean, root.name)
where: top.open = 1
targets:
  - table: trace.part
    key: [part_id]
    on_delete: delete
    columns: {part_id: named, state: {expr: state, required: true}}
  - table: trace.result
    key: [part_id]
    when: kind = 2
    explode: {from: [{nr: 1, value: R1}, {nr: 2, value: R2}], skip: value IS NULL}
    columns: {part_id: "CONCAT(value, '-', nr)"}
examples:
  - name: good
    in: {no: P1, state: 1, kind: 2, R1: a}
    lookups: {top: {id: 1, root: 1, open: 1}, root: {id: 1, name: x}}
    out: {trace.part: [{part_id: P1, state: ON}], trace.result: [{part_id: a-1}]}
"""


@pytest.fixture
def found(folder):
    folder.write(MAPPING, WRITTEN)
    return {origin.target: origin for origin in origins(folder.load())}


def test_a_column_reads_what_its_names_and_look_ups_stand_for(found):
    origin = found["trace.part.part_id"]
    assert (origin.mapping, origin.source, origin.rule, origin.field) == ("erp.parts", "erp", "named", "part_id")
    assert origin.lets == ("clean", "named")
    assert origin.lookups == ("root", "top")
    assert origin.uses == (("", "no"), ("root", "name"))
    # What a look-up finds its row by counts: another `head` is another root.
    assert origin.reads == (
        *("erp.parts.head", "erp.parts.no"),
        *("erp.roots.id", "erp.roots.name", "erp.tops.id", "erp.tops.root"),
    )


def test_parts_of_a_row_lead_to_all_columns_that_they_are_taken_from(found):
    assert found["trace.result.part_id"].reads == ("erp.parts.R1", "erp.parts.R2")


def test_what_decides_about_rows_stands_for_the_rows(found):
    rows, parts = found[f"trace.part.{ROWS}"], found[f"trace.result.{ROWS}"]
    assert (rows.rule, rows.field) == ("where top.open = 1", "")
    # A look-up refuses rows by which it finds several, whether anything of it is used or not.
    assert rows.reads == ("erp.parts.head", "erp.roots.id", "erp.tops.id", "erp.tops.open", "erp.tops.root")
    assert rows.lookups == ("root", "top")
    assert parts.rule == "where top.open = 1; when kind = 2; skip value IS NULL"
    assert set(parts.reads) == {*rows.reads, "erp.parts.kind", "erp.parts.R1", "erp.parts.R2"}


def test_rows_hang_on_what_their_checks_are_made_of(folder):
    checks = "    checks:\n      - {rule: \"part_id <> 'P-9'\", error: QC-101}\n  - table: trace.result"
    folder.write(MAPPING, WRITTEN.replace("  - table: trace.result", checks))
    rows = {origin.target: origin for origin in origins(folder.load())}[f"trace.part.{ROWS}"]
    assert rows.rule == "where top.open = 1; check part_id <> 'P-9'"
    assert {"erp.parts.no", "erp.roots.name"} <= set(rows.reads)
    assert "QC-101" in rows.codes


def test_the_index_leads_from_a_definition_to_columns(folder):
    folder.write(MAPPING, WRITTEN)
    dictionary = folder.load()
    assert affected(dictionary, "field", "part_id") == ("trace.part.part_id", "trace.result.part_id")
    assert affected(dictionary, "code_set", "state") == ("trace.part.state",)
    assert affected(dictionary, "source_column", "erp.tops.open") == ("trace.part.*", "trace.result.*")
    assert affected(dictionary, "source_column", "erp.parts.R2") == ("trace.result.*", "trace.result.part_id")
    assert affected(dictionary, "unit", "C62") == ()


def test_units_of_quantities_are_those_of_their_dimension():
    dictionary = load()
    assert affected(dictionary, "unit", "INH")[-1] == "trace.test_result.measured_length"
    assert "trace.test_result.measured_length" not in affected(dictionary, "unit", "KGM")
    assert "trace.stock_movement.quantity" in affected(dictionary, "unit", "KGM")


def test_every_packaged_column_has_an_origin_and_every_declared_column_is_read():
    dictionary = load()
    targets = [target for mapping in dictionary.mappings for target in mapping.targets]
    columns = {f"{target}.{column.name}" for target in targets for column in target.columns if column.name[0] != "_"}
    found = origins(dictionary)
    assert {origin.target for origin in found if origin.column != ROWS} == columns
    reads = {read for origin in found for read in origin.reads}
    for mapping in dictionary.mappings:
        mirrors = {"": mapping.source, **{lookup.alias: lookup.mirror for lookup in mapping.lookups}}
        for used in mapping.inputs:  # what the compiled mapping reads, this has found, too
            assert used.column is None or f"{mirrors[used.alias]}.{used.column}" in reads


def test_a_look_up_that_is_valid_for_a_time_reads_when(folder):
    validity = "match: top.id = head, valid: {at: made, from: since, to: until}"
    written = WRITTEN.replace("match: top.id = head", validity).replace("head: integer}", "head: integer, made: date}")
    folder.write(MAPPING, written.replace("open: integer}", "open: integer, since: date, until: date}", 1))
    found = {origin.target: origin for origin in origins(folder.load())}
    assert {"erp.parts.made", "erp.tops.since", "erp.tops.until"} <= set(found["trace.part.part_id"].reads)


def test_what_is_unpacked_depends_on_units_of_every_dimension(folder):
    unit = 'units:\n  KGM: {label: {zh: k, en: k}, ucum: kg, dimension: mass, factor: "1"}\n'
    folder.replace("units.yaml", "units:\n", unit)
    weight = "{label: {zh: w, en: w}, definition: d, type: 'decimal(9,2)', unit: KGM, owner: o, example: '1'}"
    folder.replace("fields.yaml", "fields:\n", f"fields:\n  weight: {weight}\n")
    folder.replace(MAPPING, "    state: {expr", "    weight: TO_UNIT(state, no, 'KGM')\n    state: {expr")
    folder.replace(MAPPING, "out: {part_id: P1, state: ON}", "refused: UOM-202")
    assert affected(folder.load(), "unit", "C62") == ()
    folder.replace(MAPPING, "'KGM')", "'KGM', 2)")
    assert affected(folder.load(), "unit", "C62") == ("trace.part.weight",)


FOLDED = """\
fold: trace.part
key: [part_id]
order: date
columns: {state: {take: owner erp, required: true}, note: first}
"""
PART = """\
mapping: erp.parts
version: "1"
source: {table: erp.parts, columns: {no: text, state: integer, day: date}}
target:
  table: trace.part
  key: [part_id]
  order: day
  columns: {part_id: CLEAN(no), state: state}
examples:
  - {name: good, in: {no: P1, state: 1, day: "2026-01-31"}, out: {part_id: P1, state: ON, order: "2026-01-31"}}
"""


def test_a_folded_column_hangs_on_contributions_their_order_and_the_fold(folder):
    note = "  note: {label: {zh: n, en: n}, definition: d, type: string(5), owner: o, example: abc}\n"
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{note}")
    folder.write("folds/trace.part.yaml", FOLDED).write(MAPPING, PART)
    dictionary = folder.load()
    found = {(origin.mapping, origin.target): origin for origin in origins(dictionary)}
    assert found["erp.parts", "trace.part.state"].reads == ("erp.parts.day", "erp.parts.state")
    assert found["erp.parts", "trace.part.part_id"].reads == ("erp.parts.no",)
    assert found["fold", "trace.part.state"].rule == "take owner erp"
    assert found["fold", "trace.part.part_id"].rule == "take key"
    assert affected(dictionary, "field", "note") == ("trace.part.note",)  # nobody contributes to it yet
    assert affected(dictionary, "source_column", "erp.parts.day") == ("trace.part.state",)


def test_a_code_hangs_on_what_decides_its_meaning(folder):
    old = '  - {system: erp, code: "0", to: "NO"}'
    folder.replace(
        "codesets/state.yaml",
        old,
        '  - {system: erp, code: "0", to: "NO", depends_on: {kind: A}, valid_to: "2021-06-01"}',
    )
    folder.replace(MAPPING, "state: integer}", "state: integer, kind: text, day: date}")
    folder.replace(MAPPING, "{expr: state, ", "{expr: state, at: day, ")
    found = {origin.target: origin for origin in origins(folder.load())}
    assert found["trace.part.state"].reads == ("erp.parts.day", "erp.parts.kind", "erp.parts.state")

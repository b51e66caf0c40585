"""A canonical table that several mappings contribute to: what its fold says, and what it lets them say."""

from __future__ import annotations

from datetime import date

import pytest

from transforms.errors import DictionaryError
from transforms.mapping import Rule

FOLD = """
fold: trace.part
key: [part_id]
order: date
columns:
  state: {take: owner erp, required: true}
  note: first
  more: {take: max, field: note}
references:
  - {columns: [note], to: trace.note, required: false}
"""
PARTS = """
mapping: erp.parts
version: "1"
source:
  table: erp.parts
  columns: {no: text, state: integer, day: date}
target:
  table: trace.part
  key: [part_id]
  order: day
  columns:
    part_id: CLEAN(no)
    state: {expr: state, required: true}
examples:
  - {name: good, in: {no: P1, state: 1, day: "2026-01-31"}, out: {part_id: P1, state: ON, order: "2026-01-31"}}
"""
NOTES = """
mapping: erp.notes
version: "1"
source:
  table: erp.notes
  columns: {no: text, note: text, day: date}
targets:
  - table: trace.note
    key: [note]
    columns: {note: note}
  - table: trace.part
    when: note <> 'x'
    key: [part_id]
    order: day + 1
    on_delete: delete
    columns: {part_id: CLEAN(no), note: note}
examples:
  - name: good
    in: {no: P1, note: abc, day: "2026-01-31"}
    out: {trace.note: [{note: abc}], trace.part: [{part_id: P1, note: abc, order: "2026-02-01"}]}
"""
NOTE = "  note: {label: {zh: n, en: n}, definition: d, type: string(5), owner: o, example: abc}\n"


@pytest.fixture
def write(folder):
    """Write fold and mappings, changed, and load the dictionary."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{NOTE}")

    def write(file: str = "", old: str = "", new: str = ""):
        texts = {"folds/trace.part.yaml": FOLD, "mappings/erp.parts.yaml": PARTS, "mappings/erp.notes.yaml": NOTES}
        for name, text in texts.items():
            assert name != file or old in text
            folder.write(name, text.lstrip().replace(old, new) if name == file else text.lstrip())
        return folder.load()

    return write


def test_a_fold_is_a_table_with_a_rule_for_each_column(write):
    dictionary = write()
    (fold,) = dictionary.folds
    assert [(column.name, column.type, column.required) for column in fold.target.columns] == [
        ("part_id", "character varying(5)", True),
        ("state", "text", True),
        ("note", "character varying(5)", False),
        ("more", "character varying(5)", False),
        ("_conflicts", "jsonb", False),
        ("_warnings", "text[]", False),
    ]
    assert fold.rules == {"state": Rule("owner", "erp"), "note": Rule("first"), "more": Rule("max")}
    assert (fold.order, fold.target.key, [one.table for one in fold.target.references]) == (
        "date",
        ("part_id",),
        ["note"],
    )


def test_targets_of_its_table_contribute(write):
    notes, parts = write().mappings
    assert [(str(target), target.contributes) for target in (*notes.targets, *parts.targets)] == [
        ("trace.note", False),
        ("trace.part", True),
        ("trace.part", True),
    ]
    assert [column.name for column in notes.targets[1].columns] == ["part_id", "note", "_order"]
    assert parts.normalise(["P1", 1, date(2026, 1, 31)]) == ((("P1", "ON", date(2026, 1, 31)),),)


def test_whoever_contributes_to_one_table_is_derived_together(write):
    (domain,) = write().domains()
    assert [mapping.name for mapping in domain.mappings] == ["erp.notes", "erp.parts"]
    assert list(map(str, domain.folds)) == ["trace.part"]


FILES = {"fold": "folds/trace.part.yaml", "parts": "mappings/erp.parts.yaml", "notes": "mappings/erp.notes.yaml"}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("fold", "note: first", "note: newest", "one of `first`, `last`, `max` and `owner SOURCE`"),
        ("fold", "owner erp", "owner", "one of `first`, `last`, `max` and `owner SOURCE`"),
        ("fold", "owner erp", "owner epr", "unknown source `epr`; did you mean `erp`?"),
        ("fold", "note: first", "nte: first", "unknown field `nte`; did you mean `note`?"),
        ("fold", "order: date\n", "", "`note` takes the first one: say what `order` is"),
        ("fold", "order: date", "order: datetime", "are ordered by an instant, this is a date"),
        ("fold", "to: trace.note", "to: trace.not", "no mapping fills table `trace.not`; did you mean"),
        ("parts", "key: [part_id]", "key: [state]", "the fold `trace.part` has the key part_id"),
        ("parts", "  order: day\n", "", "say by `order` what this contribution is ordered by"),
        ("parts", "    state: {expr", "    stat: {field: state, expr", "has no column `stat`; did you mean"),
        ("parts", "trace.part\n", "trace.prt\n", "`order` is for folds, and `trace.prt` is none"),
        ("notes", "note: note}\n  - table", "note: note}\n    order: day\n  - table", "and `trace.note` is none"),
        ("notes", "    on_delete: delete\n", "    references: []\n", "references of a folded row stand in its fold"),
    ],
)
def test_faults_are_told(write, file, old, new, told):
    with pytest.raises(DictionaryError) as error:
        write(FILES[file], old, new)
    assert told in str(error.value)


def test_a_fold_that_nobody_contributes_to_is_a_fault(folder):
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{NOTE}")
    folder.write("folds/trace.other.yaml", "fold: trace.other\nkey: [part_id]\ncolumns: {note: max}\n")
    with pytest.raises(DictionaryError) as error:
        folder.load()
    assert "no mapping contributes to `trace.other`" in str(error.value)

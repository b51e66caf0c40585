"""Several canonical rows out of one source row: targets, `when`, named expressions, repeated columns, split texts."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError, Refused
from transforms.mapping import Valid

MAPPING = """
mapping: erp.insp
version: "1"
source:
  table: erp.insp
  columns: {no: text, part: text, owner_id: integer, t1: text, r1: integer, t2: text, r2: integer, vals: text}
lookups:
  owner:
    table: erp.owners
    match: owner.id = owner_id
    missing: REF-301
    columns: {id: integer, active: integer, name: text}
let:
  number: CLEAN(no)
  owned: owner.name IS NOT NULL AND known
  known: number IS NOT NULL
where: number <> 'skip'
targets:
  - table: trace.owned
    when: owned AND part IS NOT NULL
    key: [part_id]
    columns: {part_id: CLEAN(part)}
  - table: trace.result
    key: [part_id, seq]
    on_delete: delete
    explode: {from: [{at: 1, value: t1, judge: r1}, {at: 2, value: t2, judge: r2 + 0}], skip: value IS NULL}
    columns:
      part_id: number
      seq: at
      note: value
      state: judge
    checks:
      - {rule: note <> 'bad', error: QC-101}
  - table: trace.value
    key: [part_id, seq]
    explode: {split: vals, by: "|", as: piece, seq: at}
    columns: {part_id: number, seq: at, note: CLEAN(piece)}
examples:
  - name: all of it
    in: {no: " P1", part: A, owner_id: 5, t1: x, r1: 1, t2: y, vals: "2.0|| 3"}
    lookups: {owner: {id: 5, name: O}}
    out:
      trace.owned: [{part_id: A}]
      trace.result: [{part_id: P1, seq: 1, note: x, state: ON}, {part_id: P1, seq: 2, note: y}]
      trace.value: [{part_id: P1, seq: 1, note: "2.0"}, {part_id: P1, seq: 2}, {part_id: P1, seq: 3, note: "3"}]
  - name: nothing to split, nothing owned
    like: all of it
    in: {t1: null, t2: null, vals: null}
    lookups: {owner: {id: 5, name: null}}
    filtered: true
  - {name: not wanted, like: all of it, in: {no: skip}, filtered: true}
"""
FIELDS = (
    "  seq: {label: {zh: a, en: a}, definition: d, type: integer, owner: o, example: '2'}\n"
    "  note: {label: {zh: n, en: n}, definition: d, type: string(3), owner: o, example: abc}\n"
)


@pytest.fixture
def write(folder):
    """Write the mapping, changed, and load the dictionary."""
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELDS}")

    def write(*changes: tuple[str, str]):
        text = MAPPING.lstrip()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        folder.write("mappings/erp.insp.yaml", text)
        return folder.load()

    return write


@pytest.fixture
def mapping(write):
    return next(mapping for mapping in write().mappings if mapping.name == "erp.insp")


def outcome(mapping, **changes):
    row = {"no": "P1", "part": "A", "owner_id": 5, "t1": "x", "r1": 1, "t2": "y", "r2": None, "vals": "a|b"}
    row |= {"id": 5, "active": 1, "name": "O"} | changes
    return mapping.normalise([1 if used.column is None else row[used.column] for used in mapping.inputs])


def test_each_target_has_its_candidates(mapping):
    part, results, values = outcome(mapping)
    assert part == (("A",),)
    assert [(seq, note) for _, seq, note, _ in results] == [(1, "x"), (2, "y")]
    assert values == (("P1", 1, "a"), ("P1", 2, "b"))


def test_a_target_whose_condition_is_not_true_has_none(mapping):
    assert outcome(mapping, part=None)[0] == ()
    assert outcome(mapping, name=None)[0] == ()


def test_parts_that_are_skipped_leave_their_number(mapping):
    assert [row[1] for row in outcome(mapping, t1=None)[1]] == [2]


def test_a_text_of_one_part_is_one_row_and_null_is_none(mapping):
    assert outcome(mapping, vals="")[2] == (("P1", 1, None),)
    assert outcome(mapping, vals=None)[2] == ()


def test_what_one_part_is_refused_for_refuses_the_row(mapping):
    with pytest.raises(Refused) as refused:
        outcome(mapping, t2="bad")
    assert (refused.value.code, refused.value.field) == ("QC-101", "note")


def test_two_parts_of_one_key_refuse_the_row(write):
    dictionary = write(
        ("key: [part_id, seq]\n    explode: {split", "key: [note]\n    explode: {split"),
        ("columns: {part_id: number, seq: at, note: CLEAN(piece)}", "columns: {note: CLEAN(piece)}"),
        ("      trace.value: [{part_id: P1, seq: 1,", "      # [{part_id: P1, seq: 1,"),
        ('vals: "2.0|| 3"', "vals: null"),
    )
    mapping = next(mapping for mapping in dictionary.mappings if mapping.name == "erp.insp")
    assert outcome(mapping, vals="a|b")[2] == (("a",), ("b",))
    with pytest.raises(Refused) as refused:
        outcome(mapping, vals="a|b| a")
    assert (refused.value.code, refused.value.field) == ("KEY-201", "note")


def test_only_look_ups_that_where_needs_are_asked_before_it(mapping):
    assert [lookup.alias for lookup in mapping.lookups] == ["owner"]
    row = {"no": "skip"}
    found = [0 if used.column is None else row.get(used.column) for used in mapping.inputs]
    assert mapping.normalise(found) is None  # though the look-up finds nothing


def test_tables_that_may_have_several_rows_say_so(mapping):
    assert [(str(target), target.explodes, target.on_delete) for target in mapping.targets] == [
        ("trace.owned", False, "tombstone"),
        ("trace.result", True, "delete"),
        ("trace.value", True, "tombstone"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seq: 1, note: x, state: ON}", "seq: 3, note: x, state: ON}", "trace.result: row 1: seq is 1, expected 3"),
        ("trace.owned: [{part_id: A}]", "trace.owned: []", "trace.owned: 1 rows, expected 0"),
        ("      trace.owned: [{part_id: A}]\n", "", "trace.owned: 1 rows, expected 0"),
        ("trace.owned: [{part_id: A}]", "trace.ownd: []", "the mapping has no target `trace.ownd`; did you mean"),
        ("targets:\n", "target: {table: trace.x, key: [note], columns: {note: no}}\ntargets:\n", "either `target` or"),
        ("  known: number IS NOT NULL\n", "  known: owned\n", "`owned` is defined by itself"),
        ("  known:", "  part:", "`part` is a column of the source row already"),
        ("{at: 2, value: t2, judge: r2 + 0}", "{at: 2, value: t2}", "gives the same names, in the same order"),
        ("{at: 2, value: t2, judge: r2 + 0}", "{at: 2, value: r2, judge: r2}", "`value` is not of one kind in all"),
        ("at: 1, value: t1", "no: 1, value: t1", "gives the same names"),
        ("{split: vals, by:", "{split: owner_id, by:", "text is wanted here, this is"),
        ('by: "|", as: piece', 'as: piece', "`split` needs `by`"),
        ("as: piece", "as: part", "`part` is a column of the row already"),
        ("as: piece, seq: at", "as: piece, seq: piece", "`piece` is what a part is called: its number needs another"),
        ("skip: value IS NULL", "skip: value", "a condition is wanted here"),
        ("when: owned AND part IS NOT NULL", "when: part", "a condition is wanted here"),
    ],
)  # fmt: skip
def test_faults_are_told(write, old, new, told):
    with pytest.raises(DictionaryError) as error:
        write((old, new))
    assert told in str(error.value)


SIGNED = """
mapping: erp.moves
version: "1"
source:
  table: erp.moves
  columns: {no: text, qty: decimal, back: integer}
target:
  table: trace.move
  key: [part_id]
  columns:
    part_id: no
    amount: {expr: qty, sign: CASE WHEN back = 1 THEN -1 ELSE 1 END}
examples:
  - {name: in, in: {no: M1, qty: "2.5", back: 0}, out: {part_id: M1, amount: "2.5"}}
  - {name: and back, in: {no: M1, qty: "2.5", back: 1}, out: {part_id: M1, amount: "-2.5"}}
"""


@pytest.fixture
def signed(folder):
    """A folder with a mapping that gives a quantity its sign."""
    amount = "  amount: {label: {zh: a, en: a}, definition: d, type: 'decimal(4,1)', owner: o, example: '2.5'}\n"
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{amount}")
    return folder.write("mappings/erp.moves.yaml", SIGNED.lstrip())


def test_the_sign_of_a_quantity_has_an_expression_of_its_own(signed):
    assert len(signed.load().mappings) == 2  # and its examples hold


def test_a_sign_is_a_number(signed):
    signed.replace("mappings/erp.moves.yaml", "sign: CASE WHEN back = 1 THEN -1 ELSE 1 END", "sign: no")
    with pytest.raises(DictionaryError) as error:
        signed.load()
    assert "a sign is a number, this is text" in str(error.value)


VALID = """
mapping: erp.sales
version: "1"
source:
  table: erp.sales
  columns: {no: text, item: text, day: date, hour: timestamp}
lookups:
  price:
    table: erp.prices
    match: price.item = item
    valid: {at: day, from: since, to: until}
    columns: {item: text, since: date, until: date, note: text}
target:
  table: trace.sale
  key: [part_id]
  columns: {part_id: no, state: price.note}
examples:
  - {name: none is valid, in: {no: S1}, lookups: {price: missing}, out: {part_id: S1}}
"""


def test_a_look_up_may_be_valid_for_a_time(folder):
    folder.write("mappings/erp.sales.yaml", VALID.lstrip())
    mapping = next(mapping for mapping in folder.load().mappings if mapping.name == "erp.sales")
    (lookup,) = mapping.lookups
    assert lookup.valid == Valid("", "day", "since", "until")
    assert lookup.columns == ("item", "since", "until")
    assert lookup.sides == (("", "item"), ("", "day"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("at: day", "at: dya", "unknown column `dya`; did you mean `day`?"),
        ("from: since", "from: snce", "unknown column `snce`"),
        ("at: day", "at: hour", "`at`, `from` and `to` are of one type, with a date"),
        ("at: day, from: since, to: until", "at: no, from: item, to: note", "are of one type, with a date"),
    ],
)  # fmt: skip
def test_what_is_valid_when_is_told_by_columns_of_one_type(folder, old, new, told):
    folder.write("mappings/erp.sales.yaml", VALID.lstrip().replace(old, new))
    with pytest.raises(DictionaryError) as error:
        folder.load()
    assert told in str(error.value)

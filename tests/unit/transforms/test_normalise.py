"""The order of decisions about a row, and that nothing is altered on the way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from transforms.errors import Refused
from transforms.expression.code import Code
from transforms.load import load
from transforms.mapping import Input, Lookup, Match, MirrorRef
from transforms.normalise import RowPlan, TargetPlan
from transforms.reading.lookup import hangs_on

MAPPING = """
mapping: erp.parts
version: "1"
source:
  table: erp.parts
  columns: {no: text, kind: integer, qty: decimal, note: text, owner_id: integer, other_id: integer}
lookups:
  owner:
    table: erp.owners
    match: owner.id = owner_id AND kind = owner.kind
    missing: REF-301
    columns: {id: integer, kind: integer, active: integer, region_id: integer}
  other:
    table: erp.owners
    match: other.id = other_id
    missing: UOM-202
    columns: {id: integer, active: integer}
  region:
    table: erp.regions
    match: region.id = owner.region_id
    columns: {id: integer, open: integer}
where: region.open = 1 OR owner.active = 1
target:
  table: trace.part
  key: [part_id]
  on_delete: delete
  columns:
    part_id: CLEAN(no)
    state: {expr: kind, required: true}
    amount: qty / 4
    note: note
  checks:
    - {rule: amount > 0 OR state = 'NO', error: QC-101}
    - {rule: note <> 'x', error: DAT-101}
examples:
  - name: good
    in: {no: " P1", kind: 1, qty: "10", owner_id: 5, other_id: 6}
    lookups: {owner: {id: 5, active: 1}, other: {id: 6}}
    out: {part_id: P1, state: ON, amount: "2.5"}
"""
FIELDS = (
    "  amount: {label: {zh: a, en: a}, definition: d, type: 'decimal(4,1)', owner: o, example: '2.5'}\n"
    "  note: {label: {zh: n, en: n}, definition: d, type: string(3), owner: o, example: abc}\n"
)
GOOD = {
    ("owner", None): 1, ("other", None): 1, ("region", None): 1, ("region", "open"): 1, ("owner", "active"): 1,
    ("owner", "region_id"): 9, ("", "owner_id"): 5, ("", "other_id"): 6, ("", "kind"): 1, ("", "no"): " P1",
    ("", "qty"): Decimal(10), ("", "note"): "abc",
}  # fmt: skip


@pytest.fixture
def mapping(folder):
    folder.write("mappings/erp.parts.yaml", MAPPING.lstrip())
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELDS}")
    (mapping,) = folder.load().mappings
    return mapping


def outcome(mapping, changes):
    values = GOOD | changes
    try:
        found = mapping.normalise([values[used.alias, used.column] for used in mapping.inputs])
    except Refused as refused:
        return refused.code, refused.field
    return found and found[0][0]


def test_lookups_are_parents_first_with_both_spellings_of_an_equality(mapping):
    owners, regions = MirrorRef("erp", "owners"), MirrorRef("erp", "regions")
    assert mapping.lookups == (
        Lookup("owner", owners, (Match("id", "", "owner_id"), Match("kind", "", "kind")), "REF-301"),
        Lookup("other", owners, (Match("id", "", "other_id"),), "UOM-202"),
        Lookup("region", regions, (Match("id", "owner", "region_id"),), None),
    )
    assert set(mapping.inputs) >= {Input("owner", None), Input("region", None), Input("owner", "region_id", "integer")}


def test_lookup_brings_all_that_it_hangs_on():
    mirror = MirrorRef("erp", "x")
    chain = [
        Lookup("a", mirror, (Match("id", "", "a_id"),), None),
        Lookup("b", mirror, (Match("id", "a", "b_id"),), None),
        Lookup("c", mirror, (Match("id", "b", "c_id"), Match("kind", "", "kind")), None),
        Lookup("d", mirror, (Match("id", "", "d_id"),), None),
    ]
    assert hangs_on(chain, {"c"}) == {"a", "b", "c", ""}


BAD = {("", "no"): None, ("", "kind"): 7, ("", "qty"): Decimal("NaN"), ("", "note"): "abcd"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("P1", "ON", Decimal("2.5"), "abc")),
        # 1: look-ups of `where` come before it, with what they hang on, in declared order
        ({("owner", None): 0, ("other", None): 0, **BAD}, ("REF-301", "owner")),
        ({("owner", None): 2, ("region", None): 2}, ("REF-302", "owner")),
        ({("region", None): 2, ("other", None): 0, **BAD}, ("REF-302", "region")),
        # 2: `where`; NULL filters, before the other look-ups are asked
        ({("region", "open"): 0, ("owner", "active"): None, ("other", None): 0, **BAD}, None),
        ({("region", None): 0, ("region", "open"): None, ("owner", "active"): 0, ("other", None): 2}, None),
        # 3: the other look-ups
        ({("other", None): 0, **BAD}, ("UOM-202", "other")),
        ({("other", None): 2, **BAD}, ("REF-302", "other")),
        # 4: columns in declared order
        (BAD, ("REQ-101", "part_id")),
        (BAD | {("", "no"): "123456"}, ("TXT-101", "part_id")),
        (BAD | {("", "no"): "P1"}, ("COD-201", "state")),
        (BAD | {("", "no"): "P1", ("", "kind"): None}, ("REQ-101", "state")),
        (BAD | {("", "no"): "P1", ("", "kind"): 1}, ("NUM-101", "amount")),
        (BAD | {("", "no"): "P1", ("", "kind"): 1, ("", "qty"): Decimal(10)}, ("TXT-101", "note")),
        # 5: row checks in declared order; NULL passes
        ({("", "qty"): Decimal(-10), ("", "note"): "x"}, ("QC-101", "amount")),
        ({("", "note"): "x"}, ("DAT-101", "note")),
        ({("", "qty"): None, ("", "note"): None}, ("P1", "ON", None, None)),
        ({("", "qty"): Decimal(-10), ("", "kind"): 0}, ("P1", "NO", Decimal("-2.5"), "abc")),
        # values: exact or refused, null tokens, blanks that are not cleaned stay
        ({("", "qty"): Decimal("10.1")}, ("NUM-101", "amount")),
        ({("", "qty"): Decimal(4000)}, ("NUM-101", "amount")),
        ({("", "note"): "-"}, ("P1", "ON", Decimal("2.5"), None)),
        ({("", "note"): " - "}, ("P1", "ON", Decimal("2.5"), None)),
        ({("", "note"): "　"}, ("P1", "ON", Decimal("2.5"), None)),
        ({("", "note"): " a "}, ("P1", "ON", Decimal("2.5"), " a ")),
        ({("", "no"): "-"}, ("REQ-101", "part_id")),
    ],
)
def test_first_decision_wins(mapping, changes, expected):
    assert outcome(mapping, changes) == expected


def test_missing_row_is_waited_for_by_its_key(mapping):
    row = [(GOOD | {("owner", None): 0})[used.alias, used.column] for used in mapping.inputs]
    with pytest.raises(Refused) as caught:
        mapping.normalise(row)
    assert (caught.value.waits_for, caught.value.waits_key) == ("erp.owners", (5, 1))
    assert "5" not in str(caught.value)


def test_lookup_by_null_waits_for_no_row(mapping):
    row = [(GOOD | {("owner", None): 0, ("", "kind"): None})[used.alias, used.column] for used in mapping.inputs]
    with pytest.raises(Refused) as caught:
        mapping.normalise(row)
    assert (caught.value.code, caught.value.waits_for, caught.value.waits_key) == ("REF-301", None, None)


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ("owner.id = owner.kind", "DIC-121"),
        ("owner_id = kind", "DIC-121"),
        ("owner.id > owner_id", "DIC-121"),
        ("owner.id = owner_id OR owner.kind = kind", "DIC-121"),
        ("owner.id = 5", "DIC-121"),
        ("owner.idd = owner_id", "DIC-122"),
        ("owner.id = ownr_id", "DIC-122"),
        ("owner.id = region.id", "DIC-122"),
        ("owner.id = CLEAN(no)", "DIC-121"),
        ("owner.id =", "DIC-121"),
    ],
)
def test_lookup_is_plain_equality_with_what_stands_before_it(folder, match, code):
    folder.write("mappings/erp.parts.yaml", MAPPING.lstrip())
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{FIELDS}")
    folder.replace("mappings/erp.parts.yaml", "owner.id = owner_id AND kind = owner.kind", match)
    with pytest.raises(Exception, match=code):
        folder.load()


def test_what_leaves_no_row_out_says_so():
    by_name = {mapping.name: mapping for mapping in load(None).mappings}
    assert not by_name["erp.t_Organization"].filters
    assert by_name["erp.SEOrderEntry"].filters
    row, some = RowPlan((), None, (), ()), TargetPlan(Code("True"), None, (), ())
    every = replace(some, when=None)
    assert [replace(row, targets=targets).filters for targets in ((some,), (some, every))] == [True, False]
    assert replace(row, where=Code("True"), targets=(every,)).filters

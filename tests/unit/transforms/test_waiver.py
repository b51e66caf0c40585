"""A mapping with values that somebody has decided on: typed as their fields want it, checked as any other value."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.transforms.test_warnings import mapping  # noqa: F401 - a fixture
from transforms.errors import Refused
from transforms.fold import fold_said
from transforms.mapping import Conflict, Said
from transforms.waiver import UnfitError

ROW = {"no": "P1", "made": "2026-01-31", "state": "1", "lot": "L1"}


def given(mapping, values, **row):  # noqa: F811
    return mapping.waive(values)([(ROW | row)[used.column] for used in mapping.inputs])


def test_a_column_has_the_value_that_is_given_and_all_others_their_own(mapping):  # noqa: F811
    (((_, _, state, lot, warnings),),) = given(mapping, {"lot": "L-7"}, lot="much too long", state="7")
    assert (state, lot, warnings) == ("NO", "L-7", ["COD-201 state"])
    assert given(mapping, {"made": "2026-02-28"})[0][0][1] == date(2026, 2, 28)
    assert given(mapping, {"lot": None}, lot="much too long")[0][0][3:] == (None, None)


def test_nothing_given_is_the_mapping_itself(mapping):  # noqa: F811
    with pytest.raises(Refused, match="LOT-101"):
        given(mapping, {}, lot="much too long")


def test_a_value_that_is_given_meets_the_row_checks(mapping):  # noqa: F811
    with pytest.raises(Refused, match="QC-101"):
        given(mapping, {"part_id": "X"})
    assert given(mapping, {"made": "1999-01-31"})[0][0][-1] == ["OLD-W01 made"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"nothing": "1"}, "nothing: no table of the mapping has such a column"),
        ({"_warnings": "1"}, "_warnings: no table"),
        ({"lot": "longer"}, "lot: this is no value of the field `lot`"),
        ({"lot": "L#1"}, "lot: this is no value"),
        ({"lot": " L1"}, "lot: this is no value"),
        ({"lot": ""}, "lot: this is no value"),
        ({"state": "1"}, "state: this is no value"),  # a code of the source, and not of the code set
        ({"made": "31.1.2026"}, "made: this is no value"),
        ({"part_id": None}, "part_id: it is of the key"),
        ({"state": None}, "state: it is of the key, or has to have a value"),
    ],
)
def test_what_no_row_can_have_is_refused(mapping, values, why):  # noqa: F811
    with pytest.raises(UnfitError, match=why):
        mapping.waive(values)


FOLD = """fold: trace.lot
key: [part_id]
columns: {state: {take: max, required: true}, lot: max, made: max}
examples:
  - {name: a lot, contributions: [{mapping: erp.lots, source_key: "1", says: {state: ON}}], out: {state: ON}}
"""


@pytest.fixture
def fold(mapping, folder):  # noqa: F811 - the fixture
    folder.write("folds/trace.lot.yaml", FOLD)
    folder.replace("mappings/erp.lots.yaml", "  key: [part_id]\n", "  key: [part_id]\n  on_delete: tombstone\n")
    return folder.load().folds[0]


def test_what_a_fold_lacks_is_given_and_goes_before_what_is_said(fold):
    said = [Said("erp.lots", "erp", ("1",), {"lot": "L1"})]
    with pytest.raises(Refused, match="REQ-101"):
        fold_said(fold, said, fold.decide({"lot": "L7"}))
    folded = fold_said(fold, said, fold.decide({"state": "NO", "lot": None, "made": "2026-01-31"}))
    assert folded.values == {"state": "NO", "lot": None, "made": date(2026, 1, 31), "_warnings": None}
    assert folded.conflicts == {Conflict("lot", "erp.lots", ("1",), "L1")}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"nothing": "1"}, "nothing: trace.lot has no such column"),
        ({"_conflicts": "1"}, "_conflicts: trace.lot has no such column"),
        ({"part_id": "P2"}, "part_id: it is of the key, which all contributions have"),
        ({"state": None}, "state: it is of the key, or has to have a value"),
        ({"state": "1"}, "state: this is no value"),
    ],
)
def test_what_no_folded_row_can_have_is_refused(fold, values, why):
    with pytest.raises(UnfitError, match=why):
        fold.decide(values)


def test_what_the_source_said_stays_beside_the_value(folder):
    lot = "  lot: {label: {zh: l, en: l}, definition: d, type: string(5), owner: o, example: L1, keep_raw: true}\n"
    folder.replace("fields.yaml", "fields:\n", f"fields:\n{lot}")
    folder.write(
        "mappings/erp.lots.yaml",
        """mapping: erp.lots
version: "1"
source: {table: erp.lots, columns: {no: text, lot: text}}
target: {table: trace.lot, key: [part_id], columns: {part_id: no, lot: lot}}
examples:
  - {name: one, in: {no: P1, lot: L1}, out: {part_id: P1, lot: L1}}
""",
    )
    lots = next(one for one in folder.load().mappings if one.name == "erp.lots")
    row = [{"no": "P1", "lot": "much too long"}[used.column] for used in lots.inputs]
    assert lots.waive({"lot": "L7"})(row) == ((("P1", "L7", "much too long"),),)
    with pytest.raises(UnfitError):
        lots.waive({"lot_raw": "x"})

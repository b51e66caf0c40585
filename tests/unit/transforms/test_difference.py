"""What a change means, in the words of those who make it, and which columns it touches."""

from __future__ import annotations

import shutil

import pytest

from transforms.load import PACKAGED, read
from transforms.review.difference import _code_set, difference

LOT = "mappings/mes.mes_lot.yaml"
QUANTITIES = {"trace.stock_movement.quantity", "trace.shipment.quantity"}


@pytest.fixture(scope="module")
def packaged():
    return read(PACKAGED)[0]


@pytest.fixture
def changed(tmp_path, packaged):
    """Return what a replaced text in a copy of the packaged dictionary means: (what, columns) of each change."""
    folder = shutil.copytree(PACKAGED, tmp_path / "changed")

    def change(*replacements: tuple[str, str, str]):
        for file, old, new in replacements:
            text = (folder / file).read_text(encoding="utf-8")
            assert old in text
            (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        dictionary, faults = read(folder)
        assert dictionary is not None, faults
        return [(str(one), set(one.affects)) for one in difference(packaged, dictionary)]

    return change


LOT_SET = "codesets/lot_status.yaml"
STATUS = {"trace.material_lot.status"}


@pytest.mark.parametrize(
    ("file", "old", "new", "what", "affects"),
    [
        (
            LOT_SET,
            "unmapped:",
            '  - {system: mes, code: "LOCK", to: BLOCKED}\nunmapped:',
            "lot_status: synonym mes 'LOCK' added -> BLOCKED",
            STATUS,
        ),
        (
            LOT_SET,
            '  - {system: mes, code: "NG", to: REJECTED}\n',
            "",
            "lot_status: synonym mes 'NG' removed (was REJECTED)",
            STATUS,
        ),
        (
            LOT_SET,
            '"HOLD", to: BLOCKED',
            '"HOLD", to: QUARANTINE',
            "lot_status: synonym mes 'HOLD' BLOCKED -> QUARANTINE",
            STATUS,
        ),
        (
            LOT_SET,
            '"HOLD", to: BLOCKED',
            '"HOLD", to: BLOCKED, note: seen',
            "lot_status: synonym mes 'HOLD' note added seen",
            set(),
        ),
        (
            LOT_SET,
            '{system: mes, code: "Q"',
            '{system: erp, code: "Q"',
            "lot_status: synonym erp 'Q' added -> QUARANTINE",
            set(),
        ),
        (LOT_SET, "en: Blocked", "en: On hold", "lot_status: code BLOCKED en Blocked -> `On hold`", set()),
        (
            LOT_SET,
            "[trim, upper]",
            "[upper, trim]",
            'lot_status: normalise order ["trim", "upper"] -> ["upper", "trim"]',
            STATUS,
        ),
        (LOT_SET, 'version: "2"', 'version: "3"', "lot_status: version 2 -> 3", set()),
        (
            "units.yaml",
            "INH: {label: {zh: 英寸, en: inch}",
            "INH: {label: {zh: 吋, en: inch}",
            "INH: label zh 英寸 -> 吋",
            set(),
        ),
        ("fields.yaml", "en: Lot number", "en: Batch", "lot_number: label en `Lot number` -> Batch", set()),
        (
            LOT,
            "manufacture_date: mfg_date",
            "manufacture_date: COALESCE(mfg_date, exp_date)",
            "mes.mes_lot: target columns manufacture_date mfg_date -> `COALESCE(mfg_date, exp_date)`",
            {"trace.material_lot.manufacture_date"},
        ),
        (
            LOT,
            "    lot_no: text\n",
            "    lot_no: char\n",
            "mes.mes_lot: source columns lot_no text -> char",
            {"trace.material_lot.lot_number", "trace.material_lot.lot_number_raw"},
        ),
        (
            LOT,
            "name: a purchased lot in",
            "name: a bought lot in",
            "mes.mes_lot: examples a bought lot in quarantine, without dates added",
            set(),
        ),
        (
            "mappings/erp.ICStockBillEntry.yaml",
            "AND head.FCheckerID > 0",
            "AND head.FCheckerID >= 1",
            "erp.ICStockBillEntry: where `head.FCancellation = 0 AND head.FCheckerID > 0` -> ",
            {"trace.stock_movement.*", "trace.material_lot.*"},
        ),
        (LOT, "key: [lot_id]", "key: [lot]", "mes.mes_lot: source key lot_id removed", set()),
        (
            "mappings/mes.mes_label.yaml",
            "UDI_WARNING(label), never: [TXT-101]}",
            "UDI_WARNING(label), never: []}",
            "mes.mes_label: target columns label_warning never",
            set(),
        ),
        (
            "folds/trace.party.yaml",
            "name: a customer",
            "name: something else",
            "trace.party: examples a customer removed",
            set(),
        ),
        ("dictionary.yaml", "status: draft", "status: in_review", "dictionary: status draft -> in_review", set()),
    ],
)
def test_a_change_is_told_with_what_it_touches(changed, file, old, new, what, affects):
    found = changed((file, old, new))
    assert any(told.startswith(what) and columns == affects for told, columns in found), found


def test_a_factor_touches_every_quantity_that_can_be_in_that_unit(changed):
    ((told, affects),) = changed(("units.yaml", "254/10000", "2541/100000"))
    assert told == "INH: factor 254/10000 -> 2541/100000"
    assert affects >= {*QUANTITIES, "trace.test_result.measured_length"}
    assert not affects & STATUS


def test_a_word_for_a_unit_counts_for_its_source_alone(changed):
    found = changed(("units.yaml", "  mes:\n    {个: C62, PCS: C62", "  mes:\n    {个: C62, 只: C62, PCS: C62"))
    # No quantity of the MES is counted in pieces: rows of that unit are refused as before, but with another code.
    assert found == [("mes: '只' added -> C62", {"trace.test_result.measured_length"})]
    found = changed(("units.yaml", "  erp:\n    {个: C62, PCS: C62", "  erp:\n    {个: C62, 只: C62, PCS: C62"))
    assert found[0][0] == "erp: '只' added -> C62"
    assert found[0][1] >= QUANTITIES


def test_a_code_of_another_kind_touches_whoever_raises_it(changed):
    ((told, affects),) = changed(("errors.yaml", "QC-W11:\n  kind: warning", "QC-W11:\n  kind: row"))
    assert told == "QC-W11: kind warning -> row"
    assert affects == {"trace.test_result.*", "trace.nonconformance.*"}


def test_words_for_nothing_touch_all_of_their_source(changed):
    ((told, affects),) = changed(("sources/mes.yaml", "null_tokens: [", "null_tokens: [空, "))
    assert told == "mes: null_tokens 空 added"
    assert affects >= STATUS
    assert not affects & QUANTITIES


def test_an_entry_that_comes_or_goes_is_told_once(changed):
    more = 'units:\n  TNE: {label: {zh: 吨, en: tonne}, ucum: t, dimension: mass, factor: "1000"}\n'
    ((told, affects),) = changed(("units.yaml", "units:\n", more))
    assert (told, affects >= QUANTITIES) == ("TNE: added", True)


def test_the_order_of_columns_is_a_change(changed):
    by, at = "    released_by: released_by\n", "    released_at: released_at\n"
    found = changed((LOT, by + at, at + by))
    (told,) = (told for told, _ in found)
    assert told.startswith("mes.mes_lot: target columns order material_id, ")


def test_equal_versions_have_no_difference(packaged):
    assert difference(packaged, packaged) == ()


def test_a_comment_is_no_difference(changed):
    assert changed(("fields.yaml", "fields:", "# seen\nfields:")) == []


def test_a_synonym_is_told_with_what_it_depends_on():
    rest = {"code_set": "s", "version": "1", "codes": {}, "normalise": [], "unmapped": "COD-201"}
    old = {**rest, "synonyms": [{"system": "erp", "code": "9", "to": "REJECTED", "valid_from": "2009-01-01"}]}
    new = {
        **rest,
        "synonyms": [
            {"system": "erp", "code": "9", "to": "REJECTED", "valid_from": "2009-01-01", "valid_to": "2021-06-01"},
            {"system": "erp", "code": "9", "to": "BLOCKED", "valid_from": "2021-06-01"},
        ],
    }
    assert [told for told, _ in _code_set(old, new)] == [
        "synonym erp '9' (valid_from 2009-01-01) valid_to added 2021-06-01",
        "synonym erp '9' (valid_from 2021-06-01) added -> BLOCKED",
    ]

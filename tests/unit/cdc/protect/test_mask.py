from __future__ import annotations

import dataclasses

import pytest

from cdc.activate.activate import _masked
from cdc.activate.compare import ColumnDifference, Difference, Sample, TableDifference
from cdc.protect.mask import MASK, Masks, _sources
from cdc.protect.role import clear_columns
from transforms.load import load
from transforms.model import Dictionary, Protection
from transforms.review.dependency import origins
from transforms.value.token import token_of

PARTY, ORGANIZATION = "trace.party", "erp.t_Organization"


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return load(None)


@pytest.fixture(scope="module")
def masks(dictionary: Dictionary) -> Masks:
    return Masks.of(dictionary, {ORGANIZATION: ["FItemID"]})


def test_personal_values_are_masked_where_they_are_and_where_they_come_from(masks: Masks) -> None:
    row = {"party_id": "C1", "country": "CN", "phone": "021", "contact": None, "_source_ts": "now"}
    assert masks.row(PARTY, row) == {**row, "phone": MASK}
    source = {"FItemID": "1", "FNumber": "C1", "FPhone": "021", "FDeleted": "0", "_offset": "7"}
    assert masks.row(ORGANIZATION, source) == {**source, "FPhone": MASK}


def test_what_the_dictionary_does_not_name_may_be_anything(masks: Masks) -> None:
    assert masks.hides(ORGANIZATION, "FPassport")
    assert not masks.hides("trace.party", "_derivation")


def test_what_a_token_stands_for_is_masked_whatever_the_field_is(dictionary: Dictionary) -> None:
    found = [one for one in origins(dictionary) if one.target == f"{PARTY}.country" and "Organization" in one.mapping]
    assert not [*_sources(dictionary, found)]
    made = [dataclasses.replace(one, hides=True) for one in found]
    assert {*_sources(dictionary, made)} == {f"{ORGANIZATION}.FCountry"}


def test_keys_by_mapping_by_fold_and_what_is_waited_for(masks: Masks) -> None:
    assert masks.source_key("erp.t_Organization", ["1"]) == ["1"]
    assert masks.source_key(PARTY, ["C1"]) == ["C1"]
    hidden = dataclasses.replace(masks, hidden=masks.hidden | {f"{ORGANIZATION}.FItemID", f"{PARTY}.party_id"})
    assert hidden.source_key("erp.t_Organization", ["1"]) == [MASK]
    assert hidden.source_key("erp.t_Organization", ["1", "3"]) == [MASK, "3"]  # a version of it
    assert hidden.awaited("mes.mes_ship", PARTY, ["C1", None]) == [MASK, None]
    assert hidden.awaited("mes.mes_ship", None, None) is None


def test_what_is_waited_for_is_masked_by_whatever_it_may_be_found_by(masks: Masks) -> None:
    """By a second look-up of one mirror, or by the key of a row that is behind its source."""
    lookups = {"m": {"a": (ORGANIZATION, ["FNumber"]), "b": (ORGANIZATION, ["FPhone"])}}
    shown = dataclasses.replace(masks, lookups=lookups)
    assert shown.awaited("m", ORGANIZATION, ["021"]) == [MASK]
    behind = dataclasses.replace(masks, hidden=masks.hidden | {f"{ORGANIZATION}.FItemID"})
    assert behind.awaited("erp.t_Organization", ORGANIZATION, ["7"]) == [MASK]


def test_what_belongs_to_a_mapping_that_is_gone_is_masked(masks: Masks) -> None:
    assert masks.source_key("erp.of_before", ["1", None]) == [MASK, None]
    assert masks.awaited("erp.of_before", "erp.gone", ["1"]) == [MASK]
    assert (masks.decided("of_before", "Li"), masks.decided("country", "CN")) == (MASK, "CN")


def test_what_is_said_of_a_folded_row_is_masked_as_the_row_is(dictionary: Dictionary) -> None:
    fold = dictionary.folds[0].target
    column = next(one for one in fold.columns if one.field and one.name not in fold.key)
    personal = dataclasses.replace(dictionary.fields[column.field], sensitivity="personal")
    changed = dataclasses.replace(dictionary, fields={**dictionary.fields, column.field: personal})
    shown = Masks.of(changed, {})
    assert shown.hides(str(fold), column.name)
    assert shown.hides(f"{fold.schema}_contribution.{fold.table}", column.name)


def test_conflicts_are_masked_where_a_column_is_and_no_reader_sees_them(dictionary: Dictionary, masks: Masks) -> None:
    said = '[{"column": "phone", "value": "021"}]'
    assert masks.row(PARTY, {"country": "CN", "_conflicts": said}) == {"country": "CN", "_conflicts": MASK}
    assert not masks.hides("trace.material", "_conflicts")
    assert not [table for table, clear in clear_columns(dictionary).items() if "_conflicts" in clear]


def test_the_key_of_before_a_version_is_as_the_key_is(dictionary: Dictionary) -> None:
    (old,) = (one for one in dictionary.mappings if any(str(to) == "trace.stock_movement" for to in one.targets))
    kept = dataclasses.replace(old.targets[0], history="trace.movement_history")
    mappings = (dataclasses.replace(old, targets=(kept,)),)
    changed = dataclasses.replace(dictionary, mappings=mappings, folds=())
    clear = clear_columns(changed)["trace.movement_history"]
    assert ("valid_from" in clear, "_old_key" in clear) == (True, False)
    assert not Masks.of(changed, {}).hides("trace.movement_history", "_old_key")
    # A personal value is made of the mirror's key.
    fields = {name: dataclasses.replace(one, sensitivity="phi") for name, one in changed.fields.items()}
    secret = dataclasses.replace(changed, fields=fields)
    mirror, _, column = min(_sources(secret, origins(secret))).rpartition(".")
    assert Masks.of(secret, {mirror: [column]}).hides("trace.movement_history", "_old_key")


def test_what_a_rule_takes_is_masked_with_its_column(masks: Masks) -> None:
    assert masks.taken("erp.t_Organization", f"{ORGANIZATION}.FPhone", "021") == MASK
    assert masks.taken("erp.t_Organization", f"{ORGANIZATION}.FNumber", "C1") == "C1"


@pytest.mark.parametrize(
    ("said", "key", "exported"),
    [
        (Protection(), None, MASK),
        (Protection(in_export="omit"), None, None),
        (Protection(in_export="pseudonymise"), b"k", token_of(b"k", "021")),
        (Protection(in_export="pseudonymise"), None, MASK),
    ],
)
def test_a_field_says_what_becomes_of_it_in_an_export(
    dictionary: Dictionary, said: Protection, key: bytes | None, exported: str | None
) -> None:
    phone = dataclasses.replace(dictionary.fields["phone"], protect=said)
    changed = Masks.of(dataclasses.replace(dictionary, fields={**dictionary.fields, "phone": phone}), {})
    assert changed.exported(PARTY, {"party_id": "C1", "phone": "021"}, key) == {"party_id": "C1", "phone": exported}


def test_a_field_that_is_to_be_omitted_is_not_even_masked(dictionary: Dictionary) -> None:
    phone = dataclasses.replace(dictionary.fields["phone"], protect=Protection(in_logs="omit"))
    changed = Masks.of(dataclasses.replace(dictionary, fields={**dictionary.fields, "phone": phone}), {})
    assert changed.row(PARTY, {"party_id": "C1", "phone": "021"}) == {"party_id": "C1"}


def test_nothing_is_masked_of_what_is_revealed() -> None:
    assert Masks().row(PARTY, {"phone": "021"}) == {"phone": "021"}
    assert Masks().source_key("erp.t_Organization", ["1"]) == ["1"]


def test_before_an_activation_values_are_masked_that_either_version_masks(masks: Masks) -> None:
    sample = Sample(("C1",), "021", "022")
    columns = tuple(ColumnDifference(name, 1, (sample,)) for name in ("phone", "country"))
    shown = _masked(Difference((TableDifference(PARTY, 1, 1, 0, 0, 1, columns),), ()), masks, masks)
    assert [one.samples for one in shown.tables[0].columns] == [(Sample(("C1",), MASK, MASK),), (sample,)]


def test_readers_get_public_and_internal_columns_only(dictionary: Dictionary) -> None:
    clear = clear_columns(dictionary)[PARTY]
    assert {"party_id", "country"} <= {*clear}
    assert not {"phone", "contact", "address"} & {*clear}


def test_what_is_decided_of_a_personal_column_is_masked_in_whichever_table_it_is() -> None:
    shown = Masks(frozenset({"trace.adverse_event.patient_ref"}))
    assert [shown.decided("patient_ref", one) for one in ("Li", None)] == [MASK, None]
    assert shown.decided("status", "OPEN") == "OPEN"

"""Histories of targets: what a mapping of versions is made of, and what is refused at load."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from transforms.errors import DictionaryError, Refused
from transforms.review.dependency import origins
from transforms.waiver import UnfitError

KEPT = "  on_delete: delete\n", "  on_delete: delete\n  history: trace.part_history\n"
T1, T2 = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def test_a_target_without_a_history_is_derived_once(folder):
    dictionary = folder.load()
    assert dictionary.derived == dictionary.mappings


def test_versions_are_mapped_as_the_rows_are(folder):
    dictionary = folder.replace("mappings/erp.parts.yaml", *KEPT).load()
    rows, versions = dictionary.derived
    assert (rows, versions.name, str(versions.source)) == (
        dictionary.mappings[0],
        "erp.parts.history",
        "erp_change.parts",
    )
    (target,) = versions.targets
    assert (str(target), target.key, target.on_delete) == ("trace.part_history", ("part_id", "_version"), "delete")
    assert [column.name for column in target.columns] == [
        *("part_id", "_version", "valid_from", "valid_to", "_old_key", "state")
    ]
    given = {"no": "P1", "state": 1, "_version": 7, "_valid_from": T1, "_valid_to": T2, "_old_key": "P0"}
    row = [given[value.column] for value in versions.inputs]
    assert versions.normalise(row) == ((("P1", 7, T1, T2, "P0", "ON"),),)


def test_what_is_decided_on_a_version_stands_in_it_and_says_nothing_of_its_time(folder):
    versions = folder.replace("mappings/erp.parts.yaml", *KEPT).load().derived[1]
    given = {"no": "P1", "state": 9, "_version": 7, "_valid_from": T1, "_valid_to": T2}
    row = [given.get(value.column) for value in versions.inputs]
    with pytest.raises(Refused):
        versions.normalise(row)
    assert versions.waive({"state": "ON"})(row) == ((("P1", 7, T1, T2, None, "ON"),),)
    for column in ("_version", "valid_from"):
        with pytest.raises(UnfitError, match="no table of the mapping has such a column"):
            versions.waive({column: "1"})


def test_rows_and_their_versions_are_cut_together(folder):
    (domain,) = folder.replace("mappings/erp.parts.yaml", *KEPT).load().domains()
    assert [mapping.name for mapping in domain.mappings] == ["erp.parts", "erp.parts.history"]


def test_a_filtered_version_is_no_version(folder):
    folder.replace("mappings/erp.parts.yaml", *KEPT)
    folder.replace("mappings/erp.parts.yaml", "target:\n", "where: no <> 'X'\ntarget:\n")
    versions = folder.load().derived[1]
    row = [{"no": "X", "state": 1}.get(value.column) for value in versions.inputs]
    assert versions.normalise(row) is None


def test_the_columns_of_a_history_lead_back_to_the_sources(folder):
    found = origins(folder.replace("mappings/erp.parts.yaml", *KEPT).load())
    reads = {origin.target: (origin.reads, origin.versions_of) for origin in found}
    assert reads["trace.part.state"] == (("erp.parts.state",), "")
    assert reads["trace.part_history.state"] == (("erp.parts.state",), "trace.part")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trace.part_history", "part_history", "schema.table"),
        ("trace.part_history", "erp.part_history", "not for canonical"),
        (
            "state: {expr: state, required: true}",
            "valid_to: {expr: state, field: state}",
            "`valid_to` of its own",
        ),
    ],
)
def test_a_history_that_cannot_be_is_refused_at_load(folder, old: str, new: str, message: str):
    folder.replace("mappings/erp.parts.yaml", *KEPT).replace("mappings/erp.parts.yaml", old, new)
    with pytest.raises(DictionaryError) as caught:
        folder.load()
    assert any(fault.code == "DIC-105" and message in fault.message for fault in caught.value.faults)

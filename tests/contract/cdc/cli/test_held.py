from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cdc.config import Target
from cdc.store.connection import connect

Cdc = Callable[..., Any]

# Of a mapping that the dictionary does not have (any more) nobody knows what is personal: its keys are masked.
HELD = """
INSERT INTO cdc.held (mapping, source_key, code, field, detail, waits_for, waits_key, since, dictionary) VALUES
 ('party', '{1,"a\tb"}', 'COD-201', 'country', 'no code', NULL, NULL, '2026-01-03 00:00:00Z', 'd'),
 ('shipment', '{7}', 'REF-301', 'serial_number', '', 'trace.serial_unit', '{SN1,NULL}', '2026-01-01 00:00:00Z', 'd'),
 ('shipment', '{8}', 'UOM-202', 'quantity', '', NULL, NULL, '2026-01-02 00:00:00Z', 'd')
"""


@pytest.fixture
def held(cdc: Cdc, target: Target) -> Cdc:
    with connect(target, "test") as connection:
        connection.execute(HELD)
    return cdc


def test_held_rows_are_listed_oldest_first_with_what_they_wait_for(held: Cdc) -> None:
    listed = held("held", "list")
    assert listed.code == 0
    assert [line[:5] for line in listed.lines] == [
        ["mapping", "source key", "code", "field", "waits for"],
        ["shipment", "***", "REF-301", "serial_number", "trace.serial_unit (SN1, NULL)"],
        ["shipment", "***", "UOM-202", "quantity", "-"],
        ["party", "***, ***", "COD-201", "country", "-"],
    ]
    assert listed.err == "3 of 3 held rows.\n"


def test_as_json_keys_are_lists_and_times_have_their_offset(held: Cdc) -> None:
    document = held("held", "list", "--json", "--limit", "1").document
    assert document == {
        "total": 3,
        "held": [
            {
                "mapping": "shipment",
                "source_key": ["***"],
                "code": "REF-301",
                "field": "serial_number",
                "detail": "",
                "waits_for": "trace.serial_unit",
                "waits_key": ["SN1", None],
                "since": "2026-01-01T00:00:00Z",
            }
        ],
    }


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (("--mapping", "shipment"), [["***"], ["***"]]),
        (("--code", "uom-202"), [["***"]]),
        (("--mapping", "party", "--code", "UOM-202"), []),
    ],
)
def test_rows_are_selected_by_mapping_and_code(held: Cdc, options: tuple[str, ...], keys: list[list[str]]) -> None:
    document = held("held", "list", "--json", *options).document
    assert [row["source_key"] for row in document["held"]] == keys
    assert document["total"] == len(keys)


def test_no_held_row_is_said_in_words(held: Cdc) -> None:
    assert held("held", "list", "--mapping", "nothing").err == "No row is held.\n"


@pytest.mark.usefixtures("empty_target")
def test_a_target_without_tables_is_one_coded_message(cdc: Cdc) -> None:
    listed = cdc("held", "list")
    assert listed.code == 1
    assert listed.err.startswith("TGT-107 a table or column of the target is missing")

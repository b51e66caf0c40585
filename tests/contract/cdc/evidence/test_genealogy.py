"""Genealogy and recall over canonical tables as the packaged dictionary makes them, filled by hand."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cdc.evidence.genealogy import Genealogy, Node
from cdc.evidence.recall import read_holdings
from cdc.store.migrate import migrate
from tests.contract.cdc.evidence.genealogy import STAMP, TABLES


@pytest.fixture
def filled(module_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_dsn) as connection:
        migrate(connection)
        connection.execute(TABLES.encode())
        yield connection
        connection.rollback()


def told(genealogy: Genealogy, start: list[Node], direction: str) -> set[tuple[str, str, str]]:
    return {(str(edge.up), edge.what, str(edge.down)) for edge in genealogy.walk(start, direction)}  # type: ignore[arg-type]


def test_a_lot_is_followed_to_customers_and_back_to_its_supplier(filled: psycopg.Connection) -> None:
    genealogy = Genealogy(filled)
    assert genealogy.lots("L1") == [Node("lot", ("OTHER", "L1")), Node("lot", ("SCREW", "L1"))]
    (start,) = genealogy.lots("L1", "SCREW")
    assert told(genealogy, [start], "up") == {("party S-1", "received", "lot SCREW L1")}
    assert told(genealogy, [start], "down") == {
        ("lot SCREW L1", "moved by", "movement M2"),
        ("lot SCREW L1", "issued to", "job order J1"),
        ("lot SCREW L1", "went into", "serial SN1"),
        ("lot SCREW L1", "went into", "serial SN2"),
        ("lot SCREW L1", "inspected", "inspection T2"),
        ("lot SCREW L1", "shipped", "shipment D2"),
        ("job order J1", "made by", "serial SN1"),
        ("job order J1", "made by", "serial SN2"),
        ("job order J1", "produced", "lot PUMP P1"),
        ("lot PUMP P1", "made as", "serial SN1"),
        ("lot PUMP P1", "made as", "serial SN2"),
        ("serial SN1", "inspected", "inspection T1"),
        ("serial SN1", "labelled", "label U1"),
        ("serial SN1", "shipped", "shipment D1"),
        ("serial SN1", "reported", "event E1"),
        ("shipment D1", "to", "party C-1"),
        ("shipment D2", "to", "party C-2"),
    }


def test_a_unit_is_followed_back_to_all_that_went_into_it(filled: psycopg.Connection) -> None:
    genealogy = Genealogy(filled)
    assert told(genealogy, genealogy.serials("SN1"), "up") == {
        ("lot PUMP P1", "made as", "serial SN1"),
        ("job order J1", "made by", "serial SN1"),
        ("lot SCREW L1", "went into", "serial SN1"),
        ("lot SCREW L1", "issued to", "job order J1"),
        ("job order J1", "produced", "lot PUMP P1"),
        ("party S-1", "received", "lot SCREW L1"),
    }
    # Another unit of the same customer is none of its.
    assert ("serial SN3", "shipped", "shipment D3") not in told(genealogy, genealogy.serials("SN1"), "down")


def test_each_edge_has_its_row_and_event(filled: psycopg.Connection) -> None:
    genealogy = Genealogy(filled)
    (edge,) = [one for one in genealogy.walk(genealogy.serials("SN1"), "down") if one.what == "reported"]
    assert (edge.table, edge.key, edge.mapping, edge.source_key) == ("trace.adverse_event", ("E1",), "erp.some", ("7",))
    assert (edge.stream, edge.offset, edge.deleted) == ("cdc.erp", 42, False)


def test_labels_and_identifiers_name_units_or_lots(filled: psycopg.Connection) -> None:
    genealogy = Genealogy(filled)
    assert genealogy.labelled("(01)06901234000177(21)SN1") == [Node("serial", ("SN1",))]
    filled.execute("DELETE FROM trace.udi_label")
    assert genealogy.labelled("06901234000177") == [Node("lot", ("PUMP", "P1")), Node("lot", ("PUMP", "P2"))]
    assert genealogy.labelled("nothing") == []


def test_a_table_that_the_target_does_not_have_is_named(filled: psycopg.Connection) -> None:
    assert Genealogy(filled).unknown == ["nonconformance"]
    filled.execute("DROP TABLE trace.shipment")
    filled.execute("DROP TABLE trace.job_order")
    genealogy = Genealogy(filled)
    assert genealogy.unknown == ["job_order", "nonconformance", "shipment"]
    assert told(genealogy, genealogy.serials("SN1"), "down")
    assert told(genealogy, genealogy.lots("L1"), "down")


@pytest.mark.parametrize(
    "row",
    [
        "stock_movement VALUES ('M8', 'PRODUCTION_RECEIPT', '2026-01-04+00', 'KIT', 'K1', 'J1', NULL, STAMP)",
        "shipment VALUES ('D8', 'C-2', 'KIT', 'K1', NULL, '2026-01-07+00', STAMP)",
        "test_result VALUES ('T8', NULL, 'KIT', 'K1', '2026-01-05+00', STAMP)",
        "adverse_event VALUES ('E8', NULL, 'KIT', 'K1', '2026-02-01+00', STAMP)",
        "serial_unit VALUES ('SN8', 'KIT', 'K1', NULL, '2026-01-03+00', STAMP)",
        "material_actual VALUES ('A8', 'SN1', 'KIT', 'K1', '2026-01-02+00', STAMP)",
        "material_lot VALUES ('KIT', 'K1', STAMP)",
    ],
)
def test_a_lot_is_known_by_any_row_that_names_it(filled: psycopg.Connection, row: str) -> None:
    """Of stock from before, and of one whose own row is held, there is no row in `material_lot`."""
    assert Genealogy(filled).lots("K1") == []
    filled.execute(f"INSERT INTO trace.{row.replace('STAMP', STAMP)}".encode())
    assert Genealogy(filled).lots("K1") == [Node("lot", ("KIT", "K1"))]
    assert Genealogy(filled).lots("K1", "SCREW") == []


def test_a_unit_is_of_the_lot_that_it_was_shipped_as(filled: psycopg.Connection) -> None:
    """Its own row has no lot, or another one: who is told to look for a lot looks at both."""
    filled.execute("UPDATE trace.serial_unit SET lot_number = NULL WHERE serial_number = 'SN3'")
    genealogy = Genealogy(filled)
    (lot,) = genealogy.lots("P2")
    assert told(genealogy, [lot], "down") == {
        ("lot PUMP P2", "shipped as", "serial SN3"),
        ("serial SN3", "shipped", "shipment D3"),
        ("shipment D3", "to", "party C-1"),
    }
    (holding,) = read_holdings(filled, genealogy, [lot])
    assert (holding.serial, holding.customer, holding.lot) == ("SN3", "C-1", "PUMP P2")


def test_a_table_of_another_dictionary_that_lacks_a_column_says_nothing(filled: psycopg.Connection) -> None:
    filled.execute("ALTER TABLE trace.stock_movement DROP COLUMN movement_type")
    filled.execute("ALTER TABLE trace.udi_label DROP COLUMN udi_raw")
    filled.execute("ALTER TABLE trace.party RENAME party_id TO number")
    genealogy = Genealogy(filled)
    assert {"stock_movement.movement_type", "nonconformance"} <= set(genealogy.unknown)
    (start,) = genealogy.lots("L1", "SCREW")
    assert told(genealogy, [start], "up") == set()
    assert genealogy.labelled("06901234000177") == [Node("lot", ("PUMP", lot)) for lot in ("P1", "P2")]
    assert {one.shipment for one in read_holdings(filled, genealogy, [start])} == {None, "D1", "D2"}


def test_what_is_shipped_by_lot_alone_needs_no_column_for_serial_numbers(filled: psycopg.Connection) -> None:
    filled.execute("ALTER TABLE trace.shipment DROP COLUMN serial_number")
    genealogy = Genealogy(filled)
    (start,) = genealogy.lots("P1", "PUMP")
    assert ("lot PUMP P1", "shipped", "shipment D1") in told(genealogy, [start], "down")


def test_a_column_and_a_table_beside_that_the_target_does_not_have_are_named(filled: psycopg.Connection) -> None:
    filled.execute("ALTER TABLE trace.stock_movement DROP COLUMN party_id")
    filled.execute("ALTER TABLE trace.test_result DROP COLUMN serial_number")
    filled.execute("DROP TABLE trace.job_order CASCADE")
    genealogy = Genealogy(filled)
    assert genealogy.unknown == ["job_order", "nonconformance", "stock_movement.party_id", "test_result.serial_number"]
    assert told(genealogy, genealogy.lots("P1"), "down")

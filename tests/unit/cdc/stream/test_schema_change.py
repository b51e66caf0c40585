from __future__ import annotations

from cdc.stream.schema_change import REPLACED, AnnouncedColumn, read_schema_changes
from tests.contract.cdc.land.stage import recorded
from tests.unit.cdc.stream.wire import MariaWire


def test_recorded_events_tell_table_columns_and_defaults() -> None:
    changes = [change for record in recorded("erp") for change in read_schema_changes(record)]
    streamed = [change for change in changes if not change.is_snapshot]
    assert [(change.kind, change.tables) for change in streamed][:3] == [
        ("ALTER", ("erp.t_Supplier",)),
        ("CREATE", ("erp.scratch",)),
        ("DROP", ("erp.scratch",)),
    ]
    altered, _, dropped = streamed[:3]
    assert altered.columns is not None
    assert altered.columns[-1] == AnnouncedColumn("FEmail", "none", nullable=True, generated=False)
    assert dropped.columns is None
    assert {change.kind for change in changes if change.is_snapshot} == {"CREATE", "DROP"}


def test_a_statement_without_a_description_still_names_its_table() -> None:
    wire = MariaWire()
    wire.ddl("ALTER TABLE item ADD INDEX (name)", "item")
    wire.ddl("CREATE USER x")
    value = (wire.records[0].value or b"").replace(b'"tableChanges": [', b'"tableChanges": [], "was": [')
    (change,) = read_schema_changes(wire.records[0]._replace(value=value))
    assert (change.tables, change.columns) == (("public.item",), None)
    assert read_schema_changes(wire.records[1]) == ()


def test_a_table_that_takes_the_name_of_another_is_told_and_rows_have_none() -> None:
    """As Debezium 3.5 does, which describes the new name only."""
    wire = MariaWire()
    wire.ddl("RENAME TABLE a TO b", "b", {"id": None})
    wire.begin()
    wire.insert("a", "id", {"id": 1})
    replaced, altered = read_schema_changes(wire.records[0])
    assert (replaced.kind, altered.kind, altered.tables) == (REPLACED, "ALTER", ("public.b",))
    assert [name for name in ("public.a", "public.B", "public.c", "other.a") if replaced.concerns(name)] == [
        "public.a",
        "public.B",
    ]
    assert [read_schema_changes(record) for record in wire.records[1:]] == [(), ()]

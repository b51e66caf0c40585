from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture.contract import Contract
from cdc.errors import FatalError
from cdc.land.contract.in_force import follow_source, put_in_force, read_contracts_in_force
from cdc.land.mirror.ddl import plan_mirrors
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, PAIR, column, item
from tests.unit.cdc.stream.wire import PostgresWire


def changed(contract: Contract, **columns: Any) -> Contract:
    """Return the contract with columns replaced by name, or added behind."""
    names = [known.name for known in contract.columns]
    kept = [columns.get(known.name, known) for known in contract.columns]
    return dataclasses.replace(contract, columns=(*kept, *(new for name, new in columns.items() if name not in names)))


def put(stage: Stage, *contracts: Contract) -> list[str]:
    with stage.connection.transaction():
        return [step.title for step in put_in_force(stage.connection, "src", contracts)]


def refused(stage: Stage, contract: Contract) -> str:
    with pytest.raises(FatalError) as caught:
        put(stage, contract)
    return caught.value.code


def in_force(stage: Stage) -> Contract:
    with stage.connection.transaction():
        contracts = read_contracts_in_force(stage.connection, "src")
    return next(contract for contract in contracts if contract.mirror == "src.item")


def fill(stage: Stage) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.delete("item", "id", {"id": 2})
    wire.end()
    stage.land(wire.records)


def test_a_second_plan_finds_nothing_to_do(stage: Stage) -> None:
    with stage.connection.transaction():
        assert plan_mirrors(stage.connection, (ITEM, PAIR)) == ()
    assert put(stage, ITEM, PAIR) == []


def test_text_keys_are_compared_byte_by_byte(stage: Stage) -> None:
    rows = stage.query(
        "SELECT table_schema, collation_name FROM information_schema.columns"
        " WHERE table_name = 'pair' AND column_name = 'code' ORDER BY 1"
    )
    assert rows == [("src", "C"), ("src_deleted", "C")]


def test_a_new_column_gives_rows_of_both_tables_its_default(stage: Stage) -> None:
    fill(stage)
    grown = changed(ITEM, grade=column("grade", "name", default="it's"))
    assert put(stage, grown) == ["add column src.item.grade", "add column src_deleted.item.grade"]
    assert stage.query("SELECT id, grade FROM src.item UNION SELECT id, grade FROM src_deleted.item ORDER BY 1") == [
        (1, "it's"),
        (2, "it's"),
    ]


def test_a_changed_type_is_refused(stage: Stage) -> None:
    assert refused(stage, changed(ITEM, qty=column("qty", "text"))) == "TGT-110"


def test_a_changed_key_is_refused(stage: Stage) -> None:
    assert refused(stage, dataclasses.replace(PAIR, key=("number", "code"))) == "TGT-111"


def test_a_computed_default_is_refused_only_if_there_are_rows(stage: Stage) -> None:
    made = dataclasses.replace(column("made", "when"), computed_default=True)
    assert put(stage, changed(PAIR, made=made)) == ["add column src.pair.made", "add column src_deleted.pair.made"]
    fill(stage)
    assert refused(stage, changed(ITEM, made=made)) == "TGT-112"


def test_a_dropped_column_stays_in_force(stage: Stage) -> None:
    less = dataclasses.replace(ITEM, columns=ITEM.columns[:-1])
    assert put(stage, less) == []
    assert in_force(stage) == ITEM
    with stage.connection.transaction():
        assert follow_source(stage.connection, "src", (less, PAIR), None) == ()
    assert in_force(stage) == dataclasses.replace(ITEM, dropped=("seen",))


def test_a_type_gets_wider_in_both_tables_and_keeps_values_and_collation(stage: Stage) -> None:
    fill(stage)
    wide = {"mirror_type": "character varying(40)", "type": "character varying(40)"}
    grown = changed(
        ITEM,
        id=dataclasses.replace(ITEM.column("id"), mirror_type="bigint"),
        name=dataclasses.replace(ITEM.column("name"), **wide),
        qty=dataclasses.replace(ITEM.column("qty"), mirror_type="numeric(12,2)"),
    )
    assert put(stage, grown) == [
        "widen column src.item.id to bigint",
        "widen column src.item.name to character varying(40)",
        "widen column src.item.qty to numeric(12,2)",
        "widen column src_deleted.item.id to bigint",
        "widen column src_deleted.item.name to character varying(40)",
        "widen column src_deleted.item.qty to numeric(12,2)",
    ]
    assert put(stage, grown) == []
    assert put(stage, ITEM) == [], "a file that is behind"
    assert in_force(stage) == grown
    assert stage.query(
        "SELECT id, name, qty::text FROM src.item UNION SELECT id, name, qty::text FROM src_deleted.item ORDER BY 1"
    ) == [(1, "a", "1.50"), (2, "a", "1.50")]
    put(stage, changed(PAIR, code=dataclasses.replace(PAIR.column("code"), **wide)))
    test_text_keys_are_compared_byte_by_byte(stage)


def test_a_narrower_type_of_the_source_is_refused(stage: Stage) -> None:
    narrow = changed(ITEM, name=dataclasses.replace(ITEM.column("name"), mirror_type="character varying(10)"))
    with pytest.raises(FatalError, match="TGT-110"), stage.connection.transaction():
        follow_source(stage.connection, "src", (narrow, PAIR), None)


def test_a_renamed_column_is_refused(stage: Stage) -> None:
    names = {"name": dataclasses.replace(ITEM.column("name"), name="full_name")}
    assert refused(stage, dataclasses.replace(changed(ITEM, **names))) == "TGT-113"
    assert in_force(stage) == ITEM


def test_names_with_quotes_and_percent_signs_land(new_stage: Callable[..., Stage]) -> None:
    odd = changed(ITEM, **{'税率%"s': column('税率%"s', "qty")})
    stage, wire = new_stage(contracts=(odd,)), PostgresWire()
    with stage.connection.transaction():
        stage.connection.execute("INSERT INTO cdc.watched_column VALUES ('src.item', %s)", ('税率%"s',))
    for op, rate in (("insert", "1.00"), ("update", "2.00")):
        wire.begin()
        getattr(wire, op)("item", "id", {**item(1), '税率%"s': rate})
        wire.end()
        stage.land(wire.records)
    assert stage.query("SELECT old FROM cdc.journal_key WHERE batch = 2") == [({'税率%"s': "1.00"},)]


def test_a_column_that_is_left_out_goes_from_both_tables(stage: Stage) -> None:
    fill(stage)
    without = dataclasses.replace(ITEM, columns=tuple(c for c in ITEM.columns if c.name != "note"), without=("note",))
    assert put(stage, without) == [
        "drop column src.item.note, which the connector file leaves out",
        "drop column src_deleted.item.note, which the connector file leaves out",
    ]
    assert put(stage, without) == []
    assert in_force(stage).without == ("note",)
    assert refused(stage, ITEM) == "TGT-112"

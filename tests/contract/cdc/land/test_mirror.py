from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture.contract import Contract
from cdc.errors import FatalError
from cdc.land.contracts import merge, put_in_force, read_contracts_in_force
from cdc.land.mirror import plan_mirrors
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
    with stage.connection.transaction():
        kept = {contract.mirror: contract for contract in read_contracts_in_force(stage.connection, "src")}
    assert kept["src.item"] == ITEM
    assert merge(None, less) == less


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

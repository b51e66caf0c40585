"""What PostgreSQL has a limit for: names, arguments, columns, entries of an index."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from cdc.capture.contract import Contract
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, item
from tests.unit.cdc.stream.wire import PostgresWire


def named(table: str) -> Contract:
    return dataclasses.replace(ITEM, mirror=f"src.{table}", source_table=f"public.{table}")


def test_two_tables_whose_long_names_begin_alike_land_apart(new_stage: Callable[..., Stage]) -> None:
    old, new = ("检验记录明细表归档数据分区年度" + "x" * 14 + year for year in ("2023", "2024"))
    assert len(old.encode()) == 63
    stage, wire = new_stage(contracts=(named(old), named(new))), PostgresWire()
    wire.begin()
    wire.insert(old, "id", item(1, name="old"))
    wire.insert(new, "id", item(2, name="new"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(f'SELECT id, name FROM src."{old}"') == [(1, "old")]
    assert stage.query(f'SELECT id, name FROM src."{new}"') == [(2, "new")]

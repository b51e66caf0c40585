"""Every type that PostgreSQL and MariaDB have: boundary values in snapshot and stream, held against the sources."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cdc.capture.contract import read_contracts
from tests.integration.types.conftest import COLUMNS, GENERATED, KEYS, LEFT_OUT, LONG, SECRET, World, refusals
from tests.integration.types.world import LATER, Column, expected, normal

ALL = [(source, column) for source, columns in COLUMNS.items() for column in columns]
KEYED = [(source, column) for source, columns in KEYS.items() for column in columns]
LONG_VALUES = [(table, f"v{number:02}", name) for table, names in LONG.items() for number, name in enumerate(names)]


def _id(value: object) -> str:
    return value if isinstance(value, str) else value.case.type[:40] if isinstance(value, Column) else str(value)


def _normal(column: Column, rows: Mapping[int, str | None]) -> dict[int, str | None]:
    return {row: normal(column.case.mirror, text) for row, text in rows.items()}


@pytest.mark.parametrize(("source", "column"), ALL, ids=_id)
def test_values_arrive_as_they_are_or_are_refused(world: World, source: str, column: Column) -> None:
    held = {int(row): text for row, text in world.held(source, column, "id").items()}
    wanted, refused = expected(column.case, held)
    found = {int(row): text for row, text in world.found(source, column, "id").items()}
    assert _normal(column, found) == _normal(column, wanted)
    assert refusals(world.target.connection, f"{source}.{column.table}") == refused


@pytest.mark.parametrize(("source", "column"), KEYED, ids=_id)
def test_values_identify_rows(world: World, source: str, column: Column) -> None:
    held = {int(row): text for row, text in world.held(source, column, "n").items()}
    found = {int(row): text for row, text in world.found(source, column, "n").items()}
    assert len(held) > 1
    assert _normal(column, found) == _normal(column, held)
    notes = world.sources[source].rows(column.table, "n", "note")
    assert world.target.rows(f"{source}.{column.table}", "n", "note") == notes


@pytest.mark.parametrize(("source", "column"), ALL, ids=_id)
def test_the_contract_says_what_the_mirror_is(world: World, source: str, column: Column) -> None:
    contracts = read_contracts(world.deployment.folder / "connector-configs" / "contracts" / source)
    contract = next(contract for contract in contracts if contract.table == column.table)
    assert contract.column(column.name).mirror_type == column.case.mirror


@pytest.mark.parametrize(("table", "column", "name"), LONG_VALUES, ids=_id)
def test_a_long_value_that_updates_leave_alone_stays(world: World, table: str, column: str, name: str) -> None:
    value = f"hstore_to_jsonb({column})" if name == "hstore" else column
    held = world.sources["pgtypes"].rows(table, "id", f"md5({value}::text)")
    assert set(held) == {"2", str(LATER + 1)}
    assert world.target.rows(f"pgtypes.{table}", "id", f"md5({column}::text)") == held


def test_what_is_left_out_is_nowhere_and_the_rest_is_whole(world: World) -> None:
    for source, column in (("pgtypes", "day"), ("mytypes", "moment")):
        held = world.sources[source].rows("without", "id", f"concat({column}, '|', tail)")
        found = world.target.rows(f"{source}.without", "id", f"concat({column}, '|', tail)")
        assert {row: normal("", text) for row, text in found.items()} == {
            # A zero date is NULL, which `concat` prints as nothing in the target and makes nothing of in MariaDB.
            row: normal("", text and text.replace("0000-00-00 00:00:00.000000", ""))
            for row, text in held.items()
        }
        columns = world.target.connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'without'",
            (source,),
        ).fetchall()
        assert not {name for (name,) in columns} & set(LEFT_OUT[source])
    assert SECRET not in _journal(world)


@pytest.mark.parametrize("source", GENERATED)
def test_what_the_source_computes_is_nowhere_and_the_rest_is_whole(world: World, source: str) -> None:
    for column in ("n", "label", "tail"):
        held = world.sources[source].rows("computed", "id", column)
        assert set(held) == {"1", "3", "5", "6", "7"}
        assert world.target.rows(f"{source}.computed", "id", column) == held
    columns = world.target.connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'computed'"
        " AND column_name !~ '^_' ORDER BY 1",
        (source,),
    ).fetchall()
    assert columns == [("id",), ("label",), ("n",), ("tail",)]
    contracts = read_contracts(world.deployment.folder / "connector-configs" / "contracts" / source)
    assert [c.omitted for c in contracts if c.table == "computed"] == [("doubled", "loud")]
    assert refusals(world.target.connection, f"{source}.computed") == {}


def test_columns_that_are_invisible_are_read_from_the_start(world: World) -> None:
    for table in ("zz_end", "without"):
        assert set(world.target.rows(f"mytypes.{table}", "id", "unseen").values()) == {"7"}


def test_left_out_columns_are_shown(world: World) -> None:
    assert "left out of mytypes.without: odd, y" in world.deployment.cdc("check")
    told = world.deployment.cdc("source", "contract", "mytypes", "--check", exit_code=3)
    assert "left out of mytypes.without: odd, y" in told
    # What came while it ran is in force; the file, which is reviewed, is behind.
    assert [line for line in told.splitlines() if line.startswith("+")] == ["+++ computed.yaml", "+- late"]


def _journal(world: World) -> str:
    from cdc.land.journal import unpack  # noqa: PLC0415

    chunks = world.target.connection.execute("SELECT chunk FROM cdc.journal").fetchall()
    return "".join(str(record.value) for (chunk,) in chunks for record in unpack(chunk))

"""Every type that PostgreSQL and MariaDB have: boundary values in snapshot and stream, held against the sources."""

from __future__ import annotations

import pytest

from cdc.capture.contract import read_contracts
from tests.integration.types import mariadb, postgresql
from tests.integration.types.conftest import LATER, LEFT_OUT, SECRET, World, refusals
from tests.integration.types.world import Table, expected, normal, tables

CASES = [
    *(("pgtypes", table) for table in tables(postgresql.CASES)),
    *(("mytypes", table) for table in tables(mariadb.CASES)),
]
KEYED = [(source, table) for source, table in CASES if table.case.as_key]


def _id(value: object) -> str:
    return value if isinstance(value, str) else value.case.type[:40] if isinstance(value, Table) else str(value)


@pytest.mark.parametrize(("source", "table"), CASES, ids=_id)
def test_values_arrive_as_they_are_or_are_refused(world: World, source: str, table: Table) -> None:
    case = table.case
    held = {int(row): text for row, text in world.source_rows(source, table.name, "id", case).items()}
    wanted, refused = expected(case, held)
    found = {int(row): text for row, text in world.mirror_rows(source, table.name, "id", case).items()}
    assert {row: normal(case.mirror, text) for row, text in found.items()} == {
        row: normal(case.mirror, text) for row, text in wanted.items()
    }
    assert refusals(world.target.connection, f"{source}.{table.name}") == refused


@pytest.mark.parametrize(("source", "table"), KEYED, ids=_id)
def test_values_identify_rows(world: World, source: str, table: Table) -> None:
    case = table.case
    held = world.sources[source].rows(table.keyed, case.read.format("v"), "note")
    found = world.target.rows(f"{source}.{table.keyed}", case.kept.format("v"), "note")
    assert held
    assert {normal(case.mirror, key): note for key, note in found.items()} == {
        normal(case.mirror, key): note for key, note in held.items()
    }


@pytest.mark.parametrize(("source", "table"), CASES, ids=_id)
def test_the_contract_says_what_the_mirror_is(world: World, source: str, table: Table) -> None:
    contracts = read_contracts(world.deployment.folder / "connector-configs" / "contracts" / source)
    contract = next(contract for contract in contracts if contract.table == table.name)
    assert contract.column("v").mirror_type == table.case.mirror


@pytest.mark.parametrize(("number", "name"), list(enumerate(postgresql.LONG_VALUES)))
def test_a_long_value_that_updates_leave_alone_stays(world: World, number: int, name: str) -> None:
    table = f"l{number:03}"
    read = "md5(hstore_to_jsonb(v)::text)" if name == "hstore" else "md5(v::text)"
    held = world.sources["pgtypes"].rows(table, "id", read)
    assert set(held) == {"2", str(LATER + 1)}
    assert world.target.rows(f"pgtypes.{table}", "id", "md5(v::text)") == held


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


def test_columns_that_are_invisible_are_read_from_the_start(world: World) -> None:
    for table in ("zz_end", "without"):
        assert set(world.target.rows(f"mytypes.{table}", "id", "unseen").values()) == {"7"}


def test_left_out_columns_are_shown(world: World) -> None:
    assert "left out of mytypes.without: odd, y" in world.deployment.cdc("check")
    assert "left out of mytypes.without: odd, y" in world.deployment.cdc("source", "contract", "mytypes", "--check")


def _journal(world: World) -> str:
    from cdc.land.journal import unpack  # noqa: PLC0415

    chunks = world.target.connection.execute("SELECT chunk FROM cdc.journal").fetchall()
    return "".join(str(record.value) for (chunk,) in chunks for record in unpack(chunk))

"""Every type that MySQL has: boundary values in snapshot and stream, held against the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cdc.capture.catalogue import read_contracts as read_live
from cdc.capture.contract import read_contracts
from cdc.capture.source import Source, SourceTable
from cdc.capture.types_mysql import TYPES
from cdc.errors import FatalError
from tests.integration.mysql.cases import CASES, REFUSALS
from tests.integration.service import Deployment, eventually
from tests.integration.types.case import Refusal
from tests.integration.types.conftest import administer, refusals
from tests.integration.types.deployment import make
from tests.integration.types.world import (
    Column,
    MariaDb,
    PostgreSql,
    Rows,
    change,
    change_keyed,
    columns_of,
    create,
    create_keyed,
    expected,
    keys_of,
    normal,
    tables_of,
)

pytestmark = pytest.mark.slow

NAME = "sqltypes"
COLUMNS, KEYS = columns_of(CASES), keys_of(CASES)


@dataclass(frozen=True, slots=True)
class World:
    """What was played: the source, what the mirrors hold, and what they held when the snapshot had landed."""

    deployment: Deployment
    source: MariaDb
    target: PostgreSql
    at_first: dict[str, tuple[Rows, Rows, dict[int, str]]] = field(default_factory=dict)

    def look(self, column: Column) -> tuple[Rows, Rows, dict[int, str]]:
        """Return what a mirror should hold now of a column, what it does, and which of its rows are refused."""
        held = {int(row): text for row, text in self.held(column, "id").items()}
        wanted, _ = expected(column.case, held)
        found = {int(row): text for row, text in self.found(column, "id").items()}
        normally = {row: normal(column.case.mirror, text) for row, text in wanted.items()}
        return normally, found, refusals(self.target.connection, f"{NAME}.{column.table}")

    def found(self, column: Column, key: str) -> dict[str, str | None]:
        """Return what the mirror holds of a column, by the text of another one."""
        rows = self.target.rows(f"{NAME}.{column.table}", key, column.case.kept.format(column.name))
        return {row: normal(column.case.mirror, text) for row, text in rows.items()}

    def held(self, column: Column, key: str) -> dict[str, str | None]:
        """Return what the source holds of it."""
        return self.source.rows(column.table, key, column.case.read.format(column.name))


@pytest.fixture(scope="module")
def played(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The source played, snapshot and stream landed."""
    folder = tmp_path_factory.mktemp("mysql")
    own = {**env, "CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": "mysql_types"}
    administer(own, "TARGET", "DROP DATABASE IF EXISTS mysql_types", "CREATE DATABASE mysql_types OWNER cdc")
    source = MariaDb(own, NAME)
    tables, keyed = tables_of(COLUMNS), tables_of(KEYS)
    for table, columns in tables.items():
        source.run(*create(table, columns))
    for table, columns in keyed.items():
        source.run(*create_keyed(table, columns))
    source.run("CREATE TABLE zz_end (id int PRIMARY KEY)", "INSERT INTO zz_end VALUES (1)")
    deployment = make(folder, own, {NAME: [*tables, *keyed, "zz_end"]})
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    with deployment.target() as target:
        world = World(deployment, source, PostgreSql(target))
        with deployment.running():
            eventually(target, f"SELECT count(*) FROM {NAME}.zz_end", [(1,)])
            world.at_first.update({column.name: world.look(column) for column in COLUMNS})
            for table, columns in tables.items():
                source.run(*change(table, columns))
            for table, columns in keyed.items():
                source.run(*change_keyed(table, columns))
            source.run("INSERT INTO zz_end VALUES (2)")
            eventually(target, f"SELECT count(*) FROM {NAME}.zz_end", [(2,)])
        yield world


def _id(column: Column) -> str:
    return column.case.type[:40]


@pytest.mark.parametrize("column", COLUMNS, ids=_id)
def test_values_arrive_as_they_are_or_are_refused(played: World, column: Column) -> None:
    held = {int(row): text for row, text in played.held(column, "id").items()}
    wanted, found, refused = played.look(column)
    assert found == wanted
    assert refused == expected(column.case, held)[1]


@pytest.mark.parametrize("column", COLUMNS, ids=_id)
def test_the_snapshot_brings_what_the_log_does(played: World, column: Column) -> None:
    wanted, found, refused = played.at_first[column.name]
    assert len(wanted) + len(refused) >= len(column.case.values)
    assert found == wanted
    assert set(refused.values()) == set(column.case.refused.values())


@pytest.mark.parametrize("column", KEYS, ids=_id)
def test_values_identify_rows(played: World, column: Column) -> None:
    held = played.held(column, "n")
    assert len(held) > 1
    assert played.found(column, "n") == {row: normal(column.case.mirror, text) for row, text in held.items()}
    notes = played.source.rows(column.table, "n", "note")
    assert played.target.rows(f"{NAME}.{column.table}", "n", "note") == notes


@pytest.mark.parametrize("column", COLUMNS, ids=_id)
def test_the_contract_says_what_the_mirror_is(played: World, column: Column) -> None:
    contracts = read_contracts(played.deployment.folder / "connector-configs" / "contracts" / NAME)
    contract = next(contract for contract in contracts if contract.table == column.table)
    assert contract.column(column.name).mirror_type == column.case.mirror


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.type)
def test_other_types_are_refused_with_their_contract(played: World, refusal: Refusal) -> None:
    source = Source(
        *(NAME, "mysql", "127.0.0.1", "${env:CDC_ERP_PORT}", NAME),
        *("${env:CDC_ERP_DBA_USER}", "${env:CDC_ERP_DBA_PASSWORD}", "running", (SourceTable("", "refused"),)),
    )
    played.source.run(f"CREATE TABLE refused (id int PRIMARY KEY, v {refusal.type})")
    try:
        with pytest.raises(FatalError, match=rf"{refusal.code} .*{NAME}\.refused\.v"):
            read_live(source, played.deployment.env)
    finally:
        played.source.run("DROP TABLE refused")


def test_no_type_is_forgotten(played: World) -> None:
    columns = ", ".join(f"c{number:03} {case.type}" for number, case in enumerate(CASES))
    played.source.run(f"CREATE TABLE refused (id int PRIMARY KEY, {columns})")
    printed = played.source.rows(
        "information_schema.columns WHERE table_name = 'refused'", "column_name", "column_type"
    )
    played.source.run("DROP TABLE refused")
    found = [re.sub(r"\(.*\)", "", text) for text in printed.values() if text]
    cases = {f"{text.split()[0]} unsigned" if "unsigned" in text else text.split()[0] for text in found}
    assert TYPES.keys() - cases == set()

"""A MariaDB database of many tables is taken on without a file being edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from cdc.capture.contract import read_contracts
from cdc.capture.source import load_sources
from cdc.cli.main import execute
from tests.onboard import mariadb
from tests.onboard.mariadb import LEFT_OUT

COUNTS = (60, pytest.param(300, marks=pytest.mark.slow))
_SETTINGS = """\
target: {host: 127.0.0.1, port: 1, database: d, user: u, password: "${env:ONBOARD_PORT}"}
kafka: {bootstrap: "127.0.0.1:1"}
connect: {url: "http://127.0.0.1:1"}
folders: {connector_configs: connector-configs, dictionary: dictionary}
"""

Cdc = Callable[..., str]


@pytest.fixture(scope="module", params=COUNTS)
def tables(request: pytest.FixtureRequest, servers: dict[str, str]) -> list[mariadb.Table]:
    """The database, made once; nobody changes its tables."""
    made = mariadb.world(request.param)
    with (
        pymysql.connect(
            host="127.0.0.1",
            port=int(servers["CDC_PORT_ERP"]),
            user=servers["CDC_ERP_DBA_USER"],
            password=servers["CDC_ERP_DBA_PASSWORD"],
            charset="utf8mb4",
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("DROP DATABASE IF EXISTS onboard")
        cursor.execute("CREATE DATABASE onboard CHARACTER SET utf8mb4")
        cursor.execute("USE onboard")
        for statement in mariadb.script(made):
            cursor.execute(statement)
    return made


@pytest.fixture
def cdc(
    servers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cdc:
    """Run a command in this process; return what it printed to stdout."""
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "cdc.yaml").write_text(_SETTINGS)
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("ONBOARD_PORT", servers["CDC_PORT_ERP"])
    monkeypatch.setenv("CDC_BOOKS_USER", servers["CDC_ERP_DBA_USER"])
    monkeypatch.setenv("CDC_BOOKS_PASSWORD", servers["CDC_ERP_DBA_PASSWORD"])

    def run(*arguments: str, exit_code: int = 0) -> str:
        capsys.readouterr()
        code = execute(arguments)
        printed = capsys.readouterr()
        assert code == exit_code, f"{arguments}: {code}\n{printed.out}{printed.err}"
        return printed.out

    return run


PLACE = ("--kind", "mariadb", "--host", "127.0.0.1", "--port", "${env:ONBOARD_PORT}", "--database", "onboard")


def test_all_tables_are_taken_on_without_editing_a_file(cdc: Cdc, tables: list[mariadb.Table], tmp_path: Path) -> None:
    told = json.loads(cdc("connectors", "init", "books", *PLACE, "--json"))
    assert {one["table"] for one in told["tables"]} == {table.name for table in tables}
    decided = {(one["table"], one["what"]): one["code"] for one in told["decisions"]}
    assert {table: code for (table, what), code in decided.items() if what == "left out"} == LEFT_OUT
    assert {one: code for one, code in decided.items() if one[1].startswith("without")} == {
        (table.name, f"without {name}"): code for table in tables for name, code in table.refused
    }
    for what, key in (("key none", "none"), ("key code, no", "unique")):
        assert {one for one, said in decided if said == what} == {one.name for one in tables if one.key == key}
    assert decided["", "zero_dates: as_null"] == "SRC-206"
    cdc("source", "contract", "books", "--check")
    folder = tmp_path / "connector-configs"
    assert len(read_contracts(folder / "contracts" / "books")) == len(tables)
    place = {table.name: index for index, table in enumerate(load_sources(folder)["books"].tables)}
    circles = [one for one in told["decisions"] if one["what"].startswith("before ")]
    early = {table.name for table in tables if table.parent and place[table.parent] > place[table.name]}
    assert len(circles) == 1
    assert early <= {circles[0]["table"], *circles[0]["what"].removeprefix("before ").split(", ")}


def test_a_parent_that_is_not_wanted_takes_along_what_it_cascades_to(cdc: Cdc, tables: list[mariadb.Table]) -> None:
    child = next(table for table in tables if any("CASCADE" in text for text in table.statements))
    told = json.loads(cdc("connectors", "init", "books", *PLACE, "--exclude", child.parent, "--dry-run", "--json"))
    left = {one["table"]: one["code"] for one in told["decisions"] if one["what"] == "left out"}
    assert left[child.name] == "LND-107"


def test_a_table_is_added_where_its_parents_and_children_say(
    cdc: Cdc, tables: list[mariadb.Table], tmp_path: Path
) -> None:
    parents = {table.parent for table in tables}
    first = next(
        table.name for table in tables if table.key == "id" and table.name not in parents and not table.refused
    )
    cdc("connectors", "init", "books", *PLACE, "--exclude", first)
    file = tmp_path / "connector-configs" / "books.yaml"
    before = file.read_text()
    cdc("connectors", "add-table", "books", first, "--dry-run")
    assert file.read_text() == before
    told = json.loads(cdc("connectors", "add-table", "books", first, "--json"))
    assert told["contracts"] == [f"books.{first}"]
    assert told["statements"] == []
    after = file.read_text().splitlines()
    assert [line for line in after if line.removeprefix("  - ").strip("'") != first] == before.splitlines()
    cdc("source", "contract", "books", "--check")


def test_a_table_without_a_key_does_not_join_a_connector_that_runs(cdc: Cdc, tables: list[mariadb.Table]) -> None:
    keyless = next(table.name for table in tables if table.key == "none")
    cdc("connectors", "init", "books", *PLACE, "--exclude", keyless)
    cdc("connectors", "add-table", "books", keyless, exit_code=5)

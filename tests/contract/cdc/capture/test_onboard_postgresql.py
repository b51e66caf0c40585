"""A PostgreSQL database of many tables is taken on without a file being edited, by an account that has no grant yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from cdc.capture.contract import read_contracts
from cdc.capture.source import Source, load_sources
from cdc.cli.main import execute
from cdc.config import Target
from tests.onboard import postgresql
from tests.onboard.postgresql import LEFT_OUT, ROWS, Table

# The whole number takes a minute, most of it for mirrors.
COUNTS = (60, pytest.param(300, marks=pytest.mark.slow))
_SETTINGS = """\
target: {{host: 127.0.0.1, port: {port}, database: {database}, user: {user}, password: "${{env:ONBOARD_TARGET}}"}}
kafka: {{bootstrap: "127.0.0.1:1"}}
connect: {{url: "http://127.0.0.1:1"}}
folders: {{connector_configs: connector-configs, dictionary: dictionary}}
approval: {{required: false}}
"""
_DICTIONARY = 'dictionary: none\nversion: "1"\nstatus: draft\n'


@dataclass(frozen=True, slots=True)
class Bench:
    """A deployment in a folder; `dba` is the administrator's connection to the database that is taken on."""

    folder: Path
    dba: psycopg.Connection
    tables: list[Table]
    capsys: pytest.CaptureFixture[str]

    def cdc(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command in this process; return what it printed to stdout."""
        self.capsys.readouterr()
        code = execute(arguments)
        printed = self.capsys.readouterr()
        assert code == exit_code, f"{arguments}: {code}\n{printed.out}{printed.err}"
        return printed.out

    def init(self, *options: str, exit_code: int = 0) -> str:
        """Take the database on as source `plant`."""
        place = ("--kind", "postgresql", "--host", "127.0.0.1", "--port", os.environ["ONBOARD_PORT"])
        login = ("--database", "onboard", "--user", "onboard_capture", "--password", "${env:ONBOARD_PASSWORD}")
        return self.cdc("connectors", "init", "plant", *place, *login, *options, exit_code=exit_code)

    def source(self) -> Source:
        return load_sources(self.folder / "connector-configs")["plant"]


@pytest.fixture(scope="module", params=COUNTS)
def onboard(
    request: pytest.FixtureRequest, servers: dict[str, str]
) -> Iterator[tuple[psycopg.Connection, list[Table]]]:
    """The database, made once; nobody changes its tables."""
    place = {"host": "127.0.0.1", "port": servers["CDC_PORT_MES"], "autocommit": True}
    login = {"user": servers["CDC_MES_DBA_USER"], "password": servers["CDC_MES_DBA_PASSWORD"]}
    tables = postgresql.world(request.param)
    with psycopg.connect(**place, **login, dbname="mes") as connection:
        connection.execute("DROP DATABASE IF EXISTS onboard WITH (FORCE)")
        connection.execute("CREATE DATABASE onboard")
        connection.execute("DROP ROLE IF EXISTS onboard_capture")
        connection.execute("CREATE ROLE onboard_capture LOGIN PASSWORD 'capture'")
    with psycopg.connect(**place, **login, dbname="onboard") as connection:
        connection.execute("SET client_min_messages = error")
        connection.execute(postgresql.script(tables).encode())
        yield connection, tables


@pytest.fixture
def bench(
    onboard: tuple[psycopg.Connection, list[Table]],
    servers: dict[str, str],
    target: Target,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Bench]:
    for folder in ("connector-configs", "dictionary"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dictionary" / "dictionary.yaml").write_text(_DICTIONARY)
    settings = _SETTINGS.format(port=target.port, database=target.database, user=target.user)
    (tmp_path / "cdc.yaml").write_text(settings)
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("ONBOARD_TARGET", target.password.reveal())
    monkeypatch.setenv("ONBOARD_TARGET_PORT", str(target.port))
    monkeypatch.setenv("ONBOARD_TARGET_DATABASE", target.database)
    monkeypatch.setenv("ONBOARD_PASSWORD", "capture")
    monkeypatch.setenv("ONBOARD_PORT", servers["CDC_PORT_MES"])
    yield Bench(tmp_path, *onboard, capsys)
    onboard[0].execute("DROP PUBLICATION IF EXISTS cdc; DROP OWNED BY onboard_capture")
    onboard[0].execute("ALTER ROLE onboard_capture NOREPLICATION")


def test_all_tables_are_taken_on_without_editing_a_file(bench: Bench) -> None:
    count = len(bench.tables)
    told = json.loads(bench.init("--json"))
    tables = {table.written: table for table in bench.tables}
    assert [one["table"] for one in told["tables"]] == [
        f"{table.schema}.{table.name}" for table in bench.source().tables
    ]
    assert {one["table"] for one in told["tables"]} == set(tables)
    assert told["load"] | {"bytes": 0} == {
        "tables": count,
        "rows": (count - 2) * ROWS,
        "bytes": 0,
        "unknown": 0,
        "rows_per_s": 17730,
        "measured_by": ".venv/bin/python -m tests.bench.load",
    }
    assert told["load"]["bytes"] >= (count - 2) * 8192
    decided = {(one["table"], one["what"]): one["code"] for one in told["decisions"]}
    assert {table: code for (table, what), code in decided.items() if what == "left out"} == LEFT_OUT
    expected = {(one.written, f"without {name}"): code for one in bench.tables for name, code in one.refused}
    assert {one: code for one, code in decided.items() if one[1].startswith("without")} == expected
    assert {one for one, what in decided if what == "key none"} == {
        one.written for one in bench.tables if one.key == "none"
    }
    # In the order in which they are written they can be run, by one who owns the tables and may make roles.
    assert told["statements"][0] == 'ALTER ROLE "onboard_capture" REPLICATION;'
    bench.dba.execute((bench.folder / "connector-configs" / "plant.dba.sql").read_bytes())
    bench.cdc("source", "contract", "plant", "--check")
    assert "target is ready" not in bench.cdc("target", "apply")
    published = bench.dba.execute("SELECT count(*) FROM pg_publication_tables WHERE pubname = 'cdc'").fetchone()
    assert published == (count,)
    with psycopg.connect(
        host="127.0.0.1",
        port=os.environ["ONBOARD_TARGET_PORT"],
        dbname=os.environ["ONBOARD_TARGET_DATABASE"],
        user="cdc",
        password=os.environ["ONBOARD_TARGET"],
    ) as target:
        mirrors = target.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'plant'").fetchone()
    assert mirrors == (count,)
    assert len(read_contracts(bench.folder / "connector-configs" / "contracts" / "plant")) == count


def test_parents_stand_before_their_children_but_in_the_circle(bench: Bench) -> None:
    told = json.loads(bench.init("--json"))
    place = {one["table"]: index for index, one in enumerate(told["tables"])}
    circles = [one for one in told["decisions"] if one["what"].startswith("before ")]
    assert len(circles) == 1
    early = {table.written for table in bench.tables if table.parent and place[table.parent] > place[table.written]}
    assert early <= {circles[0]["table"], *circles[0]["what"].removeprefix("before ").split(", ")}


def test_a_source_that_is_there_is_not_replaced_unless_somebody_says_so(bench: Bench) -> None:
    bench.init("--tables", "t_*")
    file = bench.folder / "connector-configs" / "plant.yaml"
    before = file.read_text()
    bench.init(exit_code=5)
    assert file.read_text() == before
    bench.init("--dry-run")
    assert file.read_text() == before
    bench.init("--force", "--schema", "Plant 2")
    assert {table.schema for table in bench.source().tables} == {"Plant 2"}
    bench.init("--force", "--tables", "nothing*", exit_code=1)


def test_what_is_published_and_granted_already_is_not_asked_for_again(bench: Bench) -> None:
    bench.init()
    bench.dba.execute((bench.folder / "connector-configs" / "plant.dba.sql").read_bytes())
    told = json.loads(bench.init("--force", "--json"))
    assert told["statements"] == []
    assert not (bench.folder / "connector-configs" / "plant.dba.sql").exists()
    bench.dba.execute("ALTER PUBLICATION cdc DROP TABLE public.twin; ALTER PUBLICATION cdc SET (publish = insert)")
    told = json.loads(bench.init("--dry-run", "--json"))
    assert told["statements"] == [
        "ALTER PUBLICATION \"cdc\" SET (publish = 'insert, update, delete, truncate', "
        "publish_via_partition_root = true);",
        'ALTER PUBLICATION "cdc" ADD TABLE "public"."twin";',
    ]


def test_a_table_is_added_with_its_contract_and_no_other_line_changes(bench: Bench) -> None:
    bench.init("--exclude", "twin", "--exclude", "TWIN")
    file = bench.folder / "connector-configs" / "plant.yaml"
    bench.dba.execute((file.with_suffix(".dba.sql")).read_bytes())
    file.write_text(file.read_text().replace("tables:\n", "# by hand\ntables:   # parents first\n"))
    before = file.read_text()
    # Until the DBA has run his statements nothing is written: whoever starts meanwhile would stop at the table.
    told = json.loads(bench.cdc("connectors", "add-table", "plant", "twin", "--apply", "--json", exit_code=4))
    assert (told["contracts"], told["done"], told["dry_run"], file.read_text()) == (["plant.twin"], [], True, before)
    assert told["next"][-1] == "cdc connectors add-table plant twin --apply"
    assert told["statements"] != []
    for statement in told["statements"]:
        bench.dba.execute(statement.encode())
    bench.cdc("connectors", "add-table", "plant", "twin")
    assert [line for line in file.read_text().splitlines() if line not in before.splitlines()] == ["  - public.twin"]
    bench.cdc("source", "contract", "plant", "--check")
    bench.cdc("connectors", "add-table", "plant", "public.twin", exit_code=1)
    bench.cdc("connectors", "add-table", "plant", "public.shown", exit_code=1)

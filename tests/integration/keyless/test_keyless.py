"""Tables without a key, on both products through the real connectors: every row as often as the source has it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pymysql
import pytest

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.source import load_sources
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect, eventually, settings

SETTINGS = settings("land: {group: keyless, batch_rows: 300}\n")
FILES = {
    "nokeym": """\
kind: mariadb
host: 127.0.0.1
port: ${env:CDC_ERP_PORT}
database: nokeym
user: ${env:CDC_ERP_DBA_USER}
password: ${env:CDC_ERP_DBA_PASSWORD}
tables: [{table: log, key: none}]
""",
    "nokeyp": """\
kind: postgresql
host: 127.0.0.1
port: ${env:CDC_MES_PORT}
database: nokeyp
user: ${env:CDC_MES_DBA_USER}
password: ${env:CDC_MES_DBA_PASSWORD}
tables: [{table: public.log, key: none}]
""",
}
TABLE = "CREATE TABLE log (a int, note varchar(20), qty decimal(10,2), long_note text)"
LONG = "y" * 50_000  # PostgreSQL keeps it beside the row; of incompressible text there would be more
Execute = Callable[[str], None]
Read = Callable[[], Counter[tuple[Any, ...]]]


@pytest.fixture
def mariadb(stack: Stack) -> Iterator[tuple[Execute, Read]]:
    """Execute in the MariaDB source, and read its table."""
    env = stack.env
    with pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        charset="utf8mb4",
        autocommit=True,
    ) as connection:
        cursor = connection.cursor()

        def read() -> Counter[tuple[Any, ...]]:
            cursor.execute("SELECT a, note, CAST(qty AS char), long_note FROM log")
            return Counter(cursor.fetchall())

        for statement in ("DROP DATABASE IF EXISTS nokeym", "CREATE DATABASE nokeym", "USE nokeym", TABLE):
            cursor.execute(statement)
        yield lambda statement: void(cursor.execute(statement)), read
        cursor.execute("DROP DATABASE nokeym")


@pytest.fixture
def postgresql(stack: Stack) -> Iterator[tuple[Execute, Read]]:
    """Execute in the PostgreSQL source, and read its table."""
    with connect(stack.env, "MES", "DBA_") as admin:
        admin.execute("CREATE DATABASE nokeyp")
        with connect({**stack.env, "CDC_MES_DATABASE": "nokeyp"}, "MES", "DBA_") as connection:
            connection.execute(f"{TABLE}; ALTER TABLE log REPLICA IDENTITY FULL; CREATE PUBLICATION cdc FOR TABLE log")
            connection.execute("ALTER TABLE log ALTER long_note SET STORAGE EXTERNAL")

            def read() -> Counter[tuple[Any, ...]]:
                return Counter(connection.execute("SELECT a, note, qty::text, long_note FROM log").fetchall())

            yield lambda statement: void(connection.execute(statement.encode())), read


@pytest.fixture
def deployment(stack: Stack, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of both sources, with a target database of its own."""
    (tmp_path / "connector-configs").mkdir()
    for name, text in FILES.items():
        (tmp_path / "connector-configs" / f"{name}.yaml").write_text(text)
    (tmp_path / "dictionary").mkdir()
    (tmp_path / "dictionary" / "dictionary.yaml").write_text("dictionary: keyless\nversion: '1'\nstatus: draft\n")
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    own = {"CDC_CONFIG": str(tmp_path / "cdc.yaml"), "CDC_TARGET_DATABASE": "keyless"}
    env = process_environment(stack.env | own)
    with connect({**env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as admin:
        admin.execute("CREATE DATABASE keyless OWNER cdc")
    yield Deployment(tmp_path, env)
    with connect({**env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as admin:
        admin.execute("DROP DATABASE keyless WITH (FORCE)")


def void(_: object) -> None:
    """Return nothing."""


def play(execute: Execute, chance: random.Random, statements: int, *, truncates: bool = True) -> None:
    """Insert rows that are alike, change and delete them."""
    for _ in range(statements):
        a, note = chance.choice(["1", "2", "NULL"]), chance.choice(["'x'", "''", "NULL"])
        qty, long_note = chance.choice(["1.5", "NULL"]), chance.choice([f"'{LONG}'", "NULL"])
        where = f"a = {chance.choice('123')}"
        kinds = [
            f"INSERT INTO log VALUES ({a}, {note}, {qty}, {long_note})",
            f"INSERT INTO log SELECT {a}, note, qty, long_note FROM log WHERE {where} LIMIT 2",
            f"UPDATE log SET note = {note} WHERE {where}",
            f"UPDATE log SET a = {a}, qty = {qty} WHERE note = {note}",
            f"DELETE FROM log WHERE {where} AND note = {note}",
            "TRUNCATE log",
        ]
        execute(chance.choices(kinds, [8, 3, 3, 2, 2, 0.2 if truncates else 0])[0])


def counted(target: psycopg.Connection, schema: str) -> Counter[tuple[Any, ...]]:
    """Read a mirror."""
    found = target.execute(f"SELECT a, note, qty::text, long_note, _count FROM {schema}.log").fetchall()
    return Counter({tuple(row): count for *row, count in found})


def test_mirrors_count_the_rows_of_tables_without_a_key(
    deployment: Deployment, mariadb: tuple[Execute, Read], postgresql: tuple[Execute, Read]
) -> None:
    sources = {"nokeym": mariadb, "nokeyp": postgresql}
    chance = random.Random(1)
    for execute, _ in sources.values():
        for _ in range(3):
            execute("INSERT INTO log VALUES (1, 'x', 1.5, NULL)")
        play(execute, chance, 10)
    for name in sources:
        deployment.cdc("source", "contract", name)
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    with deployment.running(), deployment.target() as target:
        eventually(target, "SELECT count(*) FROM cdc.position WHERE generations = 1", [(2,)])
        for execute, _ in sources.values():
            play(execute, chance, 120)
            execute("INSERT INTO log VALUES (99, 'last', NULL, NULL)")
        for name, (_, read) in sources.items():
            eventually(target, f"SELECT _count FROM {name}.log WHERE a = 99", [(1,)])
            assert counted(target, name) == read()
            assert max(read().values()) > 2
        require_that_none_is_added(deployment, postgresql[0])
        for begin in BEGINS:
            for name, (execute, read) in sources.items():
                # Of a table that is empty nothing would tell that a new snapshot has begun.
                begin(deployment, name, lambda execute=execute: play(execute, chance, 30, truncates=False))  # type: ignore[misc]
                generations = BEGINS.index(begin) + 2
                eventually(target, f"SELECT generations FROM cdc.position WHERE source = '{name}'", [(generations,)])
                play(execute, chance, 10, truncates=False)
                execute(f"INSERT INTO log VALUES ({generations}000, 'last', NULL, NULL)")
                eventually(target, f"SELECT _count FROM {name}.log WHERE a = {generations}000", [(1,)])
                assert counted(target, name) == read(), begin


def require_that_none_is_added(deployment: Deployment, execute: Execute) -> None:
    """Nothing could tell its rows, read beside the stream, from those of the stream: the connector stays as it is."""
    file = deployment.folder / "connector-configs" / "nokeyp.yaml"
    execute("CREATE TABLE more (a int)")
    execute("ALTER TABLE more REPLICA IDENTITY FULL")
    execute("ALTER PUBLICATION cdc ADD TABLE more")
    before = file.read_text()
    file.write_text(before.replace("[{table", "[{table: public.more, key: none}, {table"))
    deployment.cdc("source", "contract", "nokeyp")
    assert "CON-113" in deployment.cdc("connectors", "apply", "nokeyp", exit_code=5)
    file.write_text(before)
    assert "nothing to do" in deployment.cdc("connectors", "apply", "nokeyp")


def reload(deployment: Deployment, name: str, meanwhile: Callable[[], None]) -> None:
    """Have a source captured again, as runbooks/new-snapshot.md says, while it changes."""
    with ThreadPoolExecutor(1) as other:
        changes = other.submit(meanwhile)
        assert "Read all rows again" in deployment.cdc("connectors", "reload", name, exit_code=1)  # nobody says yes
        assert "snapshot begun" in deployment.cdc("connectors", "reload", name, "--yes")
        changes.result()


def begin_without_a_place(deployment: Deployment, name: str, meanwhile: Callable[[], None]) -> None:
    """Have Connect lose what it knows of a connector that stands still; PostgreSQL keeps its slot."""
    file = deployment.folder / "connector-configs" / f"{name}.yaml"
    before = file.read_text()
    file.write_text(f"{before}state: stopped\n")
    deployment.cdc("connectors", "apply", name)
    meanwhile()
    with httpx.Client(base_url=deployment.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        client.delete(f"/connectors/{name}/offsets").raise_for_status()
    file.write_text(before)
    assert "snapshot begun" in deployment.cdc("connectors", "apply", name)


def begin_after_an_interruption(deployment: Deployment, name: str, meanwhile: Callable[[], None]) -> None:
    """Have somebody interrupted who made the connector forget its place; the watch of `cdc run` goes on with it."""
    source = load_sources(deployment.folder / "connector-configs")[name]
    kafka = Kafka(deployment.env["CDC_KAFKA"])
    with Connect(access.Connect(deployment.env["CDC_CONNECT_URL"])) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "move", interrupt_running(client.move))
            with pytest.raises(KeyboardInterrupt):
                Lifecycle(client, kafka, source, name).begin()
        meanwhile()


def interrupt_running(move: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """Move a connector to any state but the last one of `begin_again`."""

    def moved(name: str, state: str) -> None:
        if state == "running":
            raise KeyboardInterrupt
        move(name, state)

    return moved


BEGINS = (reload, begin_without_a_place, begin_after_an_interruption)

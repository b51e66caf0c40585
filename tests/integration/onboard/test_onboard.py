"""`init` on 300 tables ends in running mirrors without a file being edited; then the source is taken off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.capture.contract import read_contracts
from cdc.capture.source import BINLOG, load_sources
from compose.local.stack import Stack
from tests.integration.onboard.same import mirror_rows, source_rows
from tests.integration.service import connect, eventually
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.onboard import mariadb, mysql, postgresql

COUNT = 300
ADDED = {
    "postgresql": """
        CREATE TABLE public.added (id int PRIMARY KEY, text text);
        INSERT INTO public.added SELECT n, '批' || n FROM generate_series(1, 100) n;
        GRANT SELECT ON public.added TO onboard_capture; ALTER PUBLICATION cdc ADD TABLE public.added""",
    **dict.fromkeys(
        BINLOG,
        """
        CREATE TABLE added (id int PRIMARY KEY, text longtext);
        INSERT INTO added SELECT n, CONCAT('批', n) FROM {}""",
    ),
}
DBA = ("--user", "${env:CDC_ERP_DBA_USER}", "--password", "${env:CDC_ERP_DBA_PASSWORD}")
# Connect resolves references by its own environment, which has those of the stack, and no port of MySQL.
LOGIN = {
    "postgresql": (
        *("--port", "${env:CDC_MES_PORT}", "--user", "onboard_capture", "--password", "${env:CDC_MES_PASSWORD}"),
    ),
    "mariadb": ("--port", "${env:CDC_ERP_PORT}", *DBA),
    "mysql": DBA,
}
SOURCES = {"plant3": "postgresql", "books3": "mariadb"}
SCRIPTS = {"mariadb": mariadb.script(mariadb.world(COUNT)), "mysql": mysql.script(mysql.world(COUNT))}


@pytest.fixture(params=SOURCES)
def shapes(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    """A database of 300 tables, and a deployment without a connector file."""
    name = str(request.param)
    with made_of(Side(name, SOURCES[name], ("none",), stack.env), stack, tmp_path) as made:
        yield made


@contextmanager
def made_of(side: Side, stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    """Make the same on a side's server."""
    made = make_deployment(tmp_path, stack, "onboard", side)
    (tmp_path / "connector-configs" / f"{side.name}.yaml").unlink()
    if side.kind == "postgresql":
        _role(stack, "DROP ROLE IF EXISTS onboard_capture")
        _role(stack, f"CREATE ROLE onboard_capture LOGIN PASSWORD '{stack.env['CDC_MES_PASSWORD']}'")
        with side.connection() as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute(postgresql.script(postgresql.world(COUNT)).encode())
    else:
        side.run(*SCRIPTS[side.kind])
    yield made
    clear(made)
    if side.kind == "postgresql":
        _role(stack, "DROP ROLE onboard_capture")


@pytest.mark.timeout(900)
@pytest.mark.slow  # minutes each; the contract lane has init, its contracts and mirrors on every run
def test_init_ends_in_mirrors_that_are_the_source(shapes: Shapes) -> None:
    (side,) = shapes.sides.values()
    told = _init(shapes, side)
    assert len(told["tables"]) == COUNT
    folder = shapes.deployment.folder / "connector-configs"
    if side.kind == "postgresql":
        with side.connection() as connection:
            connection.execute((folder / f"{side.name}.dba.sql").read_bytes())
    shapes.deployment.cdc("source", "contract", side.name, "--check")
    shapes.deployment.cdc("target", "apply")
    shapes.deployment.cdc("connectors", "apply", side.name)
    with shapes.running(), shapes.deployment.target() as target:
        position = f"SELECT generations FROM cdc.position WHERE stream = 'cdc.{side.name}'"
        eventually(target, position, [(1,)], timeout_s=300)
        _compare(target, side, folder, COUNT)
        _run(side, ADDED[side.kind].format(side.numbers(100)))
        added = "public.added" if side.kind == "postgresql" else "added"
        shapes.deployment.cdc("connectors", "add-table", side.name, added, "--apply")
        eventually(target, f"SELECT count(*) FROM {side.name}.added", [(100,)])
        _compare(target, side, folder, COUNT + 1)
        assert target.execute("SELECT mirror, code FROM cdc.stale").fetchall() == []
        told = shapes.deployment.cdc("connectors", "remove", side.name, "--reason", "a test", "--yes-stop", exit_code=4)
        assert "--yes-offsets does it" in told
        _await_landed(target)
    _take_off(shapes, side, folder)


def _init(shapes: Shapes, side: Side) -> Any:
    place = ("--kind", side.kind, "--host", "127.0.0.1", "--database", side.name, *LOGIN[side.kind])
    if side.kind == "mysql":
        place = (*place, "--port", side.env["CDC_ERP_PORT"])
    return _document(shapes.deployment.cdc("connectors", "init", side.name, *place, "--json"))


def _document(printed: str) -> Any:
    """Return the JSON that a command has printed; behind it stands what it has said beside."""
    return json.JSONDecoder().raw_decode(printed)[0]


def _compare(target: psycopg.Connection, side: Side, folder: Path, count: int) -> None:
    contracts = read_contracts(folder / "contracts" / side.name)
    assert len(contracts) == len(load_sources(folder)[side.name].tables) == count
    with side.connection() as connection:
        for contract in contracts:
            wanted = source_rows(connection, contract, side.kind)
            assert mirror_rows(target, contract, side.kind) == wanted, contract.mirror


def _take_off(shapes: Shapes, side: Side, folder: Path) -> None:
    """Take the source off: the slot is the DBA's, and the files stay until it is gone."""
    steps = ("--yes-stop", "--yes-offsets", "--yes-connector", "--yes-topics", "--yes-files")
    cdc = shapes.deployment.cdc
    remove = ("connectors", "remove", side.name, "--reason", "a test")
    if side.kind == "postgresql":
        told = _document(cdc(*remove, *steps, "--json", exit_code=4))
        assert [step["outcome"] for step in told["steps"]] == ["nothing to do", *["done"] * 3, "waits"]
        assert (folder / f"{side.name}.yaml").exists()
        _run(side, told["slot"])
    told = _document(cdc(*remove, *steps, "--json"))
    assert {step["outcome"] for step in told["steps"]} <= {"done", "nothing to do"}
    assert list(folder.glob(f"{side.name}*")) == []
    with shapes.deployment.target() as target:
        found = target.execute(
            "SELECT effect ->> 'step' FROM cdc.operator_action WHERE action = 'connectors remove' AND object = %s"
            " ORDER BY id",
            (side.name,),
        ).fetchall()
    assert [step for (step,) in found] == ["stop", "offsets", "connector", "topics", "files"]


def _await_landed(target: psycopg.Connection) -> None:
    """Wait until the position stands still: nothing is sent any more."""
    before = None
    while (now := target.execute("SELECT next_offset FROM cdc.position").fetchall()) != before:
        before = now
        time.sleep(3)


def _run(side: Side, script: str) -> None:
    side.run(*filter(str.strip, script.split(";")))


def _role(stack: Stack, statement: str) -> None:
    with connect({**stack.env, "CDC_MES_DATABASE": "postgres"}, "MES", "DBA_") as connection:
        connection.execute(statement.encode())

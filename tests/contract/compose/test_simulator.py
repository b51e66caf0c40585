"""The simulator against a real MariaDB and a real PostgreSQL: what it planned and logged is what the databases hold."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from compose.compare.canonical import read_sources
from compose.compare.database import MariaDb, PostgreSql, SourceDatabase, SourceTable
from compose.compare.imply import FEEDS, imply
from compose.compare.log import Log, read_log
from compose.local.env import REPO, environment, process_environment
from compose.local.stack import Stack
from compose.simulator.erp import FIRST_BILL
from compose.simulator.log import read_past
from compose.simulator.run import relive
from compose.simulator.seed import seed
from compose.simulator.world import World

SECONDS = 10
_OLD_YEAR = {"erp.ICStockBill", "erp.ICStockBillEntry"}


class Applications:
    """Both servers, and the simulator's command line."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env = env
        self.log = folder / "simulator.jsonl"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "compose.simulator", *arguments],
            cwd=REPO,
            env=process_environment(self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors

    def play(self, seconds: int, *more: str) -> dict[str, Any]:
        code, output, errors = self.call("run", "--seconds", str(seconds), "--log", str(self.log), *more)
        assert (code, errors) == (0, "")
        summary: dict[str, Any] = json.loads(output)
        return summary

    def erp(self, query: str) -> set[tuple[Any, ...]]:
        connection = pymysql.connect(
            host="127.0.0.1",
            port=int(self.env["CDC_ERP_PORT"]),
            user=self.env["CDC_ERP_ADMIN_USER"],
            password=self.env["CDC_ERP_ADMIN_PASSWORD"],
            database="erp",
            charset="utf8mb4",
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            return set(cursor.fetchall())

    def mes(self, query: str, account: str = "ADMIN_") -> set[tuple[Any, ...]]:
        with psycopg.connect(
            host="127.0.0.1",
            port=int(self.env["CDC_MES_PORT"]),
            user=self.env[f"CDC_MES_{account}USER"],
            password=self.env[f"CDC_MES_{account}PASSWORD"],
            dbname="mes",
        ) as connection:
            return set(connection.execute(query.encode()).fetchall())

    @contextmanager
    def readers(self) -> Iterator[list[SourceDatabase]]:
        with (
            closing(MariaDb(self.env, "erp")) as erp,
            closing(PostgreSql(self.env, "CDC_MES", "CDC_MES_ADMIN", "mes")) as mes,
        ):
            yield [erp, mes]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applications]:
    """Both applications, installed."""
    folder = tmp_path_factory.mktemp("applications")
    ports = {"CDC_PORT_ERP": free_port(), "CDC_PORT_MES": free_port()}
    env = environment({"CDC_LOCAL": str(folder), **ports})
    stack = Stack(env)
    stack.start(["erp", "mes"])
    try:
        applications = Applications(env, folder)
        code, output, errors = applications.call("install")
        assert (code, errors) == (0, "")
        assert [line.split(",")[0] for line in output.splitlines()] == ["erp: made", "mes: made"]
        yield applications
    finally:
        stack.stop(["erp", "mes"])


@pytest.fixture(scope="module")
def played(applications: Applications) -> dict[str, Any]:
    """The summary of one run."""
    return applications.play(SECONDS, "--seed", "11")


@pytest.fixture
def log(applications: Applications, played: dict[str, Any]) -> Log:
    """What the log says of all runs so far."""
    return read_log(applications.log)


def test_a_second_installation_finds_it_there(applications: Applications, played: dict[str, Any]) -> None:
    code, output, errors = applications.call("install")
    assert (code, output, errors) == (0, "erp: is there\nmes: is there\n", "")


def test_the_run_did_all_it_had_planned(played: dict[str, Any]) -> None:
    assert played["transactions"] == SECONDS * 50
    assert played["stopped"] is False
    assert played["bulk_rows"] == 20_000


def test_shipped_units_are_named_for_a_story(applications: Applications, played: dict[str, Any]) -> None:
    assert len(played["stories"]) == 10
    for serial in played["stories"]:
        assert applications.erp(f"SELECT 1 FROM SEOrderEntry WHERE FSerialNo = '{serial}' AND FShipDate > 0")
        assert applications.mes(f"SELECT 1 FROM mes_insp_h WHERE sn = '{serial}' AND result IN ('OK', 'CON')")


def assert_the_databases_hold_the_plan(applications: Applications) -> None:
    world = seed().world
    relive(world, read_past(applications.log))
    with applications.readers() as readers:
        for reader in readers:
            for table in reader.tables():
                assert_the_table_holds_the_plan(reader, table, world)


def assert_the_table_holds_the_plan(reader: SourceDatabase, table: SourceTable, world: World) -> None:
    known, rows = world.tables[table.mirror], world.rows[table.mirror]
    assert table.columns == tuple(known.columns)
    held = {row.key: dict(zip(table.columns, row.values, strict=True)) for row in reader.rows(table)}
    if table.mirror in _OLD_YEAR:
        held = {key: row for key, row in held.items() if int(key[0]) > FIRST_BILL}
    assert held == {tuple(known.key_text(key)): known.image(row) for key, row in rows.items()}, table.mirror


def test_the_databases_hold_what_was_planned_row_by_row(applications: Applications, played: dict[str, Any]) -> None:
    assert_the_databases_hold_the_plan(applications)


def test_the_old_year_was_updated_in_bulk(applications: Applications, played: dict[str, Any]) -> None:
    (marked,) = applications.erp("SELECT COUNT(*) FROM ICStockBillEntry WHERE FSourceBillNo LIKE 'ARCH-1-%'")
    assert marked == (20_000,)


def test_long_notes_are_stored_out_of_line(applications: Applications, played: dict[str, Any]) -> None:
    ((rows, toasted),) = applications.mes(
        "SELECT count(*), pg_relation_size(reltoastrelid) FROM mes_insp_h, pg_class"
        " WHERE relname = 'mes_insp_h' AND length(note) > 8000 GROUP BY reltoastrelid"
    )
    assert rows > 10
    assert toasted > rows * 2_000


def test_bad_rows_are_exactly_those_that_the_log_leaves_bad(applications: Applications, log: Log) -> None:
    with applications.readers() as readers:
        implied = imply(read_sources(readers, log))
    sources = {feed.source for feed in FEEDS}
    own = {row: code for row, code in implied.held.items() if row[0] in sources}
    assert {row: code for row, code in own.items() if code != "REF-301" or row in log.bad} == log.bad


@pytest.mark.parametrize(
    ("mirror", "code", "query"),
    [
        ("erp.t_ICItem", "COD-201", "SELECT FItemID FROM t_ICItem WHERE FBatchManager NOT IN (0, 1)"),
        ("erp.t_ICItem", "REQ-101", "SELECT FItemID FROM t_ICItem WHERE FName IS NULL OR FName = '-'"),
        (
            "erp.t_ICItem",
            "UOM-202",
            "SELECT FItemID FROM t_ICItem WHERE FUnitID NOT IN (SELECT FItemID FROM t_MeasureUnit WHERE FName <> '托')",
        ),
        (
            "erp.ICStockBillEntry",
            "NUM-101",
            "SELECT FInterID, FEntryID FROM ICStockBillEntry WHERE FAuxQty > 1000000000",
        ),
        (
            "erp.ICStockBillEntry",
            "DAT-101",
            "SELECT FInterID, FEntryID FROM ICStockBillEntry WHERE FPeriodDate > 0 AND FPeriodDate <= FKFDate",
        ),
    ],
)
def test_plain_sql_finds_the_bad_rows_of_the_erp(
    applications: Applications, log: Log, mirror: str, code: str, query: str
) -> None:
    assert texts(applications.erp(query)) == logged(log, mirror, code)


@pytest.mark.parametrize(
    ("mirror", "code", "query"),
    [
        (
            "mes.mes_insp_h",
            "QC-101",
            "SELECT insp_id FROM mes_insp_h WHERE disposition IN ('让步接收', '特采')"
            " AND coalesce(authorised_by, '') IN ('', '-', '/', 'N/A', '无')",
        ),
        (
            "mes.mes_insp_h",
            "UOM-202",
            "SELECT insp_id FROM mes_insp_h WHERE measured IS NOT NULL AND coalesce(measured_uom, '尺') = '尺'",
        ),
        ("mes.mes_lot", "DAT-101", "SELECT lot_id FROM mes_lot WHERE exp_date <= mfg_date"),
        (
            "mes.mes_sn",
            "LOT-101",
            """SELECT sn FROM mes_sn WHERE sn !~ '^[!"%&''()*+,./0-9:;<=>?A-Z_a-z-]{1,20}$'""",
        ),
        (
            "mes.mes_wo",
            "KEY-201",
            "SELECT wo_id FROM mes_wo WHERE wo_no IN (SELECT wo_no FROM mes_wo GROUP BY 1 HAVING count(*) > 1)",
        ),
    ],
)
def test_plain_sql_finds_the_bad_rows_of_the_mes(
    applications: Applications, log: Log, mirror: str, code: str, query: str
) -> None:
    assert texts(applications.mes(query)) == logged(log, mirror, code)


def texts(rows: set[tuple[Any, ...]]) -> set[tuple[str, ...]]:
    return {tuple(map(str, row)) for row in rows}


def logged(log: Log, mirror: str, code: str) -> set[tuple[str | None, ...]]:
    return {key for (table, key), found in log.bad.items() if (table, found) == (mirror, code)}


def test_the_capture_accounts_read_and_cannot_write(applications: Applications, played: dict[str, Any]) -> None:
    assert applications.mes("SELECT count(*) FROM mes_sn", "") != set()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        applications.mes("DELETE FROM mes_sn RETURNING 1", "")
    reader = Applications(
        applications.env
        | {
            "CDC_ERP_ADMIN_USER": applications.env["CDC_ERP_USER"],
            "CDC_ERP_ADMIN_PASSWORD": applications.env["CDC_ERP_PASSWORD"],
        },
        applications.log.parent,
    )
    assert reader.erp("SELECT COUNT(*) FROM t_ICItem") != set()
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        reader.erp("DELETE FROM t_ICItem")


def test_a_second_run_goes_on_where_the_first_ended(applications: Applications, played: dict[str, Any]) -> None:
    before = read_past(applications.log)
    applications.play(4, "--seed", "11", "--rate", "100")
    past = read_past(applications.log)
    assert [run.steps for run in past.runs] == [*(run.steps for run in before.runs), 400]
    assert past.seq == before.seq + 400
    assert_the_databases_hold_the_plan(applications)


def test_sigterm_ends_a_run_after_the_transaction_in_hand(applications: Applications, played: dict[str, Any]) -> None:
    process = applications.start("run", "--seconds", "60", "--log", str(applications.log))
    wait_for_lines(applications.log, 20)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    summary = json.loads(output)
    assert summary["stopped"] is True
    assert read_past(applications.log).runs[-1].steps == summary["transactions"] >= 10
    assert_the_databases_hold_the_plan(applications)


def wait_for_lines(path: Path, count: int) -> None:
    began = len(path.read_bytes().splitlines())
    deadline = time.monotonic() + 60
    while len(path.read_bytes().splitlines()) < began + count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_log_than_that_of_the_data_is_refused(applications: Applications, played: dict[str, Any]) -> None:
    code, _, errors = applications.call(
        "run", "--seconds", "5", "--log", str(applications.log.with_name("other.jsonl"))
    )
    assert code == 1
    assert errors.startswith("The ERP is not as the log leaves it")
    assert len(errors.splitlines()) == 1


@pytest.mark.slow
def test_a_run_that_reconnects_does_all_it_had_planned_once_whatever_its_servers_do(
    applications: Applications, played: dict[str, Any]
) -> None:
    arguments = ("run", "--seconds", "8", "--rate", "100", "--log", str(applications.log), "--reconnect")
    process = applications.start(*arguments)
    stack = Stack(applications.env)
    try:
        for server in ("erp", "mes", "erp"):
            wait_for_lines(applications.log, 50)
            stack.services()[server].daemon().kill()
            stack.start([server])
        for _ in range(20):  # sessions that are ended while the server lives; some of them in a COMMIT
            wait_for_lines(applications.log, 5)
            applications.mes(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simulator'", "DBA_"
            )
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert json.loads(output)["transactions"] == 800
    assert_the_databases_hold_the_plan(applications)


def test_a_lost_connection_is_one_sentence_and_the_log_stays_whole(
    applications: Applications, played: dict[str, Any]
) -> None:
    process = applications.start("run", "--seconds", "60", "--log", str(applications.log))
    wait_for_lines(applications.log, 20)
    applications.mes(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simulator'", "DBA_"
    )
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert errors.startswith("The MES's database is gone")
    assert len(errors.splitlines()) == 1
    assert all(json.loads(line) for line in applications.log.read_text(encoding="utf-8").splitlines())


def test_what_a_killed_installation_left_is_made_anew(tmp_path: Path) -> None:
    env = environment({"CDC_LOCAL": str(tmp_path), "CDC_PORT_ERP": free_port(), "CDC_PORT_MES": free_port()})
    stack = Stack(env)
    stack.start(["erp", "mes"])
    try:
        applications = Applications(env, tmp_path)
        applications.erp("CREATE TABLE t_ICItem (half int)")
        assert applications.call("install")[0] == 0
        ((materials,),) = applications.erp("SELECT COUNT(*) FROM t_ICItem")
        assert materials > 200
    finally:
        stack.stop(["erp", "mes"])


def test_servers_that_do_not_run_are_one_sentence(tmp_path: Path) -> None:
    env = environment({"CDC_LOCAL": str(tmp_path), "CDC_PORT_ERP": free_port(), "CDC_PORT_MES": free_port()})
    code, _, errors = Applications(env, tmp_path).call("install")
    assert code == 1
    assert errors.startswith("The ERP's database cannot be reached")
    assert len(errors.splitlines()) == 1

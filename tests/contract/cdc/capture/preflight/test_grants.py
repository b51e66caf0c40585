"""The script that `cdc connectors grants` prints, run in live servers; and both commands as they are typed."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import psycopg
import pytest

from cdc.cli.main import execute
from compose.simulator.install import statements
from tests.contract.cdc.capture.preflight.asked import REPO, look, run_mariadb, run_postgresql
from tests.contract.cdc.capture.preflight.fault import read_faults

DBA = ("--user", "postgres", "--password", "${env:CDC_MES_DBA_PASSWORD}")


@pytest.fixture
def typed(installed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The demo's settings and connector files; nobody answers where Kafka Connect should be."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name, value in {**installed, "CDC_CONNECT_URL": away}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CDC_CONFIG", str(REPO / "compose" / "cdc.yaml"))
        yield installed


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = execute(["connectors", *words])
    return (code, *capsys.readouterr())


def _forget_mes(env: dict[str, str]) -> None:
    with run_postgresql(env) as run:
        run(["DROP PUBLICATION cdc", "ALTER TABLE mes_sn REPLICA IDENTITY DEFAULT"])
        run(["DROP OWNED BY cdc_capture", "DROP ROLE cdc_capture"])


def _apply_mes(env: dict[str, str], script: str) -> None:
    with run_postgresql(env) as run:
        run([f"SET capture.password = '{env['CDC_MES_PASSWORD']}'", script])


def test_postgresql_is_ready_behind_the_printed_script(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _forget_mes(typed)
    code, script, _ = _run(capsys, "grants", "mes", *DBA)
    assert code == 0
    assert [line for line in script.splitlines() if line.startswith("ALTER TABLE")] == [
        'ALTER TABLE "public"."mes_sn" REPLICA IDENTITY USING INDEX "ux_mes_sn";'
    ]
    for _ in range(2):  # it may be run again
        _apply_mes(typed, script)
    assert look("mes", typed).findings == ()
    # By the connector's own account, now that it is there: the same script.
    assert _run(capsys, "grants", "mes") == (0, script, "")


def test_a_partitioned_table_is_published_under_its_own_name(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    fault = next(fault for fault in read_faults("postgresql") if fault.id == "publication-of-partitions")
    with run_postgresql(typed) as run:
        run([*fault.seed, "DROP PUBLICATION cdc"])
        try:
            _, script, _ = _run(capsys, "grants", "mes")
            _apply_mes(typed, script)
            assert look("mes", typed).findings == ()
        finally:
            run(fault.undo_after)


def test_a_long_value_that_updates_leave_alone_has_the_whole_row_logged(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with run_postgresql(typed) as run:
        run(["ALTER TABLE mes_lot ADD tags smallint[]"])
        try:
            _, script, _ = _run(capsys, "grants", "mes")
        finally:
            run(["ALTER TABLE mes_lot DROP tags"])
    assert 'ALTER TABLE "public"."mes_lot" REPLICA IDENTITY FULL;' in script.splitlines()


def test_without_the_catalogue_nothing_is_published_that_would_break(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _forget_mes(typed)
    code, script, told = _run(capsys, "grants", "mes")
    assert (code, "SRC-111" in told) == (0, True)
    try:
        with pytest.raises(psycopg.errors.RaiseException, match="without replica identity: mes_sn"):
            _apply_mes(typed, script)
    finally:
        with run_postgresql(typed) as run:
            run(["ALTER TABLE mes_sn REPLICA IDENTITY USING INDEX ux_mes_sn"])
        _apply_mes(typed, script)
    assert look("mes", typed).findings == ()


def test_mariadb_is_ready_behind_the_printed_script(typed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, script, _ = _run(capsys, "grants", "erp")
    assert code == 0
    with run_mariadb(typed) as run:
        run(["DROP USER cdc_capture@'%'", f"SET @capture_password = '{typed['CDC_ERP_PASSWORD']}'"])
        run(statements(script))
    assert look("erp", typed).findings == ()


@pytest.mark.parametrize("words", [("--user", "dba"), ("--user", "dba", "--password", "written-out")])
def test_a_password_that_is_no_reference_is_refused(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, printed, told = _run(capsys, "grants", "mes", *words)
    assert (code, printed) == (2, "")
    assert "reference" in told
    assert "written-out" not in told


def test_preflight_says_everything_as_one_object(typed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = _run(capsys, "preflight", "--json", "--rows", "100")
    told = json.loads(printed)
    assert (code, told["ok"]) == (4, False)  # nobody has asked Kafka Connect
    mes, erp = sorted(told["sources"], key=lambda source: source["source"], reverse=True)
    for source in (mes, erp):
        assert [(found["code"], found["severity"]) for found in source["findings"]] == [("SRC-321", "warning")]
    assert erp["rows"]["erp.ICMO"] <= 100


def test_a_server_that_does_not_answer_keeps_nobody_from_looking_at_the_others(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDC_ERP_PORT", "1")
    code, printed, told = _run(capsys, "preflight", "--json")
    assert (code, "SRC-110" in told) == (1, True)
    assert [source["source"] for source in json.loads(printed)["sources"]] == ["mes"]


@pytest.mark.parametrize(
    ("change", "undo", "wanted"), [("CREATEROLE", "NOCREATEROLE", 4), ("NOREPLICATION", "REPLICATION", 5)]
)
def test_the_exit_code_says_how_bad_it_is(
    typed: dict[str, str], capsys: pytest.CaptureFixture[str], change: str, undo: str, wanted: int
) -> None:
    with run_postgresql(typed) as run:
        run([f"ALTER ROLE cdc_capture {change}"])
        try:
            code, printed, told = _run(capsys, "preflight", "mes")
        finally:
            run([f"ALTER ROLE cdc_capture {undo}"])
    assert code == wanted
    assert f'ALTER ROLE "cdc_capture" {undo}' in printed
    assert "  why:  " in told


def test_rows_of_more_than_a_sample_are_looked_at_from_both_ends(typed: dict[str, str]) -> None:
    with run_mariadb(typed) as run:
        run(["INSERT INTO SEOrder (FInterID, FDate) VALUES (2000000000, '0000-00-00')"])
        try:
            (finding,) = look("erp", typed, rows=10).findings
        finally:
            run(["DELETE FROM SEOrder WHERE FInterID = 2000000000"])
    assert finding.what.startswith("SEOrder.FDate: 1 of 10 rows")

"""The rules of preflight that no live server of the tests can be made to break, and what they are exact about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from cdc.capture.catalogue_binlog import version_fault
from cdc.capture.catalogue_postgresql import identity_clause
from cdc.capture.dialect import DIALECTS
from cdc.capture.preflight import binlog, postgresql
from cdc.capture.preflight.account_binlog import grant_findings, read_grants
from cdc.capture.preflight.clock import offset_of
from cdc.capture.preflight.connect import ask_connect
from cdc.capture.preflight.finding import Finding, sorted_findings
from cdc.capture.preflight.limits import Limits
from cdc.capture.preflight.wal import kept_findings, taken_findings
from cdc.capture.source import SourceTable
from cdc.errors import FatalError, TransientError
from tests.contract.cdc.capture.preflight.fault import read_faults

_MIB = 1024 * 1024
_DAY_S = 86_400


def _codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("version", "is_standby", "codes"),
    [(13, False, ["SRC-301"]), (14, False, []), (17, True, ["SRC-302"]), (13, True, ["SRC-301", "SRC-302"])],
)
def test_an_old_server_and_a_standby_are_refused(version: int, is_standby: bool, codes: list[str]) -> None:
    found = postgresql.unfit_findings({"version": version, "text": f"{version}.1", "is_standby": is_standby})
    assert _codes(found) == codes


@pytest.mark.parametrize(
    ("kind", "version", "fault"),
    [
        ("mariadb", "10.11.6-MariaDB-log", ""),
        ("mariadb", "5.5.5-10.5.2-MariaDB", ""),
        ("mariadb", "11.4.1-MariaDB", ""),
        ("mariadb", "10.4.30-MariaDB", "10.4.30-MariaDB; the oldest is 10.5"),
        ("mariadb", "8.0.36", "8.0.36 is not MariaDB"),
        ("mysql", "9.7.4-2", ""),
        ("mysql", "10.0.1", ""),
        ("mysql", "8.4.6", "8.4.6; the oldest is 9.7"),
        ("mysql", "10.11.6-MariaDB-log", "10.11.6-MariaDB-log is not MySQL"),
    ],
)
def test_only_a_server_of_the_product_that_is_new_enough_is_taken(kind: str, version: str, fault: str) -> None:
    assert version_fault(DIALECTS[kind], version) == fault


@pytest.mark.parametrize(
    ("kept_mib", "rate_mib_s", "seconds", "codes"),
    [
        (-1, 0.0, _DAY_S, ["SRC-307"]),
        (4096, 0.01, _DAY_S, []),  # 2,592 MB in three days
        (2048, 0.01, _DAY_S, ["SRC-306"]),
        (2048, 0.01, 600, []),  # ten minutes tell nothing
        (512, 0.0, _DAY_S, ["SRC-306"]),  # one checkpoint's cycle does not fit
    ],
)
def test_the_log_has_to_last_for_the_outage(kept_mib: int, rate_mib_s: float, seconds: float, codes: list[str]) -> None:
    log = {"kept": kept_mib * _MIB, "cycle": 1024 * _MIB, "written": rate_mib_s * seconds * _MIB, "seconds": seconds}
    assert _codes(kept_findings(log, Limits())) == codes


def test_a_limit_that_is_proposed_is_one_that_is_not_found_fault_with() -> None:
    log: dict[str, Any] = {"kept": 1, "cycle": _MIB, "written": 1e9 * _DAY_S, "seconds": _DAY_S}
    (finding,) = kept_findings(log, Limits())
    proposed = int(finding.statement.partition("'")[2].partition("MB")[0])
    assert not list(kept_findings({**log, "kept": proposed * _MIB}, Limits()))


def test_a_slot_of_its_own_needs_no_other() -> None:
    room = {"max_replication_slots": 2, "slots": 2, "max_wal_senders": 5, "senders": 4}
    assert _codes(taken_findings(room, has_slot=False)) == ["SRC-308"]
    assert not list(taken_findings(room, has_slot=True))


@pytest.mark.parametrize(
    ("variables", "codes"),
    [
        ({"binlog_expire_logs_seconds": "259200"}, []),
        ({"binlog_expire_logs_seconds": "259199"}, ["SRC-306"]),
        ({"expire_logs_days": "3.000000"}, []),
        ({"expire_logs_days": "2.5"}, ["SRC-306"]),
        ({"expire_logs_days": "0"}, ["SRC-307"]),
    ],
)
def test_either_variable_says_how_long_the_log_is_kept(variables: dict[str, str], codes: list[str]) -> None:
    assert _codes(binlog.kept_findings({"log_bin": "ON", **variables}, Limits())) == codes


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["GRANT ALL PRIVILEGES ON *.* TO `c`@`%` IDENTIFIED BY PASSWORD '*A' WITH GRANT OPTION"], ["SRC-304"]),
        (["GRANT SELECT, RELOAD, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO `c`@`%`"], []),
        (
            [
                "GRANT RELOAD, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO `c`@`%`",
                r"GRANT SELECT ON `erp\_1`.* TO `c`@`%`",
            ],
            [],
        ),
        (
            [
                "GRANT RELOAD, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO `c`@`%`",
                "GRANT SELECT, UPDATE (`a`, `b`) ON `erp_1`.`t` TO `c`@`%`",
            ],
            ["SRC-303", "SRC-304"],
        ),
        (["GRANT USAGE ON *.* TO `c`@`%`"], ["SRC-303"] * 4),
    ],
)
def test_grants_are_read_as_the_server_prints_them(lines: list[str], codes: list[str]) -> None:
    assert _codes(grant_findings(read_grants(lines), "erp_1", everywhere=True)) == codes


def test_an_account_of_mysql_is_asked_to_read_its_database_only() -> None:
    lines = [
        "GRANT RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `c`@`%`",
        "GRANT BINLOG_ADMIN,FLUSH_TABLES ON *.* TO `c`@`%`",
    ]
    found = list(grant_findings(read_grants(lines), "crm", everywhere=False))
    assert [(one.code, one.statement) for one in found] == [
        ("SRC-303", "GRANT SELECT ON `crm`.* TO `c`@`%`"),
        ("SRC-304", "REVOKE BINLOG_ADMIN, FLUSH_TABLES ON *.* FROM `c`@`%`"),
    ]


@pytest.mark.parametrize("fault", read_faults("connect"), ids=lambda fault: fault.id)
def test_a_connector_of_that_name_is_found(fault: Any) -> None:
    wanted = {"name": "mes", "connector.class": "io.debezium.X", "database.hostname": "a"}
    asked = ask_connect(_Connect({**wanted, **fault.config}), wanted)
    assert [(one.code, fault.says in one.what) for one in asked.findings] == [(fault.code, True)]
    assert not asked.is_applied


def test_its_own_connector_is_no_fault_whatever_else_differs() -> None:
    wanted = {"name": "mes", "connector.class": "io.debezium.X", "poll.interval.ms": "20"}
    asked = ask_connect(_Connect({**wanted, "poll.interval.ms": "30"}), wanted)
    assert (asked.findings, asked.is_applied) == ((), True)
    assert ask_connect(_Connect(None), wanted).findings == ()


def test_a_plugin_that_loses_rows_is_refused() -> None:
    wanted = {"name": "mes", "connector.class": "io.debezium.X"}
    (finding,) = ask_connect(_Connect(None, is_old=True), wanted).findings
    assert (finding.code, finding.severity) == ("SRC-325", "refuse")
    assert "3.6.3.Final" in finding.what


def test_the_slot_of_a_connector_whose_plugin_is_old_is_its_own() -> None:
    wanted = {"name": "mes", "connector.class": "io.debezium.X"}
    asked = ask_connect(_Connect(wanted, is_old=True), wanted)
    assert ([finding.code for finding in asked.findings], asked.is_applied) == (["SRC-325"], True)
    moved = ask_connect(_Connect(wanted | {"database.hostname": "elsewhere"}, is_old=True), wanted)
    assert [finding.code for finding in moved.findings] == ["SRC-325", "SRC-315"]


def test_that_connect_does_not_answer_is_to_be_looked_at() -> None:
    (finding,) = ask_connect(_Connect(None, is_away=True), {"name": "mes"}).findings
    assert (finding.code, finding.severity) == ("SRC-321", "warning")


@pytest.mark.parametrize(
    ("is_applied", "plugin", "database", "codes"),
    [
        (True, "pgoutput", "mes", []),
        (False, "pgoutput", "mes", ["SRC-309"]),
        (True, "test_decoding", "mes", ["SRC-309"]),
        (True, "pgoutput", "other", ["SRC-309"]),
    ],
)
def test_the_slot_of_its_own_connector_is_no_fault(
    is_applied: bool, plugin: str, database: str, codes: list[str]
) -> None:
    slot = {"name": "cdc_mes", "plugin": plugin, "database": database, "active": True, "keeps": True, "kept": "1 kB"}
    assert _codes(postgresql.slot_findings("cdc_mes", "mes", [slot], is_applied=is_applied)) == codes


@pytest.mark.parametrize(
    ("table", "row", "clause"),
    [
        (SourceTable("s", "t"), {"has_primary": True, "unique_index": None}, "DEFAULT"),
        (SourceTable("s", "t"), {"has_primary": False, "unique_index": 'u"x'}, 'USING INDEX "u""x"'),
        (SourceTable("s", "t"), {"has_primary": False, "unique_index": None}, ""),
        (SourceTable("s", "t", key=("a",)), {"has_primary": False, "unique_index": "u"}, "FULL"),
        (SourceTable("s", "t", is_keyless=True), {"has_primary": False, "unique_index": "u"}, "FULL"),
    ],
)
def test_a_table_gets_the_replica_identity_that_its_line_needs(
    table: SourceTable, row: dict[str, Any], clause: str
) -> None:
    assert identity_clause(table, row) == clause


def test_the_clock_is_asked_in_the_middle_of_the_question() -> None:
    times = iter([100.0, 104.0])
    assert offset_of(lambda: 302.0, lambda: next(times)) == 200.0


def test_the_worst_comes_first_and_nothing_twice() -> None:
    note, warning, refusal = (Finding(code, "x") for code in ("SRC-324", "SRC-304", "SRC-121"))
    assert sorted_findings([note, warning, refusal, warning]) == (refusal, warning, note)


class _Connect:
    def __init__(self, config: dict[str, str] | None, *, is_away: bool = False, is_old: bool = False) -> None:
        self._config, self._is_away, self._is_old = config, is_away, is_old

    def require_version(self, connector_class: str) -> None:
        if self._is_old:
            raise FatalError("CON-191", f"{connector_class} 3.6.3.Final, not 3.7 or newer")

    def config(self, _name: str) -> dict[str, str] | None:
        if self._is_away:
            raise TransientError("CON-101", "here")
        return self._config

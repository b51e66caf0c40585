"""Faults put into a MySQL server: preflight finds each, and the statement that it prints ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pymysql
import pytest

from cdc.capture.login import login_of
from cdc.capture.preflight import binlog
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits
from cdc.capture.source import Source, SourceTable
from cdc.errors import NotAdmitted

pytestmark = pytest.mark.slow

ACCOUNT, PASSWORD = "`looker`@`%`", "a test's"
LIMITS = Limits()
# What is done, which code says it, and what the finding names.
FAULTS = [
    ("SET GLOBAL binlog_row_image = MINIMAL", "SRC-125", "binlog_row_image is MINIMAL, not FULL"),
    ("SET GLOBAL binlog_row_value_options = PARTIAL_JSON", "SRC-125", "binlog_row_value_options is PARTIAL_JSON"),
    ("SET GLOBAL binlog_transaction_compression = ON", "SRC-125", "binlog_transaction_compression is ON, not OFF"),
    ("SET GLOBAL gtid_mode = ON_PERMISSIVE", "SRC-125", "gtid_mode is ON_PERMISSIVE, not ON"),
    (
        "SET GLOBAL show_gipk_in_create_table_and_information_schema = OFF",
        "SRC-125",
        "show_gipk_in_create_table_and_information_schema is OFF",
    ),
    ("SET GLOBAL binlog_expire_logs_seconds = 60", "SRC-306", "binlog_expire_logs_seconds is"),
    ("SET GLOBAL binlog_expire_logs_seconds = 0", "SRC-307", "binlog_expire_logs_seconds is 0"),
    ("SET GLOBAL max_execution_time = 1000", "SRC-322", "max_execution_time is 1 s"),
    ("ALTER TABLE looked.item ENGINE = MyISAM", "SRC-317", "item is MyISAM"),
    (f"REVOKE RELOAD ON *.* FROM {ACCOUNT}", "SRC-303", "RELOAD on *.*"),
    (f"REVOKE SELECT ON `looked`.* FROM {ACCOUNT}", "SRC-303", "SELECT on `looked`.*"),
    (f"GRANT DELETE ON `looked`.* TO {ACCOUNT}", "SRC-304", "DELETE on `looked`.*"),
    (f"GRANT BINLOG_ADMIN ON *.* TO {ACCOUNT}", "SRC-304", "BINLOG_ADMIN on *.*"),
]
Run = Callable[[str], None]


@pytest.fixture(scope="module")
def run(env: dict[str, str]) -> Iterator[Run]:
    """Run statements as the DBA."""
    with closing(
        pymysql.connect(
            host="127.0.0.1",
            port=int(env["CDC_ERP_PORT"]),
            user=env["CDC_ERP_DBA_USER"],
            password=env["CDC_ERP_DBA_PASSWORD"],
            autocommit=True,
        )
    ) as connection:

        def run(script: str) -> None:
            with connection.cursor() as cursor:
                for statement in filter(str.strip, script.partition(" -- ")[0].split(";")):
                    cursor.execute(statement)

        run("DROP DATABASE IF EXISTS looked; CREATE DATABASE looked; DROP USER IF EXISTS " + ACCOUNT)
        text = "t longtext CHARACTER SET latin1"
        unseen = "unseen datetime NOT NULL DEFAULT '2020-01-01' INVISIBLE"
        run(f"CREATE TABLE looked.item (id int PRIMARY KEY, d datetime, y year, {text}, {unseen})")
        run("INSERT INTO looked.item VALUES (1, 0, 0, REPEAT('A', 500000))")
        run(f"CREATE USER {ACCOUNT} IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        run(f"GRANT RELOAD, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {ACCOUNT}")
        run(f"GRANT SELECT ON `looked`.* TO {ACCOUNT}")
        yield run


def findings(env: dict[str, str]) -> list[Finding]:
    source = Source(
        *("looked", "mysql", "127.0.0.1", env["CDC_ERP_PORT"], "looked", "looker", "${env:LOOKER}", "running"),
        (SourceTable("", "item"),),
        zero_dates="as_null",
    )
    login = login_of(source, {**env, "LOOKER": PASSWORD})
    return list(binlog.preflight(source, login, LIMITS).findings)


def test_a_healthy_server_has_none(run: Run, env: dict[str, str]) -> None:
    assert findings(env) == []


@pytest.mark.parametrize(("fault", "code", "says"), FAULTS, ids=lambda value: str(value)[:50])
def test_a_fault_is_found_and_its_statement_ends_it(
    run: Run, env: dict[str, str], fault: str, code: str, says: Any
) -> None:
    run(fault)
    found = [one for one in findings(env) if one.code == code]
    assert [says in one.what for one in found] == [True], found
    run(found[0].statement)
    assert findings(env) == []


def test_bytes_that_the_log_reader_replaces_are_found_in_a_long_text(run: Run, env: dict[str, str]) -> None:
    run("UPDATE looked.item SET t = CONCAT(t, CAST(x'8D' AS CHAR CHARACTER SET latin1))")
    assert [(one.code, "item.t: 1 of 1 rows" in one.what) for one in findings(env)] == [("SRC-318", True)]
    run("UPDATE looked.item SET t = 'A'")
    assert findings(env) == []


def test_an_account_that_has_to_encrypt_is_not_taken_for_a_wrong_password(run: Run, env: dict[str, str]) -> None:
    run(f"ALTER USER {ACCOUNT} REQUIRE SSL")
    try:
        with pytest.raises(NotAdmitted, match=r"SRC-111 .*REQUIRE SSL"):
            findings(env)
    finally:
        run(f"ALTER USER {ACCOUNT} REQUIRE NONE")

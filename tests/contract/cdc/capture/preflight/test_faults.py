"""Every fault of the list is put into a live server, found, and undone; a healthy server has none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg
import pytest

from cdc.capture import catalogue_binlog, catalogue_postgresql
from cdc.capture.connector import server_id
from cdc.capture.login import login_of
from cdc.capture.preflight.finding import Finding
from cdc.capture.publication import publish
from cdc.errors import FatalError
from tests.contract.cdc.capture.preflight.asked import SOURCES, Run, look, run_mariadb, run_postgresql
from tests.contract.cdc.capture.preflight.fault import Fault, read_faults

_PRODUCTS: dict[str, tuple[str, Callable[[Mapping[str, str]], AbstractContextManager[Run]]]] = {
    "postgresql": ("mes", run_postgresql),
    "mariadb": ("erp", run_mariadb),
}
_LIVE = [(product, fault) for product in _PRODUCTS for fault in read_faults(product) if not fault.server]
_BAD = [(product, fault) for product in _PRODUCTS for fault in read_faults(product) if fault.server]
_NAMES = {"publication": publish(SOURCES["mes"], by_root=False), "server_id": server_id(SOURCES["erp"])}


def _id(value: object) -> str:
    return value.id if isinstance(value, Fault) else str(value)


@pytest.mark.parametrize("name", ["mes", "erp"])
def test_nothing_is_found_on_a_healthy_server(installed: dict[str, str], name: str) -> None:
    report = look(name, installed)
    assert report.findings == ()
    assert len(report.rows) == len(SOURCES[name].tables)
    assert all(rows > 0 for rows in report.rows.values() if name == "erp")


@pytest.mark.parametrize(("product", "fault"), _LIVE, ids=_id)
def test_a_fault_is_found_and_its_statement_ends_it(installed: dict[str, str], product: str, fault: Fault) -> None:
    name, administrator = _PRODUCTS[product]
    with administrator(installed) as run:
        run([statement.format(**_NAMES) for statement in fault.seed])
        undo = fault.undo or ()
        with _session(product, installed, fault.session):
            try:
                found = _found(look(name, installed, fault.clock_s, **fault.source).findings, fault)
                undo = _statements(found.statement) if fault.undo is None else fault.undo
            finally:
                run([statement.format(**_NAMES) for statement in undo])
                run(fault.undo_after)
    if fault.undo is None:
        assert look(name, installed).findings == ()


@pytest.mark.parametrize("name", ["mes", "erp"])
def test_nothing_is_found_once_all_of_them_are_undone(installed: dict[str, str], name: str) -> None:
    assert look(name, installed).findings == ()


@pytest.mark.parametrize(("product", "fault"), _BAD, ids=_id)
def test_a_fault_that_takes_a_start_of_the_server_is_found(bad: dict[str, str], product: str, fault: Fault) -> None:
    name, _ = _PRODUCTS[product]
    prefix = f"CDC_{name.upper()}_DBA"
    account = {"user": f"${{env:{prefix}_USER}}", "password": f"${{env:{prefix}_PASSWORD}}"}
    _found(look(name, bad, **account).findings, fault)


def test_its_sessions_write_nothing(installed: dict[str, str]) -> None:
    with catalogue_postgresql.session(login_of(SOURCES["mes"], installed), as_given=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE public.scratch (a int)")
        connection.rollback()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):  # nor in its next transaction
            connection.execute("CREATE TABLE public.scratch (a int)")
        connection.rollback()
    administrator = dataclasses.replace(
        SOURCES["erp"], user="${env:CDC_ERP_DBA_USER}", password="${env:CDC_ERP_DBA_PASSWORD}"
    )
    with pytest.raises(FatalError), catalogue_binlog.session(login_of(administrator, installed)) as connection:
        connection.query("INSERT INTO t_Stock (FItemID) VALUES (-1)")


def test_a_text_without_encoding_is_found(installed: dict[str, str]) -> None:
    with run_postgresql(installed) as run:
        run(["CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"])
        try:
            codes = {finding.code for finding in look("mes", installed, database="ascii").findings}
        finally:
            run(["DROP DATABASE ascii"])
    # There is nothing else in it, either.
    assert {"SRC-203", "SRC-120", "SRC-123"} <= codes


def _found(findings: tuple[Finding, ...], fault: Fault) -> Finding:
    matching = [finding for finding in findings if finding.code == fault.code and fault.says in finding.what]
    assert matching, [(finding.code, finding.what) for finding in findings]
    assert matching[0].why
    return matching[0]


def _statements(text: str) -> list[str]:
    """Return what a DBA would run of a finding's statement; what stands behind `--` is for reading."""
    return [statement for part in text.split("; ") if (statement := part.partition("--")[0].strip(" ;"))]


@contextmanager
def _session(product: str, env: Mapping[str, str], statement: str) -> Iterator[None]:
    """Keep a transaction open in which the statement has run."""
    with ExitStack() as stack:
        if statement and product == "mariadb":
            run = stack.enter_context(run_mariadb(env))
            run(["SET sql_mode = ''", "BEGIN", statement])
        elif statement:
            connection = psycopg.connect(
                host="127.0.0.1",
                port=env["CDC_PORT_MES"],
                user=env["CDC_MES_ADMIN_USER"],
                password=env["CDC_MES_ADMIN_PASSWORD"],
                dbname="mes",
            )
            stack.callback(connection.close)
            connection.execute(statement.encode())
        yield

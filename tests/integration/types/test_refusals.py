"""Types that are refused with their contract: the real catalogues print them, and the contract says why not."""

from __future__ import annotations

import re

import pytest

from cdc.capture.catalogue import read_contracts
from cdc.capture.source import Source, SourceTable
from cdc.capture.types_mariadb import TYPES
from cdc.errors import FatalError
from tests.integration.types import mariadb, postgresql
from tests.integration.types.case import Refusal
from tests.integration.types.conftest import World
from tests.integration.types.world import Database, MariaDb, PostgreSql


def _source(kind: str, server: str, name: str) -> Source:
    schema = "public" if kind == "postgresql" else ""
    return Source(
        *(name, kind, "127.0.0.1", f"${{env:CDC_{server}_PORT}}", name),
        *(f"${{env:CDC_{server}_DBA_USER}}", f"${{env:CDC_{server}_DBA_PASSWORD}}", "running"),
        (SourceTable(schema, "refused"),),
    )


def _refused(source: Source, database: Database, world: World, refusal: Refusal) -> str:
    database.run(f"CREATE TABLE refused (id int PRIMARY KEY, v {refusal.type})")
    try:
        with pytest.raises(FatalError) as caught:
            read_contracts(source, world.deployment.env)
    finally:
        database.run("DROP TABLE refused")
    return str(caught.value)


@pytest.mark.parametrize("refusal", postgresql.REFUSALS, ids=lambda refusal: refusal.type)
def test_postgresql(world: World, refusal: Refusal) -> None:
    told = _refused(_source("postgresql", "MES", "pgtypes"), world.sources["pgtypes"], world, refusal)
    assert re.match(rf"{refusal.code} .*pgtypes\.refused\.v", told)


@pytest.mark.parametrize("refusal", mariadb.REFUSALS, ids=lambda refusal: refusal.type)
def test_mariadb(world: World, refusal: Refusal) -> None:
    told = _refused(_source("mariadb", "ERP", "mytypes"), world.sources["mytypes"], world, refusal)
    assert re.search(rf"{refusal.code} .*(pg|my)types\.refused\.v", told, re.DOTALL)


def test_no_type_of_postgresql_is_forgotten(world: World) -> None:
    """Every type that the server itself has is refused with its contract, or a case writes its values."""
    database = world.sources["pgtypes"]
    assert isinstance(database, PostgreSql)
    found = database.connection.execute(
        "SELECT format_type(oid, NULL) FROM pg_type"
        " WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')"
        " AND typelem NOT IN (SELECT oid FROM pg_type WHERE typtype IN ('c', 'p')) ORDER BY oid"
    ).fetchall()
    types = [name for (name,) in found]
    assert len(types) > 100
    columns = ", ".join(f"c{number:03} {name}" for number, name in enumerate(types))
    database.run(f"CREATE TABLE refused (id int PRIMARY KEY, {columns})", "ALTER TABLE refused REPLICA IDENTITY FULL")
    try:
        with pytest.raises(FatalError) as caught:
            read_contracts(_source("postgresql", "MES", "pgtypes"), world.deployment.env)
    finally:
        database.run("DROP TABLE refused")
    refused = set(re.findall(r"pgtypes\.refused\.c(\d{3})", str(caught.value)))
    taken = {name for number, name in enumerate(types) if f"{number:03}" not in refused}
    cases = {
        name
        for case in postgresql.CASES
        for (name,) in database.connection.execute("SELECT %s::regtype::text", (case.type,)).fetchall()
    }
    assert taken - cases == set()


def test_no_type_of_mariadb_is_forgotten(world: World) -> None:
    """What the service takes has a case that writes its values; whatever it does not know is refused (SRC-201)."""
    database = world.sources["mytypes"]
    assert isinstance(database, MariaDb)
    columns = ", ".join(f"c{number:03} {case.type}" for number, case in enumerate(mariadb.CASES))
    database.run(f"CREATE TABLE refused (id int PRIMARY KEY, {columns})")
    try:
        with database.connection.cursor() as cursor:
            cursor.execute("SELECT column_type FROM information_schema.columns WHERE table_name = 'refused'")
            found = [re.sub(r"\(.*\)", "", text) for (text,) in cursor.fetchall()]
    finally:
        database.run("DROP TABLE refused")
    cases = {f"{text.split()[0]} unsigned" if "unsigned" in text else text.split()[0] for text in found}
    assert TYPES.keys() - cases == set()

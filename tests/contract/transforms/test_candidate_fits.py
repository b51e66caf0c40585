"""What comes out of a mapping is kept by PostgreSQL as it is: written by the target's types, it is read back equal."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from psycopg import sql

from tests.unit.transforms.rows import rows_of
from transforms.errors import Refused
from transforms.load import load


@pytest.fixture(scope="module")
def connection(module_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_dsn, autocommit=True, options="-c TimeZone=UTC") as connection:
        yield connection


TARGETS = [
    pytest.param(mapping, place, id=f"{mapping.name}-{target}")
    for mapping in load().mappings
    for place, target in enumerate(mapping.targets)
]


@pytest.mark.parametrize(("mapping", "place"), TARGETS)
def test_candidate_is_read_back_as_it_was_written(connection, mapping, place):
    target = mapping.targets[place]
    table = sql.Identifier("pg_temp", target.table)
    types = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in target.columns
    )
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, types))
    places = sql.SQL(", ").join(sql.Placeholder() * len(target.columns))
    insert = sql.SQL("INSERT INTO {} VALUES ({}) RETURNING *").format(table, places)
    written = []

    @settings(max_examples=60, deadline=None)
    @given(rows_of(mapping))
    def holds(row):
        try:
            outcome = mapping.normalise(row)
        except Refused:
            return
        for candidate in outcome[place] if outcome else ():
            if "\x00" in "".join(map(str, candidate)):
                continue
            written.append(candidate)
            assert connection.execute(insert, candidate).fetchone() == candidate

    holds()
    assert written

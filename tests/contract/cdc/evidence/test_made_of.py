"""What a canonical row is made of, found by its key, whatever type that has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import psycopg

from cdc.derive.plan import Fill
from cdc.evidence.made_of import _source_rows
from transforms.mapping import Column, Target

COLUMNS = (Column("number", "bigint", required=True), Column("day", "date", required=True))
TARGET = Target("trace", "thing", COLUMNS, ("number", "day"), (), "keep")
FILL = cast("Fill", SimpleNamespace(target=TARGET, key=TARGET.key, canonical="pg_temp.thing"))


def test_a_key_is_compared_as_what_it_is_by_its_index(module_dsn: str) -> None:
    with psycopg.connect(module_dsn) as connection:
        connection.execute(
            "CREATE TEMP TABLE thing (number bigint, day date, _mapping text, _source_key text[],"
            " PRIMARY KEY (number, day))"
        )
        connection.execute("INSERT INTO thing VALUES (7, '2026-01-02', 'src.item', '{1}')")
        connection.execute("SET enable_seqscan = off")  # the table has one row
        scans = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'pg_temp.thing'::regclass"
        before = connection.execute(scans).fetchone()
        for key, found in ((("7", "2026-01-02"), [("src.item", ("1",))]), (("07", "20260102"), [("src.item", ("1",))])):
            assert list(_source_rows(connection, FILL, key, of_fold=False)) == found
        assert list(_source_rows(connection, FILL, ("seven", "2026-01-02"), of_fold=False)) == []
        assert connection.execute(scans).fetchone() == before

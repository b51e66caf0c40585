"""What the planner knows of a domain's tables, read anew where they have outgrown it.

A table that is filled for the first time has millions of rows before the server's own analyzer comes by, once a minute.
A large turn that is planned for the few rows it is believed to have reads all of it for each row: seconds become hours.
"""

from __future__ import annotations

from typing import Any

import psycopg

from cdc.derive.plan import Plan

_OUTGROWN = b"""
SELECT c.oid FROM unnest(%s::text[]) AS t (name) JOIN pg_class c ON c.oid = t.name::regclass
WHERE pg_relation_size(c.oid) > 2 * c.relpages::bigint * current_setting('block_size')::bigint
"""


def refresh_statistics(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Analyze the tables of a domain that are twice as large as when that was done last. Not within a transaction.

    It waits for nobody but other analyzers: a table is locked against them and against DDL for as long as it takes,
    which is well under a second at any size, as a sample is read.
    """
    for table in connection.execute(_OUTGROWN, (_tables(plan),), prepare=True).fetchall():
        connection.execute("SELECT cdc.analyze(%s)", table)


def _tables(plan: Plan) -> list[str]:
    mirrors = [name for mirror in plan.mirrors for name in mirror.images]
    contributed = [merge.stored for merge in plan.merges]
    return [
        *mirrors,
        *(table for fill in plan.fills for table in (fill.canonical, fill.held)),
        *contributed,
        f"{plan.books}.held",
    ]

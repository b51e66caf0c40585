"""What the target's statements did to get their rows, as the server itself tells it: one tree per statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from compose.local.postgres import PostgresServer

_SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "warning",
}

Read = dict[str, float]
"""Rows that one statement looked at, by table."""


def explain_all(server: PostgresServer, database: str) -> None:
    """Let every later session on the database send the plan of each statement, and what it did, as a notice."""
    with psycopg.connect(server.dsn(server.superuser), autocommit=True) as connection:
        connection.execute("LOAD 'auto_explain'")
        for name, value in _SETTINGS.items():
            connection.execute(f"ALTER DATABASE {database} SET {name} = '{value}'".encode())


@contextmanager
def reads(connection: psycopg.Connection[Any]) -> Iterator[list[tuple[str, Read]]]:
    """Collect the statements of a connection and how many rows of which table each looked at."""
    found: list[tuple[str, Read]] = []

    def take(notice: psycopg.errors.Diagnostic) -> None:
        _, marker, text = (notice.message_primary or "").partition("plan:\n")
        if marker:
            document = json.loads(text)
            read: Read = {}
            _count(document["Plan"], read)
            found.append((document["Query Text"], read))

    connection.add_notice_handler(take)
    try:
        yield found
    finally:
        connection.remove_notice_handler(take)


def _count(node: dict[str, Any], read: Read) -> None:
    """Add the rows that a node and those below it took from tables, with those that a filter then dropped."""
    table = node.get("Relation Name")
    if table and "Scan" in node["Node Type"]:
        rows = sum(node.get(name, 0) for name in ("Actual Rows", *_DROPPED))
        name = f"{node['Schema']}.{table}"
        read[name] = read.get(name, 0) + rows * node["Actual Loops"]
    for child in node.get("Plans", ()):
        _count(child, read)


_DROPPED = ("Rows Removed by Filter", "Rows Removed by Index Recheck")

"""A connector file as it is written is read again as the source that was decided."""

from __future__ import annotations

import pytest

from cdc.capture.onboard.decision import Decision, Plan
from cdc.capture.onboard.file import header, text_of
from cdc.capture.source import Source, SourceTable, parse_source

CONNECTION = {"host": "127.0.0.1", "port": "3306", "database": "no", "user": "u: #x", "password": "${env:P}"}
NAMES = ("null", "123", "on", "- x", "a #b", "订单$", "Order", "1e3", "yes")


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_names_that_yaml_would_take_for_something_else_come_back(kind: str) -> None:
    schema = "public" if kind == "postgresql" else ""
    tables = tuple(
        SourceTable(schema, name, key=("off", "k 1"), without=("2024-01-01", "y"))
        if index % 2
        else SourceTable(schema, name)
        for index, name in enumerate(NAMES)
    )
    tables += (SourceTable(schema, "log", is_keyless=True),)
    source = Source("erp", kind, **CONNECTION, state="running", tables=tables)
    why = "two\nlines\tof \x1b[31m # text"
    left = Decision("public.x\ny", "left out", why, "SRC-204")
    prefix = f"{schema}." if schema else ""
    made = Plan(source, (), (), (Decision(f"{prefix}null", "without x", why, "SRC-201"), left))
    text = text_of(made, header(kind, CONNECTION, {}), ["title\n- none"])
    assert parse_source("erp", text) == source
    assert "two lines of  [31m # text" in text

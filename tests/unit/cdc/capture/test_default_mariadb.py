from __future__ import annotations

import pytest

from cdc.capture.contract import ColumnContract
from cdc.capture.default_mariadb import is_added_with, mirror_default
from cdc.capture.types_mariadb import of_mariadb


def column(type_text: str, expression: str | None, *, nullable: bool = True) -> ColumnContract:
    """Return the contract of a column as information_schema describes it."""
    kind = of_mariadb(type_text, "t.c")
    default, computed = mirror_default(expression, "", kind, nullable=nullable)
    return ColumnContract("c", type_text, kind.mirror_type, kind.decoder, nullable, default, computed)


@pytest.mark.parametrize(
    ("type_text", "expression", "announced"),
    [
        ("varchar(60)", "'none'", "none"),
        ("varchar(60)", "NULL", None),
        ("int(11)", "0", "0"),
        ("decimal(28,10)", "0.0000000000", "0"),
        ("bit(1)", "b'0'", "0"),
        ("tinyint(1)", "1", "true"),
        ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
        ("enum('a','b')", "'a'", "a"),
    ],
)
def test_the_default_of_event_and_catalogue_is_the_same(type_text: str, expression: str, announced: str | None) -> None:
    assert is_added_with(column(type_text, expression), announced, nullable=True)


@pytest.mark.parametrize(
    ("type_text", "expression", "announced"),
    [
        ("varchar(60)", "'none'", "other"),
        ("varchar(60)", "'none'", None),
        ("varchar(60)", "NULL", "none"),
        ("varchar(60)", "'1'", "one"),
        ("int(11)", "1", "0"),
        ("datetime", "current_timestamp()", "1970-01-01 00:00:00"),
        ("datetime", "current_timestamp()", None),
    ],
)
def test_another_default_or_one_that_nobody_can_tell_is_not(
    type_text: str, expression: str, announced: str | None
) -> None:
    assert not is_added_with(column(type_text, expression), announced, nullable=True)


def test_a_column_that_allows_null_since_held_the_implicit_default() -> None:
    assert is_added_with(column("int(11)", None, nullable=False), None, nullable=False)
    assert not is_added_with(column("int(11)", None), None, nullable=False)

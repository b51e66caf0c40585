from __future__ import annotations

import pytest

from cdc.capture.contract import ColumnContract
from cdc.land.contract.narrowing import is_narrowing


def column(text: str) -> ColumnContract:
    """Return a column of `type`, or of `type charset`."""
    kind, _, charset = text.partition(" CHARACTER SET ")
    return ColumnContract("c", kind, "text", "text", nullable=True, charset=charset or None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enum('a','b')", "enum('b','c')"),
        ("enum('a','b')", "enum('A','b')"),
        ("enum('it''s, x')", "enum('it','s, x')"),
        ("set('a','b')", "set('a','c')"),
        ("set('a','b')", "set('b','a')"),
        ("varchar(9) CHARACTER SET utf8mb4", "varchar(9) CHARACTER SET latin1"),
        ("varchar(9) CHARACTER SET utf8mb4", "varchar(9) CHARACTER SET utf8mb3"),
        ("varchar(9) CHARACTER SET latin1", "varchar(9) CHARACTER SET latin2"),
        ("varchar(9) CHARACTER SET gbk", "varchar(9) CHARACTER SET ascii"),
        ("enum('导') CHARACTER SET utf8mb4", "enum('?') CHARACTER SET latin1"),
        ("int(11)", "mediumint(9)"),
        ("smallint(6)", "tinyint(4)"),
        ("mediumint(8) unsigned", "mediumint(9)"),
        ("tinyint(3) unsigned", "tinyint(4)"),
        ("smallint(6)", "tinyint(1)"),
        ("longtext CHARACTER SET utf8mb4", "tinytext CHARACTER SET utf8mb4"),
        ("text CHARACTER SET latin1", "text CHARACTER SET utf8mb4"),
        ("varchar(200) CHARACTER SET utf8mb4", "tinytext CHARACTER SET utf8mb4"),
        ("varbinary(16)", "varbinary(8)"),
        ("varbinary(16)", "binary(16)"),
        ("binary(8)", "binary(16)"),
        ("blob", "tinyblob"),
        ("blob", "varbinary(16)"),
        ("varchar(9) CHARACTER SET utf8mb4", "char(9) CHARACTER SET utf8mb4"),
        ("time(6)", "time"),
        ("time(6)", "time(3)"),
        ("float", "float(7,2)"),
        ("double(10,3)", "double(10,2)"),
        ("interval", "interval(3)"),
        ("interval", "interval second(3)"),
        ("interval second(3)", "interval year to month"),
        ("text", "name"),
        ("character varying(100)", "name"),
        ("text", '"char"'),
        ("text", "jsonpath"),
    ],
)
def test_what_may_have_altered_values(old: str, new: str) -> None:
    assert is_narrowing(column(old), column(new))
    assert not is_narrowing(column(old), column(old))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enum('a','b')", "enum('c','b','a')"),
        ("enum('a','b')", "varchar(9)"),
        ("enum('a') CHARACTER SET utf8mb4", "enum('a') CHARACTER SET latin1"),
        ("set('a','b')", "set('x','a','y','b')"),
        ("varchar(9) CHARACTER SET latin1", "varchar(9) CHARACTER SET utf8mb4"),
        ("varchar(9) CHARACTER SET gbk", "varchar(9) CHARACTER SET utf8mb3"),
        ("varchar(9) CHARACTER SET ascii", "varchar(9) CHARACTER SET latin1"),
        ("text CHARACTER SET utf8mb3", "text CHARACTER SET utf8mb4"),
        ("text CHARACTER SET latin1", "mediumtext CHARACTER SET utf8mb4"),
        ("varchar(9) CHARACTER SET utf8mb4", "text CHARACTER SET utf8mb4"),
        ("mediumint(9)", "int(11)"),
        ("mediumint(8) unsigned", "int(11)"),
        ("int(11)", "int(3)"),
        ("int(11)", "int(10) invisible"),
        ("tinyint(4)", "tinyint(1)"),
        ("tinytext", "longtext"),
        ("varbinary(8)", "varbinary(16)"),
        ("binary(8)", "varbinary(8)"),
        ("varbinary(16)", "blob"),
        ("char(9)", "varchar(9)"),
        ("char(9)", "char(12)"),
        ("time(3)", "time(6)"),
        ("float(7,2)", "float"),
        ("point", "geometry"),
        ("interval second(3)", "interval"),
        ("name", "text"),
        ("citext", "text"),
        ("quirks.mood", "text"),
        ("smallint", "integer"),
        ("character varying(20)", "character varying(40)"),
    ],
)
def test_what_no_value_can_have_been_altered_by(old: str, new: str) -> None:
    assert not is_narrowing(column(old), column(new))

"""A MariaDB database of so many tables, in UTF-8 and GBK."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

ROWS = 20

# Type, and an expression of n that gives a value of it.
TYPES = (
    ("tinyint", "n"),
    ("tinyint(1)", "n % 2"),
    ("smallint unsigned", "n * 1000"),
    ("mediumint", "-n"),
    ("int unsigned", "n * 100000000"),
    ("bigint unsigned", "18446744073709551615 - n"),
    ("decimal(18,4)", "n / 7"),
    ("float", "n / 3"),
    ("double", "n / 7"),
    ("varchar(40) CHARACTER SET gbk", "CONCAT('批次', n)"),
    ("varchar(40)", "IF(n % 4, CONCAT('批 ', n, '\"'), NULL)"),
    ("char(8) CHARACTER SET gbk", "CONCAT('A', n)"),
    ("longtext", "REPEAT('导管', n)"),
    ("varbinary(16)", "UNHEX(LEFT(SHA2(n, 256), 32))"),
    ("longblob", "UNHEX(LEFT(SHA2(n, 256), 32))"),
    ("date", "'2020-02-28' + INTERVAL n DAY"),
    ("datetime(3)", "'2020-02-28 01:02:03.456' + INTERVAL n DAY"),
    ("timestamp NULL", "'2020-02-28 01:02:03' + INTERVAL n DAY"),
    ("time(6)", "SEC_TO_TIME(n * 1000)"),
    ("year", "2000 + n"),
    ("enum('a','批')", "n % 2 + 1"),
    ("set('x','y')", "n % 4"),
    ("bit(10)", "n"),
    ("json", "JSON_OBJECT('n', n)"),
)
# Types that cannot travel, with the code.
REFUSED = (
    ("uuid", "SRC-202"),
    ("varchar(20) CHARACTER SET big5", "SRC-203"),
    (r"enum('a\\b','c')", "SRC-202"),
)
_NAMES = ("t_{}", "Order-{}", "订单{}", "Work order {}", "z${}", "#a{}", "SELECT{}", "t_{}_LINE", "lot@{}", "{}")

LEFT_OUT = {
    "a,b": "SRC-204",
    "shown": "SRC-120",
    "counter": "SRC-120",
    "folded": "LND-107",
    "folded child": "LND-107",
    "keyless child": "LND-107",
    "bits": "SRC-202",
}
OTHERS = """
CREATE TABLE `a,b` (id int PRIMARY KEY);
CREATE VIEW shown AS SELECT 1 AS one;
CREATE SEQUENCE counter;
CREATE TABLE root (code varchar(20) PRIMARY KEY);
CREATE TABLE folded (id int PRIMARY KEY, code varchar(20), FOREIGN KEY (code) REFERENCES root (code) ON UPDATE CASCADE);
CREATE TABLE `folded child` (id int PRIMARY KEY, parent int,
    FOREIGN KEY (parent) REFERENCES folded (id) ON DELETE CASCADE);
CREATE TABLE `keyless child` (parent int, FOREIGN KEY (parent) REFERENCES folded (id) ON DELETE SET NULL);
CREATE TABLE bits (id bit(20) PRIMARY KEY)
"""


# `n` of each row; both products read it.
_NUMBERS = f"WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s"

Typed = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is to be captured: `refused` are columns that have to be left out, with the code."""

    name: str
    statements: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    parent: str = ""
    key: str = "id"


# Of the others, this one is captured.
CAPTURED = (Table("root", (), key="code"),)


def world(
    count: int,
    seed: int = 7,
    types: Sequence[Typed] = TYPES,
    refused: Sequence[Typed] = REFUSED,
    captured: Sequence[Table] = CAPTURED,
) -> list[Table]:
    """Return `count` tables, in an order in which they can be made; three of them refer to each other in a circle.

    `types` and `refused` are those of the product, `captured` those of the other tables that are captured there.
    """
    draw = random.Random(seed)
    tables = list(captured)
    parents: list[Table] = []
    while len(tables) < count:
        table = _table(len(tables), draw, parents, types, refused)
        tables.append(table)
        if table.key == "id":
            parents.append(table)
    return tables


def script(tables: list[Table], others: str = OTHERS) -> list[str]:
    """Return the statements that make the whole database, in it."""
    circle = [table for table in tables if table.key == "id" and table.statements][:3]
    statements = [
        *(statement for table in tables for statement in table.statements),
        *filter(str.strip, others.split(";")),
        *(
            statement
            for one, other in zip(circle, [*circle[1:], circle[0]], strict=True)
            for statement in (
                f"ALTER TABLE `{one.name}` ADD COLUMN next int, ADD FOREIGN KEY (next) REFERENCES `{other.name}` (id)",
                f"UPDATE `{one.name}` SET next = id",
            )
        ),
    ]
    return [*statements, f"ANALYZE TABLE {', '.join(f'`{table.name}`' for table in tables)}"]


def _table(
    number: int, draw: random.Random, parents: list[Table], types: Sequence[Typed], refusals: Sequence[Typed]
) -> Table:
    name = _NAMES[number % len(_NAMES)].format(number)
    columns = [(f"Column {index}", *draw.choice(types)) for index in range(draw.randint(2, 6))]
    refused: tuple[tuple[str, str], ...] = ()
    if number % 9 == 0:
        kind, code = refusals[number // 9 % len(refusals)]
        columns.append(("lost", kind, "NULL"))
        refused = (("lost", code),)
    own, key, keys = _key(number)
    parent = draw.choice(parents) if parents and number % 4 else None
    if parent:
        columns.append(("parent", "int", "n"))
        rule = " ON DELETE CASCADE" if key != "none" and number % 8 == 1 else ""
        keys = [*keys, f"FOREIGN KEY (parent) REFERENCES `{parent.name}` (id){rule}"]
    listed = [*own, *((f"`{column}`", kind, value) for column, kind, value in columns)]
    definition = ", ".join([*(f"{column} {kind}" for column, kind, _ in listed), *keys])
    charset = "gbk" if number % 2 else "utf8mb4"
    statements = (
        f"CREATE TABLE `{name}` ({definition}) CHARACTER SET {charset}",
        f"INSERT INTO `{name}` SELECT {', '.join(value for _, _, value in listed)} FROM ({_NUMBERS}) s",
    )
    return Table(name, statements, refused, parent.name if parent else "", key)


def _key(number: int) -> tuple[list[tuple[str, str, str]], str, list[str]]:
    code = ("code", "varchar(20) NOT NULL", "CONCAT('C', n)")
    match number % 12:
        case 0:
            return [code, ("No", "int", "n")], "code, No", ["PRIMARY KEY (code, No)"]
        case 2:
            return [code, ("no", "int NOT NULL", "n")], "unique", ["UNIQUE KEY (code, no)", "UNIQUE KEY (code(2), no)"]
        case 3:
            # Equal rows among them.
            return [("code", "text", "CONCAT('C', n % 3)")], "none", []
        case _:
            return [("id", "int", "n")], "id", ["PRIMARY KEY (id)"]

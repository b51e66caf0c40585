"""A PostgreSQL database of so many tables in two schemas."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SCHEMAS = ("public", "Plant 2")
ROWS = 20

# Type, and an expression of n that gives a value of it.
_TYPES = (
    ("smallint", "n"),
    ("bigint", "n * 10000000000"),
    ("numeric(18,4)", "n / 7.0"),
    ("numeric", "CASE n % 3 WHEN 0 THEN 'NaN' ELSE n * 1.50 END"),
    ("real", "n / 3.0"),
    ("double precision", "n / 7.0"),
    ("boolean", "n % 2 = 0"),
    ("text", "'批次 ' || n || E'\\n\"''\\\\'"),
    ("varchar(40)", "CASE WHEN n % 4 > 0 THEN 'LOT' || n END"),
    ("char(8)", "'A' || n"),
    ("bytea", "decode(md5(n::text), 'hex')"),
    ("date", "date '2020-02-28' + n::int"),
    ("time(3)", "time '01:02:03.456' + n * interval '1 s'"),
    ("timestamp(3)", "timestamp '2020-02-28 01:02:03.456' + n * interval '1 day'"),
    ("timestamptz", "timestamptz '2020-02-28 01:02:03.456789+08' + n * interval '1 day'"),
    ("interval", "n * interval '1 month 2 days 3 s'"),
    ("uuid", "md5(n::text)::uuid"),
    ("inet", "('10.0.0.' || n)::inet"),
    ("jsonb", "jsonb_build_object('n', n, 'text', '批')"),
    ("text[]", "ARRAY['a' || n, NULL, '批,']"),
    ("int4range", "int4range(n::int, n::int + 5)"),
    ("bit(10)", "n::int::bit(10)"),
    ("grade", "(ARRAY['A', 'B', 'C'])[n % 3 + 1]::public.grade"),
    ("quantity", "n / 4.0"),
)
# Types that cannot travel, with the code.
_REFUSED = (
    ("time with time zone", "SRC-202"),
    ("bit varying(20)", "SRC-202"),
    ("time[]", "SRC-202"),
    ("text[][]", "SRC-202"),
    ("numeric[]", "SRC-205"),
)
_NAMES = ("t_{}", "Order-{}", "订单{}", "Work order {}", "z${}", "#a{}", "SELECT{}", "t_{}_LINE", "lot@{}", "a_b_{}")

LEFT_OUT = {
    "public.a.b": "SRC-204",
    "public.a,b": "SRC-204",
    "public.odd column": "SRC-204",
    "Plant 2.TWIN": "SRC-101",
    "public.unlogged": "SRC-120",
    "public.summary": "SRC-120",
    "public.heir of none": "SRC-129",
    "public.parted without key": "SRC-121",
}
_OTHERS = """
CREATE TABLE public."a.b" (id int PRIMARY KEY);
CREATE TABLE public."a,b" (id int PRIMARY KEY);
CREATE TABLE public."odd column" (id int PRIMARY KEY, "a,b" time with time zone);
CREATE TABLE "Plant 2"."TWIN" (id int PRIMARY KEY);
CREATE UNLOGGED TABLE public.unlogged (id int PRIMARY KEY);
CREATE VIEW public.shown AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW public.summary AS SELECT 1 AS one;
CREATE TABLE public."heir of none" (id int PRIMARY KEY);
CREATE TABLE public.heir (PRIMARY KEY (id)) INHERITS (public."heir of none");
CREATE TABLE public."parted without key" (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE public.parted (id int PRIMARY KEY, text text) PARTITION BY RANGE (id);
CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE public.parted_2 PARTITION OF public.parted DEFAULT;
INSERT INTO public.parted SELECT n, '批' || n FROM generate_series(1, 20) n
"""
# Of the others, these are captured.
_OF_OTHERS = (("public", "twin"), ("public", "heir"), ("public", "parted"))


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is to be captured: `refused` are columns that have to be left out, with the code."""

    schema: str
    name: str
    statements: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    parent: str = ""
    key: str = "id"

    @property
    def written(self) -> str:
        """As connector files have it."""
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """As SQL has it."""
        return f'"{self.schema}"."{self.name}"'


def world(count: int, seed: int = 7) -> list[Table]:
    """Return `count` tables, in an order in which they can be made; three of them refer to each other in a circle."""
    draw = random.Random(seed)
    tables = [Table("public", "twin", ('CREATE TABLE public.twin ("Id" int PRIMARY KEY)',), key='"Id"')]
    tables += [Table(schema, name, ()) for schema, name in _OF_OTHERS[1:]]
    parents: list[Table] = []
    while len(tables) < count:
        table = _table(len(tables), draw, parents)
        tables.append(table)
        if table.key == "id" and table.schema:
            parents.append(table)
    return tables


def script(tables: list[Table]) -> str:
    """Return the SQL that makes the whole database."""
    circle = [table for table in tables if table.key == "id" and table.statements][:3]
    statements = [
        'CREATE SCHEMA "Plant 2"',
        "CREATE TYPE public.grade AS ENUM ('A', 'B', 'C')",
        "CREATE DOMAIN public.quantity AS numeric(12,3) CHECK (VALUE >= 0)",
        *(statement for table in tables for statement in table.statements),
        _OTHERS,
        *(
            f"ALTER TABLE {one.quoted} ADD COLUMN next int REFERENCES {other.quoted}; UPDATE {one.quoted} SET next = id"
            for one, other in zip(circle, [*circle[1:], circle[0]], strict=True)
        ),
        "ANALYZE",
    ]
    return ";\n".join(statements)


def _table(number: int, draw: random.Random, parents: list[Table]) -> Table:
    schema = SCHEMAS[number % 3 == 0]
    name = _NAMES[number % len(_NAMES)].format(number)
    columns = [(f"Column {index}", *draw.choice(_TYPES)) for index in range(draw.randint(2, 6))]
    refused: tuple[tuple[str, str], ...] = ()
    if number % 9 == 0:
        kind, code = _REFUSED[number // 9 % len(_REFUSED)]
        columns.append(("lost", kind, "NULL"))
        refused = (("lost", code),)
    parent = draw.choice(parents) if parents and number % 4 else None
    if parent:
        columns.append(("parent", f"int REFERENCES {parent.quoted}", "n"))
    own, key, more = _key(number, schema, name)
    if key == "none" and refused and refused[0][1] == "SRC-205":
        refused = ()  # its replica identity will be FULL, by which the column travels
    listed = [*own, *((f'"{column}"', _qualified(kind), value) for column, kind, value in columns)]
    definition = ", ".join(f"{column} {kind}" for column, kind, _ in listed)
    values = ", ".join(value for _, _, value in listed)
    constraint = f", PRIMARY KEY ({key})" if key not in ("none", "unique") else ""
    quoted = f'"{schema}"."{name}"'
    statements = (
        f"CREATE TABLE {quoted} ({definition}{constraint})",
        *more,
        f"INSERT INTO {quoted} SELECT {values} FROM generate_series(1, {ROWS}) n",
    )
    return Table(schema, name, statements, refused, parent.written if parent else "", key)


def _qualified(kind: str) -> str:
    return f"public.{kind}" if kind in ("grade", "quantity") else kind


def _key(number: int, schema: str, name: str) -> tuple[list[tuple[str, str, str]], str, Iterator[str]]:
    quoted = f'"{schema}"."{name}"'
    match number % 12:
        case 0:
            return [("code", "varchar(20)", "'C' || n % 4"), ('"No"', "int", "n")], 'code, "No"', iter(())
        case 1:
            return [('"Key-1"', "uuid", "md5(n::text)::uuid")], '"Key-1"', iter(())
        case 2:
            index = f"CREATE UNIQUE INDEX ON {quoted} (code, no)"
            return [("code", "varchar(20) NOT NULL", "'C' || n"), ("no", "int NOT NULL", "n")], "unique", iter((index,))
        case 3:
            # Equal rows among them.
            return [("code", "text", "'C' || n % 3")], "none", iter(())
        case _:
            return [("id", "int", "n")], "id", iter(())

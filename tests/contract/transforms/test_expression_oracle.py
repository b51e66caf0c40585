"""The expression language against PostgreSQL: the same text over the same row must give the same value there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from transforms.errors import Faults, Place, Refused
from transforms.expression import Scope, compile_expression
from transforms.reading.inputs import Inputs
from transforms.vocabulary.units import UnitNames
from transforms.yaml.document import Scalar

# name: declared type, PostgreSQL type. Integers are numeric there, so that a product does not overflow: ours cannot.
COLUMNS = {
    **{f"i{n}": ("integer", "numeric(20,0)") for n in (1, 2)},
    **{f"d{n}": ("decimal", "numeric(28,10)") for n in (1, 2)},
    **{f"t{n}": ("text", "text") for n in (1, 2)},
    **{f"b{n}": ("boolean", "boolean") for n in (1, 2)},
    **{f"y{n}": ("date", "date") for n in (1, 2)},
    "c1": ("char", "character(6)"),
    "s1": ("timestamp", "timestamp"),
}


# One row of them; {} is the expression. Texts compare by code point, as mirrors' keys do.
CASTS = ", ".join(
    f"CAST(%({name})s AS {kind})" + (' COLLATE "C"' if kind == "text" else "") + f" AS {name}"
    for name, (_, kind) in COLUMNS.items()
)
QUERY = f"SELECT {{}}, subject.* FROM (SELECT {CASTS}) AS subject"


@pytest.fixture(scope="module")
def connection(target_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        yield connection


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


ROWS = st.fixed_dictionaries(
    {name: maybe(st.integers(-20, 20)) for name in ("i1", "i2")}
    | {name: maybe(st.decimals("-99", "99", places=3)) for name in ("d1", "d2")}
    | {
        name: maybe(st.sampled_from(("", " ", "a", "A ", "ab", "a%b", "_", "批号", "b\\a", "ba")))
        for name in ("t1", "t2")
    }
    | {name: maybe(st.booleans()) for name in ("b1", "b2")}
    | {name: maybe(st.dates(date(1970, 1, 1), date(2100, 1, 1))) for name in ("y1", "y2")}
    | {
        "c1": maybe(st.sampled_from(("a", "A1", "ab"))),
        "s1": maybe(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))),  # noqa: DTZ001
    }
)


def wrap(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda texts: form.format(*texts))


def one_of(*forms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(*forms)


@st.composite
def expression(draw: st.DrawFn, kind: str, depth: int = 3) -> str:
    """Draw an expression of a kind, parenthesised: precedence has a test of its own."""
    leaf = draw(LEAVES[kind])
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return leaf
    form, kinds = draw(st.sampled_from(FORMS[kind]))
    return form.format(*(draw(expression(part, depth - 1)) for part in kinds))


LEAVES = {
    "int": st.sampled_from(("i1", "i2", "0", "1", "3", "-2")),
    "dec": st.sampled_from(("d1", "d2", "0.5", "10.25", "-1.0")),
    "text": st.sampled_from(("t1", "t2", "CAST(c1 AS TEXT)", "''", "'a'", "'b '", "'批'")),
    "bool": st.sampled_from(("b1", "b2", "TRUE", "FALSE")),
    "date": st.sampled_from(("y1", "y2", "DATE '2024-02-29'")),
    "pattern": st.sampled_from(
        ("'a%'", "'%a'", "'%b%'", "'_'", "'a\\%b'", "'%a%b%'", "''", "'%'", "'_%_'", "'b\\\\a'")
    ),
}
FORMS = {
    "int": [
        ("({} + {})", ("int", "int")),
        ("({} - {})", ("int", "int")),
        ("({} * {})", ("int", "int")),
        ("(- {})", ("int",)),
        ("ABS({} + 0)", ("int",)),
        ("ROUND({}, 0)", ("dec",)),
        ("COALESCE(NULL, {}, {})", ("int", "int")),
        ("NULLIF({} + 0, {})", ("int", "int")),
        ("CASE WHEN {} THEN {} ELSE {} END", ("bool", "int", "int")),
        ("CASE {} WHEN {} THEN {} WHEN 1 THEN 2 END", ("int", "int", "int")),
        ("(y1 - y2 + {})", ("int",)),
    ],
    "dec": [
        ("({} + {})", ("dec", "int")),
        ("({} - {})", ("dec", "dec")),
        ("({} * {})", ("int", "dec")),
        ("({} / 0.5)", ("dec",)),
        ("({} / 4)", ("dec",)),
        ("ROUND({}, 1)", ("dec",)),
        ("ABS({})", ("dec",)),
        ("CASE WHEN {} THEN {} ELSE {} END", ("bool", "dec", "int")),
        ("COALESCE({}, {})", ("dec", "int")),
    ],
    "text": [
        ("({} || {})", ("text", "text")),
        ("({} || {})", ("text", "int")),
        ("UPPER({})", ("text",)),
        ("LOWER({})", ("text",)),
        ("TRIM({})", ("text",)),
        ("SUBSTRING({}, 2)", ("text",)),
        ("SUBSTRING({}, 1, 2)", ("text",)),
        ("REPLACE({}, {}, {})", ("text", "text", "text")),
        ("COALESCE({}, {})", ("text", "text")),
        ("NULLIF({}, {})", ("text", "text")),
        ("CASE WHEN {} THEN {} ELSE {} END", ("bool", "text", "text")),
        ("CAST({} + 0 AS TEXT)", ("int",)),
        ("CAST(d1 AS TEXT)", ()),
        ("CAST({} AS VARCHAR(200))", ("text",)),
    ],
    "bool": [
        ("({} AND {})", ("bool", "bool")),
        ("({} OR {})", ("bool", "bool")),
        ("(NOT {})", ("bool",)),
        *((f"({{}} {operator} {{}})", pair) for operator in ("=", "<>", "<", "<=", ">", ">=")
          for pair in (("int", "int"), ("dec", "int"), ("text", "text"), ("date", "date"))),
        ("(b1 = b2)", ()),
        ("(COALESCE({}, b1) <> b2)", ("bool",)),
        ("({} IS NULL)", ("int",)),
        ("({} IS NOT NULL)", ("text",)),
        ("({} BETWEEN {} AND {})", ("int", "int", "dec")),
        ("({} NOT BETWEEN {} AND {})", ("date", "date", "date")),
        ("({} IN ({}, {}, 3))", ("int", "int", "int")),
        ("({} NOT IN (1, 2.5, 3))", ("dec",)),
        ("({} IN ('a', 'b ', {}))", ("text", "text")),
        ("({} LIKE {})", ("text", "pattern")),
        ("({} NOT LIKE {})", ("text", "pattern")),
        ("({} LIKE 'a!%b' ESCAPE '!')", ("text",)),
    ],
    "date": [
        ("({} + 30)", ("date",)),
        ("({} - 1)", ("date",)),
        ("COALESCE({}, {})", ("date", "date")),
        ("CASE WHEN {} THEN {} END", ("bool", "date")),
    ],
    "pattern": [("{}", ("pattern",))],
}  # fmt: skip


def ours(text: str, row: dict[str, object]) -> object:
    faults, inputs, place = Faults(), Inputs(), Place("rule.yaml")
    inputs.declare("", "erp.rows", {name: (kind, place) for name, (kind, _) in COLUMNS.items()})
    scope = Scope(inputs.resolve, inputs.known, UnitNames({}, {}))
    term = compile_expression(Scalar(text, place, plain=False, inner=None), scope, faults)
    assert term is not None, faults.found
    return term.run([row[used.column or ""] for used in inputs.used])


def theirs(connection: psycopg.Connection, text: str, row: dict[str, object]) -> tuple[object, dict[str, object]]:
    """Return PostgreSQL's value, and the row as psycopg reads it (scaled, padded)."""
    found = connection.execute(QUERY.format(text.replace("%", "%%")), row).fetchone()  # type: ignore[arg-type]
    assert found is not None
    return found[0], dict(zip(COLUMNS, found[1:], strict=True))


ORACLE = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NOTHING = dict.fromkeys(COLUMNS)


@ORACLE
@given(text=st.sampled_from(("int", "dec", "text", "bool", "bool", "date")).flatmap(expression), row=ROWS)
@example(text="(i1 NOT IN (1, NULL))", row=NOTHING | {"i1": 2})
@example(text="(NULL AND b1)", row=NOTHING | {"b1": False})
@example(text="CASE WHEN b1 THEN 1 ELSE 2 END", row=NOTHING)
@example(text="c1 = 'a'", row=NOTHING | {"c1": "a"})
@example(text="('x' || c1 || 'x')", row=NOTHING | {"c1": "a"})
def test_value_is_what_postgresql_gives(connection, text, row):
    expected, read = theirs(connection, text, row)
    got = ours(text, read)
    assert got == expected
    assert (got is None) == (expected is None)
    if isinstance(expected, str):
        assert type(got) is str


CONDITIONS = (
    *("b1", "NOT b2", "i1 = i2", "i1 + 1 > i2 * 2", "t1 LIKE 'a%'", "t1 || 'x' = t2 || 'x'", "i1 IS NULL"),
    *("NOT t1 = t2", "- i1 < i2 - 1 - 1", "i1 IN (1, 2)", "NOT i1 BETWEEN 1 AND 5", "d1 / 2 * 2 = d1"),
    *("NOT b1 IS NULL", "t1 || i1 + 1 = 'a2'", "y1 + 1 > y2", "- i1 * 2 + 3 >= 0"),
)
CHAINS = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=5).flatmap(
    lambda parts: st.lists(st.sampled_from((" AND ", " OR ")), min_size=len(parts) - 1, max_size=len(parts) - 1).map(
        lambda joins: "".join(part + join for part, join in zip(parts, [*joins, ""], strict=True))
    )
)


@ORACLE
@given(text=CHAINS, row=ROWS)
def test_precedence_is_that_of_postgresql(connection, text, row):
    expected, read = theirs(connection, text, row)
    assert ours(text, read) == expected


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("CAST(t1 AS INT)", {"t1": "x"}),
        ("CAST(t1 AS DECIMAL(5,2))", {"t1": "1000"}),
        ("CAST(t1 AS DATE)", {"t1": "2023-02-29"}),
        ("d1 / i1", {"d1": Decimal(1), "i1": 0}),
        ("CAST(i1 AS SMALLINT)", {"i1": 40000}),
    ],
)
def test_what_postgresql_refuses_is_refused(connection, text, row):
    with pytest.raises(psycopg.DataError):
        theirs(connection, text, NOTHING | row)
    with pytest.raises((Refused, ArithmeticError)):
        ours(text, NOTHING | row)


@pytest.mark.parametrize(
    ("text", "row", "there"),
    [
        ("CAST(t1 AS VARCHAR(2))", {"t1": "abc"}, "ab"),
        ("CAST(d1 AS INT)", {"d1": Decimal("1.5")}, 2),
        ("CAST(d1 AS DECIMAL(5,1))", {"d1": Decimal("1.25")}, Decimal("1.3")),
    ],
)
def test_what_postgresql_alters_in_silence_is_refused(connection, text, row, there):
    assert theirs(connection, text, NOTHING | row)[0] == there
    with pytest.raises((Refused, ArithmeticError)):
        ours(text, NOTHING | row)

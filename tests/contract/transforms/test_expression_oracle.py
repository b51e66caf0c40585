"""The expression language against PostgreSQL: the same expression over the same rows gives the same value there, or is
refused by a rule that is written down a second time, in SQL (`oracle/rules.sql`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import psycopg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.contract.transforms.oracle.forms import FORMS, KINDS, LEAVES, Pair, filled, pairs
from tests.contract.transforms.oracle.ours import compiled, outcome
from tests.contract.transforms.oracle.subject import COLUMNS, ROWS, Row, Subject

NOTHING: Row = dict.fromkeys(COLUMNS)
TRUTHS = {"true": True, "false": False}
TABLES = st.lists(ROWS, min_size=1, max_size=6)
FEW, MANY = (
    settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck)) for count in (60, 4000)
)


@pytest.fixture(scope="module")
def subject(module_dsn: str) -> Iterator[Subject]:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        yield Subject(connection)


def check(subject: Subject, expressions: Sequence[Pair], rows: Sequence[Row]) -> None:
    """Hold each expression over each row against PostgreSQL."""
    read = subject.hold(rows)
    for pair, expected in zip(expressions, subject.evaluate([pair.theirs for pair in expressions]), strict=True):
        function, faults = compiled(pair.ours)
        assert function is not None, (pair.ours, faults)
        for row, (text, code) in zip(read, expected, strict=True):
            value, refused = outcome(function, row)
            assert refused == code, (pair.ours, pair.theirs, row, value, text)
            assert is_same(value, text), (pair.ours, pair.theirs, row, value, text)


def is_same(value: object, text: str | None) -> bool:
    """Tell whether a value of ours is what PostgreSQL printed."""
    if value is None or text is None:
        return value is None and text is None
    if isinstance(value, bool):
        return TRUTHS.get(text) is value
    if isinstance(value, int | Decimal | Fraction):
        return Fraction(value) == Fraction(text)
    if isinstance(value, datetime):
        return datetime.fromisoformat(text) == value
    return text == (str(value) if isinstance(value, date) else value)


def same(text: str) -> Pair:
    """Return an expression that is written alike in both languages."""
    return Pair(text, text)


EXPRESSIONS = st.lists(st.sampled_from(KINDS).flatmap(pairs), min_size=1, max_size=6)


@FEW
@given(expressions=EXPRESSIONS, rows=TABLES)
@example(expressions=[same("(i1 NOT IN (1, NULL))")], rows=[NOTHING | {"i1": 2}])
@example(expressions=[same("(NULL AND b1)")], rows=[NOTHING | {"b1": False}])
@example(expressions=[same("CASE WHEN b1 THEN 1 ELSE 2 END")], rows=[NOTHING])
@example(expressions=[same("c1 = 'a'"), same("('x' || c1 || 'x')")], rows=[NOTHING | {"c1": "a"}])
def test_an_expression_is_what_postgresql_gives(subject, expressions, rows):
    assume(all(len(pair.ours) <= 2000 for pair in expressions))
    check(subject, expressions, rows)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@MANY
@given(expressions=EXPRESSIONS, rows=TABLES)
def test_thousands_of_expressions_are_what_postgresql_gives(subject, expressions, rows):
    assume(all(len(pair.ours) <= 2000 for pair in expressions))
    check(subject, expressions, rows)


@pytest.mark.parametrize("kind", FORMS)
@settings(FEW, max_examples=8)
@given(data=st.data())
def test_every_form_is_what_postgresql_gives(subject, kind, data):
    made = data.draw(st.tuples(*(filled(form, 1) for form in FORMS[kind])))
    check(subject, [*LEAVES.get(kind, []), *made], data.draw(st.lists(ROWS, min_size=6, max_size=6)))


CONDITIONS = (
    *("b1", "NOT b2", "i1 = i2", "i1 + 1 > i2 * 2", "t1 LIKE 'a%'", "t1 || 'x' = t2 || 'x'", "i1 IS NULL"),
    *("NOT t1 = t2", "- i1 < i2 - 1 - 1", "i1 IN (1, 2)", "NOT i1 BETWEEN 1 AND 5", "d1 - d1 * 2 + 1 = 1 - d1"),
    *("NOT b1 IS NULL", "t1 || i1 + 1 = 'a2'", "y1 > y2", "- i1 * 2 + 3 >= 0"),
)
CHAINS = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=5).flatmap(
    lambda parts: st.lists(st.sampled_from((" AND ", " OR ")), min_size=len(parts) - 1, max_size=len(parts) - 1).map(
        lambda joins: "".join(part + join for part, join in zip(parts, [*joins, ""], strict=True))
    )
)


@FEW
@given(texts=st.lists(CHAINS, min_size=1, max_size=6), rows=TABLES)
def test_precedence_is_that_of_postgresql(subject, texts, rows):
    check(subject, list(map(same, texts)), rows)


@pytest.mark.parametrize(
    ("text", "row", "code"),
    [
        ("CAST(t1 AS INT)", {"t1": "x"}, "NUM-101"),
        ("CAST(t1 AS DECIMAL(5,2))", {"t1": "1000"}, "NUM-101"),
        ("CAST(t1 AS DATE)", {"t1": "2023-02-29"}, "DAT-101"),
        ("d1 / i1", {"d1": Decimal(1), "i1": 0}, "NUM-101"),
        ("CAST(i1 AS SMALLINT)", {"i1": 40000}, "NUM-101"),
    ],
)
def test_what_postgresql_refuses_is_refused(subject, text, row, code):
    (read,) = subject.hold([NOTHING | row])
    with pytest.raises(psycopg.DataError):
        subject.evaluate([text])
    assert outcome(compiled(text)[0], read) == (None, code)


@pytest.mark.parametrize(
    ("pair", "row", "there", "code"),
    [
        # refused where a database cuts, rounds, guesses, or takes one of two
        (same("CAST(t1 AS VARCHAR(2))"), {"t1": "abc"}, "ab", "TXT-101"),
        (same("CAST(d1 AS INT)"), {"d1": Decimal("1.5")}, "2", "NUM-101"),
        (same("CAST(d1 AS DECIMAL(5,1))"), {"d1": Decimal("1.25")}, "1.3", "NUM-101"),
        (same("CAST(t1 AS INT)"), {"t1": " 12 "}, "12", "NUM-101"),
        (same("CAST(t1 AS DECIMAL(5,2))"), {"t1": "1e2"}, "100.00", "NUM-101"),
        (same("CAST(t1 AS DATE)"), {"t1": "20260131"}, "2026-01-31", "DAT-101"),
        (same("CAST(t1 AS TIMESTAMP)"), {"t1": "2026-01-31 24:00:00"}, "2026-02-01 00:00:00", "DAT-101"),
        (same("CAST(t1 AS TIMESTAMP)"), {"t1": "2026-01-31 23:59:60"}, "2026-02-01 00:00:00", "DAT-101"),
        (same("d1 / 3"), {"d1": Decimal(1)}, "0.33333333333333333333", "NUM-101"),
        (Pair("AT_ZONE(s1, 'Europe/Berlin')", "s1 AT TIME ZONE 'Europe/Berlin'"),
         {"s1": datetime(2026, 3, 29, 2, 30)}, "2026-03-29 01:30:00+00", "DAT-101"),  # noqa: DTZ001
        # NULL where a part is missing
        (same("CONCAT(t1, 'x')"), {}, "x", None),
        (Pair("SPLIT(t1, ';', 2)", "split_part(t1, ';', 2)"), {"t1": "a"}, "", None),
    ],
    ids=lambda value: value.ours if isinstance(value, Pair) else "",
)  # fmt: skip
def test_where_postgresql_says_something_else_it_is_by_a_rule(subject, pair, row, there, code):
    (read,) = subject.hold([NOTHING | row])
    assert subject.evaluate([pair.theirs]) == [[(there, None)]]
    assert outcome(compiled(pair.ours)[0], read) == (None, code)

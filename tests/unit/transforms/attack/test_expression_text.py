"""Any text is an expression, whose rows have a value or are refused, or a fault with code and place."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.transforms.conftest import Expressions
from transforms.errors import Refused

PARTS = (
    *(
        "t1",
        "t2",
        "i1",
        "i2",
        "d1",
        "b1",
        "y1",
        "s1",
        "z1",
        "c1",
        "ref.t1",
        '"t1"',
        "NULL",
        "TRUE",
        "0",
        "1",
        "0.5",
        "1e5",
    ),
    *(
        "'a'",
        "'a%'",
        "''",
        "'Asia/Shanghai'",
        "'mm'",
        "'in'",
        "'盒'",
        "'(a|b)+'",
        "'\\'",
        "DATE '2024-02-29'",
        "'2026-01-31'",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "||",
        "=",
        "<>",
        "<",
        ">=",
        "AND",
        "OR",
        "NOT",
        "IS",
        "LIKE",
        "IN",
        "BETWEEN",
        "ESCAPE",
        "REGEXP",
    ),
    *(
        "(",
        ")",
        ",",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "COALESCE(",
        "NULLIF(",
        "CONCAT(",
        "SUBSTRING(",
        "UPPER(",
        "TRIM(",
    ),
    *(
        "REPLACE(",
        "SPLIT(",
        "REGEXP_SUBSTR(",
        "ROUND(",
        "ABS(",
        "CAST(",
        "AS",
        "VARCHAR(3)",
        "INT",
        "DECIMAL(5,2)",
        "TIMESTAMP",
    ),
    *(
        "CLEAN(",
        "DATE_OF(",
        "AT_ZONE(",
        "TO_UNIT(",
        "GTIN(",
        "UDI_DI(",
        "UDI_EXPIRY(",
        "MEASURED_VALUE(",
        "INTERVAL",
        "'1'",
        "DAY",
    ),
    *(
        "CODE(",
        "TOKEN(",
        "FROM",
        "FOR",
        "OVER",
        "SELECT",
        "::",
        "--",
        "/*",
        "[",
        "]",
        "{",
        "}",
        ";",
        ":",
        "?",
        "@",
        "$1",
        "%",
        ".",
    ),
)
FORMS = (
    "CASE WHEN {} THEN {} ELSE {} END",
    "COALESCE({}, {})",
    "NULLIF({}, {})",
    "SUBSTRING({}, 1, {})",
    "CAST({} AS {})",
    "{} BETWEEN {} AND {}",
    "{} IN ({}, {})",
    "REPLACE({}, {}, {})",
    "TO_UNIT({}, {}, {})",
    "UDI_EXPIRY({}, {})",
    "{} LIKE {} ESCAPE {}",
    "ROUND({}, {})",
    "{} + INTERVAL {} {}",
    "DATE {}",
)
WORDS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=12).map(" ".join)
FILLED = st.recursive(
    st.sampled_from(PARTS),
    lambda inner: st.sampled_from(FORMS).flatmap(
        lambda form: st.tuples(*[inner] * form.count("{}")).map(lambda parts: form.format(*parts))
    ),
    max_leaves=10,
)
ROW = {
    "t1": "26A0412", "t2": "(01)06901234567892(17)270200", "i1": 10**18, "i2": -1, "d1": Decimal("-0.3333333333"),
    "b1": True, "y1": date.max, "s1": datetime.min, "z1": datetime(9999, 12, 31, tzinfo=UTC), "c1": "a ",  # noqa: DTZ901
}  # fmt: skip
CODES = {"DIC-121", "DIC-122", "DIC-123", "DIC-124"}
FEW = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def check(text: str) -> None:
    """Compile a text and evaluate it over two rows: whatever it is, nothing else than this may happen."""
    expressions = Expressions()
    term, faults, inputs, _ = expressions.compile(text)
    assert (term is None) == bool(faults)
    for fault in faults:
        assert fault.code in CODES
        assert str(fault).encode()
    for row in (ROW, {}) if term else ():
        try:
            term.run([row.get(used.column or "") for used in inputs.used])
        except (Refused, ArithmeticError):
            continue


@FEW
@given(WORDS | FILLED)
@example("DATE '2024-02-30'")
@example("CAST(t1 AS DECIMAL(0))")
def test_any_words_are_an_expression_or_a_fault(text):
    check(text)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(FEW, max_examples=50_000)
@given(WORDS | FILLED)
def test_thousands_of_words_are_expressions_or_faults(text):
    check(text)


@settings(FEW, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_any_characters_are_an_expression_or_a_fault(text):
    check(text)

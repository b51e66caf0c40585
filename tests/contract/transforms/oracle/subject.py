"""The rows that expressions are evaluated over: their columns as a mapping declares them and as PostgreSQL has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
from hypothesis import strategies as st

from tests.contract.transforms.oracle.forms import WORDS

# Column: declared type, PostgreSQL type. Integers are numeric there: ours do not overflow at 64 bits.
COLUMNS = {
    **dict.fromkeys(("i1", "i2", "i3"), ("integer", "numeric(20,0)")),
    **dict.fromkeys(("d1", "d2"), ("decimal", "numeric(28,10)")),
    "d3": ("decimal", "numeric(60,30)"),
    **dict.fromkeys(("t1", "t2"), ("text", "text")),
    **dict.fromkeys(("b1", "b2"), ("boolean", "boolean")),
    **dict.fromkeys(("y1", "y2"), ("date", "date")),
    **dict.fromkeys(("s1", "s2"), ("timestamp", "timestamp")),
    "c1": ("char", "character(6)"),
    "z1": ("timestamptz", "timestamptz"),
}
# What hides constants from the planner.
CONSTANTS = {"zero": "numeric DEFAULT 0", "empty": "text DEFAULT ''", "nothing": "text"}
Row = dict[str, object]


def often(usual: st.SearchStrategy, *edges: object) -> st.SearchStrategy:
    """Return the usual values, mixed with NULL and those at the edge."""
    return st.one_of(usual, usual, st.sampled_from((None, *edges)))


_INTEGERS = often(st.integers(-5, 12), 0, 32767, 32768, -(2**31), 2**31, 10**20 - 1, 1 - 10**20)
_DECIMALS = often(
    st.decimals("-99", "99", places=3),
    *map(Decimal, ("0", "-0.5", "2.5", "1e-10", "999999999999999999.9999999999", "-999999999999999999.9999999999")),
    *map(Decimal, ("0.3333333333", "10.25", "1.005", "0.0005")),
)
_WIDE = often(st.decimals("-9", "9", places=30), Decimal("7e29") + Decimal("0." + "1234567890" * 3), Decimal("1e-30"))
_DATES = often(st.dates(date(1980, 1, 1), date(2040, 1, 1)), date.min, date.max, date(2024, 2, 29))
_MOMENTS = often(
    st.datetimes(datetime(1985, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001
    *(datetime.min, datetime.max, datetime(1986, 5, 4, 2, 30), datetime(2026, 10, 25, 2, 30)),  # noqa: DTZ001, DTZ901
    *(datetime(2026, 3, 29, 2, 0), datetime(1901, 1, 1, 0, 2), datetime(2026, 4, 5, 1, 45)),  # noqa: DTZ001
)
ROWS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("i1", "i2", "i3"), _INTEGERS),
        **dict.fromkeys(("d1", "d2"), _DECIMALS),
        "d3": _WIDE,
        **dict.fromkeys(("t1", "t2"), often(st.sampled_from(WORDS), "")),
        **dict.fromkeys(("b1", "b2"), st.sampled_from((None, True, False))),
        **dict.fromkeys(("y1", "y2"), _DATES),
        **dict.fromkeys(("s1", "s2"), _MOMENTS),
        "c1": st.sampled_from((None, "a", "A1", "批", "")),
        "z1": often(st.datetimes(datetime(1985, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    }
)


class Subject:
    """A table of rows in PostgreSQL, over which it evaluates expressions."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        types = [f"{name} {kind}" for name, (_, kind) in COLUMNS.items()]
        types += [f"{name} {kind}" for name, kind in CONSTANTS.items()]
        connection.execute(Path(__file__).with_name("rules.sql").read_text(encoding="utf-8"))  # type: ignore[arg-type]
        connection.execute(f"CREATE UNLOGGED TABLE oracle.subject (n int PRIMARY KEY, {', '.join(types)})")  # type: ignore[arg-type]
        connection.execute("SET TimeZone = 'UTC'")

    def hold(self, rows: Sequence[Row]) -> list[Row]:
        """Take these rows, and return them as they are read: scaled, padded."""
        names = ", ".join(("n", *COLUMNS))
        marks = ", ".join(["%s"] * (1 + len(COLUMNS)))
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("DELETE FROM oracle.subject")
            statement = f"INSERT INTO oracle.subject ({names}) VALUES ({marks})"
            cursor.executemany(statement, [(n, *map(row.get, COLUMNS)) for n, row in enumerate(rows, 1)])  # type: ignore[arg-type]
            cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM oracle.subject ORDER BY n")  # type: ignore[arg-type]
            return [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]

    def evaluate(self, texts: Sequence[str]) -> list[list[tuple[str | None, str | None]]]:
        """Return the value of each expression, as text, and the code of its refusal, for each row."""
        query = (
            "SELECT e.given, e.codes FROM unnest(%s::text[]) WITH ORDINALITY AS t (expression, n),"
            " oracle.evaluate(t.expression) AS e ORDER BY t.n"
        )
        found = self._connection.execute(query, [list(texts)]).fetchall()
        return [list(zip(values, codes, strict=True)) for values, codes in found]

"""Random rows for a mapping: values of the declared types, near the edges and in the words of the legacy systems."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from transforms.mapping import Mapping

WORDS = (
    *("", " ", "-", "无", "N/A", "个", "盒", "kg", "g", "mm", "in", "箱", "C62", "OK", "ng", "Q", "HOLD", "FQC", "RUN"),
    *(
        "让步接收",
        "返工",
        "CN",
        "中国",
        "6901234567892",
        "6901234567829",
        "26A0412",
        "26A 0412",
        "02.01.001           ",
    ),
    *("　K-7　", "x" * 21, "y" * 41, "z" * 300, "\x1d", "a\nb", "µm", "𠮷", "'; DROP TABLE x; --", "%_\\"),
)
VALUES = {
    "text": st.sampled_from(WORDS) | st.text(max_size=45),
    "char": st.sampled_from(WORDS),
    "integer": st.sampled_from((0, 1, 2, -1, 10, 21, 2**31, 10**18)) | st.integers(-(2**63), 2**63),
    "decimal": st.decimals("-1e20", "1e20", places=10)
    | st.sampled_from(tuple(map(Decimal, ("0", "-0", "NaN", "Infinity", "1e12", "0.0000005", "999999999999.9999995")))),
    "boolean": st.booleans(),
    "date": st.dates() | st.just("infinity"),
    "timestamp": st.datetimes() | st.datetimes(datetime(1985, 1, 1), datetime(1992, 1, 1)) | st.just("-infinity"),  # noqa: DTZ001
    "timestamptz": st.datetimes(timezones=st.just(UTC)) | st.just("infinity"),
}
USUAL = {
    "integer": st.sampled_from((0, 1, 2, 21)),
    "decimal": st.decimals("0", "1000", places=6),
    "date": st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    "timestamp": st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
}


def rows_of(mapping: Mapping) -> st.SearchStrategy[tuple[object, ...]]:
    """Return rows that are one of the mapping's good examples with some values replaced, found or not, NULL or not."""
    good = st.sampled_from([example.row for example in mapping.examples if example.expected])
    replaced = st.tuples(*(_replacement(used.declared) for used in mapping.inputs))
    chosen = st.lists(st.integers(0, len(mapping.inputs) - 1), max_size=6)

    def merge(parts: tuple[tuple[object, ...], tuple[object, ...], list[int]]) -> tuple[object, ...]:
        row = list(parts[0])
        for position in parts[2]:
            row[position] = parts[1][position]
        return tuple(row)

    return st.tuples(good, replaced, chosen).map(merge)


def _replacement(declared: str) -> st.SearchStrategy[object]:
    if not declared:
        return st.sampled_from((0, 1, 2))
    return st.none() | USUAL.get(declared, st.nothing()) | VALUES[declared]

"""Whatever a row holds, it becomes a row that fits its table, is filtered, or is refused with a code of the mapping."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings

from tests.unit.transforms.rows import rows_of
from transforms.errors import Refused
from transforms.load import load
from transforms.mapping import Mapping, Outcome

MAPPINGS = {mapping.name: mapping for mapping in load().mappings}


def fits(value: object, column_type: str) -> bool:
    """Tell whether PostgreSQL would keep `value` in a column of this type as it is."""
    sizes = [int(size) for size in re.findall(r"\d+", column_type)]
    match column_type.split("(", maxsplit=1)[0]:
        case "character varying":
            return type(value) is str and len(value) <= sizes[0]
        case "text":
            return type(value) is str
        case "integer":
            return type(value) is int and -(2**31) <= value < 2**31
        case "numeric" if not sizes:  # what contributions are ordered by
            return type(value) is int or (type(value) is Decimal and value.is_finite())
        case "numeric":
            return (
                type(value) is Decimal
                and value.as_tuple().exponent == -sizes[1]
                and abs(value) < 10 ** (sizes[0] - sizes[1])
            )
        case "boolean":
            return type(value) is bool
        case "date":
            return type(value) is date
        case "timestamp with time zone":
            return type(value) is datetime and value.tzinfo is UTC
        case "text[]":
            return type(value) is list and all(type(part) is str for part in value)
    raise AssertionError(column_type)


def outcome(mapping: Mapping, row: Sequence[object]) -> tuple[Outcome | None, Refused | None]:
    try:
        return mapping.normalise(row), None
    except Refused as refused:
        return None, refused


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_any_row_has_one_of_three_outcomes(mapping):
    @settings(max_examples=150, deadline=None)
    @given(rows_of(mapping))
    def holds(row):
        result, refused = outcome(mapping, row)
        if refused is not None:
            assert refused.code in mapping.codes
            assert refused.field
            assert (refused.waits_for is None) == (refused.waits_key is None)
            return
        assert mapping.normalise(row) == result
        for target, candidates in zip(mapping.targets, result or (), strict=result is not None):
            for column, value in (pair for each in candidates for pair in zip(target.columns, each, strict=True)):
                assert fits(value, column.type) if value is not None else not column.required, column.name

    holds()

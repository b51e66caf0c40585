from __future__ import annotations

from typing import Any

import pytest

from cdc.stream.fit import fit


@pytest.mark.parametrize(
    ("mirror_type", "value", "fits"),
    [
        ("smallint", 32767, True),
        ("smallint", 32768, False),
        ("smallint", -32768, True),
        ("integer", -(2**31) - 1, False),
        ("bigint", 2**63 - 1, True),
        ("numeric(20,0)", 18446744073709551615, True),
        ("numeric(5,2)", "999.99", True),
        ("numeric(5,2)", "-0999.990", True),
        ("numeric(5,2)", "1000", False),
        ("numeric(5,2)", "0.001", False),
        ("numeric(28,10)", "0E-10", True),
        ("numeric(5,2)", "1E-3", False),
        ("numeric(5,2)", "NaN", True),
        ("numeric(5,-2)", "12300.00", True),
        ("numeric(5,-2)", "12350", False),
        ("numeric(5,-2)", "10000000", False),
        ("numeric(5,-2)", "NaN", True),
        ("numeric(5,-2)", "Infinity", False),
        ("numeric(3,5)", "-0.00999", True),
        ("numeric(3,5)", "0.000", True),
        ("numeric(3,5)", "0.01", False),
        ("numeric(3,5)", "0.001234", False),
        ("numeric", "0." + "1" * 16_383, True),
        ("numeric", "0." + "1" * 16_384, False),
        ("numeric", "1" * 6383 + "E-9999", True),
        ("numeric", "0." + "1" * 6385 + "E-9999", False),
        ("numeric", "NaN", True),
        ("real", "0.1", True),
        ("real", "-3.4028235E38", True),
        ("real", "1.4E-45", True),
        ("real", "0.10000000149011612", True),
        ("real", "8.4100005E21", True),
        ("real", "9007199300000000.0", True),
        ("real", "16777217.0", False),
        ("real", "NaN", True),
        ("real", "-0.0", True),
        ("real", "16777217", False),
        ("real", "0.123456789", False),
        ("real", "0.1234567890123", False),
        ("real", "1e39", False),
        ("character varying(3)", "批次号", True),
        ("character varying(3)", "abc ", False),
        ("character(3)", "abc", True),
        ("timestamp(0) without time zone", "2024-02-29T13:14:15", True),
        ("timestamp(0) without time zone", "2024-02-29T13:14:15.100000", False),
        ("timestamp(3) with time zone", "2024-02-29T13:14:15.120000Z", True),
        ("time(3) without time zone", "24:00:00.000000", True),
        ("time(3) without time zone", "12:00:00.000100", False),
    ],
)
def test_what_the_type_would_alter_does_not_fit(mirror_type: str, value: Any, fits: bool) -> None:
    check = fit(mirror_type)
    assert check is not None
    assert check(value) is fits


@pytest.mark.parametrize("mirror_type", ["text", "date", "jsonb", "timestamp without time zone", "text[]"])
def test_types_without_limits_need_no_test(mirror_type: str) -> None:
    assert fit(mirror_type) is None

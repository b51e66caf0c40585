"""What single columns need beyond their decoder: what only MariaDB and MySQL do, the elements of arrays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cdc.capture.contract import ColumnContract
from cdc.stream.column import column_decoder
from cdc.stream.misfit import Misfit, TooWide

TYPES = {
    "date": "date",
    "timestamp_us": "timestamp without time zone",
    "timestamptz_iso": "timestamp with time zone",
    "enum": "text",
    "set": "text",
    "float": "double precision",
}


def decoded(
    decoder: str, value: Any, database: str = "mariadb", source_type: str = "", *, nullable: bool = True
) -> Any:
    column = ColumnContract("v", source_type or decoder, TYPES[decoder], decoder, nullable)
    return column_decoder(column, database)(value)


@pytest.mark.parametrize(
    ("decoder", "value", "nullable"),
    [
        ("date", 0, False),
        ("date", -719_497, True),  # 0000-02-01, from the snapshot
        ("timestamp_us", 0, False),
        ("timestamp_us", -62_135_596_800_000_001, True),
        ("timestamptz_iso", "1970-01-01T00:00:00Z", False),
        ("timestamptz_iso", "1970-01-01T00:00:00Z", True),
    ],
)
def test_a_zero_date_of_mariadb_is_refused(decoder: str, value: Any, nullable: bool) -> None:
    with pytest.raises(Misfit, match="VAL-102"):
        decoded(decoder, value, nullable=nullable)


@pytest.mark.parametrize(
    ("decoder", "value", "nullable", "text"),
    [
        ("date", 0, True, "1970-01-01"),
        ("date", -719_162, False, "0001-01-01"),
        ("timestamptz_iso", "1970-01-01T00:00:01Z", False, "1970-01-01T00:00:01Z"),
    ],
)
def test_what_only_looks_like_one_is_taken(decoder: str, value: Any, nullable: bool, text: str) -> None:
    assert decoded(decoder, value, nullable=nullable) == text


def test_postgresql_has_no_zero_dates() -> None:
    assert decoded("date", 0, "postgresql", nullable=False) == "1970-01-01"
    assert decoded("timestamptz_iso", "1970-01-01T00:00:00Z", "postgresql") == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("kept", "printed"),
    [
        ("1.5200276700000002", "1.52002767"),
        ("1.52002767", "1.52002767"),
        ("-49.563278940000004", "-49.56327894"),
        ("12345678.12345678", "12345678.12345678"),
        ("1E+22", "1e+22"),
        ("-0.0", "-0.0"),
    ],
)
def test_a_double_with_digits_is_what_the_source_prints(kept: str, printed: str) -> None:
    assert decoded("float", Decimal(kept), source_type="double(24,8) unsigned") == printed
    assert decoded("float", 3, source_type="double(24,8)") == "3.0"
    assert decoded("float", Decimal(kept), source_type="double") == repr(float(kept))


@pytest.mark.parametrize(("arrived", "member"), [(r"x\,y", "x,y"), ("x,y", "x,y"), ("it's", "it's")])
def test_an_escaped_comma_of_an_enum_is_a_comma(arrived: str, member: str) -> None:
    assert decoded("enum", arrived, source_type="enum('it''s','x,y')") == member


def test_a_backslash_of_an_enum_without_commas_stays() -> None:
    assert decoded("enum", r"x\,y", source_type="enum('a','b')") == r"x\,y"


@pytest.mark.parametrize(
    ("mirror_type", "decoder", "value"),
    [
        ("numeric(5,2)[]", "array:decimal", ["1.00", "0.001"]),
        ("character varying(2)[]", "array:text", ["abc"]),
        ("smallint[]", "array:int", [32_768]),
        ("timestamp(0) without time zone[]", "array:timestamp_us", [1_709_212_455_500_000]),
    ],
)
def test_an_element_that_the_mirror_would_alter_is_too_wide(mirror_type: str, decoder: str, value: Any) -> None:
    column = ColumnContract("v", mirror_type, mirror_type, decoder, nullable=True)
    with pytest.raises(TooWide):
        column_decoder(column, "postgresql")(value)

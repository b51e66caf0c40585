"""What a value is in the source it is in the mirror: written as Debezium writes it, decoded, read by PostgreSQL.

The encoders are those of the documentation and the recorded envelopes; the values that come back are what psycopg
makes of PostgreSQL's own types, which shares nothing with the decoders.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc.capture.contract import ColumnContract
from cdc.change import UNCHANGED
from cdc.stream.column import column_decoder
from cdc.stream.image import read_image

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - without time zone
MICROSECOND = timedelta(microseconds=1)
DATES_US = 3_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: its decoder, how to draw a value, how the connector writes it, how psycopg reads it if not as it was."""

    mirror_type: str
    decoder: str
    values: st.SearchStrategy[Any]
    encode: Callable[[Any], Any] = lambda value: value
    loaded: Callable[[Any], Any] = lambda value: value


def text_of(value: Decimal) -> str:
    """Return what the connector writes of a decimal; Java knows one NaN."""
    if value.is_nan():
        return "NAN"
    names = {"Infinity": "POSITIVE_INFINITY", "-Infinity": "NEGATIVE_INFINITY"}
    return names.get(str(value), str(value))


def float_of(value: float) -> Any:
    """Return what JsonConverter writes of a float."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def single(value: float) -> float:
    """Return the number of 32 bits that the few digits which PostgreSQL prints stand for."""
    (found,) = struct.unpack("f", struct.pack("f", value))
    return float(found)


def little_endian(bits: str) -> str:
    return base64.b64encode(int(bits, 2).to_bytes((len(bits) + 7) // 8, "little")).decode()


def in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def clock_of(value: time) -> int:
    return (datetime.combine(EPOCH, value) - EPOCH) // MICROSECOND


def microseconds_of(value: datetime) -> int:
    return (value - EPOCH) // MICROSECOND


def each(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda items: [None if item is None else encode(item) for item in items]


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
DECIMALS = st.decimals(allow_nan=True, allow_infinity=True) | st.integers().map(Decimal)
MOMENTS = st.datetimes().filter(lambda value: abs(microseconds_of(value)) >= DATES_US)
HOURS = timedelta(hours=838)
KINDS = [
    Kind("smallint", "int", st.integers(-(2**15), 2**15 - 1)),
    Kind("bigint", "int", st.integers(-(2**63), 2**63 - 1)),
    Kind("numeric(20,0)", "int", st.integers(0, 2**64 - 1), loaded=int),
    Kind("boolean", "boolean", st.booleans()),
    Kind("numeric", "decimal", DECIMALS, text_of),
    Kind("numeric(12,4)", "decimal", st.decimals(-(10**7), 10**7, places=4), text_of),
    Kind("double precision", "float", st.floats(), float_of),
    Kind("real", "float", st.floats(width=32), float_of, single),
    Kind("text", "text", TEXTS),
    Kind("character varying(20)", "text", TEXTS),
    Kind("json", "json", st.recursive(TEXTS | st.integers(), st.lists, max_leaves=4), json.dumps),
    Kind("bytea", "bytes_hex", st.binary(max_size=30), bytes.hex),
    Kind("uuid", "uuid", st.uuids(), str),
    Kind("date", "date", st.dates(), lambda value: (value - EPOCH.date()).days),
    Kind("time without time zone", "time_us", st.times(), clock_of),
    Kind("timestamp without time zone", "timestamp_us", MOMENTS, microseconds_of),
    Kind("timestamp with time zone", "timestamptz_iso", st.datetimes(), lambda value: value.isoformat() + "Z", in_utc),
    Kind("interval", "duration_us", st.timedeltas(-HOURS, HOURS), lambda value: value // MICROSECOND),
    Kind("bit(10)", "bit:10", st.text("01", min_size=10, max_size=10), little_endian),
    Kind("bit(1)", "bit:1", st.sampled_from("01"), lambda value: value == "1"),
    Kind("integer[]", "array:int", st.lists(st.none() | st.integers(-9, 9), max_size=5)),
    Kind("text[]", "array:text", st.lists(st.none() | TEXTS, max_size=5)),
    Kind("numeric[]", "array:decimal", st.lists(st.none() | DECIMALS, max_size=5), each(text_of)),
    Kind("uuid[]", "array:uuid", st.lists(st.uuids(), max_size=3), each(str)),
]


@pytest.fixture(scope="module")
def target(module_dsn: str) -> Iterator[psycopg.Connection]:
    options = "-c TimeZone=UTC -c DateStyle=ISO -c extra_float_digits=1"
    with psycopg.connect(module_dsn, options=options, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.mirror_type)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_comes_through_as_it_was(target: psycopg.Connection, kind: Kind, data: Any) -> None:
    value = data.draw(kind.values)
    if isinstance(value, list) and value and all(item is None for item in value):
        return  # refused: that is what an array of several dimensions arrives as
    image = json.dumps({"v": kind.encode(value)}, ensure_ascii=data.draw(st.booleans())).encode()
    column = ColumnContract("v", kind.mirror_type, kind.mirror_type, kind.decoder, nullable=True)
    decoded = column_decoder(column, "postgresql")(read_image(image)["v"])
    assert decoded is not UNCHANGED
    (found,) = target.execute(f"SELECT %s::text::{kind.mirror_type}".encode(), (str(decoded),)).fetchone() or ()
    assert same(kind.loaded(found), value)


def same(found: Any, value: Any) -> bool:
    """Compare with every digit and every sign."""
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    if isinstance(value, Decimal):
        return bool(found.is_nan()) if value.is_nan() else found == value
    if isinstance(value, float):
        return repr(found) == repr(value)
    return type(found) is type(value) and bool(found == value)


def test_the_comparison_sees_signs_and_kinds() -> None:
    assert not same(0.0, -0.0)
    assert not same(Decimal("1.10"), Decimal("1.11"))
    assert not same([1, None], [1])
    assert not same("1", 1)
    assert same(UUID(int=1), UUID(int=1))
    assert not same(time(0), time(0, 0, 1))

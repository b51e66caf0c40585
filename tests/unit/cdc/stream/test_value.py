from __future__ import annotations

import base64
import json
import struct
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest

from cdc.change import UNCHANGED
from cdc.stream.misfit import Misfit
from cdc.stream.value import decoder

PLACEHOLDER = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"


def geometry(kind: str, form: str, *wkb: float, **beside: str) -> dict[str, Any]:
    """Return an object as Debezium sends it, its bytes by a form of `struct`."""
    return {
        "wkb": base64.b64encode(struct.pack(form, *wkb)).decode(),
        "srid": None,
        "extensions": {"type": kind, **beside},
    }


@pytest.mark.parametrize(
    ("name", "value", "decoded"),
    [
        ("int", 18446744073709551615, 18446744073709551615),
        ("tinyint1", True, 1),
        ("tinyint1", 7, 7),
        ("boolean", False, False),
        ("decimal", "12.340", "12.340"),
        ("decimal", "0E-10", "0E-10"),
        ("decimal", "NAN", "NaN"),
        ("decimal", "POSITIVE_INFINITY", "Infinity"),
        ("decimal", "NEGATIVE_INFINITY", "-Infinity"),
        ("float", 0.1, "0.1"),
        ("float", -0.0, "-0.0"),
        ("float", "Infinity", "Infinity"),
        ("float", Decimal("-0.0"), "-0.0"),
        ("float", Decimal("1E-7"), "1e-07"),
        ("float", Decimal("4.9E-324"), "5e-324"),
        ("text", "批次\x1d", "批次\x1d"),
        ("uuid", "B68A35A7-17AD-35B3-AF2A-AE46EDB4545A", "b68a35a7-17ad-35b3-af2a-ae46edb4545a"),
        ("bytes_hex", "00ff", "\\x00ff"),
        ("text_hex", "e5bda2", "形"),
        ("bit:1", True, "1"),
        ("bit:10", "qwI=", "1010101011"),
        ("date", 19782, "2024-02-29"),
        ("date", -719162, "0001-01-01"),
        ("date", 2932896, "9999-12-31"),
        ("time_us", 86_400_000_000, "24:00:00.000000"),
        ("duration_us", -3_020_399_000_000, "-838:59:59.000000"),
        ("timestamp_us", 1_709_212_455_123_456, "2024-02-29T13:14:15.123456"),
        ("timestamp_us", -61_409_739_355_000_000, "0024-01-02T03:04:05"),
        ("timestamp_us", 2**63 - 1, "infinity"),
        ("timestamp_us", -(2**63), "-infinity"),
        ("timestamp_us", 0, "1970-01-01T00:00:00"),
        ("timestamp_us", 1_000_000, "1970-01-01T00:00:01"),
        ("timestamp_us", 3_000_001, "1970-01-01T00:00:03.000001"),
        ("timestamptz_iso", "2024-02-29T10:34:56.123456Z", "2024-02-29T10:34:56.123456Z"),
        ("timestamptz_iso", "-infinity", "-infinity"),
        ("interval", "P1Y2M3DT4H5M6.789S", "P1Y2M3DT4H5M6.789S"),
        ("array:text", ['a"b', None, "c\\d", "NULL"], '{"a\\"b",NULL,"c\\\\d","NULL"}'),
        ("array:int", [], "{}"),
        ("date", -735_160, "0044-03-15 BC"),
        ("date", -719_163, "0001-12-31 BC"),
        ("date", -2_440_588, "4714-11-24 BC"),
        ("date", 2146033979, "infinity"),
        ("date", -2147472691, "-infinity"),
        ("timestamp_us", -63_517_824_000_000_001, "0044-03-14T23:59:59.999999 BC"),
        ("timestamp_us", -210_866_803_200_000_000, "4714-11-24T00:00:00 BC"),
        ("timestamptz_iso", "-0043-03-14T15:54:17.000000Z", "0044-03-14T15:54:17.000000+00 BC"),
        ("timestamptz_iso", "0000-03-14T15:54:17.123456Z", "0001-03-14T15:54:17.123456+00 BC"),
        ("year", 1900, 0),
        ("array:date", [19782, None], '{"2024-02-29",NULL}'),
        ("array:date", [-622191233, -625821272, -141_417], '{"infinity","-infinity","1582-10-25"}'),
        ("array:timestamp_us", [2**63 - 1, -12_218_428_800_000_000], '{"infinity","1582-10-25T00:00:00"}'),
        ("array:timestamptz_iso", ["infinity", "1582-10-25T00:00:00Z"], '{"infinity","1582-10-25T00:00:00Z"}'),
        ("hstore", '{"a":"1","b":null}', '{"a":"1","b":null}'),
        ("line", {"a": 1.0, "b": Decimal("-0.0"), "c": "NaN"}, "{1.0,-0.0,NaN}"),
        ("circle", {"center": {"x": 1.0, "y": 2.0, "wkb": "", "srid": None}, "radius": 3.5}, "<(1.0,2.0),3.5>"),
        ("lseg", geometry("lseg", "<BII4d", 1, 2, 2, 1, 2, 3, 4.5), "[(1.0,2.0),(3.0,4.5)]"),
        ("box", geometry("box", "<BIII10d", 1, 3, 1, 5, 3, 4, 3, 2, 1, 2, 1, 4, 3, 4), "(3.0,4.0),(1.0,2.0)"),
        ("path", geometry("path", "<BII2d", 1, 2, 1, inf, -0.0, closed="true"), "((Infinity,-0.0))"),
        (
            "path",
            geometry("path", "<BII4d", 1, 2, 2, nan, 2, 5e-324, -inf, closed="false"),
            "[(NaN,2.0),(5e-324,-Infinity)]",
        ),
        ("point", {"x": 0.1, "y": "NaN", "wkb": "AQ==", "srid": None}, "(0.1,NaN)"),
        ("geometry", {"wkb": "AQEA", "srid": None}, "\\x00000000010100"),
        ("geometry", {"x": 1.0, "y": 2.0, "wkb": "AQEA", "srid": 4326}, "\\xe6100000010100"),
    ],
)
def test_a_value_is_read_exactly(name: str, value: Any, decoded: Any) -> None:
    found = decoder(name)(value)
    assert found == decoded
    assert type(found) is type(decoded)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", PLACEHOLDER),
        ("json", PLACEHOLDER),
        ("decimal", PLACEHOLDER),
        ("bytes_hex", PLACEHOLDER.encode().hex()),
        ("bytes_hex", PLACEHOLDER),
        ("text_hex", PLACEHOLDER.encode().hex()),
        ("array:text", [PLACEHOLDER]),
        ("array:int", list(PLACEHOLDER.encode())),
        ("array:date", list(PLACEHOLDER.encode())),
        ("array:json", [PLACEHOLDER]),
        ("text_hex", PLACEHOLDER),
        ("hstore", json.dumps({PLACEHOLDER: PLACEHOLDER}, separators=(",", ":"))),
        ("array:uuid", ["51959025-a8d7-33f2-8c69-5b6414652e2b"]),
    ],
)
def test_what_the_log_left_out_is_unchanged(name: str, value: Any) -> None:
    assert decoder(name)(value) is UNCHANGED


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("int", "1", "VAL-101"),
        ("int", True, "VAL-101"),
        ("int", 1.0, "VAL-101"),
        ("boolean", 1, "VAL-101"),
        ("decimal", 1.5, "VAL-101"),
        ("decimal", "1,5", "VAL-101"),
        ("decimal", "٣", "VAL-101"),
        ("text", 5, "VAL-101"),
        ("point", {"x": 1.0}, "VAL-101"),
        ("line", {"a": 1.0, "b": None, "c": 1.0}, "VAL-101"),
        ("line", "7b312c322c337d", "VAL-101"),
        ("circle", {"center": None, "radius": 1.0}, "VAL-101"),
        ("lseg", geometry("lseg", "<BII2d", 1, 2, 1, 1, 2), "VAL-101"),
        ("lseg", geometry("path", "<BII4d", 1, 2, 2, 1, 2, 3, 4.5, closed="false"), "VAL-101"),
        ("box", geometry("box", "<BIII2d", 1, 3, 1, 1, 1, 2), "VAL-101"),
        ("box", geometry("box", "<BIII10d", 1, 3, 2, 5, 3, 4, 3, 2, 1, 2, 1, 4, 3, 4), "VAL-101"),
        ("path", geometry("path", "<BII2d", 1, 2, 1, 1, 2), "VAL-101"),
        ("path", geometry("path", "<BII", 1, 2, 0, closed="true"), "VAL-101"),
        ("path", geometry("path", "<BII2d", 1, 2, 2, 1, 2, closed="true"), "VAL-101"),
        ("path", geometry("path", ">BII2d", 0, 2, 1, 1, 2, closed="true"), "VAL-101"),
        ("path", geometry("path", "<B", 1, closed="true"), "VAL-101"),
        ("path", {"wkb": "?", "srid": None, "extensions": {"type": "path", "closed": "true"}}, "VAL-101"),
        ("path", {"wkb": "AQ==", "srid": None, "extensions": None}, "VAL-101"),
        ("text", "a\x00b", "VAL-103"),
        ("float", Decimal("1E+400"), "VAL-101"),
        ("float", Decimal("1E-400"), "VAL-101"),
        ("float", 2**53 + 1, "VAL-101"),
        ("uuid", "x", "VAL-101"),
        ("uuid", "{51959025-a8d7-33f2-8c69-5b6414652e2b}", "VAL-101"),
        ("bytes_hex", "00 ff", "VAL-101"),
        ("timestamptz_iso", "2024-02-29T10:34:56.1234567Z", "VAL-102"),
        ("interval", "PT0.1234567S", "VAL-101"),
        ("bytes_hex", "0g", "VAL-101"),
        ("bit:10", "////", "VAL-101"),
        ("date", 1_709_164_800_000_000, "VAL-102"),
        ("date", -2440589, "VAL-102"),
        ("date", -622191234, "VAL-102"),
        ("date", 20_240_229, "VAL-102"),
        ("time_us", 86_400_000_001, "VAL-102"),
        ("timestamp_us", 2**63 - 2, "VAL-102"),
        # What a date sends: 2024-02-29, 1969-12-31, 9999-12-31.
        ("timestamp_us", 19782, "VAL-102"),
        ("timestamp_us", -1, "VAL-102"),
        ("timestamp_us", 2_932_896, "VAL-102"),
        ("duration_us", 3_020_400_000_000, "VAL-102"),
        ("duration_us", -1_709_164_800_000_000, "VAL-102"),
        ("timestamp_us", -210_866_803_200_000_001, "VAL-102"),
        ("timestamp_us", -9223372036853775810, "VAL-102"),
        ("timestamptz_iso", "+294276-12-31T23:59:59.999999Z", "VAL-102"),
        ("timestamptz_iso", "-4714-12-31T00:00:00Z", "VAL-102"),
        ("timestamptz_iso", "2024-02-29 10:34", "VAL-102"),
        ("interval", "1 day", "VAL-101"),
        ("array:int", "{1}", "VAL-101"),
        ("array:int", [None, None], "VAL-101"),
        ("array:text", ["[Ljava.lang.String;@4a19105", "[Ljava.lang.String;@75f39493"], "VAL-101"),
        ("array:text", ["a", PLACEHOLDER], "VAL-101"),
        # Java's calendar has other days there, and no years before ours.
        ("array:date", [-141_418], "VAL-102"),
        ("array:timestamp_us", [-12_218_515_200_000_000], "VAL-102"),
        ("array:timestamptz_iso", ["0044-03-14T15:54:17.000000Z"], "VAL-102"),
        ("array:timestamptz_iso", ["+292269055-12-02T23:00:00.000000Z"], "VAL-102"),
        ("point", {"x": 1.5}, "VAL-101"),
        ("geometry", {"wkb": "AQ", "srid": None}, "VAL-101"),
        ("geometry", {"wkb": "AQEA", "srid": -1}, "VAL-101"),
        ("hstore", {}, "VAL-101"),
        ("year", 1899, "VAL-102"),
        ("year", 2156, "VAL-102"),
    ],
)
def test_a_value_of_another_form_is_a_misfit(name: str, value: Any, code: str) -> None:
    with pytest.raises(Misfit) as caught:
        decoder(name)(value)
    assert caught.value.code == code


def test_what_another_replication_writes_for_a_missing_value_is_a_text() -> None:
    assert decoder("text")("__debezium_unavailable_value") == "__debezium_unavailable_value"

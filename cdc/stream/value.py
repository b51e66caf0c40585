"""One JSON value to the form in which PostgreSQL reads it, by the decoder that the contract names.

A decoded value is None, an int, a bool, or text in PostgreSQL's input syntax for the mirror's type: exact for every
type, without a detour through Python types that cannot hold it (24:00, infinity, 300 digits). A value that does not
have the form of its decoder raises `Misfit`; nothing is rounded, cut or guessed. The forms stand in
`cdc.capture.types`.

Dates and times arrive as integers, and a column that changed its type or unit still sends integers. So each is held
against a range that its values have and those of other types mostly have not (VAL-102):

| decoder      | taken                                                                                     |
|--------------|-------------------------------------------------------------------------------------------|
| date         | 0001-01-01 to 9999-12-31: no timestamp, no number like 20240229                           |
| timestamp_us | the same days, and infinity; less than 3 s from 1970-01-01 00:00 whole seconds only: what |
|              | a date sends is 2.9 million days at most, which would be 2.9 s                            |
| time_us      | 00:00 to 24:00                                                                            |
| duration_us  | -838:59:59.999999 to 838:59:59.999999                                                     |
| year         | 1901 to 2155                                                                              |

What passes all the same (a small number for a date) is found when the source's catalogue is read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from cdc.capture.types import PLACEHOLDER
from cdc.change import UNCHANGED

Decoder = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - timestamps without time zone, on purpose
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()
_MICROSECONDS = 1_000_000
_DAY_US = 86_400 * _MICROSECONDS
_LONGEST_US = 839 * 3600 * _MICROSECONDS - 1
_DATES_US = 3 * _MICROSECONDS
_INFINITE_TIMESTAMPS = {9223372036825200000: "infinity", -9223372036832400000: "-infinity"}
_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,4})?", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z", re.ASCII)
_INTERVAL = re.compile(r"P(-?\d+Y)?(-?\d+M)?(-?\d+D)?(T(-?\d+H)?(-?\d+M)?(-?\d+(\.\d{1,9})?S)?)?", re.ASCII)
_JAVA_ARRAY = re.compile(r"\[+(L[\w.$]+;|[A-Z])@[0-9a-f]{1,8}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DECIMAL_NAMES = {"NAN": "NaN", "POSITIVE_INFINITY": "Infinity", "NEGATIVE_INFINITY": "-Infinity"}
_FLOAT_NAMES = frozenset({"NaN", "Infinity", "-Infinity"})

_PLACEHOLDER_HEX = PLACEHOLDER.encode().hex()
_PLACEHOLDER_BYTES = list(PLACEHOLDER.encode())


class Misfit(Exception):
    """A value does not have the form of its decoder. `code` stands in the catalogue; the value is not repeated."""

    def __init__(self, code: str = "VAL-101") -> None:
        super().__init__(code)
        self.code = code


class TooWide(Misfit):
    """A value has the right form and is too long or too large for the mirror's type."""


def decoder(name: str) -> Decoder:
    """Return the function for a decoder's name. KeyError for a name that `cdc.capture.types` does not have."""
    if name.startswith("array:"):
        return partial(_array, name.removeprefix("array:"), decoder(name.removeprefix("array:")))
    if name.startswith("bit:"):
        return partial(_bit, int(name.removeprefix("bit:")))
    return _DECODERS[name]


def _int(value: Any) -> Any:
    if type(value) is int:
        return value
    raise Misfit


def _tinyint1(value: Any) -> Any:
    # DDL that said BOOLEAN makes the connector send true and false for the same column.
    return int(value) if isinstance(value, bool) else _int(value)


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise Misfit


def _decimal(value: Any) -> Any:
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value):
            return value
        if value in _DECIMAL_NAMES:
            return _DECIMAL_NAMES[value]
        if value == PLACEHOLDER:
            return UNCHANGED
    raise Misfit


def _float(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return repr(value)
    if isinstance(value, str) and value in _FLOAT_NAMES:
        return value
    raise Misfit


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise Misfit
    if value == PLACEHOLDER:
        return UNCHANGED
    if _UNSTORABLE.search(value):
        raise Misfit("VAL-103")
    return value


def _uuid(value: Any) -> Any:
    try:
        return str(UUID(value)) if isinstance(value, str) else _refuse()
    except ValueError as error:
        raise Misfit from error


def _bytes_hex(value: Any) -> Any:
    # The connector sends either; neither is the hex of bytes that a column could hold by chance.
    if value in (_PLACEHOLDER_HEX, PLACEHOLDER):
        return UNCHANGED
    try:
        return "\\x" + bytes.fromhex(value).hex()
    except (TypeError, ValueError) as error:
        raise Misfit from error


def _text_hex(value: Any) -> Any:
    if value == _PLACEHOLDER_HEX:
        return UNCHANGED
    try:
        return _text(bytes.fromhex(value).decode())
    except (TypeError, ValueError) as error:
        raise Misfit from error


def _bit(width: int, value: Any) -> Any:
    if width == 1:
        return str(int(_boolean(value)))
    try:
        number = int.from_bytes(base64.b64decode(value, validate=True), "little")
    except (TypeError, ValueError) as error:
        raise Misfit from error
    if number >> width:
        raise Misfit
    return format(number, f"0{width}b")


def _date(value: Any) -> Any:
    return _day(_int(value))


@lru_cache(maxsize=4096)  # rows share their dates
def _day(days: int) -> str:
    day = days + _EPOCH_DAY
    if not 1 <= day <= _LAST_DAY:
        raise Misfit("VAL-102")
    return date.fromordinal(day).isoformat()


def _timestamp_us(value: Any) -> Any:
    microseconds = _int(value)
    if abs(microseconds) < _DATES_US and microseconds % _MICROSECONDS:
        raise Misfit("VAL-102")
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError as error:
        if microseconds in _INFINITE_TIMESTAMPS:
            return _INFINITE_TIMESTAMPS[microseconds]
        raise Misfit("VAL-102") from error


def _timestamptz_iso(value: Any) -> Any:
    if not isinstance(value, str):
        raise Misfit
    if value in ("infinity", "-infinity") or (_ZONED.fullmatch(value) and not value.startswith("0000")):
        return value
    raise Misfit("VAL-102")


def _time_us(value: Any) -> Any:
    if not 0 <= _int(value) <= _DAY_US:
        raise Misfit("VAL-102")
    return _clock(value)


def _duration_us(value: Any) -> Any:
    if abs(_int(value)) > _LONGEST_US:
        raise Misfit("VAL-102")
    return ("-" if value < 0 else "") + _clock(abs(value))


def _clock(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, _MICROSECONDS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def _year(value: Any) -> Any:
    # MariaDB's year 0000 arrives as 1900, which is no year of its own.
    if not 1901 <= _int(value) <= 2155:
        raise Misfit("VAL-102")
    return value


def _interval(value: Any) -> Any:
    if isinstance(value, str) and _INTERVAL.fullmatch(value):
        return value
    raise Misfit


def _array(element: str, decode: Decoder, value: Any) -> Any:
    if not isinstance(value, list):
        raise Misfit
    if _is_placeholder_list(element, value):
        return UNCHANGED
    if value and all(_is_inner_array(item) for item in value):
        raise Misfit
    return "{" + ",".join("NULL" if item is None else _quoted(decode(item)) for item in value) + "}"


def _is_inner_array(item: Any) -> bool:
    """Tell what an array inside an array arrives as: NULL, or Java's name of the object where it should be text.

    PostgreSQL lets any array column hold several dimensions. A true array of nothing but NULLs is refused with them.
    """
    return item is None or (isinstance(item, str) and _JAVA_ARRAY.fullmatch(item) is not None)


def _is_placeholder_list(element: str, value: list[Any]) -> bool:
    if element == "int":
        return value == _PLACEHOLDER_BYTES
    return len(value) == 1 and value[0] in (PLACEHOLDER, _PLACEHOLDER_UUID)


def _quoted(item: Any) -> str:
    text = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _refuse() -> Any:
    raise Misfit


def _placeholder_uuid() -> str:
    """Return the uuid that Java's UUID.nameUUIDFromBytes makes of the placeholder (MD5 without a namespace)."""
    digest = hashlib.md5(PLACEHOLDER.encode(), usedforsecurity=False).digest()
    return str(UUID(bytes=digest, version=3))


_PLACEHOLDER_UUID = _placeholder_uuid()

_DECODERS: dict[str, Decoder] = {
    "int": _int,
    "tinyint1": _tinyint1,
    "boolean": _boolean,
    "decimal": _decimal,
    "float": _float,
    "text": _text,
    "enum": _text,
    "set": _text,
    "json": _text,
    "uuid": _uuid,
    "bytes_hex": _bytes_hex,
    "text_hex": _text_hex,
    "date": _date,
    "time_us": _time_us,
    "duration_us": _duration_us,
    "timestamp_us": _timestamp_us,
    "timestamptz_iso": _timestamptz_iso,
    "interval": _interval,
    "year": _year,
}

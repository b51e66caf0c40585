"""One JSON value to the form in which PostgreSQL reads it, by the decoder that the contract names.

A decoded value is None, an int, a bool, or text in PostgreSQL's input syntax for the mirror's type: exact for every
type, without a detour through Python types that cannot hold it (24:00, infinity, 300 digits). A value that does not
have the form of its decoder raises `Misfit`; nothing is rounded, cut or guessed. The forms stand in
`cdc.capture.types`.

Dates and times: `cdc.stream.moment`; arrays: `cdc.stream.array`; geometric types: `cdc.stream.geometric`.
"""

from __future__ import annotations

import base64
import re
from binascii import unhexlify
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from cdc.capture.types import PLACEHOLDER
from cdc.change import UNCHANGED
from cdc.stream import iso, moment
from cdc.stream.array import array_of
from cdc.stream.double import double_of
from cdc.stream.geometric import GEOMETRIC
from cdc.stream.misfit import Misfit

Decoder = Callable[[Any], Any]

_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,4})?", re.ASCII)
_UUID_LENGTH = 36
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DECIMAL_NAMES = {"NAN": "NaN", "POSITIVE_INFINITY": "Infinity", "NEGATIVE_INFINITY": "-Infinity"}

_PLACEHOLDER_HEX = PLACEHOLDER.encode().hex()
_PLACEHOLDER_HSTORE = f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}'


def decoder(name: str) -> Decoder:
    """Return the function for a decoder's name. KeyError for a name that `cdc.capture.types` does not have."""
    if name.startswith("array:"):
        element = name.removeprefix("array:")
        return partial(array_of, element, element_decoder(element))
    if name.startswith("bit:"):
        return partial(_bit, int(name.removeprefix("bit:")))
    return _DECODERS[name]


def element_decoder(name: str) -> Decoder:
    """Return the function for an element of an array; times and dates come another way there."""
    return _IN_ARRAYS.get(name) or decoder(name)


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


def _number(value: Any) -> Any:
    return str(value) if type(value) is int else _decimal(value)


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
        return str(UUID(value)) if isinstance(value, str) and len(value) == _UUID_LENGTH else _refuse()
    except ValueError as error:
        raise Misfit from error


def _bytes_hex(value: Any) -> Any:
    # The connector sends either; neither is the hex of bytes that a column could hold by chance.
    if value in (_PLACEHOLDER_HEX, PLACEHOLDER):
        return UNCHANGED
    try:
        return "\\x" + unhexlify(value).hex()
    except (TypeError, ValueError) as error:
        raise Misfit from error


def _text_hex(value: Any) -> Any:
    if value in (_PLACEHOLDER_HEX, PLACEHOLDER):
        return UNCHANGED
    try:
        return _text(unhexlify(value).decode())
    except (TypeError, ValueError) as error:
        raise Misfit from error


def _hstore(value: Any) -> Any:
    return UNCHANGED if value == _PLACEHOLDER_HSTORE else _text(value)


def _geometry(value: Any) -> Any:
    """Return the bytes as MariaDB itself keeps them: SRID, then WKB."""
    if not isinstance(value, dict) or not isinstance(value.get("wkb"), str):
        raise Misfit
    try:
        srid = (value.get("srid") or 0).to_bytes(4, "little")
        return "\\x" + (srid + base64.b64decode(value["wkb"], validate=True)).hex()
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
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


def _refuse() -> Any:
    raise Misfit


_DECODERS: dict[str, Decoder] = {
    "int": _int,
    "tinyint1": _tinyint1,
    "boolean": _boolean,
    "decimal": _decimal,
    "float": double_of,
    "text": _text,
    "enum": _text,
    "set": _text,
    "json": _text,
    "hstore": _hstore,
    "uuid": _uuid,
    "bytes_hex": _bytes_hex,
    "text_hex": _text_hex,
    "geometry": _geometry,
    "date": moment.date_of,
    "time_us": moment.time_of,
    "duration_us": moment.duration_of,
    "timestamp_us": moment.timestamp_of,
    "timestamptz_iso": moment.zoned_of,
    "interval": moment.interval_of,
    "year": moment.year_of,
    "number": _number,
    "date_iso": iso.date_of,
    "time_iso": iso.time_of,
    "timestamp_iso": iso.timestamp_of,
    "timestamptz_offset": iso.zoned_of,
    "datetimeoffset": iso.datetimeoffset_of,
    **GEOMETRIC,
}
_IN_ARRAYS: dict[str, Decoder] = {
    "date": moment.date_in_array,
    "timestamp_us": moment.timestamp_in_array,
    "timestamptz_iso": moment.zoned_in_array,
}

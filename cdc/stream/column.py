"""The decoder of one column: by its contract, and by what the log reader of its product is known to do to it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from cdc.capture.charset import UNICODE
from cdc.capture.contract import ColumnContract
from cdc.capture.source import BINLOG
from cdc.capture.types import TOKEN
from cdc.capture.types_mariadb import members
from cdc.change import UNCHANGED
from cdc.errors import FatalError
from cdc.reference import Secret
from cdc.stream.array import array_of
from cdc.stream.fit import Fit, fit
from cdc.stream.misfit import Misfit, TooWide
from cdc.stream.value import Decoder, decoder, element_decoder
from transforms.value.token import token_of, version_of

_NO_KEYS: Mapping[str, Secret] = MappingProxyType({})

# A character of Unicode's sets; in others it stands for bytes that the set has no character for.
REPLACEMENT = "\ufffd"

# MariaDB has dates that no other database has; where NULL is not allowed the connector sends them as this number.
_ZERO = 0
# The year 0000 of MariaDB is not 1 BC: 0001-01-01 as days and as microseconds.
_FIRST = {"date": -719_162, "timestamp_us": -62_135_596_800_000_000}
# The digits behind the point that a DOUBLE of MariaDB or MySQL is declared with.
_DIGITS = re.compile(r"double\(\d+,(\d+)\)")
# A TIMESTAMP begins a second later, so this is one of zero.
_ZERO_MOMENT = "1970-01-01T00:00:00"


def column_decoder(
    column: ColumnContract, database: str, tokens: Mapping[str, Secret] = _NO_KEYS, *, is_key: bool = False
) -> Decoder:
    """Return the function that decodes the column's JSON. It raises Misfit, TooWide where the mirror is too narrow.

    `tokens` are the keys of columns for whose values tokens stand. `is_key`: rows are told apart by the column. Raises
    FatalError CFG-101 where a key is missing.
    """
    if column.decoder.startswith(TOKEN):
        token = _token(column, database, tokens)
        return _refusing(token, _has_twins, "VAL-101") if is_key else token
    if column.decoder.startswith("array:"):
        return _array(column)
    decode = _true_to_charset(decoder(column.decoder), column.charset)
    if database in BINLOG:
        decode = _of_binlog(decode, column)
    return _checked(decode, fit(column.mirror_type))


def _token(column: ColumnContract, database: str, tokens: Mapping[str, Secret]) -> Decoder:
    name = column.decoder.removeprefix(TOKEN)
    if name not in tokens:
        raise FatalError("CFG-101", f"tokens.{name} is missing: column {column.name} is kept as tokens of it")
    key, version = tokens[name].reveal().encode(), version_of(name)
    decode = column_decoder(replace(column, decoder="text"), database)

    def token(value: Any) -> Any:
        text = decode(value)
        return text if text is None or text is UNCHANGED else token_of(key, text, version)

    return token


def _has_twins(value: Any) -> bool:
    """Tell whether another text has the same token: Unicode has several spellings, of which a token is of one."""
    return isinstance(value, str) and not unicodedata.is_normalized("NFC", value)


def is_mended(column: ColumnContract) -> bool:
    """Tell whether an enum or set has members with a comma: MariaDB's log reader escapes it, its snapshot does not."""
    return column.decoder in ("enum", "set") and any("," in member for member in members(column.type))


def _array(column: ColumnContract) -> Decoder:
    element = column.decoder.removeprefix("array:")
    decode = _checked(element_decoder(element), fit(column.mirror_type.removesuffix("[]")))
    return lambda value: array_of(element, decode, value)


def _of_binlog(decode: Decoder, column: ColumnContract) -> Decoder:
    if column.decoder in _FIRST:
        return _refusing_zero(decode, None if column.nullable else _ZERO, _FIRST[column.decoder])
    if column.decoder == "timestamptz_iso":
        if column.zero_date_is_null:
            return lambda value: None if _is_zero_moment(value) else decode(value)
        return _refusing(decode, _is_zero_moment, "VAL-102")
    if column.decoder == "float" and (digits := _DIGITS.match(column.type)):
        return _as_printed(decode, int(digits[1]))
    if is_mended(column):
        return lambda value: decode(value.replace("\\,", ",") if isinstance(value, str) else value)
    return decode


def _as_printed(decode: Decoder, digits: int) -> Decoder:
    """Give the number that the source prints of a DOUBLE(M,D).

    The server rounds to D digits with an error in the last bit, and prints D digits: 1.52002767 is kept as
    1.5200276700000002. A snapshot has what is printed, the log has the bits; one row has to have one value.
    """

    return lambda value: repr(float(f"{float(decode(value)):.{digits}f}"))


def _is_zero_moment(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_ZERO_MOMENT)


def _true_to_charset(decode: Decoder, charset: str | None) -> Decoder:
    """Make up for what the log reader decodes by a wrong table, in the character sets that contracts admit.

    GBK has no Earth sign: one in the log is the circled plus. Bytes that a character set has no character for arrive as
    the replacement character, and nobody can tell which they were; in latin1 they are five control characters.
    """
    if charset is None or charset in UNICODE:
        return decode
    if charset == "gbk":
        decode = _with_circled_plus(decode)
    return _refusing(decode, lambda value: REPLACEMENT in value, "VAL-111")


def _with_circled_plus(decode: Decoder) -> Decoder:
    return lambda value: decode(value.replace("\u2641", "\u2295") if isinstance(value, str) else value)


def _refusing_zero(decode: Decoder, zero: int | None, first: int) -> Decoder:
    def decode_or_refuse(value: Any) -> Any:
        if value == zero or (type(value) is int and value < first):
            raise Misfit("VAL-102")
        return decode(value)

    return decode_or_refuse


def _refusing(decode: Decoder, is_wrong: Callable[[str], bool], code: str) -> Decoder:
    """Return a decoder that refuses texts that are wrong; what is no text is left for `decode` to refuse."""

    def decode_or_refuse(value: Any) -> Any:
        if isinstance(value, str) and is_wrong(value):
            raise Misfit(code)
        return decode(value)

    return decode_or_refuse


def _checked(decode: Decoder, check: Fit | None) -> Decoder:
    if check is None:
        return decode

    def decode_and_check(value: Any) -> Any:
        decoded = decode(value)
        if decoded is not UNCHANGED and not check(decoded):
            raise TooWide
        return decoded

    return decode_and_check

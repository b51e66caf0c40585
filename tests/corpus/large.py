"""Records that are too large to be written down: functions from the good record's value to the bad one's."""

from __future__ import annotations

DEPTH = 100_000
_DEEP = b"[" * DEPTH + b"]" * DEPTH


def deep_value(good: bytes) -> bytes:
    """A column holds lists in lists."""
    return good.replace(b'"note":"a \\"note\\": 1"', b'"note":' + _DEEP)


def deep_image(good: bytes) -> bytes:
    """As deep, but not too deep for the reader of the envelope."""
    return good.replace(b'"note":"a \\"note\\": 1"', b'"note":' + b'{"a" :' * 200 + b"1" + b"}" * 200)


def deep_extra(good: bytes) -> bytes:
    """The envelope has one more entry, which nobody reads."""
    return good.replace(b'{"before":null', b'{"extra":' + _DEEP + b',"before":null')


def digits_of_an_integer(good: bytes) -> bytes:
    """An integer that Python refuses to convert."""
    return good.replace(b'"large":9007199254740993', b'"large":' + b"9" * 100_000)


def ten_to_the_400(good: bytes) -> bytes:
    """An integer of 401 digits."""
    return good.replace(b'"large":9007199254740993', b'"large":1' + b"0" * 400)


def decimal_of_many_digits(good: bytes) -> bytes:
    """PostgreSQL has 131,072 digits before the point at most."""
    return good.replace(b'"free":"0.1"', b'"free":"1' + b"0" * 200_000 + b'"')


def decimal_of_many_places(good: bytes) -> bytes:
    """PostgreSQL has 16,383 digits behind the point at most, and rounds what has more."""
    return good.replace(b'"free":"0.1"', b'"free":"0.' + b"1" * 20_000 + b'"')


def long_column_name(good: bytes) -> bytes:
    """A column that no contract knows, of a name that no database has."""
    return good.replace(b'"small":', b'"' + b"s" * 100_000 + b'":1,"small":')


def long_table_name(good: bytes) -> bytes:
    """A table of a name that no database has."""
    return good.replace(b'"table":"specimen"', b'"table":"' + b"t" * 100_000 + b'"')


def long_id(good: bytes) -> bytes:
    """A transaction with an id that no index takes."""
    return good.replace(b'"transaction":{"id":"', b'"transaction":{"id":"' + b"7" * 100_000)


def many_columns(good: bytes) -> bytes:
    """A row of more columns than a table can have."""
    return good.replace(b'"small":', b"".join(b'"c%d":1,' % n for n in range(2000)) + b'"small":')


def utf_16(good: bytes) -> bytes:
    """Another encoding."""
    return good.decode().encode("utf-16")

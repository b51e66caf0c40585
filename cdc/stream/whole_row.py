"""Whole rows, the fast way: nearly every image has a value of the right form for every column of its contract.

Such an image is decoded at one go into a structure that msgspec compiles from the contract; only columns whose JSON is
not the value itself (dates, decimals, bytes) see a function of their own. Whatever is not plain, however slightly (an
unknown or a missing column, a value that does not fit, a placeholder, an escaped character that PostgreSQL may not be
able to store), is `None` here, and `cdc.stream.row` reads the image again, column by column, and says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from cdc.capture.charset import UNICODE
from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.types import PLACEHOLDER
from cdc.change import UNCHANGED
from cdc.stream.column import REPLACEMENT, is_mended
from cdc.stream.image import has_names
from cdc.stream.misfit import Misfit
from cdc.stream.value import Decoder

# Decoders that leave a value as it is, once its type and size are right.
_PLAIN: Mapping[str, type] = {"int": int, "boolean": bool, "text": str, "enum": str, "set": str, "json": str}
_RANGES = {"smallint": 1 << 15, "integer": 1 << 31, "bigint": 1 << 63}
_LENGTH = re.compile(r"character(?: varying)?\((\d+)\)")
# A structure's field cannot be named so; JSON would have to escape it.
_NEEDS_ESCAPE = re.compile(r'[\x00-\x1f"\\]')
# Text in a plain column may not need a second look: an escape (NUL, half a surrogate pair), a value that is not there.
_SUSPECTS = (b"\\u", PLACEHOLDER.encode())
# What `cdc.stream.column` mends or refuses in texts.
_EARTH_SIGN = "\u2641".encode()
_ESCAPED = b"\\\\"

Read = Callable[[bytes], dict[str, Any] | None]


def whole_row_reader(contract: Contract, decoders: Mapping[str, Decoder]) -> Read:
    """Return the function that reads an image to its values, in the contract's order, or None if it is not plain.

    `decoders` are those of `cdc.stream.row`, by column.
    """
    names = tuple(column.name for column in contract.columns)
    if any(_NEEDS_ESCAPE.search(name) for name in (*names, *contract.skipped)):
        return lambda _: None
    decode = msgspec.json.Decoder(_structure(contract), float_hook=Decimal).decode
    convert = [(place, decoders[name]) for place, name in enumerate(names) if _type(contract.column(name)) is None]
    suspects = tuple(_suspects(contract))
    count = len(names)

    def read(image: bytes) -> dict[str, Any] | None:
        try:
            found = msgspec.structs.astuple(decode(image))
            if _is_suspect(image, suspects) or not has_names(image, len(found) - found[count:].count(msgspec.UNSET)):
                return None
            values = list(found[:count])
            for place, decoder in convert:
                if values[place] is not None:
                    value = values[place] = decoder(values[place])
                    if value is UNCHANGED:
                        return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Misfit):
            return None
        return dict(zip(names, values, strict=True))

    return read


def _is_suspect(image: bytes, suspects: tuple[bytes, ...]) -> bool:
    for suspect in suspects:  # noqa: SIM110 - any() takes twice as long
        if suspect in image:
            return True
    return False


def _structure(contract: Contract) -> type[msgspec.Struct]:
    """One field per column, all of them required; those that are not replicated may be there, last."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for place, column in enumerate(contract.columns):
        plain = _type(column)
        fields.append((f"c{place}", Any if plain is None else plain | None))
    fields += [(f"skipped{place}", Any, msgspec.UNSET) for place in range(len(contract.skipped))]
    spelled = [column.name for column in contract.columns] + list(contract.skipped)
    rename = {field[0]: name for field, name in zip(fields, spelled, strict=True)}
    return msgspec.defstruct("WholeRow", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _type(column: ColumnContract) -> Any:
    """Return the type of a plain column with its bounds; None for one that needs its decoder."""
    kind = _PLAIN.get(column.decoder)
    if kind is int:
        limit = _RANGES.get(column.mirror_type)
        return None if limit is None else Annotated[int, msgspec.Meta(ge=-limit, le=limit - 1)]
    if kind is str:
        length = _LENGTH.fullmatch(column.mirror_type)
        return str if length is None else Annotated[str, msgspec.Meta(max_length=int(length[1]))]
    return kind


def _suspects(contract: Contract) -> Iterator[bytes]:
    yield from _SUSPECTS
    charsets = {column.charset for column in contract.columns}
    if "gbk" in charsets:
        yield _EARTH_SIGN
    if charsets - UNICODE - {None}:
        yield REPLACEMENT.encode()
    if any(map(is_mended, contract.columns)):
        yield _ESCAPED

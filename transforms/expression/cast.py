"""CAST between the types that fields have; what the target type cannot hold exactly is refused, never cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time
from decimal import Inexact, InvalidOperation, Overflow
from typing import Any

from sqlglot import exp

from transforms import refusal
from transforms.errors import Refused
from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected
from transforms.expression.code import Inline
from transforms.expression.term import Term, constant, made_of, strict
from transforms.value import moment, number
from transforms.value.kind import NUMBERS, Kind

_INTEGER_BITS = {exp.DType.SMALLINT: 16, exp.DType.INT: 32, exp.DType.BIGINT: 64}
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,40}")
_KINDS = {
    exp.DType.VARCHAR: Kind.TEXT,
    exp.DType.TEXT: Kind.TEXT,
    exp.DType.DECIMAL: Kind.DECIMAL,
    exp.DType.DATE: Kind.DATE,
    exp.DType.TIMESTAMP: Kind.TIMESTAMP,
    **dict.fromkeys(_INTEGER_BITS, Kind.INTEGER),
}
_WRITTEN = (Kind.TEXT, Kind.INTEGER)  # what can be a code of a source, or any other text of it
_SIZE_COUNTS = {exp.DType.VARCHAR: 1, exp.DType.TEXT: 1, exp.DType.DECIMAL: 2}
_CODES = {Kind.TEXT: refusal.TEXT, Kind.DATE: refusal.TIME, Kind.TIMESTAMP: refusal.TIME}


def compile_cast(builder: Builder, node: exp.Cast) -> Term:
    """Return `CAST(value AS type)` compiled."""
    to = node.to
    kind = _KINDS.get(to.this) if isinstance(to, exp.DataType) else None
    sizes = _sizes(to)
    if kind is None or sizes is None or len(sizes) > _SIZE_COUNTS.get(to.this, 0):
        raise Rejected(
            SYNTAX, node, "CAST knows VARCHAR(n), TEXT, SMALLINT, INT, BIGINT, DECIMAL(p,s), DATE and TIMESTAMP"
        )
    if kind is Kind.DECIMAL and sizes[:1] > [number.DIGITS]:
        raise Rejected(SYNTAX, node, f"DECIMAL(p,s) has at most {number.DIGITS} digits")
    value = builder.term(node.this)
    function = _conversion(value.kind, kind, to.this, sizes)
    if function is None:
        raise Rejected(TYPE, node, f"{value.kind} cannot be cast to {kind}{_advice(value.kind, kind)}")
    if value.constant and value.value is not None:
        return _fold(function, value, kind, node)
    builder.scope.codes.add(_CODES.get(kind, refusal.NUMBER))
    made = strict(kind, function, value, unit=value.unit if kind in NUMBERS else None)
    return made_of(value, made) if value.kind in _WRITTEN and kind in _WRITTEN else made


def to_integer(value: object, bits: int) -> int:
    """Return a number or text as a signed integer of `bits` bits, ArithmeticError if it is none."""
    if isinstance(value, str):
        if not _INTEGER_TEXT.fullmatch(value):
            raise InvalidOperation
        whole = int(value)
    else:
        whole = int(value)  # type: ignore[call-overload]
        if whole != value:
            raise Inexact
    if not -(1 << bits - 1) <= whole < 1 << bits - 1:
        raise Overflow
    return whole


def limit_length(text: str, size: int) -> str:
    """Return `text` unless it has more than `size` characters."""
    if len(text) > size:
        raise Refused(refusal.TEXT, detail=f"longer than {size} characters")
    return text


def _fold(function: Callable[[Any], Any], value: Term, kind: Kind, node: exp.Cast) -> Term:
    try:
        return constant(kind, function(value.value))
    except (Refused, ArithmeticError):
        raise Rejected(TYPE, node, f"this value is not {kind}") from None


def _sizes(to: exp.DataType) -> list[int] | None:
    """Return the lengths in parentheses, None where something else stands there."""
    texts = [size.name for size in to.expressions]
    if not all(re.fullmatch("[0-9]{1,5}", text) for text in texts):
        return None
    sizes = [int(text) for text in texts]
    return sizes if sizes[1:] <= sizes[:1] and 0 not in sizes[:1] else None


def _conversion(source: Kind, target: Kind, to: exp.DType, sizes: list[int]) -> Callable[[Any], Any] | None:
    if source is Kind.NOTHING:
        return lambda value: value
    if target is Kind.TEXT:
        return _to_text(source, sizes)
    if target is Kind.INTEGER and source in (Kind.TEXT, *NUMBERS):
        bits = _INTEGER_BITS[to]
        return Inline("{1}({0}, {2})", to_integer, bits)
    if target is Kind.DECIMAL and source in (Kind.TEXT, *NUMBERS):
        return _to_decimal(sizes)
    return _TIMES.get((source, target))


def _to_text(source: Kind, sizes: list[int]) -> Callable[[Any], Any] | None:
    plain: dict[Kind, Callable[[Any], str]] = {
        Kind.TEXT: str,
        Kind.INTEGER: number.number_text,
        Kind.DECIMAL: number.number_text,
        Kind.DATE: str,
    }
    text = plain.get(source)
    if text is None or not sizes:
        return text
    unlimited, size = text, sizes[0]
    return Inline("{2}({1}({0}), {3})", unlimited, limit_length, size)


def _to_decimal(sizes: list[int]) -> Callable[[Any], Any]:
    def convert(value: Any) -> number.Number:
        exact = number.parse_decimal(value) if isinstance(value, str) else number.to_decimal(value)
        return number.to_scale(exact, sizes[0], sizes[1] if len(sizes) > 1 else 0, None) if sizes else exact

    return convert


_TIMES: dict[tuple[Kind, Kind], Callable[[Any], Any]] = {
    (Kind.TEXT, Kind.DATE): moment.parse_date,
    (Kind.DATE, Kind.DATE): lambda day: day,
    (Kind.TEXT, Kind.TIMESTAMP): moment.parse_timestamp,
    (Kind.TIMESTAMP, Kind.TIMESTAMP): lambda local: local,
    (Kind.DATE, Kind.TIMESTAMP): lambda day: datetime.combine(day, time.min),
}


def _advice(source: Kind, target: Kind) -> str:
    if (source, target) == (Kind.TIMESTAMP, Kind.DATE):
        return ": DATE_OF takes the date part"
    if target is Kind.TIMESTAMP and source is Kind.INSTANT:
        return ": an instant has no local time without a zone"
    return ""

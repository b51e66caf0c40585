"""Exact arithmetic on numbers, and days on dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp

from transforms import refusal
from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected
from transforms.expression.code import Inline
from transforms.expression.term import Term, constant, strict
from transforms.value import moment, number
from transforms.value.kind import NUMBERS, Kind, unify


def multiply(builder: Builder, node: exp.Mul) -> Term:
    """Return a product."""
    return _exact(number.multiply, builder, builder.typed(node.left, *NUMBERS), node)


def divide(builder: Builder, node: exp.Div) -> Term:
    """Return a division; of two integers it is refused."""
    term = _exact(number.divide, builder, builder.typed(node.left, *NUMBERS), node)
    if term.kind is Kind.INTEGER:
        raise Rejected(TYPE, node, "databases divide integers differently: write `a * 1.0 / b`")
    return term


def add(builder: Builder, node: exp.Add) -> Term:
    """Return a sum, or a date some days later."""
    if isinstance(node.right, exp.Interval):
        return _shift_by_interval(builder, node, 1)
    left = builder.typed(node.left, *NUMBERS, Kind.DATE)
    if left.kind is Kind.DATE:
        return _shift(builder, left, builder.typed(node.right, Kind.INTEGER), 1)
    return _exact(number.add, builder, left, node)


def subtract(builder: Builder, node: exp.Sub) -> Term:
    """Return a difference, of dates in days."""
    if isinstance(node.right, exp.Interval):
        return _shift_by_interval(builder, node, -1)
    left = builder.typed(node.left, *NUMBERS, Kind.DATE)
    if left.kind is not Kind.DATE:
        return _exact(number.subtract, builder, left, node)
    right = builder.typed(node.right, Kind.INTEGER, Kind.DATE)
    if right.kind is Kind.DATE:
        return strict(Kind.INTEGER, Inline("({0} - {1}).days"), left, right)
    return _shift(builder, left, right, -1)


def _exact(function: Callable[..., Any], builder: Builder, left: Term, node: exp.Binary) -> Term:
    right = builder.typed(node.right, *NUMBERS)
    builder.scope.codes.add(refusal.NUMBER)
    return strict(cast(Kind, unify((left.kind, right.kind))), function, left, right)


def _shift(builder: Builder, day: Term, days: Term, sign: int) -> Term:
    builder.scope.codes.add(refusal.TIME)
    return strict(Kind.DATE, Inline("{2}({0}, {3} * int({1}))", moment.shift_days, sign), day, days)


def _shift_by_interval(builder: Builder, node: exp.Add | exp.Sub, sign: int) -> Term:
    """Return a date or local time some days, months or years later; a day that a month does not have is its last."""
    interval = node.right
    written, unit = interval.args.get("this"), interval.args.get("unit")
    per_unit = _INTERVALS.get(unit.name.upper()) if unit else None
    text = written.name if isinstance(written, exp.Literal) else ""
    if per_unit is None or not _COUNT.fullmatch(text):
        raise Rejected(SYNTAX, interval, "write INTERVAL '10' with DAY, WEEK, MONTH or YEAR")
    left = builder.typed(node.left, Kind.DATE, Kind.TIMESTAMP)
    builder.scope.codes.add(refusal.TIME)
    days, months = (sign * int(text) * each for each in per_unit)
    shift, count = (moment.shift_months, months) if months else (moment.shift_days, days)
    return strict(left.kind, Inline("{1}({0}, {2})", shift, count), left)


_COUNT = re.compile("-?[0-9]{1,6}")
# Days and months. A month has no length in days, so that they are no numbers to add days to.
_INTERVALS = {"DAY": (1, 0), "WEEK": (7, 0), "MONTH": (0, 1), "YEAR": (0, 12)}


def negate(builder: Builder, node: exp.Neg) -> Term:
    """Return the negative."""
    value = builder.typed(node.this, *NUMBERS)
    if value.constant and value.value is not None:
        return constant(value.kind, number.negate(value.value))
    return strict(value.kind, number.negate, value)


def absolute(builder: Builder, node: exp.Abs) -> Term:
    """Return the absolute value."""
    value = builder.typed(node.this, *NUMBERS)
    return strict(value.kind, number.absolute, value)


def rounded(builder: Builder, node: exp.Round) -> Term:
    """Return ROUND: halves away from zero."""
    value, digits = builder.typed(node.this, *NUMBERS), 0
    if node.args.get("decimals") is not None:
        digits = whole_literal(builder, node.args["decimals"], node, "ROUND needs the number of digits in digits")
    if digits > 20:
        raise Rejected(SYNTAX, node, "ROUND keeps at most 20 digits")
    builder.scope.codes.add(refusal.NUMBER)
    kind = Kind.DECIMAL if digits else Kind.INTEGER
    return strict(kind, Inline("{1}({0}, {2})", number.round_half_up, digits), value)


def whole_literal(builder: Builder, part: exp.Expr | None, node: exp.Expr, message: str, least: int = 0) -> int:
    """Return the whole number that is written at `part`; Rejected if it is anything else."""
    term = builder.term(part) if part is not None else None
    if term is None or not term.constant or not isinstance(term.value, int) or not least <= term.value <= 2**31:
        raise Rejected(SYNTAX, part or node, message)
    return term.value

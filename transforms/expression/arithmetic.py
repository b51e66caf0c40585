"""Exact arithmetic on numbers, and days on dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from transforms import refusal
from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected, Scope
from transforms.expression.code import Inline
from transforms.expression.term import Term, constant, shared_unit, strict
from transforms.value import moment, number
from transforms.value.kind import NUMBERS, Kind, unify


def multiply(builder: Builder, node: exp.Mul) -> Term:
    """Return a product."""
    return product(builder.scope, builder.typed(node.left, *NUMBERS), builder.typed(node.right, *NUMBERS))


def product(scope: Scope, left: Term, right: Term) -> Term:
    """Return `left * right`; a quantity so many times is in its unit, of two quantities the product is in none."""
    unit = None if left.unit and right.unit else left.unit or right.unit
    return _exact(number.multiply, scope, left, right, unit)


def divide(builder: Builder, node: exp.Div) -> Term:
    """Return a division; of two integers it is refused."""
    left, right = builder.typed(node.left, *NUMBERS), builder.typed(node.right, *NUMBERS)
    term = _exact(number.divide, builder.scope, left, right, None if right.unit else left.unit)
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
    return _alike(number.add, builder, left, node)


def subtract(builder: Builder, node: exp.Sub) -> Term:
    """Return a difference, of dates in days."""
    if isinstance(node.right, exp.Interval):
        return _shift_by_interval(builder, node, -1)
    left = builder.typed(node.left, *NUMBERS, Kind.DATE)
    if left.kind is not Kind.DATE:
        return _alike(number.subtract, builder, left, node)
    right = builder.typed(node.right, Kind.INTEGER, Kind.DATE)
    if right.kind is Kind.DATE:
        return strict(Kind.INTEGER, Inline("({0} - {1}).days"), left, right)
    return _shift(builder, left, right, -1)


def _alike(function: Callable[..., Any], builder: Builder, left: Term, node: exp.Binary) -> Term:
    right = builder.typed(node.right, *NUMBERS)
    return _exact(function, builder.scope, left, right, shared_unit((left, right)))


def _exact(function: Callable[..., Any], scope: Scope, left: Term, right: Term, unit: str | None) -> Term:
    scope.codes.add(refusal.NUMBER)
    return strict(unify((left.kind, right.kind)) or left.kind, function, left, right, unit=unit)


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
    return strict(value.kind, number.negate, value, unit=value.unit)


def absolute(builder: Builder, node: exp.Abs) -> Term:
    """Return the absolute value."""
    value = builder.typed(node.this, *NUMBERS)
    return strict(value.kind, number.absolute, value, unit=value.unit)


def rounded(builder: Builder, node: exp.Round) -> Term:
    """Return ROUND: halves away from zero."""
    value, digits = builder.typed(node.this, *NUMBERS), 0
    if node.args.get("decimals") is not None:
        digits = whole_literal(builder, node.args["decimals"], node, "ROUND needs the number of digits in digits")
    if digits > 20:
        raise Rejected(SYNTAX, node, "ROUND keeps at most 20 digits")
    builder.scope.codes.add(refusal.NUMBER)
    kind = Kind.DECIMAL if digits else Kind.INTEGER
    return strict(kind, Inline("{1}({0}, {2})", number.round_half_up, digits), value, unit=value.unit)


def whole_literal(builder: Builder, part: exp.Expr | None, node: exp.Expr, message: str, least: int = 0) -> int:
    """Return the whole number that is written at `part`; Rejected if it is anything else."""
    term = builder.term(part) if part is not None else None
    if term is None or not term.constant or not isinstance(term.value, int) or not least <= term.value <= 2**31:
        raise Rejected(SYNTAX, part or node, message)
    return term.value

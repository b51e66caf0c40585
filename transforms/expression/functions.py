"""The language's own functions: cleaning, dates, zones, units."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from transforms import moment, refusal
from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected
from transforms.expression.term import Term, strict
from transforms.kind import NUMBERS, Kind
from transforms.text import BLANKS

Function = Callable[[Builder, exp.Anonymous], Term]


def _clean(builder: Builder, node: exp.Anonymous) -> Term:
    (value,) = _arguments(node, 1, "CLEAN(text)")
    return strict(Kind.TEXT, lambda text: text.strip(BLANKS) or None, builder.typed(value, Kind.TEXT))


def _date_of(builder: Builder, node: exp.Anonymous) -> Term:
    (value,) = _arguments(node, 1, "DATE_OF(timestamp)")
    return strict(Kind.DATE, lambda local: local.date(), builder.typed(value, Kind.TIMESTAMP))


def _at_zone(builder: Builder, node: exp.Anonymous) -> Term:
    value, name = _arguments(node, 2, "AT_ZONE(timestamp, 'Area/City')")
    zone = moment.find_zone(_literal(name, "AT_ZONE needs the zone in quotes"))
    if zone is None:
        raise Rejected(TYPE, name, "unknown time zone")
    builder.scope.codes.add(refusal.TIME)
    return strict(Kind.INSTANT, moment.localizer(zone), builder.typed(value, Kind.TIMESTAMP))


def _to_unit(builder: Builder, node: exp.Anonymous) -> Term:
    value, source, target = _arguments(node, 3, "TO_UNIT(number, unit, unit)")
    units = builder.scope.units
    for part in (source, target):
        if isinstance(part, exp.Literal) and units.find(part.name) is None:
            raise Rejected(TYPE, part, "unknown unit")
    made = units.find(target.name) if isinstance(target, exp.Literal) else None
    builder.scope.made_units.add(made.code if made else "")
    builder.scope.codes.update((refusal.UNIT_UNKNOWN, refusal.UNIT_PACKAGING, refusal.UNIT_DIMENSION))
    run, from_run, to_run = (
        builder.typed(value, *NUMBERS).run,
        builder.typed(source, Kind.TEXT).run,
        builder.typed(target, Kind.TEXT).run,
    )
    # Not strict: a value whose unit is NULL is a value of unknown unit, and no NULL.
    return Term(
        Kind.RATIONAL,
        lambda row: None if (exact := run(row)) is None else units.convert(exact, from_run(row), to_run(row)),
    )


def _arguments(node: exp.Anonymous, count: int, form: str) -> list[exp.Expr]:
    if len(node.expressions) != count:
        raise Rejected(SYNTAX, node, f"write {form}")
    return list(node.expressions)


def _literal(node: exp.Expr, message: str) -> str:
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise Rejected(SYNTAX, node, message)
    return node.name


FUNCTIONS: dict[str, Function] = {
    "CLEAN": _clean,
    "DATE_OF": _date_of,
    "AT_ZONE": _at_zone,
    "TO_UNIT": _to_unit,
}

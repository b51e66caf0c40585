"""The language's own functions: cleaning, dates, zones, units, labels of devices."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlglot import exp

from transforms import refusal
from transforms.expression import device_label
from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected, Untranslatable
from transforms.expression.code import Function, Inline, call, fresh, write
from transforms.expression.term import Term, made_of, strict
from transforms.value import encoding, moment
from transforms.value.gs1 import to_gtin14
from transforms.value.kind import NUMBERS, Kind
from transforms.value.measured import Measured, parse_measured
from transforms.value.text import BLANKS
from transforms.value.token import FIRST, key_name
from transforms.yaml.section import suggest

_DOMAIN = re.compile("[a-z][a-z0-9_]{0,39}")
_VERSION = re.compile("v[1-9][0-9]{0,3}")
Compile = Callable[[Builder, exp.Anonymous], Term]


def _clean(builder: Builder, node: exp.Anonymous) -> Term:
    (value,) = _arguments(node, 1, "CLEAN(text)")
    text = builder.typed(value, Kind.TEXT)
    return made_of(text, strict(Kind.TEXT, Inline("{0}.strip({1}) or None", BLANKS), text))


def _recode(builder: Builder, node: exp.Anonymous) -> Term:
    value, *names = _arguments(node, 3, "RECODE(text, 'latin1', 'gbk')")
    declared, meant = (_literal(name, "RECODE needs the character sets in quotes") for name in names)
    for name, known in ((names[0], encoding.DECLARED), (names[1], encoding.MEANT)):
        if name.name not in known:
            raise Rejected(TYPE, name, f"one of {', '.join(known)} is wanted here")
    builder.scope.codes.add(refusal.ENCODING)
    text = builder.typed(value, Kind.TEXT)
    return made_of(text, strict(Kind.TEXT, encoding.recoder(declared, meant), text))


def _date_of(builder: Builder, node: exp.Anonymous) -> Term:
    (value,) = _arguments(node, 1, "DATE_OF(timestamp)")
    return strict(Kind.DATE, Inline("{0}.date()"), builder.typed(value, Kind.TIMESTAMP))


def _at_zone(builder: Builder, node: exp.Anonymous) -> Term:
    value, name = _arguments(node, 2, "AT_ZONE(timestamp, 'Area/City')")
    zone = moment.find_zone(_literal(name, "AT_ZONE needs the zone in quotes"))
    if zone is None:
        raise Rejected(TYPE, name, f"unknown time zone: {moment.ZONES_ARE_NAMED}")
    builder.scope.codes.add(refusal.TIME)
    return strict(Kind.INSTANT, moment.localizer(zone), builder.typed(value, Kind.TIMESTAMP))


def _to_unit(builder: Builder, node: exp.Anonymous) -> Term:
    if len(node.expressions) not in (3, 4):
        raise Rejected(SYNTAX, node, "write TO_UNIT(number, unit, unit) or TO_UNIT(number, unit, unit, content)")
    value, source, target, *content = node.expressions
    units = builder.scope.units
    for part in (source, target):
        if isinstance(part, exp.Literal) and units.find(part.name) is None:
            raise Rejected(TYPE, part, f"unknown unit `{part.name}`{suggest(part.name, units.known)}")
    made = units.find(target.name) if isinstance(target, exp.Literal) else None
    unit = made.code if made else None
    builder.scope.codes.update((refusal.UNIT_UNKNOWN, refusal.UNIT_PACKAGING, refusal.UNIT_DIMENSION))
    quantity, units_of = builder.typed(value, *NUMBERS), [builder.typed(unit, Kind.TEXT) for unit in (source, target)]
    if not content:
        return _converted(units.convert, unit, quantity, *units_of)
    # The content is asked for only where one of the units is packaging.
    held = write("lambda: {0}", builder.typed(content[0], *NUMBERS).code)
    return _converted(units.convert, unit, quantity, *units_of, Term(Kind.RATIONAL, held))


def _converted(convert: Function, unit: str | None, quantity: Term, *others: Term) -> Term:
    """Return a conversion: not strict, a value whose unit is NULL is a value of unknown unit, and no NULL."""
    amount = fresh()
    made = call(convert, amount, *(other.code for other in others))
    return Term(Kind.RATIONAL, write("None if ({0} := {1}) is None else {2}", amount, quantity.code, made), unit=unit)


def _code(builder: Builder, node: exp.Anonymous) -> Term:
    if len(node.expressions) not in (2, 3):
        raise Rejected(SYNTAX, node, "write CODE(value, 'code set') or CODE(value, 'code set', moment)")
    value, name, *moment = node.expressions
    if builder.scope.translate is None:
        raise Rejected(SYNTAX, node, "CODE translates codes of a source, and there are none here")
    code_set = _literal(name, "CODE needs the code set in quotes")
    term = builder.typed(value, Kind.TEXT, Kind.INTEGER)
    at = builder.term(moment[0]) if moment else None
    try:
        return builder.scope.translate(builder.scope, term, code_set, at)
    except Untranslatable as wrong:
        raise Rejected(wrong.code, moment[0] if wrong.at else node, str(wrong)) from None


def _token(builder: Builder, node: exp.Anonymous) -> Term:
    if len(node.expressions) not in (2, 3):
        raise Rejected(SYNTAX, node, "write TOKEN(text, 'domain') or TOKEN(text, 'domain', 'v2')")
    value, domain, *rest = node.expressions
    name = _literal(domain, "TOKEN needs the domain of its key in quotes")
    if not _DOMAIN.fullmatch(name):
        raise Rejected(SYNTAX, domain, "a domain is named by lower-case letters, digits and _")
    version = _literal(rest[0], "TOKEN needs the version of its key in quotes") if rest else FIRST
    if not _VERSION.fullmatch(version):
        raise Rejected(SYNTAX, rest[0], "a version is named v1, v2 and so on")
    name = key_name(name, version)
    builder.scope.tokens.domains.add(name)
    return strict(Kind.TEXT, Inline("{1}({2}, {0})", builder.scope.tokens.token, name), builder.typed(value, Kind.TEXT))


def _gtin(builder: Builder, node: exp.Anonymous) -> Term:
    (value,) = _arguments(node, 1, "GTIN(text)")
    builder.scope.codes.update((refusal.GTIN_CHECK_DIGIT, refusal.GTIN_SHAPE))
    text = builder.typed(value, Kind.TEXT)
    return made_of(text, strict(Kind.TEXT, to_gtin14, text))


def _label_part(function: Callable[[str], str | None], codes: tuple[str, ...] = device_label.SPLITTING) -> Compile:
    def compile_part(builder: Builder, node: exp.Anonymous) -> Term:
        (value,) = _arguments(node, 1, f"{node.name.upper()}(text)")
        builder.scope.codes.update(codes)
        return strict(Kind.TEXT, function, builder.typed(value, Kind.TEXT))

    return compile_part


def _label_date(function: Callable[[str, date], date | None]) -> Compile:
    def compile_date(builder: Builder, node: exp.Anonymous) -> Term:
        value, moment_of_row = _arguments(node, 2, f"{node.name.upper()}(text, date or time of the row)")
        builder.scope.codes.update(device_label.SPLITTING)
        text, at = (
            builder.typed(value, Kind.TEXT),
            builder.typed(moment_of_row, Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT),
        )
        return strict(Kind.DATE, function, text, at)

    return compile_date


def _confirmed(builder: Builder, node: exp.Anonymous) -> Term:
    if len(node.expressions) not in (2, 3):
        raise Rejected(SYNTAX, node, "write UDI_CONFIRMED(text, lot) or UDI_CONFIRMED(text, lot, serial)")
    builder.scope.codes.update(device_label.CONFIRMING)
    parts = (builder.typed(part, Kind.TEXT).code for part in node.expressions)
    # Not strict: a row without a lot still has its label.
    return Term(Kind.TEXT, call(device_label.confirmed, *parts))


def _measured_part(kind: Kind, function: Callable[[Measured], Any]) -> Compile:
    def compile_part(builder: Builder, node: exp.Anonymous) -> Term:
        (value,) = _arguments(node, 1, f"{node.name.upper()}(text)")
        builder.scope.codes.add(refusal.NUMBER)
        builder.scope.measured.add(node.name.upper())
        return strict(kind, lambda text: function(parse_measured(text)), builder.typed(value, Kind.TEXT))

    return compile_part


def _arguments(node: exp.Anonymous, count: int, form: str) -> list[exp.Expr]:
    if len(node.expressions) != count:
        raise Rejected(SYNTAX, node, f"write {form}")
    return list(node.expressions)


def _literal(node: exp.Expr, message: str) -> str:
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise Rejected(SYNTAX, node, message)
    return node.name


MEASURED_VALUE, MEASURED_COMPARATOR = "MEASURED_VALUE", "MEASURED_COMPARATOR"
FUNCTIONS: dict[str, Compile] = {
    MEASURED_VALUE: _measured_part(Kind.DECIMAL, lambda measured: measured.value),
    MEASURED_COMPARATOR: _measured_part(Kind.TEXT, lambda measured: measured.comparator),
    "MEASURED_TOLERANCE": _measured_part(Kind.DECIMAL, lambda measured: measured.tolerance),
    "CLEAN": _clean,
    "RECODE": _recode,
    "DATE_OF": _date_of,
    "AT_ZONE": _at_zone,
    "TO_UNIT": _to_unit,
    "CODE": _code,
    "TOKEN": _token,
    "GTIN": _gtin,
    "UDI_AGENCY": _label_part(device_label.agency, device_label.READING),
    "UDI_DI": _label_part(device_label.device),
    "UDI_LOT": _label_part(device_label.lot),
    "UDI_SERIAL": _label_part(device_label.serial),
    "UDI_MADE": _label_date(device_label.made),
    "UDI_EXPIRY": _label_date(device_label.expiry),
    "UDI_CONFIRMED": _confirmed,
    "UDI_WARNING": _label_part(device_label.warning, device_label.READING),
}

"""Canonical fields (`fields*.yaml`): reading definitions, each complete and with an example that fits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar, get_args

from transforms.errors import Faults, Refused
from transforms.model import (
    CodeSet,
    ErrorEntry,
    Field,
    FieldType,
    InExport,
    InLogs,
    Protection,
    Retention,
    Sensitivity,
    Unit,
)
from transforms.value.gs1 import to_gtin14
from transforms.value.number import DIGITS, ROUNDINGS, parse_decimal
from transforms.vocabulary.catalogue import WARNING, check_code, row_code
from transforms.vocabulary.field_type import CHECKS, KINDS, TYPE_FORM, check_step, fitting_step, parse_type
from transforms.yaml.document import Node, Scalar
from transforms.yaml.label import LABEL, label_of
from transforms.yaml.name import NAME
from transforms.yaml.section import Section, read_scalar, read_section, suggest
from transforms.yaml.shape import Many, Named, Shape, Text, flag

_ON_ERROR = Shape(
    optional={
        "default": Text("The code of a value that does not fit the type or a check."),
        **{name: Text(f"The code of a value that {told}.") for name, (_, told) in CHECKS.items()},
    },
    told="Codes of their own, by name of a check; one of a warning lets the value pass.",
)
Word = TypeVar("Word", bound=str)

_RETENTIONS: tuple[Retention, ...] = get_args(Retention)
_IN_LOGS: tuple[InLogs, ...] = get_args(InLogs)
_IN_EXPORT: tuple[InExport, ...] = get_args(InExport)
_PROTECT = Shape(
    optional={
        "in_logs": Text("Instead of the value: what hides it (`mask`), or nothing (`omit`).", words=_IN_LOGS),
        "in_export": Text(
            "Instead of the value: what hides it, what stands for it (`pseudonymise`), or nothing.",
            words=_IN_EXPORT,
        ),
    },
    told="How its values are to be shown where they leave their table; without it, as they are.",
)
_FIELD = Shape(
    {
        "label": LABEL,
        "definition": Text("What it means, in a sentence that a stranger understands."),
        "type": Text("string(n), integer, decimal(p,s), boolean, date, datetime, code, unit or gtin.", form=TYPE_FORM),
        "owner": Text("The function of the organisation that answers for it."),
        "example": Text("A value of the field."),
    },
    {
        "sensitivity": Text("Who may see it; internal without it.", words=get_args(Sensitivity)),
        "code_set": Text("The code set of a `code`, or of a `boolean` (codes TRUE and FALSE)."),
        "unit": Text("The fixed unit of the values; expressions have to convert to it by TO_UNIT."),
        "rounding": Text(
            "How a decimal is rounded, once; without it, what needs rounding is refused.", words=ROUNDINGS
        ),
        "check": Many(Text(words=tuple(CHECKS)), "What else a value has to be."),
        "on_error": _ON_ERROR,
        "tolerate": Named(
            Text("The value that takes its place.", null=True),
            "Codes with which no row is refused: CODE: value or null.",
        ),
        "null_tokens": Many(Text(), 'Values that mean "none", whichever source says them: "9999-12-31".'),
        "keep_raw": flag("Whether a column `COLUMN_raw` holds what the source said, where the value is another text."),
        "retention": Text("How long records with it are kept: device_life_15y.", words=_RETENTIONS),
        "protect": _PROTECT,
        "standard_refs": Many(Text(), "What standards and registers call it."),
    },
)
FIELDS = Shape(
    {"fields": Named(_FIELD, "Canonical fields, by name.", NAME)}, told="fields*.yaml: what canonical columns mean."
)

# What a field may keep the source's text beside: of numbers and dates another text is the same value.
RAW_KINDS = ("string", "code", "unit", "gtin")
_UNKNOWN = FieldType("string")  # stands for a type with a fault, so that nothing else is said about it


@dataclass(frozen=True, slots=True)
class Terms:
    """What field definitions refer to."""

    codesets: Map[str, CodeSet]
    units: Map[str, Unit]
    errors: Map[str, ErrorEntry]


def read_fields(node: Node, terms: Terms, faults: Faults) -> list[tuple[Scalar, Field]]:
    """Return the fields of one file with the places of their names."""
    section = read_section(node, faults, FIELDS)
    if section is None:
        return []
    read = ((key, _read_field(key.text, value, terms, faults)) for key, value in section.entries("fields"))
    return [(key, field) for key, field in read if field]


def _read_field(name: str, node: Node, terms: Terms, faults: Faults) -> Field | None:
    section = read_section(node, faults, _FIELD)
    if section is None:
        return None
    field_type = _read_type(section, faults)
    field = Field(
        name=name,
        label=label_of(section, faults),
        definition=section.text("definition"),
        type=field_type,
        owner=section.text("owner"),
        sensitivity=section.choice("sensitivity", "internal"),
        example=section.text("example"),
        code_set=_read_code_set(section, field_type, terms, faults),
        unit=_read_name(section, "unit", terms.units, faults),
        rounding=section.choice("rounding") or None,
        checks=_read_checks(section, faults),
        on_error=(on_error := _read_on_error(section, terms, faults)),
        warns=frozenset(code for code in on_error.values() if terms.errors[code].kind == WARNING),
        standard_refs=tuple(scalar.text for scalar in section.texts("standard_refs")),
        nothing=frozenset(_read_nothing(section, field_type, faults)),
        keep_raw=_read_keep_raw(section, field_type, faults),
        retention=_read_word(section, "retention", _RETENTIONS),
        protect=_read_protect(section),
    )
    if "example" in section and canonical_value(field, field.example, terms) is None:
        faults.add(section.place_of("example"), "DIC-105", f"the example is not a value of type {field_type.kind}")
    return replace(field, tolerate=_read_tolerate(section, field, terms, faults))


def canonical_value(field: Field, text: str, terms: Terms) -> object:
    """Return the canonical value that `text` is, None if it is none of the field."""
    step, _ = fitting_step(field)
    try:
        value = _EXAMPLES.get(field.type.kind, str)(text)
        for check in (step, *(check_step(field, name)[0] for name in field.checks)):
            value = check(value) if check else value
    except (Refused, ValueError, KeyError, ArithmeticError):
        return None
    code_set = terms.codesets.get(field.code_set or "")
    if field.type.kind == "code" and code_set:
        return value if value in code_set.codes else None
    return value if field.type.kind != "unit" or value in terms.units else None


def _read_nothing(section: Section, field_type: FieldType, faults: Faults) -> Iterator[object]:
    """Yield what means "none", as an expression gives it: numbers and dates as such, all else as text."""
    for scalar in section.texts("null_tokens"):
        try:
            yield _TYPED.get(field_type.kind, str)(scalar.text)
        except (ValueError, ArithmeticError):
            faults.add(scalar.place, "DIC-105", f"`{scalar.text}` is no {field_type.kind}")


def _read_tolerate(section: Section, field: Field, terms: Terms, faults: Faults) -> dict[str, object]:
    """Return what takes the place of values that would be refused, by code."""
    tolerated: dict[str, object] = {}
    for key, node in section.entries("tolerate"):
        code = row_code(key, terms.errors, faults)
        if isinstance(node, Scalar) and node.is_null:
            tolerated[code] = None
            continue
        scalar = read_scalar(node, key.text, faults)
        tolerated[code] = canonical_value(field, scalar.text, terms) if scalar else None
        if scalar and tolerated[code] is None:
            faults.add(scalar.place, "DIC-105", f"`{scalar.text}` is not a value of the field")
    return tolerated


def _read_keep_raw(section: Section, field_type: FieldType, faults: Faults) -> bool:
    keeps = section.flag("keep_raw")
    if keeps and field_type.kind not in RAW_KINDS:
        message = f"`keep_raw` is for what is a text in the source and here: {', '.join(RAW_KINDS)}"
        faults.add(section.place_of("keep_raw"), "DIC-105", message)
        return False
    return keeps


def _read_protect(section: Section) -> Protection:
    chosen = section.section("protect", _PROTECT)
    if chosen is None:
        return Protection()
    return Protection(_read_word(chosen, "in_logs", _IN_LOGS), _read_word(chosen, "in_export", _IN_EXPORT))


def _read_word(section: Section, key: str, words: tuple[Word, ...]) -> Word | None:
    chosen = section.choice(key)
    return next((word for word in words if word == chosen), None)


def _read_type(section: Section, faults: Faults) -> FieldType:
    scalar = section.scalar("type")
    if scalar is None:
        return _UNKNOWN
    field_type = parse_type(scalar.text)
    if field_type is None:
        known = f"one of {', '.join(KINDS)}; string(n), decimal(p,s) of at most {DIGITS} digits"
        faults.add(scalar.place, "DIC-105", f"unknown type `{scalar.text}`: {known}")
        return _UNKNOWN
    return field_type


def _read_code_set(section: Section, field_type: FieldType, terms: Terms, faults: Faults) -> str | None:
    name = _read_name(section, "code_set", terms.codesets, faults)
    if field_type.kind == "code" and "code_set" not in section:
        faults.add(section.place, "DIC-104", "a field of type code needs a `code_set`")
    if name and field_type.kind not in ("code", "boolean"):
        faults.add(section.place_of("code_set"), "DIC-105", "only fields of type code or boolean have a `code_set`")
        return None  # mappings go on to be read, and their examples to be run: no type takes codes for its values
    if name and field_type.kind == "boolean" and set(terms.codesets[name].codes) != {"TRUE", "FALSE"}:
        faults.add(section.place_of("code_set"), "DIC-105", "the code set of a boolean has the codes TRUE and FALSE")
    return name


def _read_name(section: Section, key: str, known: Map[str, object], faults: Faults) -> str | None:
    scalar = section.scalar(key)
    if scalar is None:
        return None
    if scalar.text not in known:
        faults.add(scalar.place, "DIC-111", f"unknown {key} `{scalar.text}`{suggest(scalar.text, known)}")
        return None
    return scalar.text


def _read_checks(section: Section, faults: Faults) -> tuple[str, ...]:
    checks = []
    for scalar in section.texts("check"):
        if scalar.text in CHECKS:
            checks.append(scalar.text)
        else:
            faults.add(scalar.place, "DIC-111", f"unknown check `{scalar.text}`{suggest(scalar.text, CHECKS)}")
    return tuple(checks)


def _read_on_error(section: Section, terms: Terms, faults: Faults) -> dict[str, str]:
    chosen = section.section("on_error", _ON_ERROR)
    if chosen is None:
        return {}
    read = {name: check_code if name in CHECKS else row_code for name in _ON_ERROR.keys if name in chosen}
    codes = {name: read_code(chosen.scalar(name), terms.errors, faults) for name, read_code in read.items()}
    return {name: code for name, code in codes.items() if code in terms.errors}


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return moment


_TYPED: Map[str, Callable[[str], object]] = {
    "integer": parse_decimal,
    "decimal": parse_decimal,
    "date": date.fromisoformat,
    "datetime": _instant,
}
_EXAMPLES: Map[str, Callable[[str], object]] = {
    **_TYPED,
    "boolean": {"true": True, "false": False}.__getitem__,
    "gtin": to_gtin14,
}

"""Canonical fields (`fields*.yaml`): reading definitions, each complete and with an example that fits it."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import get_args

from transforms import number
from transforms.catalogue import row_code
from transforms.document import Node, Scalar
from transforms.errors import ErrorEntry, Faults
from transforms.field_type import CHECKS, KINDS, parse_type
from transforms.label import label_of
from transforms.model import CodeSet, Field, FieldType, Sensitivity, Unit
from transforms.section import Section, read_section, suggest

_REQUIRED = ("label", "definition", "type", "owner", "example")
_OPTIONAL = ("sensitivity", "code_set", "unit", "rounding", "check", "on_error", "standard_refs")


@dataclass(frozen=True, slots=True)
class Terms:
    """What field definitions refer to."""

    codesets: Map[str, CodeSet]
    units: Map[str, Unit]
    errors: Map[str, ErrorEntry]


def read_fields(node: Node, terms: Terms, faults: Faults) -> list[tuple[Scalar, Field]]:
    """Return the fields of one file with the places of their names."""
    section = read_section(node, faults, ("fields",))
    if section is None:
        return []
    read = ((key, _read_field(key.text, value, terms, faults)) for key, value in section.entries("fields"))
    return [(key, field) for key, field in read if field]


def _read_field(name: str, node: Node, terms: Terms, faults: Faults) -> Field | None:
    section = read_section(node, faults, _REQUIRED, _OPTIONAL)
    if section is None:
        return None
    field_type = _read_type(section, faults)
    return Field(
        name=name,
        label=label_of(section, faults),
        definition=section.text("definition"),
        type=field_type,
        owner=section.text("owner"),
        sensitivity=section.choice("sensitivity", get_args(Sensitivity), "internal"),
        example=section.text("example"),
        code_set=_read_code_set(section, field_type, terms, faults),
        unit=_read_name(section, "unit", terms.units, faults),
        rounding=section.choice("rounding", number.ROUNDINGS) or None,
        checks=_read_checks(section, faults),
        on_error=_read_on_error(section, terms, faults),
        standard_refs=tuple(scalar.text for scalar in section.texts("standard_refs")),
    )


def _read_type(section: Section, faults: Faults) -> FieldType:
    scalar = section.scalar("type")
    if scalar is None:
        return FieldType("string", 1)
    field_type = parse_type(scalar.text)
    if field_type is None:
        faults.add(
            scalar.place, "DIC-105", f"unknown type `{scalar.text}`: one of {', '.join(KINDS)}; string(n), decimal(p,s)"
        )
        return FieldType("string", 1)
    return field_type


def _read_code_set(section: Section, field_type: FieldType, terms: Terms, faults: Faults) -> str | None:
    name = _read_name(section, "code_set", terms.codesets, faults)
    if field_type.kind == "code" and "code_set" not in section:
        faults.add(section.place, "DIC-104", "a field of type code needs a `code_set`")
    if name and field_type.kind not in ("code", "boolean"):
        faults.add(section.place_of("code_set"), "DIC-105", "only fields of type code or boolean have a `code_set`")
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
    names = ("default", *CHECKS)
    chosen = section.section("on_error", (), names)
    if chosen is None:
        return {}
    return {name: row_code(chosen.scalar(name), terms.errors, faults) for name in names if name in chosen}

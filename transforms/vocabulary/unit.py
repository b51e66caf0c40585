"""Reading the unit table (`units.yaml`): units with exact factors, and what each source system calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from collections.abc import Set
from fractions import Fraction

from transforms.errors import Faults
from transforms.model import Unit
from transforms.vocabulary.unit_names import fold_name
from transforms.yaml.document import Node
from transforms.yaml.label import LABEL, label_of
from transforms.yaml.name import UNIT
from transforms.yaml.section import read_names, read_section, suggest
from transforms.yaml.shape import Named, Shape, Text, flag

_OFFSET = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_FACTOR = re.compile(r"[1-9][0-9]{0,18}(/[1-9][0-9]{0,18})?")
_UNIT = Shape(
    {
        "label": LABEL,
        "ucum": Text("Its code in UCUM."),
        "dimension": Text("What it measures; quantities are converted within one dimension only."),
    },
    {
        "factor": Text(
            "How many of its dimension's base unit it is, exactly; without it the unit is packaging.",
            form=_FACTOR.pattern,
        ),
        "offset": Text("What is added before that, where another point is zero.", form=_OFFSET.pattern),
        "counted": flag("Whether it is counted: what TO_UNIT gives in it is a whole number (UOM-203)."),
    },
)
UNITS = Shape(
    {
        "units": Named(
            _UNIT, "Units by their code in UN/ECE Recommendation 20 (packages: 21, with an X before it).", UNIT
        ),
        "aliases": Named(
            Named(Text("Code of the unit."), "What this source calls units; case and blanks around do not matter."),
            "By source system.",
        ),
    },
    told="units.yaml: units with exact factors, and what each source calls them.",
)


def read_units(node: Node, systems: Set[str], faults: Faults) -> tuple[dict[str, Unit], dict[str, dict[str, str]]]:
    """Return the units by code, and per source system its aliases."""
    section = read_section(node, faults, UNITS)
    if section is None:
        return {}, {}
    units = {key.text: _read_unit(key.text, value, faults) for key, value in section.entries("units")}
    known = {code: unit for code, unit in units.items() if unit}
    aliases: dict[str, dict[str, str]] = {}
    for system, names in section.entries("aliases"):
        if system.text not in systems:
            faults.add(system.place, "DIC-111", f"unknown source `{system.text}`{suggest(system.text, systems)}")
        aliases[system.text] = _read_aliases(names, known, faults)
    return known, aliases


def _read_unit(code: str, node: Node, faults: Faults) -> Unit | None:
    section = read_section(node, faults, _UNIT)
    if section is None:
        return None
    factor = section.scalar("factor")
    if factor and not _FACTOR.fullmatch(factor.text):
        faults.add(factor.place, "DIC-105", '`factor` is a whole number or a fraction like "254/10000"')
        factor = None
    exact = Fraction(factor.text) if factor else None
    offset = section.scalar("offset")
    if offset and not (exact and _OFFSET.fullmatch(offset.text)):
        message = '`offset` is a number like "-32" or "273.15", beside a `factor`'
        faults.add(offset.place, "DIC-105", message)
        offset = None
    zero = Fraction(offset.text) if offset else Fraction(0)
    ucum, dimension, counted = section.text("ucum"), section.text("dimension"), section.flag("counted")
    return Unit(code, ucum, dimension, label_of(section, faults), exact, zero, counted)


def _read_aliases(node: Node, units: Map[str, Unit], faults: Faults) -> dict[str, str]:
    aliases: dict[str, str] = {}
    folded = {fold_name(code): code for code in units}
    for alias, scalar in read_names(node, faults):
        if scalar.text not in units:
            faults.add(scalar.place, "DIC-111", f"unknown unit `{scalar.text}`{suggest(scalar.text, units)}")
            continue
        if folded.setdefault(fold_name(alias.text), scalar.text) != scalar.text:
            faults.add(alias.place, "DIC-112", f"`{alias.text}` already means another unit")
        aliases[alias.text] = scalar.text
    return aliases

"""Which code of a source means which canonical one: always, for a time, or only beside values of other columns.

    - {system: erp, code: "9", to: REJECTED, valid_to: "2021-06-01"}
    - {system: erp, code: "9", to: BLOCKED, valid_from: "2021-06-01", note: re-used code}
    - {system: mes, code: HOLD, to: QUARANTINE, depends_on: {insp_type: FQC}}
    - {system: mes, code: HOLD, to: BLOCKED}

`valid_to` is not included. Synonyms that depend on other columns go before those that do not; where several are left
that mean different codes, or none, the code is not registered: nobody guesses. `relationship` is that of FHIR's
ConceptMap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import date
from typing import Final

from transforms.errors import Faults, Refused
from transforms.model import Synonym
from transforms.value.moment import parse_date
from transforms.yaml.document import Node, Scalar
from transforms.yaml.section import Section, read_names, read_section, suggest
from transforms.yaml.shape import Anything, Named, Shape, Text

RELATIONSHIPS: Final = ("equivalent", "source-is-narrower-than-target", "source-is-broader-than-target", "related-to")
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
SYNONYM: Final = Shape(
    {
        "system": Text("The source system whose code it is."),
        "code": Text("The code as the source has it."),
        "to": Text("The canonical code that it means."),
    },
    {
        "note": Anything("A remark for people."),
        "relationship": Text("How well the two agree (FHIR ConceptMap).", words=RELATIONSHIPS),
        "valid_from": Text("From when on it means that; the date is included.", form=_DATE),
        "valid_to": Text("Until when it means that; the date is not included.", form=_DATE),
        "depends_on": Named(
            Text(), "It means that only beside these values of other columns: COLUMN or LOOKUP.COLUMN."
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Known:
    """What a synonym may name: the set's codes, the source systems; and how codes are compared."""

    codes: Map[str, object]
    systems: Map[str, object]
    fold: Callable[[str], str]


def read_synonyms(nodes: Sequence[Node], known: Known, faults: Faults) -> dict[str, dict[str, tuple[Synonym, ...]]]:
    """Return the synonyms of a code set: by system, then by code as codes are compared."""
    found: dict[str, dict[str, tuple[Synonym, ...]]] = {}
    for node in nodes:
        section = read_section(node, faults, SYNONYM)
        read = [section.scalar(key) for key in ("system", "code", "to")] if section else []
        if section and read and None not in read:
            system, code, to = (scalar for scalar in read if isinstance(scalar, Scalar))
            _check_names(system, to, known, faults)
            synonym = _read_one(section, to.text, known, faults)
            by_code = found.setdefault(system.text, {})
            others = by_code.get(known.fold(code.text), ())
            if any(_overlap(synonym, other) for other in others):
                message = f"`{code.text}` of {system.text} is registered twice for the same time and columns"
                faults.add(code.place, "DIC-112", message)
            by_code[known.fold(code.text)] = (*others, synonym)
    return found


def meaning(synonyms: Sequence[Synonym], at: date | None, beside: Map[str, str]) -> str | None:
    """Return what a code means at a date and beside the values of other columns; None if that is not one code."""
    valid = [synonym for synonym in synonyms if _is_valid(synonym, at)]
    special = {
        synonym.to
        for synonym in valid
        if synonym.depends_on and all(beside.get(name) == value for name, value in synonym.depends_on.items())
    }
    found = special or {synonym.to for synonym in valid if not synonym.depends_on}
    return found.pop() if len(found) == 1 else None


def _check_names(system: Scalar, to: Scalar, known: Known, faults: Faults) -> None:
    if system.text not in known.systems:
        faults.add(system.place, "DIC-111", f"unknown source `{system.text}`{suggest(system.text, known.systems)}")
    if to.text not in known.codes:
        faults.add(to.place, "DIC-111", f"the code set has no code `{to.text}`{suggest(to.text, known.codes)}")


def _read_one(section: Section, to: str, known: Known, faults: Faults) -> Synonym:
    section.choice("relationship")
    node = section.node("depends_on")
    beside = {name.text: known.fold(value.text) for name, value in read_names(node, faults)} if node else {}
    start, end = _read_date(section, "valid_from", faults), _read_date(section, "valid_to", faults)
    if start and end and start >= end:
        faults.add(section.place_of("valid_to"), "DIC-105", "`valid_to` is after `valid_from`")
    return Synonym(to, start, end, beside)


def _read_date(section: Section, key: str, faults: Faults) -> date | None:
    scalar = section.scalar(key)
    try:
        return parse_date(scalar.text) if scalar else None
    except Refused:
        faults.add(section.place_of(key), "DIC-105", f"`{key}` is a date like 2026-01-31")
        return None


def _overlap(one: Synonym, other: Synonym) -> bool:
    if one.depends_on != other.depends_on:
        return False
    start = max(one.valid_from or date.min, other.valid_from or date.min)
    return _is_before(start, one.valid_to) and _is_before(start, other.valid_to)


def _is_valid(synonym: Synonym, at: date | None) -> bool:
    if synonym.valid_from is None and synonym.valid_to is None:
        return True
    return at is not None and (synonym.valid_from or date.min) <= at and _is_before(at, synonym.valid_to)


def _is_before(day: date, end: date | None) -> bool:
    # Not by the last day that there is: applications write it for "open", and it is valid itself.
    return end is None or day < end

"""Code sets: reading them, and the step that turns a source system's code into the canonical one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from collections.abc import Mapping as Map
from decimal import Decimal
from functools import reduce

from transforms.catalogue import row_code
from transforms.document import Node, Scalar
from transforms.errors import ErrorEntry, Faults, Refused
from transforms.label import read_label
from transforms.model import CodeSet
from transforms.number import number_text
from transforms.section import Section, read_section, suggest
from transforms.text import BLANKS

NORMALISATIONS: dict[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(BLANKS),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
}


def read_code_set(
    node: Node, errors: Map[str, ErrorEntry], systems: Map[str, object], faults: Faults
) -> CodeSet | None:
    """Return the code set of one file."""
    section = read_section(node, faults, ("code_set", "version", "codes", "normalise", "synonyms", "unmapped"))
    if section is None:
        return None
    codes = {key.text: read_label(value, faults) for key, value in section.entries("codes")}
    normalise = _normalisations(section, faults)
    synonyms: dict[str, dict[str, str]] = {}
    for item in section.items("synonyms"):
        _read_synonym(item, (codes, systems, normalise), synonyms, faults)
    unmapped = row_code(section.scalar("unmapped"), errors, faults)
    return CodeSet(section.text("code_set"), section.text("version"), codes, normalise, synonyms, unmapped)


def translation_step(code_set: CodeSet, system: str) -> Callable[[str | int | Decimal], str]:
    """Return the step from a code of `system` to the canonical code; one that is not registered is refused."""
    known = code_set.synonyms.get(system, {})
    refused = code_set.unmapped
    detail = f"not registered in code set {code_set.name} for {system}"

    def translate(value: str | int | Decimal) -> str:
        try:
            return known[fold_code(value if isinstance(value, str) else number_text(value), code_set.normalise)]
        except KeyError:
            raise Refused(refused, detail=detail) from None

    return translate


def fold_code(text: str, normalise: tuple[str, ...]) -> str:
    """Return a source code as codes are compared."""
    return reduce(lambda folded, name: NORMALISATIONS[name](folded), normalise, text)


def _normalisations(section: Section, faults: Faults) -> tuple[str, ...]:
    known = []
    for scalar in section.texts("normalise"):
        if scalar.text in NORMALISATIONS:
            known.append(scalar.text)
        else:
            message = f"unknown step `{scalar.text}`{suggest(scalar.text, NORMALISATIONS)}"
            faults.add(scalar.place, "DIC-105", message)
    return tuple(known)


def _read_synonym(
    node: Node,
    context: tuple[Map[str, object], Map[str, object], tuple[str, ...]],
    synonyms: dict[str, dict[str, str]],
    faults: Faults,
) -> None:
    codes, systems, normalise = context
    section = read_section(node, faults, ("system", "code", "to"), ("note",))
    read = [section.scalar(key) for key in ("system", "code", "to")] if section else []
    if not read or None in read:
        return
    system, code, to = (scalar for scalar in read if isinstance(scalar, Scalar))
    if system.text not in systems:
        faults.add(system.place, "DIC-111", f"unknown source `{system.text}`{suggest(system.text, systems)}")
    if to.text not in codes:
        faults.add(to.place, "DIC-111", f"the code set has no code `{to.text}`{suggest(to.text, codes)}")
    known = synonyms.setdefault(system.text, {})
    folded = fold_code(code.text, normalise)
    if folded in known:
        faults.add(code.place, "DIC-112", f"`{code.text}` of {system.text} is registered twice")
    known[folded] = to.text

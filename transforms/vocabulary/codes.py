"""Code sets: reading them, and the step that turns a source system's code into the canonical one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from collections.abc import Mapping as Map
from datetime import date
from decimal import Decimal
from functools import lru_cache, reduce

from transforms.errors import Faults, Refused
from transforms.expression.code import Inline
from transforms.model import CodeSet, ErrorEntry
from transforms.value.number import number_text
from transforms.value.text import BLANKS
from transforms.vocabulary.catalogue import row_code
from transforms.vocabulary.synonym import SYNONYM, Known, meaning, read_synonyms
from transforms.yaml.document import Node
from transforms.yaml.label import LABEL, read_label
from transforms.yaml.name import CODE, NAME, check_names
from transforms.yaml.section import Section, read_section, suggest
from transforms.yaml.shape import Many, Named, Shape, Text

NORMALISATIONS: dict[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(BLANKS),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
}
CODE_SET = Shape(
    {
        "code_set": Text("Name of the code set; the file has the same.", form=NAME.form),
        "version": Text("Version of this code set."),
        "codes": Named(LABEL, "The canonical codes with their names.", CODE),
        "normalise": Many(
            Text(words=tuple(NORMALISATIONS)), "How codes of sources are made alike before they are compared, in order."
        ),
        "synonyms": Many(SYNONYM, "Which code of which source means which canonical one."),
        "unmapped": Text("The code that a row with an unregistered code is refused with."),
    },
    told="codesets/NAME.yaml: canonical codes, and what sources call them.",
)


def read_code_set(
    node: Node, errors: Map[str, ErrorEntry], systems: Map[str, object], faults: Faults
) -> CodeSet | None:
    """Return the code set of one file."""
    section = read_section(node, faults, CODE_SET)
    if section is None:
        return None
    name = section.scalar("code_set")
    check_names((name,) if name else (), NAME, faults)
    codes = {key.text: read_label(value, faults) for key, value in section.entries("codes")}
    normalise = _normalisations(section, faults)
    known = Known(codes, systems, lambda text: fold_code(text, normalise))
    synonyms = read_synonyms(section.items("synonyms"), known, faults)
    unmapped = row_code(section.scalar("unmapped"), errors, faults)
    return CodeSet(section.text("code_set"), section.text("version"), codes, normalise, synonyms, unmapped)


def translation_step(code_set: CodeSet, system: str) -> Inline:
    """Return the step from a code of `system` to the canonical code; one that is not registered is refused.

    Only for sets whose synonyms of that system hang on nothing else (`conditions`).
    """
    known = {code: synonyms[0].to for code, synonyms in code_set.synonyms.get(system, {}).items()}

    def translate(value: str | int | Decimal) -> str:
        try:
            return known[source_code(value, code_set)]
        except KeyError:
            raise _unregistered(code_set, system) from None

    # There are few spellings of few codes. Only of texts: 1 and 1.0 are equal, and are not the same code.
    of_text = lru_cache(maxsize=1024)(translate)
    return Inline("{1}({0}) if type({0}) is str else {2}({0})", of_text, translate)


def translate_at(
    code_set: CodeSet, system: str, value: str | int | Decimal, at: date | None, beside: Map[str, object]
) -> str:
    """Return the canonical code of a source's code, at a date and beside the values of other columns."""
    synonyms = code_set.synonyms.get(system, {}).get(source_code(value, code_set), ())
    texts = {name: source_code(one, code_set) for name, one in beside.items() if isinstance(one, str | int | Decimal)}
    found = meaning(synonyms, at, texts)
    if found is None:
        raise _unregistered(code_set, system)
    return found


def conditions(code_set: CodeSet, system: str) -> tuple[bool, tuple[str, ...]]:
    """Tell what the meaning of a code of `system` hangs on: whether on the time, and on which columns."""
    synonyms = [one for several in code_set.synonyms.get(system, {}).values() for one in several]
    columns = dict.fromkeys(name for synonym in synonyms for name in synonym.depends_on)
    return any(synonym.valid_from or synonym.valid_to for synonym in synonyms), tuple(columns)


def source_code(value: str | int | Decimal, code_set: CodeSet) -> str:
    """Return a value of a source as codes of the set are compared."""
    return fold_code(value if isinstance(value, str) else number_text(value), code_set.normalise)


def _unregistered(code_set: CodeSet, system: str) -> Refused:
    return Refused(code_set.unmapped, detail=f"not registered in code set {code_set.name} for {system}")


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

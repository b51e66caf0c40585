"""The codes of the dictionary (`errors.yaml`), and the checked use of a code elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

from transforms.errors import Faults
from transforms.model import ErrorEntry
from transforms.yaml.document import Node, Scalar, Table
from transforms.yaml.label import LABEL, label_of
from transforms.yaml.section import read_section, suggest
from transforms.yaml.shape import Named, Shape, Text

WARNING = "warning"
_ENTRY = Shape(
    {
        "kind": Text(
            "`row`: a source row is held; `warning`: it is taken as it stands; `fatal`: the dictionary is not used.",
            words=("row", WARNING, "fatal"),
        ),
        "label": LABEL,
        "cause": Text("Why it happens."),
        "action": Text("What to do next."),
        "owner": Text("The function of the organisation that acts."),
    }
)
CATALOGUE = Named(_ENTRY, "errors.yaml: every code, by name.")


def read_catalogue(node: Node, faults: Faults) -> dict[str, ErrorEntry]:
    """Return the entries of `errors.yaml` by code."""
    if not isinstance(node, Table):
        faults.add(node.place, "DIC-105", "a map of codes to their entries is wanted here")
        return {}
    return {entry.code: entry for entry in _entries(node, faults)}


def _entries(table: Table, faults: Faults) -> Iterator[ErrorEntry]:
    for key, value in table.entries.values():
        section = read_section(value, faults, _ENTRY)
        if section:
            kind = section.choice("kind", "row")
            label, (cause, action, owner) = label_of(section, faults), map(section.text, ("cause", "action", "owner"))
            yield ErrorEntry(key.text, kind, label, cause, action, owner)


def check_code(scalar: Scalar | None, errors: Map[str, ErrorEntry], faults: Faults) -> str:
    """Return the code that `scalar` names for a check: of rows that it refuses, or of those that it warns of."""
    entry = errors.get(scalar.text) if scalar else None
    return entry.code if entry and entry.kind == WARNING else row_code(scalar, errors, faults)


def row_code(scalar: Scalar | None, errors: Map[str, ErrorEntry], faults: Faults) -> str:
    """Return the code that `scalar` names; a fault unless the catalogue has it as a code of rows."""
    if scalar is None:
        return ""
    entry = errors.get(scalar.text)
    if entry is None:
        message = f"code `{scalar.text}` is not in errors.yaml{suggest(scalar.text, errors)}"
        faults.add(scalar.place, "DIC-111", message)
    elif entry.kind != "row":
        faults.add(scalar.place, "DIC-111", f"code `{scalar.text}` is {entry.kind}: a row cannot be refused with it")
    return scalar.text

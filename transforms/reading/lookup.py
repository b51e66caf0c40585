"""Look-ups of a mapping: reading them, and the gate that decides what a missing or ambiguous row means."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from transforms import refusal
from transforms.errors import Faults, Refused
from transforms.expression.builder import fault_at
from transforms.expression.code import Code, write
from transforms.expression.compiler import parse_expression
from transforms.mapping import Lookup, Match, MirrorRef, Valid
from transforms.model import ErrorEntry
from transforms.reading.inputs import COLUMNS, Inputs, read_columns
from transforms.vocabulary.catalogue import row_code
from transforms.yaml.document import Node, Scalar
from transforms.yaml.section import Section, read_section, suggest
from transforms.yaml.shape import Shape, Text

_VALID = Shape(
    {
        "at": Text("The column with the moment that counts: COLUMN or LOOKUP.COLUMN."),
        "from": Text("The column from when on a row of the look-up is valid."),
        "to": Text("The column until when it is; not included."),
    },
    told="Only rows that are valid at that moment count; NULL is always.",
)
LOOKUP = Shape(
    {
        "table": Text("The mirror: source.table."),
        "match": Text("LOOKUP.COLUMN = COLUMN, joined by AND; also columns of look-ups that stand before."),
        "columns": COLUMNS,
    },
    {
        "missing": Text("The code when nothing is found; without it all its columns are NULL."),
        "valid": _VALID,
    },
    told="Another mirror's row.",
)


def read_mirror(scalar: Scalar | None, sources: Map[str, object], faults: Faults) -> MirrorRef | None:
    """Return the mirror that `source.table` names."""
    if scalar is None:
        return None
    schema, _, table = scalar.text.partition(".")
    if not table:
        faults.add(scalar.place, "DIC-105", "a mirror is named `source.table`")
        return None
    if schema not in sources:
        faults.add(scalar.place, "DIC-111", f"unknown source `{schema}`{suggest(schema, sources)}")
    return MirrorRef(schema, table)


def read_lookup(
    alias: Scalar, node: Node, inputs: Inputs, known: tuple[Map[str, object], Map[str, ErrorEntry]], faults: Faults
) -> Lookup | None:
    """Return one look-up and declare its columns; it can hang on look-ups that were read before."""
    sources, errors = known
    section = read_section(node, faults, LOOKUP)
    if section is None:
        return None
    mirror = read_mirror(section.scalar("table"), sources, faults)
    scalar = section.scalar("match")
    inputs.declare(alias.text, str(mirror), read_columns(section.node("columns"), faults))
    match = _read_match(alias.text, scalar, inputs, faults) if scalar else ()
    missing = row_code(section.scalar("missing"), errors, faults) or None
    valid = _read_valid(alias.text, section, inputs, faults) if "valid" in section else None
    return Lookup(alias.text, mirror, match, missing, valid) if mirror and match else None


def gate_of(lookup: Lookup, inputs: Inputs) -> Code:
    """Return the check that refuses a row whose look-up found nothing (where that is a fault) or several rows."""
    found = inputs.position(lookup.alias, None)
    positions = tuple(inputs.position(match.alias, match.source_column) for match in lookup.match)
    mirror, missing = str(lookup.mirror), lookup.missing

    def refuse(row: Sequence[Any]) -> None:
        count = row[found]
        if count == 0 and missing is None:
            return
        key: tuple[object, ...] | None = tuple(row[position] for position in positions)
        if key is not None and None in key:
            key = None  # NULL finds nothing: the row waits for its own next version, not for another row
        code = refusal.SEVERAL_FOUND if count else missing
        detail = "several rows found" if count else "no row found" if key else "nothing to look up by"
        raise Refused(code or "", lookup.alias, f"{mirror}: {detail}", mirror if key else None, key)

    return write(f"row[{found}] == 1 or {{0}}(row)", refuse)


def hangs_on(lookups: Sequence[Lookup], aliases: set[str]) -> set[str]:
    """Return `aliases` with all that they hang on; `lookups` are parents first."""
    needed = set(aliases)
    for lookup in reversed(lookups):
        if lookup.alias in needed:
            needed |= {alias for alias, _ in lookup.sides}
    return needed


def _read_valid(alias: str, section: Section, inputs: Inputs, faults: Faults) -> Valid | None:
    """Return when a looked-up row is valid; the three columns are of one type, so that nobody has to convert."""
    valid = section.section("valid", _VALID)
    read = [valid.scalar(key) for key in ("at", "from", "to")] if valid else []
    if not read or None in read:
        return None
    at, start, end = (scalar for scalar in read if scalar)
    table, _, name = at.text.rpartition(".")
    sides = ((at, table, name), (start, alias, start.text), (end, alias, end.text))
    for scalar, owner, column in sides:
        if not inputs.has(owner, column):
            message = f"unknown column `{scalar.text}`{suggest(scalar.text, inputs.known())}"
            faults.add(scalar.place, "DIC-122", message)
    kinds = {inputs.declared_type(owner, column) for _, owner, column in sides}
    if len(kinds) > 1 or not kinds <= {"date", "timestamp", "timestamptz", None}:
        faults.add(section.place_of("valid"), "DIC-123", "`at`, `from` and `to` are of one type, with a date")
    return Valid(table, name, start.text, end.text)


def _read_match(alias: str, scalar: Scalar, inputs: Inputs, faults: Faults) -> tuple[Match, ...]:
    tree = parse_expression(scalar, faults)
    if tree is None:
        return ()
    equalities = list(tree.flatten()) if isinstance(tree, exp.And) else [tree]
    matches = [_read_equality(alias, equality, scalar, inputs, faults) for equality in equalities]
    return tuple(match for match in matches if match) if all(matches) else ()


def _read_equality(alias: str, node: exp.Expr | None, scalar: Scalar, inputs: Inputs, faults: Faults) -> Match | None:
    sides = [node.left, node.right] if isinstance(node, exp.EQ) else []
    columns = [(side.text("table"), side.text("this")) for side in sides if type(side) is exp.Column]
    own = [column for column in columns if column[0] == alias]
    others = [column for column in columns if column[0] != alias]
    if len(own) != 1 or len(others) != 1:
        message = f"`match` is `{alias}.COLUMN = COLUMN` (or = LOOKUP.COLUMN), joined by AND"
        fault_at(scalar, 0, "DIC-121", message, faults)
        return None
    for side in (own[0], others[0]):
        if not inputs.has(*side):
            shown = ".".join(part for part in side if part)
            fault_at(
                scalar,
                max(scalar.text.find(shown), 0),
                "DIC-122",
                f"unknown column `{shown}`{suggest(shown, inputs.known())}",
                faults,
            )
            return None
    return Match(own[0][1], others[0][0], others[0][1])

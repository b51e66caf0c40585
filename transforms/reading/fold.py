"""A fold as written (`folds/<schema>.<table>.yaml`): a canonical table whose rows several source rows contribute to.

    fold: trace.material_lot
    key: [material_id, lot_number]
    order: datetime                       what `order` of each contribution is: number, date or datetime
    columns:
      status: {take: owner mes, field: lot_status, required: true}
      manufacture_date: first
      quantity: max
    references:
      - {columns: [material_id], to: trace.material}

A target whose table is a fold contributes to it: it gives the whole key, any of the columns, and `order`. Its examples
(`transforms.reading.fold_example`) are read when all mappings are.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import partial

from transforms.errors import Faults
from transforms.mapping import CONFLICTS, WARNINGS, Column, Fold, Rule, Target
from transforms.model import Field
from transforms.reading.column import Vocabulary
from transforms.reading.fold_example import FOLD_EXAMPLE
from transforms.reading.raw import check_raw, raw_columns
from transforms.reading.reference_shape import REFERENCE
from transforms.reading.taken import NOTED_OF_A_FOLD, check_columns, check_table
from transforms.value.kind import NUMBERS, Kind
from transforms.vocabulary.field_type import postgresql_type
from transforms.waiver import decide
from transforms.yaml.document import Node, Scalar
from transforms.yaml.name import NAME
from transforms.yaml.section import Section, is_unusable, read_section, suggest
from transforms.yaml.shape import Either, Many, Named, Shape, Text, flag

ORDERS: Map[str, tuple[str, tuple[Kind, ...]]] = {
    "number": ("numeric", NUMBERS),
    "date": ("date", (Kind.DATE,)),
    "datetime": ("timestamp with time zone", (Kind.INSTANT,)),
}
"""What contributions can be ordered by: PostgreSQL's type, and the kinds of expressions that give it."""
_TAKES = ("first", "last", "max", "owner")
_FIELD = Text("The canonical field, where its name is not the column's.")
_TAKE = Text("Whose value counts: `first`, `last`, `max` or `owner SOURCE`.", form="first|last|max|owner .+")
_KEY_COLUMN = Shape({"field": _FIELD}, told="A column of the key.")
_COLUMN = Shape(
    {"take": _TAKE}, {"field": _FIELD, "required": flag("Whether a row without a value is held back (REQ-101).")}
)
FOLD = Shape(
    {
        "fold": Text("The canonical table: schema.table. The file has the same name."),
        "key": Many(Text(), "The columns that identify a row."),
        "columns": Named(Either((_TAKE, _COLUMN, _KEY_COLUMN)), "Every other column, with whose value it takes.", NAME),
    },
    {
        "order": Text("What `order` of each contribution is.", words=tuple(ORDERS)),
        "references": Many(REFERENCE, "Other canonical tables whose keys stand in columns of this one."),
        "examples": Many(FOLD_EXAMPLE, "What several source rows say, and the row; they are run at every load."),
    },
    told="folds/SCHEMA.TABLE.yaml: a canonical table that several source rows contribute to.",
)


@dataclass(frozen=True, slots=True)
class FoldFound:
    """A fold as read, and where the rest of it stands: its references come when all tables are known."""

    fold: Fold
    section: Section


def read_fold(node: Node, vocabulary: Vocabulary, faults: Faults) -> FoldFound | None:
    """Return the fold of one file, None if it is not usable (its faults are recorded)."""
    fields, sources = vocabulary.fields, vocabulary.sources
    before = len(faults.found)
    section = read_section(node, faults, FOLD)
    if section is None:
        return None
    schema, _, table = section.text("fold").partition(".")
    _check_names(section, sources, faults)
    order = section.choice("order")
    rules: dict[str, Rule] = {}
    found = [_key_column(name, section, fields, faults) for name in section.texts("key")]
    key = tuple(name.text for name in section.texts("key"))
    for name, value in section.entries("columns"):
        if name.text not in key:
            found.append(_column(name, value, rules, (fields, sources), faults))
    columns = [column for column in found if column]
    raws = raw_columns((column, fields[column.field]) for column in columns)
    check_raw((*section.texts("key"), *(name for name, _ in section.entries("columns"))), raws, faults)
    for column, rule in rules.items():
        if rule.take in ("first", "last") and not order:
            faults.add(section.place, "DIC-104", f"`{column}` takes the {rule.take} one: say what `order` is")
    if not key:
        faults.add(section.place_of("key"), "DIC-131", "a fold has a key")
    if is_unusable(faults.found[before:]):
        return None
    told = (Column(CONFLICTS, "jsonb", required=False), Column(WARNINGS, "text[]", required=False))
    known = (*columns, *raws, *told)
    target = Target(schema, table, known, key, (), "tombstone")
    by_waiver = partial(decide, target, fields, vocabulary.terms)
    return FoldFound(Fold(target, rules, ORDERS[order][0] if order else "", decide=by_waiver), section)


def _check_names(section: Section, sources: Map[str, object], faults: Faults) -> None:
    if name := section.scalar("fold"):
        check_table(name, sources, faults)
    check_columns((*section.texts("key"), *(name for name, _ in section.entries("columns"))), faults, NOTED_OF_A_FOLD)


def _key_column(name: Scalar, section: Section, fields: Map[str, Field], faults: Faults) -> Column | None:
    given = {key.text: value for key, value in section.entries("columns")}.get(name.text)
    described = read_section(given, faults, _KEY_COLUMN) if given else None
    field = _field((described and described.scalar("field")) or name, fields, faults)
    if field is None:
        return None
    return Column(name.text, postgresql_type(field.type), required=True, label=str(field.label), field=field.name)


def _column(
    name: Scalar,
    node: Node,
    rules: dict[str, Rule],
    known: tuple[Map[str, Field], Map[str, object]],
    faults: Faults,
) -> Column | None:
    fields, sources = known
    section = None if isinstance(node, Scalar) else read_section(node, faults, _COLUMN)
    take = node if isinstance(node, Scalar) else section and section.scalar("take")
    field = _field((section and section.scalar("field")) or name, fields, faults)
    if not (take and field):
        return None
    rule, _, owner = take.text.partition(" ")
    if rule not in _TAKES or (rule == "owner") != bool(owner):
        faults.add(take.place, "DIC-105", "one of `first`, `last`, `max` and `owner SOURCE` is wanted here")
        return None
    if owner and owner not in sources:
        faults.add(take.place, "DIC-111", f"unknown source `{owner}`{suggest(owner, sources)}")
    rules[name.text] = Rule(rule, owner)  # type: ignore[arg-type] # it is one of _TAKES
    required = bool(section and section.flag("required"))
    return Column(name.text, postgresql_type(field.type), required, label=str(field.label), field=field.name)


def _field(name: Scalar, fields: Map[str, Field], faults: Faults) -> Field | None:
    if name.text not in fields:
        faults.add(name.place, "DIC-111", f"unknown field `{name.text}`{suggest(name.text, fields)}")
    return fields.get(name.text)

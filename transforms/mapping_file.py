"""A mapping as written (`mappings/<source>.<table>.yaml`) to a compiled mapping; references come when all are read."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from operator import itemgetter

from transforms import refusal
from transforms.catalogue import row_code
from transforms.column import ColumnReader, Vocabulary, is_name
from transforms.document import Node, Scalar
from transforms.errors import Faults
from transforms.example import read_examples
from transforms.expression.builder import Scope
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Run, Term
from transforms.field_type import result_kind
from transforms.inputs import READING_CODES, Inputs, read_columns
from transforms.kind import Kind
from transforms.lookup import gate_of, hangs_on, read_lookup, read_mirror
from transforms.mapping import Column, Lookup, Mapping, MirrorRef, Target
from transforms.model import Field
from transforms.normalise import CheckPlan, RowPlan, compile_plan
from transforms.section import Section, read_section
from transforms.units import UnitNames

_REQUIRED = ("mapping", "version", "source", "target", "examples")
_OPTIONAL = ("lookups", "where", "checks")
SERVICE_SCHEMA = "cdc"
ON_DELETE = ("tombstone", "delete")


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping whose references are still to be resolved against the other mappings' tables."""

    mapping: Mapping
    target: Section


@dataclass(slots=True)
class _Reading:
    """What the parts of one mapping file share while it is read."""

    inputs: Inputs
    scope: Scope
    vocabulary: Vocabulary
    faults: Faults


def read_mapping(node: Node, vocabulary: Vocabulary, faults: Faults) -> Draft | None:
    """Return the mapping of one file, None if it is not usable (its faults are recorded)."""
    before = len(faults.found)
    section = read_section(node, faults, _REQUIRED, _OPTIONAL)
    source = section and section.section("source", ("table", "columns"))
    target = section and section.section("target", ("table", "key", "on_delete", "columns"), ("references",))
    name = section and section.scalar("mapping")
    if not (section and source and target and name):
        return None
    mirror = read_mirror(source.scalar("table"), vocabulary.sources, faults)
    if mirror is None or mirror.schema not in vocabulary.sources:
        return None
    reading = _open(source, mirror, vocabulary, faults)
    lookups = _read_lookups(section, reading)
    plan, columns = _read_plan(section, target, lookups, mirror, reading)
    codes = reading.scope.codes | {
        READING_CODES[used.declared] for used in reading.inputs.used if used.declared in READING_CODES
    }
    table = _read_target(target, columns, vocabulary.sources, faults)
    if table is None or len(faults.found) > before:
        return None
    mapping = Mapping(
        name.text, mirror, lookups, tuple(reading.inputs.used), table, compile_plan(plan), frozenset(codes)
    )
    return Draft(read_examples(section, mapping, reading.inputs, faults), target)


def _open(source: Section, mirror: MirrorRef, vocabulary: Vocabulary, faults: Faults) -> _Reading:
    inputs = Inputs()
    inputs.declare("", str(mirror), read_columns(source.node("columns"), faults))
    names = UnitNames(vocabulary.units, vocabulary.sources[mirror.schema].unit_aliases)
    return _Reading(inputs, Scope(inputs.resolve, inputs.known, names), vocabulary, faults)


def _read_lookups(section: Section, reading: _Reading) -> tuple[Lookup, ...]:
    known = (reading.vocabulary.sources, reading.vocabulary.errors)
    read = [
        read_lookup(alias, node, reading.inputs, known, reading.faults) for alias, node in section.entries("lookups")
    ]
    lookups = tuple(lookup for lookup in read if lookup)
    if lookups:
        reading.scope.codes.add(refusal.SEVERAL_FOUND)
    reading.scope.codes.update(lookup.missing for lookup in lookups if lookup.missing)
    return lookups


def _read_plan(
    section: Section, target: Section, lookups: tuple[Lookup, ...], mirror: MirrorRef, reading: _Reading
) -> tuple[RowPlan, list[tuple[Column, Field]]]:
    where = _read_where(section, reading)
    first = hangs_on(lookups, reading.inputs.aliases())
    gates_before = tuple(gate_of(lookup, reading.inputs) for lookup in lookups if lookup.alias in first)
    gates_after = tuple(gate_of(lookup, reading.inputs) for lookup in lookups if lookup.alias not in first)
    source = reading.vocabulary.sources[mirror.schema]
    key = {scalar.text for scalar in target.texts("key")}
    reader = ColumnReader(source, reading.scope, reading.vocabulary, reading.faults)
    read = [reader.read(name, node, key=name.text in key) for name, node in target.entries("columns")]
    columns = [column for column in read if column]
    checks = _read_checks(section, [(column, field) for column, field, _ in columns], reading)
    plan = RowPlan(gates_before, where, gates_after, tuple(plan for _, _, plan in columns), checks)
    return plan, [(column, field) for column, field, _ in columns]


def _read_where(section: Section, reading: _Reading) -> Run | None:
    scalar = section.scalar("where")
    return _condition(scalar, reading.scope, reading.faults) if scalar else None


def _condition(scalar: Scalar, scope: Scope, faults: Faults) -> Run | None:
    term = compile_expression(scalar, scope, faults)
    if term and term.kind is not Kind.BOOLEAN:
        faults.add(scalar.place, "DIC-123", f"a condition is wanted here, this is {term.kind}")
    return term.run if term else None


def _read_checks(section: Section, columns: list[tuple[Column, Field]], reading: _Reading) -> tuple[CheckPlan, ...]:
    plans = []
    for node in section.items("checks"):
        check = read_section(node, reading.faults, ("rule", "error"))
        rule = check and check.scalar("rule")
        if check and rule:
            code = row_code(check.scalar("error"), reading.vocabulary.errors, reading.faults)
            plans.append(_read_check(rule, code, columns, reading))
    return tuple(plan for plan in plans if plan)


def _read_check(rule: Scalar, code: str, columns: list[tuple[Column, Field]], reading: _Reading) -> CheckPlan | None:
    used: list[str] = []
    names = [column.name for column, _ in columns]
    terms = {
        column.name: Term(result_kind(field.type), itemgetter(position))
        for position, (column, field) in enumerate(columns)
    }

    def resolve(table: str, name: str) -> Term | None:
        used.append(name)
        return None if table else terms.get(name)

    scope = Scope(resolve, lambda: names, reading.scope.units, reading.scope.codes)
    run = _condition(rule, scope, reading.faults)
    reading.scope.codes.add(code)
    return CheckPlan(used[0] if used else "", rule.text, code, run) if run else None


def _read_target(
    target: Section, columns: list[tuple[Column, Field]], sources: Container[str], faults: Faults
) -> Target | None:
    scalar = target.scalar("table")
    key = target.texts("key")
    schema, _, table = scalar.text.partition(".") if scalar else ("", "", "")
    if scalar and not (is_name(schema) and is_name(table)):
        faults.add(
            scalar.place, "DIC-105", "a canonical table is named `schema.table`, lower-case letters, digits and _"
        )
    if scalar and (schema in sources or schema == SERVICE_SCHEMA):
        faults.add(scalar.place, "DIC-105", f"schema `{schema}` is not for canonical tables")
    names = [name.text for name, _ in target.entries("columns")]
    if [part.text for part in key] != names[: len(key)] or not key:
        faults.add(target.place_of("key"), "DIC-131", "the key columns come first in `columns`, in the order of `key`")
    on_delete = target.choice("on_delete", ON_DELETE, "tombstone")
    return Target(
        schema,
        table,
        tuple(column for column, _ in columns),
        tuple(part.text for part in key),
        (),
        "delete" if on_delete == "delete" else "tombstone",
    )

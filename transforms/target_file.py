"""A canonical table as a mapping file describes it (`target`, or one of `targets`), and what a row becomes in it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from transforms.catalogue import row_code
from transforms.column import ColumnReader, Vocabulary, is_name
from transforms.document import Node, Scalar
from transforms.errors import Faults
from transforms.explode import read_explode
from transforms.expression.builder import Scope
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Run, Term
from transforms.field_type import result_kind
from transforms.kind import Kind
from transforms.mapping import Column, Target
from transforms.model import Field, Source
from transforms.normalise import CheckPlan, Explode, TargetPlan
from transforms.section import Section, read_section

SERVICE_SCHEMA = "cdc"
ON_DELETE = ("tombstone", "delete")
_REQUIRED = ("table", "key", "columns")
_OPTIONAL = ("when", "explode", "on_delete", "references", "checks")

Columns = list[tuple[Column, Field]]


@dataclass(frozen=True, slots=True)
class TargetFound:
    """A target as read: its table, its plan, and where the rest of it stands."""

    target: Target
    plan: TargetPlan
    section: Section


@dataclass(frozen=True, slots=True)
class TargetReader:
    """Reads the targets of one mapping."""

    source: Source
    scope: Scope
    vocabulary: Vocabulary
    faults: Faults

    def read(self, node: Node) -> TargetFound | None:
        """Return one target, None if it is not usable (its faults are recorded)."""
        section = read_section(node, self.faults, _REQUIRED, _OPTIONAL)
        if section is None:
            return None
        when = read_condition(section.scalar("when"), self.scope, self.faults)
        explode, scope = self._read_explode(section)
        key = {scalar.text for scalar in section.texts("key")}
        reader = ColumnReader(self.source, scope, self.vocabulary, self.faults)
        read = [reader.read(name, column, key=name.text in key) for name, column in section.entries("columns")]
        columns = [column for column in read if column]
        described = [(column, field) for column, field, _ in columns]
        plan = TargetPlan(
            when, explode, tuple(plan for _, _, plan in columns), self._read_checks(section, described, scope)
        )
        return TargetFound(self._read_table(section, described), plan, section)

    def _read_explode(self, section: Section) -> tuple[Explode | None, Scope]:
        keys = ("from", "split", "by", "as", "seq", "skip")
        inner = section.section("explode", (), keys) if "explode" in section else None
        found = read_explode(inner, self.scope, self.faults) if inner else None
        return found or (None, self.scope)

    def _read_checks(self, section: Section, columns: Columns, scope: Scope) -> tuple[CheckPlan, ...]:
        plans = []
        for node in section.items("checks"):
            check = read_section(node, self.faults, ("rule", "error"))
            rule = check and check.scalar("rule")
            if check and rule:
                code = row_code(check.scalar("error"), self.vocabulary.errors, self.faults)
                plans.append(self._read_check(rule, code, columns, scope))
        return tuple(plan for plan in plans if plan)

    def _read_check(self, rule: Scalar, code: str, columns: Columns, scope: Scope) -> CheckPlan | None:
        used: list[str] = []
        names = [column.name for column, _ in columns]
        terms = {
            column.name: Term(result_kind(field.type), itemgetter(position))
            for position, (column, field) in enumerate(columns)
        }

        def resolve(table: str, name: str) -> Term | None:
            used.append(name)
            return None if table else terms.get(name)

        run = read_condition(rule, Scope(resolve, lambda: names, scope.units, scope.codes), self.faults)
        scope.codes.add(code)
        return CheckPlan(used[0] if used else "", rule.text, code, run) if run else None

    def _read_table(self, section: Section, columns: Columns) -> Target:
        scalar = section.scalar("table")
        key = section.texts("key")
        schema, _, table = scalar.text.partition(".") if scalar else ("", "", "")
        if scalar:
            self._check_name(scalar, schema, table)
        names = [name.text for name, _ in section.entries("columns")]
        if [part.text for part in key] != names[: len(key)] or not key:
            self.faults.add(
                section.place_of("key"), "DIC-131", "the key columns come first in `columns`, in the order of `key`"
            )
        on_delete = section.choice("on_delete", ON_DELETE, "tombstone")
        return Target(
            schema,
            table,
            tuple(column for column, _ in columns),
            tuple(part.text for part in key),
            (),
            "delete" if on_delete == "delete" else "tombstone",
            explodes="explode" in section,
        )

    def _check_name(self, scalar: Scalar, schema: str, table: str) -> None:
        if not (is_name(schema) and is_name(table)):
            message = "a canonical table is named `schema.table`, lower-case letters, digits and _"
            self.faults.add(scalar.place, "DIC-105", message)
        if schema in self.vocabulary.sources or schema == SERVICE_SCHEMA:
            self.faults.add(scalar.place, "DIC-105", f"schema `{schema}` is not for canonical tables")


def read_condition(scalar: Scalar | None, scope: Scope, faults: Faults) -> Run | None:
    """Return a condition compiled, None where there is none."""
    term = compile_expression(scalar, scope, faults) if scalar else None
    if scalar and term and term.kind is not Kind.BOOLEAN:
        faults.add(scalar.place, "DIC-123", f"a condition is wanted here, this is {term.kind}")
    return term.run if term else None

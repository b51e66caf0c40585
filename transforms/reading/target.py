"""A canonical table as a mapping file describes it (`target`, or one of `targets`), and what a row becomes in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from transforms import refusal
from transforms.errors import Faults
from transforms.expression.builder import Scope
from transforms.expression.code import Code
from transforms.expression.compiler import compile_expression
from transforms.expression.functions import MEASURED_COMPARATOR, MEASURED_VALUE
from transforms.expression.term import Term
from transforms.history import HISTORY
from transforms.mapping import ORDER, RAW, WARNINGS, Column, Fold, OnDelete, Target
from transforms.model import Field, Source
from transforms.normalise import CheckPlan, ColumnPlan, Explode, TargetPlan
from transforms.reading.column import COLUMN, ColumnReader, Vocabulary
from transforms.reading.explode import EXPLODE, read_explode
from transforms.reading.fold import ORDERS
from transforms.reading.raw import check_raw, raw_columns, raw_plan
from transforms.reading.reference_shape import REFERENCE
from transforms.reading.taken import check_columns, check_table
from transforms.value import number
from transforms.value.kind import NUMBERS, Kind
from transforms.vocabulary.catalogue import WARNING, check_code
from transforms.vocabulary.field_type import result_kind
from transforms.yaml.document import Node, Scalar
from transforms.yaml.name import NAME
from transforms.yaml.section import Section, read_section, suggest
from transforms.yaml.shape import Many, Named, Shape, Text

ON_DELETE: tuple[OnDelete, ...] = ("tombstone", "delete", "ignore", "forbid")
_CHECK = Shape(
    {
        "rule": Text("A condition on the canonical row; NULL passes."),
        "error": Text("The code of a row for which it is false; one of a warning lets it pass."),
    }
)
TARGET = Shape(
    {
        "table": Text("The canonical table: schema.table."),
        "key": Many(Text(), "The columns that identify a row; they come first in `columns`."),
        "columns": Named(COLUMN, "The canonical columns, each with its expression.", NAME),
    },
    {
        "when": Text("A condition; a row for which it is false or NULL has no row in this table."),
        "explode": EXPLODE,
        "on_delete": Text(
            "What becomes of the row when its source row goes; `tombstone` (without it) keeps it, marked.",
            words=ON_DELETE,
        ),
        "history": Text("A second table, of all versions of its rows and when each was valid: schema.table."),
        "references": Many(REFERENCE, "Other canonical tables whose keys stand in columns of this one."),
        "checks": Many(_CHECK, "Conditions on the canonical row."),
        "order": Text("What this contribution to a fold is ordered by."),
    },
    told="A canonical table, and what a row becomes in it.",
)

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
        section = read_section(node, self.faults, TARGET)
        if section is None:
            return None
        when = read_branching(section.scalar("when"), "when", self.scope, self.faults)
        explode, scope = self._read_explode(section)
        key = {scalar.text for scalar in section.texts("key")}
        scope.measured.clear()
        reader = ColumnReader(self.source, scope, self.vocabulary, self.faults)
        read = [reader.read(name, column, key=name.text in key) for name, column in section.entries("columns")]
        columns = [column for column in read if column]
        if MEASURED_VALUE in scope.measured and MEASURED_COMPARATOR not in scope.measured:
            message = (
                f"a value without its comparator passes a bound off as a number: add a column {MEASURED_COMPARATOR}"
            )
            self.faults.add(section.place_of("columns"), "DIC-123", message)
        described = [(column, field) for column, field, _ in columns]
        checks = self._read_checks(section, described, scope)
        target = self._read_table(section, described)
        plans = tuple(plan for _, _, plan in columns)
        plans = (*plans, *_raw_plans(plans, described))
        plan = TargetPlan(when, explode, plans, checks, target.on_delete == "forbid", len(target.key), str(target))
        fold = self.vocabulary.folds.get(str(target))
        if fold is None:
            if "order" in section and str(target) not in self.vocabulary.folds:
                self.faults.add(section.place_of("order"), "DIC-103", f"`order` is for folds, and `{target}` is none")
            return _found(target, plan, section)
        contributing, order = self._contribute(target, fold, section, scope)
        return _found(contributing, replace(plan, columns=(*plan.columns, *order)), section)

    def _contribute(
        self, target: Target, fold: Fold, section: Section, scope: Scope
    ) -> tuple[Target, tuple[ColumnPlan, ...]]:
        """Return the target as a contribution, and the plan of what it is ordered by."""
        if "history" in section:
            self.faults.add(section.place_of("history"), "DIC-103", "a folded row has no history")
        if "references" in section:
            self.faults.add(section.place_of("references"), "DIC-103", "references of a folded row stand in its fold")
        types = {column.name: column.type for column in fold.target.columns}
        if target.key != fold.target.key:
            wanted = ", ".join(fold.target.key)
            self.faults.add(section.place_of("key"), "DIC-131", f"the fold `{fold}` has the key {wanted}")
        for name, _ in section.entries("columns"):
            if name.text not in types:
                message = f"the fold `{fold}` has no column `{name.text}`{suggest(name.text, types)}"
                self.faults.add(name.place, "DIC-122", message)
        for column in (column for column in target.columns if types.get(column.name, column.type) != column.type):
            message = f"`{column.name}` is {column.type} here and {types[column.name]} in the fold `{fold}`"
            self.faults.add(section.place_of("columns"), "DIC-123", message)
        self._check_raws(target, fold, section)
        order = self._read_order(fold, section, scope)
        ordered = (Column(ORDER, fold.order, required=False),) if order else ()
        return replace(target, columns=(*target.columns, *ordered), contributes=True), order

    def _check_raws(self, target: Target, fold: Fold, section: Section) -> None:
        """What a column keeps of the source, all that contribute to it keep: else a value would seem untouched."""
        kept, here = ({column.raw_of for column in one.columns if column.raw_of} for one in (fold.target, target))
        folded = {column.name for column in fold.target.columns}
        for name in (name for name, _ in section.entries("columns") if name.text in folded):
            if (name.text in kept) != (name.text in here):
                does, not_here = ("keeps", "does not") if name.text in kept else ("does not keep", "does")
                message = f"`{name.text}` of the fold `{fold}` {does} its raw text, and its field here {not_here}"
                self.faults.add(name.place, "DIC-123", message)

    def _read_order(self, fold: Fold, section: Section, scope: Scope) -> tuple[ColumnPlan, ...]:
        scalar = section.scalar("order")
        if (scalar is None) == bool(fold.order):
            told = "say by `order` what this contribution is ordered by" if fold.order else "it orders nothing"
            self.faults.add(section.place, "DIC-104", f"the fold `{fold}`: {told}")
            return ()
        term = compile_expression(scalar, scope, self.faults) if scalar else None
        if scalar is None or term is None:
            return ()
        kinds = next(kinds for kind, kinds in ORDERS.values() if kind == fold.order)
        if term.kind not in (*kinds, Kind.NOTHING):
            wanted = " or ".join(map(str, kinds))
            self.faults.add(scalar.place, "DIC-123", f"contributions are ordered by {wanted}, this is {term.kind}")
        scope.codes.add(refusal.NUMBER)
        steps = (number.to_decimal,) if kinds is NUMBERS else ()
        return (ColumnPlan(ORDER, term.code, steps, required=False),)

    def _read_explode(self, section: Section) -> tuple[Explode | None, Scope]:
        inner = section.section("explode", EXPLODE)
        found = read_explode(inner, self.scope, self.faults) if inner else None
        return found or (None, self.scope)

    def _read_checks(self, section: Section, columns: Columns, scope: Scope) -> tuple[CheckPlan, ...]:
        plans = []
        for node in section.items("checks"):
            check = read_section(node, self.faults, _CHECK)
            rule = check and check.scalar("rule")
            if check and rule:
                code = check_code(check.scalar("error"), self.vocabulary.errors, self.faults)
                plans.append(self._read_check(rule, code, columns, scope))
        return tuple(plan for plan in plans if plan)

    def _read_check(self, rule: Scalar, code: str, columns: Columns, scope: Scope) -> CheckPlan | None:
        used: list[str] = []
        names = [column.name for column, _ in columns]
        terms = {
            column.name: Term(result_kind(field.type), Code(f"row[{position}]"))
            for position, (column, field) in enumerate(columns)
        }

        def resolve(table: str, name: str) -> Term | None:
            used.append(name)
            return None if table else terms.get(name)

        holds = read_condition(rule, Scope(resolve, lambda: names, scope.units, scope.codes), self.faults)
        warns = code in self.vocabulary.errors and self.vocabulary.errors[code].kind == WARNING
        scope.codes.update(() if warns else (code,))
        return CheckPlan(used[0] if used else "", rule.text, code, holds, warns) if holds else None

    def _read_table(self, section: Section, columns: Columns) -> Target:
        scalar = section.scalar("table")
        key = section.texts("key")
        schema, _, table = scalar.text.partition(".") if scalar else ("", "", "")
        if scalar:
            check_table(scalar, self.vocabulary.sources, self.faults)
        check_columns((name for name, _ in section.entries("columns")), self.faults)
        raws = raw_columns(columns)
        check_raw((name for name, _ in section.entries("columns")), raws, self.faults)
        names = [name.text for name, _ in section.entries("columns")]
        if [part.text for part in key] != names[: len(key)] or not key:
            self.faults.add(
                section.place_of("key"), "DIC-131", "the key columns come first in `columns`, in the order of `key`"
            )
        return Target(
            schema,
            table,
            (*(column for column, _ in columns), *raws),
            tuple(part.text for part in key),
            (),
            self._on_delete(section),
            explodes="explode" in section,
            history=self._history(section, names),
        )

    def _history(self, section: Section, names: list[str]) -> str:
        scalar = section.scalar("history")
        if scalar is None:
            return ""
        check_table(scalar, self.vocabulary.sources, self.faults)
        for name in (column.name for column in HISTORY if column.name in names):
            self.faults.add(scalar.place, "DIC-105", f"a history has a column `{name}` of its own")
        return scalar.text

    def _on_delete(self, section: Section) -> OnDelete:
        chosen = section.choice("on_delete", "tombstone")
        return next((policy for policy in ON_DELETE if policy == chosen), "tombstone")


def _raw_plans(plans: tuple[ColumnPlan, ...], columns: Columns) -> Iterator[ColumnPlan]:
    for place, (plan, (_, field)) in enumerate(zip(plans, columns, strict=True)):
        if plan.said:
            yield raw_plan(plan.name + RAW, place, plan.said, field)


def _found(target: Target, plan: TargetPlan, section: Section) -> TargetFound:
    warned = (Column(WARNINGS, "text[]", required=False),) if plan.warns else ()
    return TargetFound(replace(target, columns=(*target.columns, *warned)), plan, section)


def read_branching(scalar: Scalar | None, name: str, scope: Scope, faults: Faults) -> Code | None:
    """Return a condition that decides about rows compiled; where somebody counts, what it decides is counted."""
    code = read_condition(scalar, scope, faults)
    if scalar is None or code is None or scope.branches is None:
        return code
    return scope.branches.mark_outcomes(scalar.place, name, code)


def read_condition(scalar: Scalar | None, scope: Scope, faults: Faults) -> Code | None:
    """Return a condition compiled, None where there is none."""
    term = compile_expression(scalar, scope, faults) if scalar else None
    if scalar and term and term.kind is not Kind.BOOLEAN:
        faults.add(scalar.place, "DIC-123", f"a condition is wanted here, this is {term.kind}")
    return term.code if term else None

"""A source row through its mapping: the order of decisions, in one place.

    1  the look-ups that `where` names, with those they hang on     missing -> their code, several -> REF-302
    2  `where`                                                      false or NULL -> filtered
    3  the other look-ups
    then for each target, in their order
    4  `when`                                                       false or NULL -> no row in this table
    5  `explode`: as many rows as it makes, each on its own through
    6  the columns as declared: expression, null tokens, code set, unit, type, checks, required
    7  the row checks                                               false -> their code (NULL passes)

A column may tolerate a code that its value would be refused with, and a check may have the code of a warning: then the
row has that among its warnings, in this order.

The first refusal wins, so that a row has one code and it does not depend on anything but the row. It refuses the whole
row, in all targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms import refusal
from transforms.errors import Refused
from transforms.expression.term import Run
from transforms.mapping import Candidate, Normalise

Gate = Callable[[Sequence[Any]], None]
Step = Callable[[Any], Any]
Explode = Callable[[Sequence[Any]], Sequence[Sequence[Any]]]
"""From a row to one row for each part of it: the same values, and those of the part behind them."""
Derive = Callable[[Sequence[Any]], tuple[Candidate, ...]]


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one canonical column gets its value.

    `tolerates`: by code, what takes the place of a value that would be refused with it. `warns`: the codes of steps
    that the value may fail, and stays.
    """

    name: str
    run: Run
    steps: tuple[Step, ...]
    required: bool
    tolerates: Mapping[str, object] = field(default_factory=dict)
    warns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A condition on the canonical row; `field` and `rule` say what was broken. `warns`: the row is taken as it is."""

    field: str
    rule: str
    code: str
    run: Run
    warns: bool = False


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What becomes of a row in one canonical table."""

    when: Run | None
    explode: Explode | None
    columns: tuple[ColumnPlan, ...]
    checks: tuple[CheckPlan, ...]

    @property
    def warns(self) -> bool:
        """Whether its rows have warnings, as a last column: None, or a list of `CODE column`."""
        return any(column.tolerates or column.warns for column in self.columns) or any(
            check.warns for check in self.checks
        )


@dataclass(frozen=True, slots=True)
class RowPlan:
    """All decisions about a row, in their order."""

    gates_before: tuple[Gate, ...]
    where: Run | None
    gates_after: tuple[Gate, ...]
    targets: tuple[TargetPlan, ...]


def compile_plan(plan: RowPlan) -> Normalise:
    """Return the function from a row of inputs to its candidates."""
    where = plan.where and _attributed(plan.where, "where")
    targets = tuple(map(_compile_target, plan.targets))

    def normalise(row: Sequence[object]) -> tuple[tuple[Candidate, ...], ...] | None:
        for gate in plan.gates_before:
            gate(row)
        if where is not None and where(row) is not True:
            return None
        for gate in plan.gates_after:
            gate(row)
        return tuple([derive(row) for derive in targets])

    return normalise


def _compile_target(plan: TargetPlan) -> Derive:
    when = plan.when and _attributed(plan.when, "when")
    explode = plan.explode and _attributed(plan.explode, "explode")
    one = _warned(plan) if plan.warns else _strict(plan)

    def derive(row: Sequence[object]) -> tuple[Candidate, ...]:
        if when is not None and when(row) is not True:
            return ()
        return (one(row),) if explode is None else tuple(map(one, explode(row)))

    return derive


def _strict(plan: TargetPlan) -> Callable[[Sequence[object]], Candidate]:
    checks = _checks(plan)
    columns = tuple((column.name, column.run, column.steps, column.required) for column in plan.columns)

    def derive(row: Sequence[object]) -> Candidate:
        candidate = _derive_columns(columns, row)
        for run, check in checks:
            if run(candidate) is False:
                raise Refused(check.code, check.field, check.rule)
        return candidate

    return derive


def _warned(plan: TargetPlan) -> Callable[[Sequence[object]], Candidate]:
    checks = _checks(plan)

    def derive(row: Sequence[object]) -> Candidate:
        candidate, warnings = _derive_tolerant(plan.columns, row)
        for check in (check for run, check in checks if run(candidate) is False):
            if not check.warns:
                raise Refused(check.code, check.field, check.rule)
            warnings.append(f"{check.code} {check.field}")
        return (*candidate, warnings or None)

    return derive


def _checks(plan: TargetPlan) -> tuple[tuple[Run, CheckPlan], ...]:
    return tuple((_attributed(check.run, check.field), check) for check in plan.checks)


def _derive_columns(columns: tuple[tuple[str, Run, tuple[Step, ...], bool], ...], row: Sequence[object]) -> Candidate:
    values: list[object] = []
    name = ""
    try:
        for name, run, steps, required in columns:  # noqa: B007 - the handlers below say where it was
            value = run(row)
            for step in steps:
                if value is None:
                    break
                value = step(value)
            if value is None and required:
                raise Refused(refusal.REQUIRED, detail="no value")
            values.append(value)
    except Refused as refused:
        refused.field = refused.field or name
        raise
    except ArithmeticError:
        raise Refused(refusal.NUMBER, name, "the calculation has no exact result") from None
    return tuple(values)


def _derive_tolerant(columns: tuple[ColumnPlan, ...], row: Sequence[object]) -> tuple[Candidate, list[str]]:
    """Do the same where some columns tolerate what others refuse; return the warnings, too."""
    values: list[object] = []
    warnings: list[str] = []
    for column in columns:
        try:
            value = _value(column, row, warnings)
        except Refused as refused:
            if refused.code not in column.tolerates:
                refused.field = refused.field or column.name
                raise
            value = column.tolerates[refused.code]
            warnings.append(f"{refused.code} {column.name}")
        if value is None and column.required:
            raise Refused(refusal.REQUIRED, column.name, "no value")
        values.append(value)
    return tuple(values), warnings


def _value(column: ColumnPlan, row: Sequence[object], warnings: list[str]) -> object:
    try:
        value = column.run(row)
        for step in column.steps:
            if value is None:
                break
            try:
                value = step(value)
            except Refused as refused:
                if refused.code not in column.warns:
                    raise
                warnings.append(f"{refused.code} {column.name}")
    except ArithmeticError:
        raise Refused(refusal.NUMBER, column.name, "the calculation has no exact result") from None
    return value


def _attributed(run: Run, field: str) -> Run:
    def attributed(row: Sequence[Any]) -> Any:
        try:
            return run(row)
        except Refused as refused:
            refused.field = refused.field or field
            raise
        except ArithmeticError:
            raise Refused(refusal.NUMBER, field, "the calculation has no exact result") from None

    return attributed

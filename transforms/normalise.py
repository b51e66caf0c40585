"""A source row through its mapping: the order of decisions, in one place.

    1  the look-ups that `where` names, with those they hang on     missing -> their code, several -> REF-302
    2  `where`                                                      false or NULL -> filtered
    3  the other look-ups
    then for each target, in their order
    4  `when`                                                       false or NULL -> no row in this table
    5  `explode`: as many rows as it makes, each on its own through 6 and 7, then two of one key -> KEY-201
    6  the columns as declared: expression, null tokens, code set, unit, type, checks, required
    7  the row checks                                               false -> their code (NULL passes)

A column may tolerate a code that its value would be refused with, and a check may have the code of a warning: then the
row has that among its warnings, in this order.

All of it becomes one Python function for each table and one for the mapping, written out line by line: to call a
function for each part of each column took more than twice as long (`tests/bench/normalise.py`).

The first refusal wins, so that a row has one code and it does not depend on anything but the row. It refuses the whole
row, in all targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn

from transforms import refusal
from transforms.errors import Refused
from transforms.expression.code import Body, Code, Function, Memo, call
from transforms.mapping import Normalise

Step = Function
Explode = Callable[[Sequence[Any], Memo], Sequence[Sequence[Any]]]
"""From a row to one row for each part of it: the same values, and those of the part behind them."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one canonical column gets its value.

    `tolerates`: by code, what takes the place of a value that would be refused with it. `warns`: the codes of steps
    that the value may fail, and stays. `said`: what the source said for it, of a field that keeps that.
    """

    name: str
    code: Code
    steps: tuple[Step, ...]
    required: bool
    tolerates: Mapping[str, object] = field(default_factory=dict)
    warns: frozenset[str] = frozenset()
    said: Code | None = None


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A condition on the canonical row; `field` and `rule` say what was broken. `warns`: the row is taken as it is."""

    field: str
    rule: str
    code: str
    holds: Code
    warns: bool = False


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What becomes of a row in one canonical table (`table`); the first `key` columns are its key."""

    when: Code | None
    explode: Explode | None
    columns: tuple[ColumnPlan, ...]
    checks: tuple[CheckPlan, ...]
    forbids: bool = False
    key: int = 0
    table: str = ""

    @property
    def warns(self) -> bool:
        """Whether its rows have warnings, as a last column: None, or a list of `CODE column`.

        A row that must not be deleted has them, if only to say that its source row was.
        """
        return (
            self.forbids
            or any(column.tolerates or column.warns for column in self.columns)
            or any(check.warns for check in self.checks)
        )


@dataclass(frozen=True, slots=True)
class RowPlan:
    """All decisions about a row, in their order."""

    gates_before: tuple[Code, ...]
    where: Code | None
    gates_after: tuple[Code, ...]
    targets: tuple[TargetPlan, ...]

    @property
    def filters(self) -> bool:
        """Whether a row may come out as nothing at all."""
        return self.where is not None or all(one.when is not None or one.explode is not None for one in self.targets)


def value_of(place: int) -> Code:
    """Return the value of the column at `place` of a target, for those that stand behind it."""
    return Code(f"v{place}")


def compile_plan(plan: RowPlan) -> Normalise:
    """Return the function from a row of inputs to its candidates."""
    body = Body()
    body.add("memo = {{}}")
    for gate in plan.gates_before:
        body.add("{0}", gate)
    if plan.where:
        with _attributed(body, "where"):
            body.add("if {0} is not True: return None", plan.where)
    for gate in plan.gates_after:
        body.add("{0}", gate)
    derived = [Code(f"t{place}", {f"t{place}": _compile_target(target)}) for place, target in enumerate(plan.targets)]
    body.add(f"return ({''.join(f'{{{place}}}(row, memo), ' for place in range(len(derived)))})", *derived)
    return body.define("mapping", "row")


def _compile_target(plan: TargetPlan) -> Callable[[Sequence[Any], Memo], Any]:
    body = Body()
    if plan.when:
        with _attributed(body, "when"):
            body.add("if {0} is not True: return ()", plan.when)
    if plan.explode is None:
        _add_row(body, plan)
        body.add("return (row,)")
        return body.define("target", "row, memo")
    one = Body()
    _add_row(one, plan)
    one.add("return row")
    with _attributed(body, "explode"):
        body.add("parts = {0}(row, memo)", plan.explode)
    body.add("rows = tuple([{0}(part, memo) for part in parts])", one.define("part", "row, memo"))
    body.add("return rows if len(rows) < 2 else {0}(rows, {1})", _of_own_keys, plan)
    return body.define("target", "row, memo")


def _of_own_keys(rows: tuple[tuple[Any, ...], ...], plan: TargetPlan) -> tuple[tuple[Any, ...], ...]:
    """Return the rows that a source row was made into, if each has a key of its own: no table has room for two."""
    if len({row[: plan.key] for row in rows}) < len(rows):
        refused = Refused(refusal.KEY, plan.columns[0].name, "two parts of the source row have the same key")
        _attribute(refused, refused.field, plan.table)
    return rows


@contextmanager
def _attributed(body: Body, field_name: str) -> Iterator[None]:
    body.add("try:")
    with body.indented():
        yield
    body.add("except (Refused, ArithmeticError) as error: {0}(error, {1})", _attribute, field_name)


def _add_row(body: Body, plan: TargetPlan) -> None:
    """Write how `row` becomes the canonical row."""
    if plan.warns:
        body.add("warnings = []")
    body.add("at = 0")
    body.add("try:")
    with body.indented():
        for place, column in enumerate(plan.columns):
            body.add(f"at = {place}")
            _add_column(body, value_of(place), column)
        body.add(f"row = ({''.join(f'{value_of(place).text}, ' for place in range(len(plan.columns)))})")
        for place, check in zip(count(len(plan.columns)), plan.checks):
            body.add(f"at = {place}")
            body.add(
                f"if {{0}} is False: {{1}}({{2}}{', warnings' if check.warns else ''})", check.holds, _broken, check
            )
    names = (*(column.name for column in plan.columns), *(check.field for check in plan.checks))
    body.add("except (Refused, ArithmeticError) as error: {0}(error, {1}[at], {2})", _attribute, names, plan.table)
    if plan.warns:
        body.add("row = (*row, warnings or None)")


def _add_column(body: Body, value: Code, column: ColumnPlan) -> None:
    if column.tolerates:
        body.add("try:")
        with body.indented():
            _add_value(body, value, column)
        body.add(
            "except (Refused, ArithmeticError) as error: {0} = {1}(error, {2}, warnings)", value, _tolerate, column
        )
    else:
        _add_value(body, value, column)
    if column.required:
        body.add("if {0} is None: {1}()", value, _missing)


def _add_value(body: Body, value: Code, column: ColumnPlan) -> None:
    body.add("{0} = {1}", value, column.code)
    for step in column.steps:
        if not column.warns:
            body.add("if {0} is not None: {0} = {1}", value, call(step, value))
            continue
        body.add("if {0} is not None:", value)
        with body.indented():
            body.add("try: {0} = {1}", value, call(step, value))
            body.add("except Refused as refused: {0}(refused, {1}, warnings)", _warn, column)


def _missing() -> NoReturn:
    raise Refused(refusal.REQUIRED, detail="no value")


def _broken(check: CheckPlan, warnings: list[str] | None = None) -> None:
    if warnings is None:
        raise Refused(check.code, check.field, check.rule)
    warnings.append(f"{check.code} {check.field}")


def _warn(refused: Refused, column: ColumnPlan, warnings: list[str]) -> None:
    """Take the value as it is where that refusal is only a warning."""
    if refused.code not in column.warns:
        raise refused
    warnings.append(f"{refused.code} {column.name}")


def _tolerate(error: Refused | ArithmeticError, column: ColumnPlan, warnings: list[str]) -> object:
    """Return what takes the place of a value that was refused."""
    refused = error if isinstance(error, Refused) else _inexact(column.name)
    if refused.code not in column.tolerates:
        raise refused from None
    warnings.append(f"{refused.code} {column.name}")
    return column.tolerates[refused.code]


def _inexact(field_name: str) -> Refused:
    return Refused(refusal.NUMBER, field_name, "the calculation has no exact result")


def _attribute(error: Refused | ArithmeticError, field_name: str, table: str = "") -> NoReturn:
    """Say which column it was, and of which table."""
    refused = error if isinstance(error, Refused) else _inexact(field_name)
    refused.field, refused.table = refused.field or field_name, table
    raise refused from None

"""A compiled expression: its kind, and the function from a row's values to its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.value.kind import Kind

# Values are of the Python types of `kind`, which the compiler has checked; to the type checker they are anything.
Run = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Term:
    """One node, compiled. `constant`: a literal, whose value is in `value`."""

    kind: Kind
    run: Run
    constant: bool = False
    value: Any = None


def constant(kind: Kind, value: object) -> Term:
    """Return the term that always has `value`."""
    return Term(kind, lambda _: value, constant=True, value=value)


def strict(kind: Kind, function: Callable[..., Any], *terms: Term) -> Term:
    """Return the term `function(*terms)`, NULL when any of them is NULL."""
    runs = tuple(term.run for term in terms)
    if len(runs) == 1:
        return Term(kind, _unary(function, runs[0]))
    if len(runs) == 2:
        return Term(kind, _binary(function, *terms))
    return Term(kind, _variadic(function, runs))


def _unary(function: Callable[..., Any], run: Run) -> Run:
    return lambda row: None if (value := run(row)) is None else function(value)


def _binary(function: Callable[..., Any], left: Term, right: Term) -> Run:
    left_run, right_run, value = left.run, right.run, right.value
    if right.constant and value is not None:
        return lambda row: None if (first := left_run(row)) is None else function(first, value)

    def run(row: Sequence[Any]) -> Any:
        first = left_run(row)
        second = right_run(row)
        return None if first is None or second is None else function(first, second)

    return run


def _variadic(function: Callable[..., Any], runs: tuple[Run, ...]) -> Run:
    def run(row: Sequence[Any]) -> Any:
        values = [run(row) for run in runs]
        return None if None in values else function(*values)

    return run

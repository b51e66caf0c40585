"""A compiled expression: its kind, and the Python source from a row's values to its value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from transforms.expression.code import Code, Function, bind, call, fresh, function_of, write
from transforms.value.kind import Kind
from transforms.value.number import number_text


@dataclass(frozen=True, slots=True)
class Term:
    """One node, compiled. `constant`: a literal, whose value is in `value`.

    `unit`: the code of the unit that each value of it is in, however it comes about; None where that is not known.
    `said`: the text that its value was made of by what only changes texts; None: the value is as it was said.
    """

    kind: Kind
    code: Code
    constant: bool = False
    value: Any = None
    unit: str | None = None
    said: Code | None = None

    def run(self, row: Sequence[Any]) -> Any:
        """Return its value for one row; who has many writes `code` into a function."""
        return function_of(self.code)(row, {})


def constant(kind: Kind, value: object) -> Term:
    """Return the term that always has `value`."""
    return Term(kind, Code("None") if value is None else bind(value), constant=True, value=value)


def shared_unit(terms: Iterable[Term]) -> str | None:
    """Return the unit that all values of `terms` are in, None where they are not in one; NULL is in any."""
    units = {term.unit for term in terms if term.kind is not Kind.NOTHING}
    return units.pop() if len(units) == 1 else None


def text_said(term: Term) -> Code:
    """Return the text that a text, or a whole number, was made of: its own where nothing changed it."""
    if term.said is not None or term.kind is not Kind.INTEGER:
        return term.said or term.code
    return strict(Kind.TEXT, number_text, term).code


def made_of(original: Term, term: Term) -> Term:
    """Return `term`, which is `original` changed: what was said is what the original says. A constant says nothing."""
    return term if original.constant else replace(term, said=text_said(original))


def strict(kind: Kind, function: Function, *terms: Term, unit: str | None = None) -> Term:
    """Return the term `function(*terms)`, NULL when any of them is NULL; all of them are worked out before.

    `unit`: what its values are in, which only who knows the function can say.
    """
    parts = [term.code if term.constant and term.value is not None else fresh() for term in terms]
    found = [(part, term.code) for part, term in zip(parts, terms, strict=True) if part is not term.code]
    value = call(function, *parts)
    if not found:
        return Term(kind, value, unit=unit)
    # Not `or`: what the second part refuses, it refuses also where the first one is NULL.
    tests = [f"({{{2 * place}}} := {{{2 * place + 1}}}) is None" for place in range(len(found))]
    any_null = tests[0] if len(tests) == 1 else " | ".join(f"({test})" for test in tests)
    return Term(kind, write(f"None if {any_null} else {{{2 * len(found)}}}", *chain(*found), value), unit=unit)

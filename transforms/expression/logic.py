"""Comparison, three-valued logic and choice."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected
from transforms.expression.term import Run, Term, constant, strict
from transforms.value.kind import Kind, unify

_TRUTHS = (exp.Predicate, exp.Connector, exp.Not, exp.Escape)


def compare(function: Callable[..., Any], builder: Builder, node: exp.Binary) -> Term:
    """Return a comparison of two values of one kind."""
    if any(isinstance(side.unnest(), _TRUTHS) for side in (node.left, node.right)):
        # `a = b IS NULL` is `a = (b IS NULL)` to the parser and `(a = b) IS NULL` to PostgreSQL.
        raise Rejected(SYNTAX, node, "conditions are joined by AND, OR and NOT, not compared")
    left, right = builder.term(node.left), builder.term(node.right)
    return comparison(function, node, left, right)


def comparison(function: Callable[..., Any], node: exp.Expr, left: Term, right: Term) -> Term:
    """Return `function(left, right)`; Rejected where the kinds cannot be compared."""
    kind = unify((left.kind, right.kind))
    if kind is None:
        raise Rejected(TYPE, node, f"{left.kind} cannot be compared with {right.kind}")
    if kind is Kind.BOOLEAN and function not in (operator.eq, operator.ne):
        raise Rejected(TYPE, node, "truth values have no order")
    return strict(Kind.BOOLEAN, function, left, right)


def conjunction(builder: Builder, node: exp.And) -> Term:
    """Return AND: false wins over NULL."""
    return Term(Kind.BOOLEAN, _junction(_conditions(builder, node), decisive=False))


def disjunction(builder: Builder, node: exp.Or) -> Term:
    """Return OR: true wins over NULL."""
    return Term(Kind.BOOLEAN, _junction(_conditions(builder, node), decisive=True))


def _conditions(builder: Builder, node: exp.Connector) -> tuple[Run, ...]:
    return tuple(builder.typed(part, Kind.BOOLEAN).run for part in node.flatten(unnest=False))


def _junction(runs: tuple[Run, ...], *, decisive: bool) -> Run:
    def run(row: Sequence[Any]) -> bool | None:
        outcome: bool | None = not decisive
        for condition in runs:
            value: bool | None = condition(row)
            if value is decisive:
                return value
            if value is None:
                outcome = None
        return outcome

    return run


def negation(builder: Builder, node: exp.Not) -> Term:
    """Return NOT: NULL stays NULL."""
    return strict(Kind.BOOLEAN, operator.not_, builder.typed(node.this, Kind.BOOLEAN))


def is_null(builder: Builder, node: exp.Is) -> Term:
    """Return IS NULL."""
    if type(node.expression) is not exp.Null:
        raise Rejected(SYNTAX, node, "IS is used as IS NULL or IS NOT NULL")
    run = builder.term(node.this).run
    return Term(Kind.BOOLEAN, lambda row: run(row) is None)


def between(builder: Builder, node: exp.Between) -> Term:
    """Return `low <= value AND value <= high`."""
    value, low, high = (builder.term(node.args[name]) for name in ("this", "low", "high"))
    lower, upper = comparison(operator.ge, node, value, low), comparison(operator.le, node, value, high)
    return Term(Kind.BOOLEAN, _junction((lower.run, upper.run), decisive=False))


def membership(builder: Builder, node: exp.In) -> Term:
    """Return IN over a list of values."""
    value = builder.term(node.this)
    options = [builder.term(option) for option in node.expressions]
    if not options:
        raise Rejected(SYNTAX, node, "IN needs a list of values")
    equal = [comparison(operator.eq, node, value, option) for option in options]
    if all(option.constant and option.value is not None for option in options):
        members = frozenset(option.value for option in options)
        return strict(Kind.BOOLEAN, members.__contains__, value)
    return Term(Kind.BOOLEAN, _junction(tuple(term.run for term in equal), decisive=True))


def case(builder: Builder, node: exp.Case) -> Term:
    """Return CASE, with or without a subject."""
    subject = builder.term(node.this) if node.this else None
    branches = [
        (_condition(builder, subject, branch), builder.term(branch.args["true"])) for branch in node.args["ifs"]
    ]
    default = builder.term(node.args["default"]) if node.args.get("default") else constant(Kind.NOTHING, None)
    kind = unify([*(term.kind for _, term in branches), default.kind])
    if kind is None:
        raise Rejected(TYPE, node, "the results of CASE are of different types")
    return Term(kind, _choice([(condition.run, term.run) for condition, term in branches], default.run))


def _condition(builder: Builder, subject: Term | None, branch: exp.If) -> Term:
    if subject is None:
        return builder.typed(branch.this, Kind.BOOLEAN)
    return comparison(operator.eq, branch, subject, builder.term(branch.this))


def _choice(branches: list[tuple[Run, Run]], default: Run) -> Run:
    def run(row: Sequence[Any]) -> Any:
        for condition, result in branches:
            if condition(row) is True:
                return result(row)
        return default(row)

    return run


def coalesce(builder: Builder, node: exp.Coalesce) -> Term:
    """Return the first value that is not NULL."""
    terms = [builder.term(part) for part in (node.this, *node.expressions)]
    kind = unify(term.kind for term in terms)
    if kind is None:
        raise Rejected(TYPE, node, "the values of COALESCE are of different types")
    runs = tuple(term.run for term in terms)
    return Term(kind, lambda row: next((value for run in runs if (value := run(row)) is not None), None))


def nullif(builder: Builder, node: exp.Nullif) -> Term:
    """Return NULL where both values are equal, else the first."""
    value, other = builder.term(node.this), builder.term(node.expression)
    equal, run = comparison(operator.eq, node, value, other).run, value.run
    return Term(value.kind, lambda row: None if equal(row) else run(row))

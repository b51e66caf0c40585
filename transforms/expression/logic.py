"""Comparison, three-valued logic and choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from sqlglot import exp

from transforms.expression.builder import SYNTAX, TYPE, Builder, Rejected
from transforms.expression.code import Code, Inline, fresh, write
from transforms.expression.term import Term, constant, made_of, shared_unit, strict, text_said
from transforms.value.kind import Kind, unify

_TRUTHS = (exp.Predicate, exp.Connector, exp.Not, exp.Escape)


EQUAL, UNEQUAL = Inline("{0} == {1}"), Inline("{0} != {1}")
LESS, LESS_OR_EQUAL = Inline("{0} < {1}"), Inline("{0} <= {1}")
GREATER, GREATER_OR_EQUAL = Inline("{0} > {1}"), Inline("{0} >= {1}")


def compare(operator: Inline, builder: Builder, node: exp.Binary) -> Term:
    """Return a comparison of two values of one kind."""
    if any(isinstance(side.unnest(), _TRUTHS) for side in (node.left, node.right)):
        # `a = b IS NULL` is `a = (b IS NULL)` to the parser and `(a = b) IS NULL` to PostgreSQL.
        raise Rejected(SYNTAX, node, "conditions are joined by AND, OR and NOT, not compared")
    left, right = builder.term(node.left), builder.term(node.right)
    return comparison(operator, node, left, right)


def comparison(operator: Inline, node: exp.Expr, left: Term, right: Term) -> Term:
    """Return `left operator right`; Rejected where the kinds cannot be compared."""
    kind = unify((left.kind, right.kind))
    if kind is None:
        raise Rejected(TYPE, node, f"{left.kind} cannot be compared with {right.kind}")
    if kind is Kind.BOOLEAN and operator not in (EQUAL, UNEQUAL):
        raise Rejected(TYPE, node, "truth values have no order")
    return strict(Kind.BOOLEAN, operator, left, right)


def conjunction(builder: Builder, node: exp.And) -> Term:
    """Return AND: false wins over NULL."""
    return Term(Kind.BOOLEAN, _junction(_conditions(builder, node), decisive=False))


def disjunction(builder: Builder, node: exp.Or) -> Term:
    """Return OR: true wins over NULL."""
    return Term(Kind.BOOLEAN, _junction(_conditions(builder, node), decisive=True))


def _conditions(builder: Builder, node: exp.Connector) -> tuple[Code, ...]:
    return tuple(builder.typed(part, Kind.BOOLEAN).code for part in node.flatten(unnest=False))


def _junction(conditions: tuple[Code, ...], *, decisive: bool) -> Code:
    """Return the first that is decisive; otherwise NULL if any is NULL."""
    # One long line, not one in the other: Python does not nest parentheses deeply.
    names = [fresh() for _ in conditions]
    tests = " ".join(
        f"{decisive} if ({{{2 * place}}} := {{{2 * place + 1}}}) is {decisive} else" for place in range(len(names))
    )
    null = " or ".join(f"{name.text} is None" for name in names)
    return write(f"{tests} None if {null} else {not decisive}", *chain(*zip(names, conditions, strict=True)))


def negation(builder: Builder, node: exp.Not) -> Term:
    """Return NOT: NULL stays NULL."""
    return strict(Kind.BOOLEAN, Inline("not {0}"), builder.typed(node.this, Kind.BOOLEAN))


def is_null(builder: Builder, node: exp.Is) -> Term:
    """Return IS NULL."""
    if type(node.expression) is not exp.Null:
        raise Rejected(SYNTAX, node, "IS is used as IS NULL or IS NOT NULL")
    return Term(Kind.BOOLEAN, write("{0} is None", builder.term(node.this).code))


def between(builder: Builder, node: exp.Between) -> Term:
    """Return `low <= value AND value <= high`."""
    value, low, high = (builder.term(node.args[name]) for name in ("this", "low", "high"))
    # Worked out once, and compared by name.
    name = Term(value.kind, fresh())
    lower, upper = comparison(GREATER_OR_EQUAL, node, name, low), comparison(LESS_OR_EQUAL, node, name, high)
    both = _junction((lower.code, upper.code), decisive=False)
    return Term(Kind.BOOLEAN, write("({0} := {1}, {2})[1]", name.code, value.code, both))


def membership(builder: Builder, node: exp.In) -> Term:
    """Return IN over a list of values."""
    value = builder.term(node.this)
    options = [builder.term(option) for option in node.expressions]
    if not options:
        raise Rejected(SYNTAX, node, "IN needs a list of values")
    name = Term(value.kind, fresh())
    equal = [comparison(EQUAL, node, name, option) for option in options]
    if all(option.constant and option.value is not None for option in options):
        members = frozenset(option.value for option in options)
        return strict(Kind.BOOLEAN, Inline("{0} in {1}", members), value)
    among = _junction(tuple(term.code for term in equal), decisive=True)
    return Term(Kind.BOOLEAN, write("({0} := {1}, {2})[1]", name.code, value.code, among))


def case(builder: Builder, node: exp.Case) -> Term:
    """Return CASE, with or without a subject."""
    subject = builder.term(node.this) if node.this else None
    name = subject and Term(subject.kind, fresh())
    branches = [(_condition(builder, name, branch), builder.term(branch.args["true"])) for branch in node.args["ifs"]]
    default = builder.term(node.args["default"]) if node.args.get("default") else constant(Kind.NOTHING, None)
    kind = unify([*(term.kind for _, term in branches), default.kind])
    if kind is None:
        raise Rejected(TYPE, node, "the results of CASE are of different types")
    conditions, results = [condition.code for condition, _ in branches], [*(term for _, term in branches), default]
    values = [
        builder.branch(branch, f"WHEN {branch.this.sql()}", term.code)
        for branch, (_, term) in zip(node.args["ifs"], branches, strict=True)
    ]
    values.append(builder.branch(node, "ELSE", default.code) if node.args.get("default") else default.code)

    def choose(codes: list[Code]) -> Code:
        choices = "".join(f"{{{2 * place}}} if {{{2 * place + 1}}} is True else " for place in range(len(conditions)))
        code = write(f"{choices}{{{2 * len(conditions)}}}", *chain(*zip(codes, conditions, strict=False)), codes[-1])
        return write("({0} := {1}, {2})[1]", name.code, subject.code, code) if subject and name else code

    said = choose([*map(text_said, results)]) if any(term.said for term in results) else None
    return Term(kind, choose(values), unit=shared_unit(results), said=said)


def _condition(builder: Builder, subject: Term | None, branch: exp.If) -> Term:
    if subject is None:
        return builder.typed(branch.this, Kind.BOOLEAN)
    return comparison(EQUAL, branch, subject, builder.term(branch.this))


def coalesce(builder: Builder, node: exp.Coalesce) -> Term:
    """Return the first value that is not NULL."""
    terms = [builder.term(part) for part in (node.this, *node.expressions)]
    kind = unify(term.kind for term in terms)
    if kind is None:
        raise Rejected(TYPE, node, "the values of COALESCE are of different types")
    names = [fresh() for _ in terms]

    def choose(codes: Iterable[Code]) -> Code:
        parts = chain(*zip(codes, names, (term.code for term in terms), strict=True))
        places = range(0, 3 * len(terms), 3)
        choices = "".join(f"{{{place}}} if ({{{place + 1}}} := {{{place + 2}}}) is not None else " for place in places)
        return write(f"{choices}None", *parts)

    taken = [
        builder.branch(part, f"COALESCE takes {part.sql()}", name)
        for part, name in zip((node.this, *node.expressions), names, strict=True)
    ]
    said = [text_said(replace(term, code=name)) for term, name in zip(terms, names, strict=True)]
    kept = choose(said) if any(term.said for term in terms) else None
    return Term(kind, choose(taken), unit=shared_unit(terms), said=kept)


def nullif(builder: Builder, node: exp.Nullif) -> Term:
    """Return NULL where both values are equal, else the first."""
    value, other = builder.term(node.this), builder.term(node.expression)
    name = Term(value.kind, fresh())
    equal = comparison(EQUAL, node, name, other).code
    code = write("({0} := {1}, None if {2} else {0})[1]", name.code, value.code, equal)
    return made_of(value, Term(value.kind, code, unit=value.unit))

"""The allow-list: which nodes an expression may consist of, and how each is compiled.

Truth is three-valued as in SQL: NULL is neither true nor false, and most operations on NULL give NULL. Where databases
differ, the language refuses or takes the reading that loses nothing; `transforms/README.md` lists those for stewards.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, cast

from sqlglot import exp

from transforms import moment, number, refusal
from transforms.cast import compile_cast
from transforms.expression import SYNTAX, TYPE, Builder, Rejected
from transforms.functions import FUNCTIONS
from transforms.kind import NUMBERS, Kind, unify
from transforms.section import suggest
from transforms.term import Run, Term, constant, strict
from transforms.text import compile_like

_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40}")
_ORDERED = (Kind.TEXT, *NUMBERS, Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one node class is compiled; `arguments` are those that it may carry, flags of the parser included."""

    compile: Callable[[Builder, Any], Term]
    arguments: frozenset[str]


def _literal(_: Builder, node: exp.Literal) -> Term:
    text = node.name
    if node.is_string:
        return constant(Kind.TEXT, text)
    if not _NUMBER.fullmatch(text):
        raise Rejected(SYNTAX, node, "a number is written in digits with at most one point")
    return constant(Kind.DECIMAL, Decimal(text)) if "." in text else constant(Kind.INTEGER, int(text))


def _boolean(_: Builder, node: exp.Boolean) -> Term:
    return constant(Kind.BOOLEAN, node.this)


def _null(_: Builder, __: exp.Null) -> Term:
    return constant(Kind.NOTHING, None)


def _column(builder: Builder, node: exp.Column) -> Term:
    return builder.column(node)


def _paren(builder: Builder, node: exp.Paren) -> Term:
    return builder.term(node.this)


def _compare(function: Callable[..., Any], builder: Builder, node: exp.Binary) -> Term:
    left, right = builder.term(node.left), builder.term(node.right)
    return _comparison(function, node, left, right)


def _comparison(function: Callable[..., Any], node: exp.Expr, left: Term, right: Term) -> Term:
    kind = unify((left.kind, right.kind))
    if kind is None:
        raise Rejected(TYPE, node, f"{left.kind} cannot be compared with {right.kind}")
    if kind is Kind.BOOLEAN and function not in (operator.eq, operator.ne):
        raise Rejected(TYPE, node, "truth values have no order")
    return strict(Kind.BOOLEAN, function, left, right)


def _and(builder: Builder, node: exp.And) -> Term:
    return Term(Kind.BOOLEAN, _junction(_conditions(builder, node), decisive=False))


def _or(builder: Builder, node: exp.Or) -> Term:
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


def _not(builder: Builder, node: exp.Not) -> Term:
    return strict(Kind.BOOLEAN, operator.not_, builder.typed(node.this, Kind.BOOLEAN))


def _is(builder: Builder, node: exp.Is) -> Term:
    if type(node.expression) is not exp.Null:
        raise Rejected(SYNTAX, node, "IS is used as IS NULL or IS NOT NULL")
    run = builder.term(node.this).run
    return Term(Kind.BOOLEAN, lambda row: run(row) is None)


def _between(builder: Builder, node: exp.Between) -> Term:
    value, low, high = (builder.term(node.args[name]) for name in ("this", "low", "high"))
    lower, upper = _comparison(operator.ge, node, value, low), _comparison(operator.le, node, value, high)
    return Term(Kind.BOOLEAN, _junction((lower.run, upper.run), decisive=False))


def _in(builder: Builder, node: exp.In) -> Term:
    value = builder.term(node.this)
    options = [builder.term(option) for option in node.expressions]
    if not options:
        raise Rejected(SYNTAX, node, "IN needs a list of values")
    equal = [_comparison(operator.eq, node, value, option) for option in options]
    if all(option.constant and option.value is not None for option in options):
        members = frozenset(option.value for option in options)
        return strict(Kind.BOOLEAN, members.__contains__, value)
    return Term(Kind.BOOLEAN, _junction(tuple(term.run for term in equal), decisive=True))


def _like(builder: Builder, node: exp.Like, escape: str = "\\") -> Term:
    value, pattern = builder.typed(node.this, Kind.TEXT), builder.typed(node.expression, Kind.TEXT)
    if not pattern.constant or pattern.value is None:
        raise Rejected(SYNTAX, node, "LIKE needs a pattern in quotes")
    try:
        match = compile_like(pattern.value, escape).match
    except ValueError as error:
        raise Rejected(SYNTAX, node, str(error)) from None
    return strict(Kind.BOOLEAN, lambda text: match(text) is not None, value)


def _escape(builder: Builder, node: exp.Escape) -> Term:
    escape = node.expression
    if type(node.this) is not exp.Like or not isinstance(escape, exp.Literal) or len(escape.name) > 1:
        raise Rejected(SYNTAX, node, "ESCAPE takes one character in quotes, after LIKE")
    return _like(builder, node.this, escape.name)


def _case(builder: Builder, node: exp.Case) -> Term:
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
    return _comparison(operator.eq, branch, subject, builder.term(branch.this))


def _choice(branches: list[tuple[Run, Run]], default: Run) -> Run:
    def run(row: Sequence[Any]) -> Any:
        for condition, result in branches:
            if condition(row) is True:
                return result(row)
        return default(row)

    return run


def _coalesce(builder: Builder, node: exp.Coalesce) -> Term:
    terms = [builder.term(part) for part in (node.this, *node.expressions)]
    kind = unify(term.kind for term in terms)
    if kind is None:
        raise Rejected(TYPE, node, "the values of COALESCE are of different types")
    runs = tuple(term.run for term in terms)
    return Term(kind, lambda row: next((value for run in runs if (value := run(row)) is not None), None))


def _nullif(builder: Builder, node: exp.Nullif) -> Term:
    value, other = builder.term(node.this), builder.term(node.expression)
    equal, run = _comparison(operator.eq, node, value, other).run, value.run
    return Term(value.kind, lambda row: None if equal(row) else run(row))


def _arithmetic(function: Callable[..., Any], builder: Builder, node: exp.Binary) -> Term:
    left, right = builder.typed(node.left, *NUMBERS), builder.typed(node.right, *NUMBERS)
    builder.scope.codes.add(refusal.NUMBER)
    return strict(cast(Kind, unify((left.kind, right.kind))), function, left, right)


def _divide(builder: Builder, node: exp.Div) -> Term:
    term = _arithmetic(number.divide, builder, node)
    if term.kind is Kind.INTEGER:
        raise Rejected(
            TYPE, node, "databases divide integers differently: write `a * 1.0 / b`, or ROUND of it for whole numbers"
        )
    return term


def _add(builder: Builder, node: exp.Add) -> Term:
    left = builder.term(node.left)
    if left.kind is not Kind.DATE:
        return _arithmetic(number.add, builder, node)
    return _shift(builder, left, node, lambda day, days: moment.shift_days(day, int(days)))


def _subtract(builder: Builder, node: exp.Sub) -> Term:
    left = builder.term(node.left)
    if left.kind is not Kind.DATE:
        return _arithmetic(number.subtract, builder, node)
    right = builder.typed(node.right, Kind.INTEGER, Kind.DATE)
    if right.kind is Kind.DATE:
        return strict(Kind.INTEGER, lambda day, other: (day - other).days, left, right)
    return _shift(builder, left, node, lambda day, days: moment.shift_days(day, -int(days)))


def _shift(builder: Builder, left: Term, node: exp.Binary, function: Callable[..., Any]) -> Term:
    builder.scope.codes.add(refusal.TIME)
    return strict(Kind.DATE, function, left, builder.typed(node.right, Kind.INTEGER))


def _negate(builder: Builder, node: exp.Neg) -> Term:
    value = builder.typed(node.this, *NUMBERS)
    if value.constant and value.value is not None:
        return constant(value.kind, -value.value)
    return strict(value.kind, operator.neg, value)


def _concat(builder: Builder, node: exp.Concat | exp.DPipe) -> Term:
    parts = node.expressions if isinstance(node, exp.Concat) else [node.left, node.right]
    terms = [_as_text(builder.typed(part, Kind.TEXT, Kind.INTEGER)) for part in parts]
    return strict(Kind.TEXT, lambda *texts: "".join(texts), *terms)


def _as_text(term: Term) -> Term:
    return strict(Kind.TEXT, number.number_text, term) if term.kind is Kind.INTEGER else term


def _substring(builder: Builder, node: exp.Substring) -> Term:
    value = builder.typed(node.this, Kind.TEXT)
    start = _whole(builder, node.args.get("start"), node, "SUBSTRING needs a start, counted from 1", least=1) - 1
    if node.args.get("length") is None:
        return strict(Kind.TEXT, lambda text: text[start:], value)
    end = start + _whole(builder, node.args["length"], node, "SUBSTRING needs a length in digits")
    return strict(Kind.TEXT, lambda text: text[start:end], value)


def _whole(builder: Builder, part: exp.Expr | None, node: exp.Expr, message: str, least: int = 0) -> int:
    term = builder.term(part) if part is not None else None
    if term is None or not term.constant or not isinstance(term.value, int) or not least <= term.value <= 2**31:
        raise Rejected(SYNTAX, part or node, message)
    return term.value


def _text_function(function: Callable[[str], str], builder: Builder, node: exp.Func) -> Term:
    return strict(Kind.TEXT, function, builder.typed(node.this, Kind.TEXT))


def _replace(builder: Builder, node: exp.Replace) -> Term:
    parts = [node.args.get(name) for name in ("this", "expression", "replacement")]
    if None in parts:
        raise Rejected(SYNTAX, node, "REPLACE takes a text, what to replace and the replacement")
    return strict(Kind.TEXT, _replaced, *(builder.typed(part, Kind.TEXT) for part in parts if part is not None))


def _replaced(text: str, old: str, new: str) -> str:
    # SQL replaces no empty text; Python would put `new` between all characters.
    return text.replace(old, new) if old else text


def _absolute(builder: Builder, node: exp.Abs) -> Term:
    value = builder.typed(node.this, *NUMBERS)
    return strict(value.kind, abs, value)


def _round(builder: Builder, node: exp.Round) -> Term:
    value, digits = builder.typed(node.this, *NUMBERS), 0
    if node.args.get("decimals") is not None:
        digits = _whole(builder, node.args["decimals"], node, "ROUND needs the number of digits in digits")
    if digits > 20:
        raise Rejected(SYNTAX, node, "ROUND keeps at most 20 digits")
    builder.scope.codes.add(refusal.NUMBER)
    kind = Kind.DECIMAL if digits else Kind.INTEGER
    return strict(kind, lambda exact: number.round_half_up(exact, digits), value)


def _call(builder: Builder, node: exp.Anonymous) -> Term:
    function = FUNCTIONS.get(node.name.upper())
    if function is None:
        raise Rejected(SYNTAX, node, f"unknown function `{node.name}`{suggest(node.name, FUNCTION_NAMES)}")
    return function(builder, node)


def _rule(compile_node: Callable[[Builder, Any], Term], *arguments: str) -> Rule:
    return Rule(compile_node, frozenset(arguments))


_BINARY = ("this", "expression")

RULES: dict[type[exp.Expr], Rule] = {
    exp.Literal: _rule(_literal, "this", "is_string"),
    exp.Boolean: _rule(_boolean, "this"),
    exp.Null: _rule(_null),
    exp.Column: _rule(_column, "this", "table"),
    exp.Paren: _rule(_paren, "this"),
    exp.EQ: _rule(partial(_compare, operator.eq), *_BINARY),
    exp.NEQ: _rule(partial(_compare, operator.ne), *_BINARY),
    exp.LT: _rule(partial(_compare, operator.lt), *_BINARY),
    exp.LTE: _rule(partial(_compare, operator.le), *_BINARY),
    exp.GT: _rule(partial(_compare, operator.gt), *_BINARY),
    exp.GTE: _rule(partial(_compare, operator.ge), *_BINARY),
    exp.And: _rule(_and, *_BINARY),
    exp.Or: _rule(_or, *_BINARY),
    exp.Not: _rule(_not, "this"),
    exp.Is: _rule(_is, *_BINARY),
    exp.Between: _rule(_between, "this", "low", "high"),
    exp.In: _rule(_in, "this", "expressions"),
    exp.Like: _rule(_like, *_BINARY),
    exp.Escape: _rule(_escape, *_BINARY),
    exp.Case: _rule(_case, "this", "ifs", "default"),
    exp.Coalesce: _rule(_coalesce, "this", "expressions"),
    exp.Nullif: _rule(_nullif, *_BINARY),
    exp.Add: _rule(_add, *_BINARY),
    exp.Sub: _rule(_subtract, *_BINARY),
    exp.Mul: _rule(partial(_arithmetic, number.multiply), *_BINARY),
    exp.Div: _rule(_divide, *_BINARY, "typed", "safe"),
    exp.Neg: _rule(_negate, "this"),
    exp.Cast: _rule(compile_cast, "this", "to"),
    exp.Concat: _rule(_concat, "expressions", "safe"),
    exp.DPipe: _rule(_concat, *_BINARY, "safe"),
    exp.Substring: _rule(_substring, "this", "start", "length"),
    exp.Upper: _rule(partial(_text_function, str.upper), "this"),
    exp.Lower: _rule(partial(_text_function, str.lower), "this"),
    exp.Trim: _rule(partial(_text_function, lambda text: text.strip(" ")), "this"),
    exp.Replace: _rule(_replace, "this", "expression", "replacement"),
    exp.Abs: _rule(_absolute, "this"),
    exp.Round: _rule(_round, "this", "decimals"),
    exp.Anonymous: _rule(_call, "this", "expressions"),
}

FUNCTION_NAMES = (
    *("COALESCE", "NULLIF", "CAST", "CONCAT", "SUBSTRING", "UPPER", "LOWER", "TRIM", "REPLACE", "ABS", "ROUND"),
    *FUNCTIONS,
)

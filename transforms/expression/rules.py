"""The allow-list: which nodes an expression may consist of, and how each is compiled.

Truth is three-valued as in SQL: NULL is neither true nor false, and most operations on NULL give NULL. Where databases
differ, the language refuses or takes the reading that loses nothing; `transforms/README.md` lists those for stewards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from sqlglot import exp

from transforms.expression import arithmetic, characters, logic
from transforms.expression.builder import SYNTAX, Builder, Rejected, Rule
from transforms.expression.cast import compile_cast
from transforms.expression.code import Inline
from transforms.expression.functions import FUNCTIONS
from transforms.expression.term import Term, constant
from transforms.value.kind import Kind
from transforms.yaml.section import suggest

_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40}")


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
    exp.EQ: _rule(partial(logic.compare, logic.EQUAL), *_BINARY),
    exp.NEQ: _rule(partial(logic.compare, logic.UNEQUAL), *_BINARY),
    exp.LT: _rule(partial(logic.compare, logic.LESS), *_BINARY),
    exp.LTE: _rule(partial(logic.compare, logic.LESS_OR_EQUAL), *_BINARY),
    exp.GT: _rule(partial(logic.compare, logic.GREATER), *_BINARY),
    exp.GTE: _rule(partial(logic.compare, logic.GREATER_OR_EQUAL), *_BINARY),
    exp.And: _rule(logic.conjunction, *_BINARY),
    exp.Or: _rule(logic.disjunction, *_BINARY),
    exp.Not: _rule(logic.negation, "this"),
    exp.Is: _rule(logic.is_null, *_BINARY),
    exp.Between: _rule(logic.between, "this", "low", "high"),
    exp.In: _rule(logic.membership, "this", "expressions"),
    exp.Like: _rule(characters.like, *_BINARY, "negate"),
    exp.RegexpLike: _rule(characters.regexp, *_BINARY),
    exp.RegexpSubstr: _rule(characters.regexp_substring, *_BINARY),
    exp.Split: _rule(characters.split_part, *_BINARY, "limit"),
    exp.Escape: _rule(characters.like_escape, *_BINARY),
    exp.Case: _rule(logic.case, "this", "ifs", "default"),
    exp.Coalesce: _rule(logic.coalesce, "this", "expressions"),
    exp.Nullif: _rule(logic.nullif, *_BINARY),
    exp.Add: _rule(arithmetic.add, *_BINARY),
    exp.Sub: _rule(arithmetic.subtract, *_BINARY),
    exp.Mul: _rule(arithmetic.multiply, *_BINARY),
    exp.Div: _rule(arithmetic.divide, *_BINARY, "typed", "safe"),
    exp.Neg: _rule(arithmetic.negate, "this"),
    exp.Cast: _rule(compile_cast, "this", "to"),
    exp.Concat: _rule(characters.concat, "expressions", "safe"),
    exp.DPipe: _rule(characters.concat, *_BINARY, "safe"),
    exp.Substring: _rule(characters.substring, "this", "start", "length"),
    exp.Upper: _rule(partial(characters.text_function, Inline("{0}.upper()")), "this"),
    exp.Lower: _rule(partial(characters.text_function, Inline("{0}.lower()")), "this"),
    exp.Trim: _rule(partial(characters.text_function, Inline("{0}.strip(' ')")), "this"),
    exp.Replace: _rule(characters.replace, "this", "expression", "replacement"),
    exp.Abs: _rule(arithmetic.absolute, "this"),
    exp.Round: _rule(arithmetic.rounded, "this", "decimals"),
    exp.Anonymous: _rule(_call, "this", "expressions"),
}

FUNCTION_NAMES = (
    *("COALESCE", "NULLIF", "CAST", "CONCAT", "SUBSTRING", "UPPER", "LOWER", "TRIM", "REPLACE", "ABS", "ROUND"),
    *("SPLIT", "REGEXP_SUBSTR"),
    *FUNCTIONS,
)

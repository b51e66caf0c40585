"""A SQL scalar expression to a Python function, by allow-list.

The text is parsed by sqlglot's default dialect; every node class, argument and function that is not listed in `rules`
is refused when the dictionary is loaded, and so is a column that is not declared or a type that does not fit. What is
left cannot read a clock, call anything or run for long. Nothing is parsed or resolved per row.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from transforms.errors import Faults
from transforms.expression.builder import SYNTAX, Builder, Rejected, Scope, fault_at, offset_of
from transforms.expression.rules import RULES
from transforms.expression.term import Term
from transforms.yaml.document import Scalar

MAX_CHARACTERS = 2000


def compile_expression(scalar: Scalar, scope: Scope, faults: Faults) -> Term | None:
    """Return `scalar` compiled, or None and a fault with place and caret."""
    tree = parse_expression(scalar, faults)
    if tree is None:
        return None
    builder = Builder(scalar, scope, RULES, faults)
    before = len(faults.found)
    try:
        term = builder.term(tree)
    except Rejected as rejected:
        fault_at(scalar, offset_of(rejected.node), rejected.code, rejected.message, faults)
        return None
    except RecursionError:
        # Named expressions of named expressions, each as deep as it may be.
        faults.add(scalar.place, SYNTAX, "nested too deeply")
        return None
    return term if len(faults.found) == before else None


def parse_expression(scalar: Scalar, faults: Faults) -> exp.Expr | None:
    """Return the tree of `scalar`, or None and a fault with place and caret."""
    text = scalar.text
    if len(text) > MAX_CHARACTERS:
        faults.add(scalar.place, SYNTAX, f"an expression has at most {MAX_CHARACTERS} characters")
        return None
    try:
        tokens = sqlglot.tokenize(text)
        unwanted = next((token for token in tokens if token.comments or token.token_type.name == "DCOLON"), None)
        if unwanted is None:
            return sqlglot.parse_one(text, into=exp.Condition)
        told = "a comment (`a --1` is `a`)" if unwanted.comments else "`::`, which is CAST(... AS ...),"
        fault_at(scalar, unwanted.start, SYNTAX, f"{told} is not part of the expression language", faults)
    except ParseError as error:
        offset, message = _explain(text, error)
        fault_at(scalar, offset, SYNTAX, message, faults)
    except TokenError:
        fault_at(scalar, 0, SYNTAX, "a quote or comment is not closed, or a character cannot be read", faults)
    except RecursionError:
        faults.add(scalar.place, SYNTAX, "nested too deeply")
    return None


def _explain(text: str, error: ParseError) -> tuple[int, str]:
    if not error.errors:
        return 0, "the expression is empty"
    first = error.errors[0]
    highlight = first.get("highlight") or ""
    lines = text.split("\n")
    before = sum(len(line) + 1 for line in lines[: (first.get("line") or 1) - 1])
    offset = before + max((first.get("col") or 1) - len(highlight), 0)
    return min(offset, len(text)), f"not an expression: unexpected `{highlight}`"

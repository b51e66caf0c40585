"""A SQL scalar expression to a Python function, by allow-list.

The text is parsed by sqlglot's default dialect; every node class, argument and function that is not listed in `rules`
is refused when the dictionary is loaded, and so is a column that is not declared or a type that does not fit. What is
left cannot read a clock, call anything or run for long. Nothing is parsed or resolved per row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from transforms.document import Scalar
from transforms.errors import Faults
from transforms.expression.term import Term, constant
from transforms.kind import Kind
from transforms.section import suggest
from transforms.units import UnitNames

MAX_CHARACTERS = 2000
MAX_DEPTH = 40
SYNTAX, COLUMN, TYPE = "DIC-121", "DIC-122", "DIC-123"


@dataclass(slots=True)
class Scope:
    """What names mean in an expression; and, found by compiling, the codes it can refuse with and units it makes."""

    resolve: Callable[[str, str], Term | None]
    known: Callable[[], Collection[str]]
    units: UnitNames
    codes: set[str] = field(default_factory=set)
    made_units: set[str] = field(default_factory=set)


class Rejected(Exception):
    """A part of an expression that is not allowed; `node` is where."""

    def __init__(self, code: str, node: exp.Expr, message: str) -> None:
        super().__init__(message)
        self.code, self.node, self.message = code, node, message


def compile_expression(scalar: Scalar, scope: Scope, faults: Faults) -> Term | None:
    """Return `scalar` compiled, or None and a fault with place and caret."""
    tree = _parse(scalar, faults)
    if tree is None:
        return None
    builder = Builder(scalar, scope, faults)
    before = len(faults.found)
    try:
        term = builder.term(tree)
    except Rejected as rejected:
        fault_at(scalar, _offset(rejected.node), rejected.code, rejected.message, faults)
        return None
    return term if len(faults.found) == before else None


class Builder:
    """Compiles one tree, node by node."""

    def __init__(self, scalar: Scalar, scope: Scope, faults: Faults) -> None:
        self.scope = scope
        self._scalar, self._faults, self._depth = scalar, faults, 0

    def term(self, node: exp.Expr) -> Term:
        """Return `node` compiled; Rejected if it is not allowed."""
        from transforms.expression.rules import RULES  # noqa: PLC0415 - the rules compile their parts with this builder

        rule = RULES.get(type(node))
        if rule is None:
            raise Rejected(SYNTAX, node, f"{_describe(node)} is not part of the expression language")
        for name, value in node.args.items():
            if name not in rule.arguments and value not in (None, False, []):
                raise Rejected(SYNTAX, node, f"{_describe(node)} cannot be used with `{name}` here")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Rejected(SYNTAX, node, f"nested deeper than {MAX_DEPTH}")
        try:
            return rule.compile(self, node)
        finally:
            self._depth -= 1

    def column(self, node: exp.Column) -> Term:
        """Return the column's term; an unknown one is a fault, and stands for NULL so that others are found too."""
        table, name = node.text("table"), node.text("this")
        if not isinstance(node.this, exp.Identifier):
            raise Rejected(SYNTAX, node, "a column is `NAME` or `LOOKUP.NAME`")
        found = self.scope.resolve(table, name)
        if found is not None:
            return found
        shown = f"{table}.{name}" if table else name
        message = f"unknown column `{shown}`{suggest(shown, self.scope.known())}"
        fault_at(self._scalar, _offset(node), COLUMN, message, self._faults)
        return constant(Kind.NOTHING, None)

    def typed(self, node: exp.Expr, *kinds: Kind) -> Term:
        """Return `node` compiled, whose kind must be one of `kinds` (or NULL)."""
        term = self.term(node)
        if term.kind not in kinds and term.kind is not Kind.NOTHING:
            wanted = " or ".join(map(str, kinds))
            raise Rejected(TYPE, node, f"{wanted} is wanted here, this is {term.kind}")
        return term


def fault_at(scalar: Scalar, offset: int, code: str, message: str, faults: Faults) -> None:
    """Record a fault at `offset` of an expression, with the line that it stands in and a caret under the place."""
    start = scalar.text.rfind("\n", 0, offset) + 1
    line = scalar.text[start:].split("\n", 1)[0]
    faults.add(scalar.place_at(offset), code, f"{message}\n    {line}\n    {' ' * (offset - start)}^")


def _parse(scalar: Scalar, faults: Faults) -> exp.Expr | None:
    text = scalar.text
    if len(text) > MAX_CHARACTERS:
        faults.add(scalar.place, SYNTAX, f"an expression has at most {MAX_CHARACTERS} characters")
        return None
    try:
        return sqlglot.parse_one(text, into=exp.Condition)
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


def _offset(node: exp.Expr) -> int:
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts, default=0)


def _describe(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"function `{node.name.upper()}`"
    if isinstance(node, exp.Func):
        return f"function `{node.sql_name()}`"
    return f"`{type(node).__name__}`"

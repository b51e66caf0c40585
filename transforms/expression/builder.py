"""One tree of an expression to one function: node by node, with places, and with a rule for every node class."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from transforms.errors import Faults
from transforms.expression.branch import Branches
from transforms.expression.code import Code
from transforms.expression.term import Term, constant
from transforms.value.kind import Kind
from transforms.value.token import TokenKeys
from transforms.vocabulary.unit_names import UnitNames
from transforms.yaml.document import Scalar
from transforms.yaml.section import suggest

MAX_DEPTH = 40
SYNTAX, COLUMN, TYPE = "DIC-121", "DIC-122", "DIC-123"


@dataclass(slots=True)
class Scope:
    """What names mean in an expression; and what is found by compiling it.

    `codes`: those it can refuse with; `measured`: the parts that it takes of measured values (a value without its
    comparator would pass a bound off as a number). `translate`: what codes of the
    source mean, None where there are none. `branches`: the ways through it, where somebody counts them.
    """

    resolve: Callable[[str, str], Term | None]
    known: Callable[[], Collection[str]]
    units: UnitNames
    codes: set[str] = field(default_factory=set)
    measured: set[str] = field(default_factory=set)
    translate: Translate | None = None
    tokens: TokenKeys = field(default_factory=TokenKeys)
    branches: Branches | None = None


Translate = Callable[[Scope, Term, str, Term | None], Term]
"""From codes, the name of their code set, and the moment that counts, to their meaning."""


class Untranslatable(Exception):
    """A code set cannot be used like that; the text is for people. `at`: it is the moment that is wrong."""

    def __init__(self, message: str, code: str = "DIC-104", *, at: bool = False) -> None:
        super().__init__(message)
        self.code, self.at = code, at


@contextmanager
def own_codes(scope: Scope) -> Iterator[set[str]]:
    """Collect what one part of a mapping can refuse with apart from all else; whoever uses the part adds it."""
    others, own = set(scope.codes), set[str]()
    scope.codes.clear()
    try:
        yield own
    finally:
        own.update(scope.codes)
        scope.codes.clear()
        scope.codes.update(others)


class Rejected(Exception):
    """A part of an expression that is not allowed; `node` is where."""

    def __init__(self, code: str, node: exp.Expr, message: str) -> None:
        super().__init__(message)
        self.code, self.node, self.message = code, node, message


@dataclass(frozen=True, slots=True)
class Rule:
    """How one node class is compiled; `arguments` are those that it may carry, flags of the parser included."""

    compile: Callable[[Builder, Any], Term]
    arguments: frozenset[str]


class Builder:
    """Compiles one tree, node by node, by the rules that it is given."""

    def __init__(self, scalar: Scalar, scope: Scope, rules: Mapping[type[exp.Expr], Rule], faults: Faults) -> None:
        self.scope, self._rules = scope, rules
        self._scalar, self._faults, self._depth = scalar, faults, 0

    def term(self, node: exp.Expr) -> Term:
        """Return `node` compiled; Rejected if it is not allowed."""
        rule = self._rules.get(type(node))
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

    def branch(self, node: exp.Expr, told: str, code: Code) -> Code:
        """Return what one way through an expression gives, counted where somebody counts."""
        if self.scope.branches is None:
            return code
        return self.scope.branches.mark(self._scalar.place_at(offset_of(node)), told, code)

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
        fault_at(self._scalar, offset_of(node), COLUMN, message, self._faults)
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


def offset_of(node: exp.Expr) -> int:
    """Return where in the text a node begins."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts, default=0)


def _describe(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"function `{node.name.upper()}`"
    if isinstance(node, exp.Func):
        return f"function `{node.sql_name()}`"
    return f"`{_SYMBOLS.get(type(node)) or _WORDS.sub(' ', type(node).__name__).upper()}`"


# How SQL writes what the parser calls otherwise; all else is called by the words of its name: SimilarTo, SIMILAR TO.
_WORDS = re.compile("(?<=[a-z])(?=[A-Z])")
_SYMBOLS: Mapping[type[exp.Expr], str] = {
    exp.ILike: "ILIKE",
    exp.IntDiv: "DIV",
    exp.Mod: "%",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.BitwiseNot: "~",
    exp.DPipe: "||",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Neg: "-",
    exp.Star: "*",
    exp.Bracket: "[...]",
    exp.Parameter: "@",
    exp.Placeholder: "?",
    exp.National: "N'...'",
}

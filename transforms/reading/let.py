"""Named expressions of a mapping: `let: {lot: CLEAN(FBatchNo)}`, used like a column of the source row.

Each is compiled where it is used first: until then the mapping does not read what it reads, so that a look-up counts as
one of `where` only if `where` needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from transforms.errors import Faults
from transforms.expression.builder import MAX_DEPTH, Scope, own_codes
from transforms.expression.code import Code, function_of, write
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Term, constant
from transforms.value.kind import Kind
from transforms.yaml.document import Node, Scalar
from transforms.yaml.section import Section, read_scalar

_NOTHING = constant(Kind.NOTHING, None)


@dataclass(frozen=True, slots=True)
class _Let:
    """What a name stands for, what it can refuse with, what it takes of measured values.

    `depth`: how many names want each other, up to this one. Reading a row goes down as many steps.
    """

    term: Term
    codes: frozenset[str] = frozenset()
    measured: frozenset[str] = frozenset()
    depth: int = 1


class Lets:
    """The names under `let`; `scope` is the mapping's, in which they are known."""

    def __init__(self, section: Section, outer: Scope, faults: Faults) -> None:
        self._outer, self._faults = outer, faults
        self._nodes: dict[str, tuple[Scalar, Node]] = {}
        self._read: dict[str, _Let] = {}
        self._open: set[str] = set()
        self._depths = [0]  # of what is open: the deepest name that each of them has used so far
        for name, node in section.entries("let"):
            if outer.resolve("", name.text) is not None:
                faults.add(name.place, "DIC-112", f"`{name.text}` is a column of the source row already")
            self._nodes[name.text] = name, node
        self.scope = replace(outer, resolve=self._resolve, known=lambda: [*outer.known(), *self._nodes])

    def read_all(self) -> None:
        """Compile what nothing has used: its faults count as well."""
        for name in self._nodes:
            self._let(name)

    def _resolve(self, table: str, name: str) -> Term | None:
        if table or name not in self._nodes:
            return self._outer.resolve(table, name)
        let = self._let(name)
        self._outer.codes.update(let.codes)
        self._outer.measured.update(let.measured)
        self._depths[-1] = max(self._depths[-1], let.depth)
        return let.term

    def _let(self, name: str) -> _Let:
        if name not in self._read:
            # Until it is compiled it stands for NULL: one that uses itself does not go round.
            self._read[name] = _Let(_NOTHING)
            self._open.add(name)
            self._read[name] = self._compile(*self._nodes[name]) if len(self._open) <= MAX_DEPTH else self._deep(name)
            self._open.discard(name)
        elif name in self._open:
            self._faults.add(self._nodes[name][0].place, "DIC-122", f"`{name}` is defined by itself")
        return self._read[name]

    def _deep(self, name: str) -> _Let:
        message = f"`{name}` wants a name that wants a name ..., more than {MAX_DEPTH} of them"
        self._faults.add(self._nodes[name][0].place, "DIC-121", message)
        return _Let(_NOTHING)

    def _compile(self, name: Scalar, node: Node) -> _Let:
        measured = set[str]()
        scope = replace(self.scope, measured=measured)
        scalar = read_scalar(node, name.text, self._faults)
        self._depths.append(0)
        with own_codes(scope) as codes:
            term = compile_expression(scalar, scope, self._faults) if scalar else None
        depth = self._depths.pop() + 1
        if depth > MAX_DEPTH:
            return self._deep(name.text)
        found = _remembered(term) if term else _NOTHING
        return _Let(found, frozenset(codes), frozenset(measured), depth)


def _remembered(term: Term) -> Term:
    """Return the term worked out once for a row, when it is first asked for: what it refuses, only its users refuse."""
    if term.constant:
        return term
    return replace(term, code=_once(term.code), said=_once(term.said) if term.said else None)


def _once(code: Code) -> Code:
    work_out, key = function_of(code), object()
    return write("memo[{0}] if {0} in memo else memo.setdefault({0}, {1}(row, memo))", key, work_out)

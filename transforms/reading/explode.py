"""Several canonical rows out of one source row: its repeated columns, or the parts of a text.

    explode: {from: [{seq: 1, value: TEST1}, {seq: 2, value: TEST2}], skip: value IS NULL}
    explode: {split: VALS, by: "|", as: value, seq: seq}      seq counts the parts from 1; a NULL has none

The names are columns to the expressions of the target, beside those of the source row and of the look-ups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.errors import Faults
from transforms.expression.builder import Scope
from transforms.expression.code import Code, Expression, Memo, function_of, write
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Term, shared_unit, text_said
from transforms.normalise import Explode
from transforms.value.kind import Kind, unify
from transforms.yaml.document import Node, Scalar
from transforms.yaml.name import RESERVED, WORD
from transforms.yaml.section import Section, read_names
from transforms.yaml.shape import Many, Named, Shape, Text

EXPLODE = Shape(
    optional={
        "from": Many(Named(Text("An expression.")), "A row for each item; the names are columns to this target."),
        "split": Text("A text, a row for each of its parts."),
        "by": Text("What stands between two parts."),
        "as": Text("What a part is called."),
        "seq": Text("What its number, from 1, is called."),
        "skip": Text("A condition; parts for which it is true have no row."),
    },
    told="Several canonical rows out of one source row.",
    one_of=("from", "split"),
)

Names = Mapping[str, Term]
"""What each name is, kind and unit; where it stands in the row is said last."""


def read_explode(section: Section, scope: Scope, faults: Faults) -> tuple[Explode, Scope] | None:
    """Return what makes the parts of a row, and the scope in which their names are known; None if it has faults."""
    if ("from" in section) == ("split" in section):
        faults.add(section.place, "DIC-104", "`explode` has either `from` or `split`, `by` and `as`")
        return None
    read = _read_repeated(section, scope, faults) if "from" in section else _read_split(section, scope, faults)
    if read is None:
        return None
    explode, names = read
    for name in names:
        if not WORD.fits(name) or name.lower() in RESERVED:
            faults.add(section.place, "DIC-105", WORD.told)
        if scope.resolve("", name) is not None:
            faults.add(section.place, "DIC-112", f"`{name}` is a column of the row already")
    inner = replace(scope, resolve=_resolver(scope, names), known=lambda: [*scope.known(), *names])
    return _skipping(explode, section.scalar("skip"), inner, faults), inner


def _resolver(scope: Scope, names: Names) -> Callable[[str, str], Term | None]:
    # They stand at the end of the row, whose length is not known before all of the mapping is read.
    # What was said of them stands behind them, of those of which it may be another text.
    kept = [name for name, term in names.items() if term.said]
    values = dict(zip(names, range(-len(names) - len(kept), 0), strict=False))
    said = {name: Code(f"row[{place - len(kept)}]") for place, name in enumerate(kept)}
    terms = {
        name: Term(term.kind, Code(f"row[{values[name]}]"), unit=term.unit, said=said.get(name))
        for name, term in names.items()
    }
    return lambda table, name: terms[name] if not table and name in terms else scope.resolve(table, name)


def _read_repeated(section: Section, scope: Scope, faults: Faults) -> tuple[Explode, Names] | None:
    parts = [_read_part(node, scope, faults) for node in section.items("from")]
    names = tuple(parts[0] or ()) if parts else ()
    if not names or any(part is None or tuple(part) != names for part in parts):
        faults.add(section.place_of("from"), "DIC-105", "each part of `from` gives the same names, in the same order")
        return None
    among = {name: [part[name] for part in parts if part] for name in names}
    for name, terms in among.items():
        if unify(term.kind for term in terms) is None:
            faults.add(section.place_of("from"), "DIC-123", f"`{name}` is not of one kind in all parts")
    either = {name: _either(terms) for name, terms in among.items()}
    kept = [name for name, term in either.items() if term.said]
    repeat = _repeat(
        tuple(
            (*(term.code for term in part.values()), *(text_said(part[name]) for name in kept))
            for part in parts
            if part
        )
    )
    return repeat, either


def _either(terms: Sequence[Term]) -> Term:
    """Return what is one of `terms`, as far as all of them are alike."""
    said = next((term.said for term in terms if term.said), None)
    kind = unify(term.kind for term in terms) or Kind.NOTHING
    return replace(terms[0], kind=kind, unit=shared_unit(terms), said=said)


def _read_part(node: Node, scope: Scope, faults: Faults) -> dict[str, Term] | None:
    terms = {key.text: compile_expression(value, scope, faults) for key, value in read_names(node, faults)}
    return {name: term for name, term in terms.items() if term} if all(terms.values()) else None


def _repeat(parts: tuple[tuple[Code, ...], ...]) -> Explode:
    codes = [code for part in parts for code in part]
    places = iter(range(len(codes)))
    rows = ", ".join(f"(*row, {', '.join(f'{{{next(places)}}}' for _ in part)})" for part in parts)
    return function_of(write(f"({rows},)", *codes))


def _read_split(section: Section, scope: Scope, faults: Faults) -> tuple[Explode, Names] | None:
    split, by, name, seq = (section.scalar(key) for key in ("split", "by", "as", "seq"))
    term = compile_expression(split, scope, faults) if split else None
    if not (term and by and by.text and name):
        faults.add(
            section.place, "DIC-104", "`split` needs `by`, the text between two parts, and `as`, a name for them"
        )
        return None
    if term.kind is not Kind.TEXT:
        faults.add(section.place_of("split"), "DIC-123", f"text is wanted here, this is {term.kind}")
    if seq and seq.text == name.text:
        faults.add(seq.place, "DIC-112", f"`{seq.text}` is what a part is called: its number needs another name")
        return None
    part, count = Term(Kind.TEXT, Code("")), Term(Kind.INTEGER, Code(""))
    names = {name.text: part, **({seq.text: count} if seq else {})}
    return _split(function_of(term.code), by.text, counted=seq is not None), names


def _split(run: Expression, by: str, *, counted: bool) -> Explode:
    def explode(row: Sequence[Any], memo: Memo) -> list[tuple[Any, ...]]:
        text = run(row, memo)
        parts = [] if text is None else text.split(by)
        return [(*row, part, number) if counted else (*row, part) for number, part in enumerate(parts, 1)]

    return explode


def _skipping(explode: Explode, skip: Scalar | None, scope: Scope, faults: Faults) -> Explode:
    term = compile_expression(skip, scope, faults) if skip else None
    if term is None:
        return explode
    if skip and term.kind is not Kind.BOOLEAN:
        faults.add(skip.place, "DIC-123", f"a condition is wanted here, this is {term.kind}")
    counted = scope.branches.mark_outcomes(skip.place, "skip", term.code) if skip and scope.branches else term.code
    skipped = function_of(counted)
    return lambda row, memo: [part for part in explode(row, memo) if skipped(part, memo) is not True]

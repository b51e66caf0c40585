"""What codes of a source mean: always, as of a moment, or beside the values of other columns of the row."""

from __future__ import annotations

from collections.abc import Mapping as Map
from datetime import date
from decimal import Decimal

from transforms.expression.builder import Scope, Translate, Untranslatable
from transforms.expression.code import Code, Inline, call, fresh, write
from transforms.expression.term import Term, strict
from transforms.model import CodeSet, Source
from transforms.value.kind import Kind
from transforms.value.moment import find_zone
from transforms.value.text import BLANKS
from transforms.vocabulary.codes import conditions, translate_at, translation_step
from transforms.yaml.section import suggest

_DATES = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.NOTHING)

_TIMED = "valid for a time: say which moment counts"
_ALWAYS = "always valid: no moment counts, take `at` (of CODE: its third argument) out"


def translator(source: Source, codesets: Map[str, CodeSet]) -> Translate:
    """Return what gives the meaning of codes of `source`."""

    def translate(scope: Scope, term: Term, name: str, at: Term | None) -> Term:
        code_set = codesets.get(name)
        if code_set is None:
            raise Untranslatable(f"unknown code set `{name}`{suggest(name, codesets)}", "DIC-111")
        timed, columns = conditions(code_set, source.name)
        if timed != (at is not None):
            raise Untranslatable(f"codes of `{name}` are {_TIMED if timed else _ALWAYS}", at=not timed)
        scope.codes.add(code_set.unmapped)
        if term.kind is Kind.TEXT:
            term = strict(Kind.TEXT, nothing(source.null_tokens), term)
        if not (timed or columns):
            return strict(Kind.TEXT, translation_step(code_set, source.name), term)
        return _dependent(term, code_set, source, _moment(at, source), _beside(columns, scope))

    return translate


def nothing(tokens: frozenset[str]) -> Inline:
    """Return the step that takes what a source writes for "nothing", blanks around it aside, as NULL."""
    return Inline("None if {0}.strip({1}) in {2} else {0}", BLANKS, tokens)


def _dependent(term: Term, code_set: CodeSet, source: Source, at: Code, beside: Map[str, Code]) -> Term:
    names = tuple(beside)

    def translate(value: str | int | Decimal, moment: date | None, *others: object) -> str:
        return translate_at(code_set, source.name, value, moment, dict(zip(names, others, strict=True)))

    # Not strict: what is NULL beside the code does not make it NULL.
    value = fresh()
    made = call(translate, value, at, *beside.values())
    return Term(Kind.TEXT, write("None if ({0} := {1}) is None else {2}", value, term.code, made))


def _moment(at: Term | None, source: Source) -> Code:
    """Return what gives the date that counts; an instant has the date of the source's clocks."""
    if at is None:
        return Code("None")
    if at.kind not in _DATES:
        raise Untranslatable(f"a date or a time is wanted here, this is {at.kind}", "DIC-123", at=True)
    if at.kind is Kind.INSTANT:
        return strict(Kind.DATE, Inline("{0}.astimezone({1}).date()", find_zone(source.time_zone)), at).code
    return strict(Kind.DATE, Inline("{0}.date()"), at).code if at.kind is Kind.TIMESTAMP else at.code


def _beside(columns: tuple[str, ...], scope: Scope) -> dict[str, Code]:
    found = {}
    for name in columns:
        table, _, column = name.rpartition(".")
        term = scope.resolve(table, column)
        if term is None:
            message = f"its codes depend on `{name}`, which is not declared{suggest(name, scope.known())}"
            raise Untranslatable(message, "DIC-122")
        found[name] = term.code
    return found

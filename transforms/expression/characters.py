"""Texts: joining, cutting, replacing, LIKE."""

from __future__ import annotations

from typing import Any

import re2
from sqlglot import exp

from transforms import refusal
from transforms.errors import Refused
from transforms.expression.arithmetic import whole_literal
from transforms.expression.builder import SYNTAX, Builder, Rejected
from transforms.expression.code import Function, Inline
from transforms.expression.term import Term, made_of, strict
from transforms.value import number
from transforms.value.kind import Kind
from transforms.value.text import compile_like

# Nested REPLACE multiplies; no legacy column is near this.
MAX_CHARACTERS = 4_000_000


def concat(builder: Builder, node: exp.Concat | exp.DPipe) -> Term:
    """Return the parts joined; NULL if any of them is."""
    parts = node.expressions if isinstance(node, exp.Concat) else [node.left, node.right]
    builder.scope.codes.add(refusal.TEXT)
    terms = [_as_text(builder.typed(part, Kind.TEXT, Kind.INTEGER)) for part in parts]
    return strict(Kind.TEXT, _joined, *terms)


def _joined(*texts: str) -> str:
    _check_length(sum(map(len, texts)))
    return "".join(texts)


def _check_length(length: int) -> None:
    if length > MAX_CHARACTERS:
        raise Refused(refusal.TEXT, detail=f"an expression makes a text of more than {MAX_CHARACTERS} characters")


def _as_text(term: Term) -> Term:
    return strict(Kind.TEXT, number.number_text, term) if term.kind is Kind.INTEGER else term


def substring(builder: Builder, node: exp.Substring) -> Term:
    """Return a part of a text, counted from 1."""
    value = builder.typed(node.this, Kind.TEXT)
    start = whole_literal(builder, node.args.get("start"), node, "SUBSTRING needs a start, counted from 1", least=1) - 1
    if node.args.get("length") is None:
        return made_of(value, strict(Kind.TEXT, Inline("{0}[{1}:]", start), value))
    end = start + whole_literal(builder, node.args["length"], node, "SUBSTRING needs a length in digits")
    return made_of(value, strict(Kind.TEXT, Inline("{0}[{1}:{2}]", start, end), value))


def text_function(function: Function, builder: Builder, node: exp.Func) -> Term:
    """Return a function of one text."""
    value = builder.typed(node.this, Kind.TEXT)
    return made_of(value, strict(Kind.TEXT, function, value))


def replace(builder: Builder, node: exp.Replace) -> Term:
    """Return a text with all occurrences of another replaced."""
    parts = [node.args.get(name) for name in ("this", "expression", "replacement")]
    if None in parts:
        raise Rejected(SYNTAX, node, "REPLACE takes a text, what to replace and the replacement")
    builder.scope.codes.add(refusal.TEXT)
    value, *others = (builder.typed(part, Kind.TEXT) for part in parts if part is not None)
    return made_of(value, strict(Kind.TEXT, _replaced, value, *others))


def _replaced(text: str, old: str, new: str) -> str:
    # SQL replaces no empty text; Python would put `new` between all characters.
    if not old:
        return text
    _check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def split_part(builder: Builder, node: exp.Split) -> Term:
    """Return one part of a text that is cut at a separator, counted from 1; NULL where there are fewer."""
    separator = node.args.get("expression")
    if not isinstance(separator, exp.Literal) or not separator.is_string or not separator.name:
        raise Rejected(SYNTAX, node, "SPLIT takes a text, a separator in quotes and the number of a part")
    number_of_part = whole_literal(builder, node.args.get("limit"), node, "SPLIT counts parts from 1", least=1)

    def part(text: str) -> str | None:
        parts = text.split(separator.name, number_of_part)
        return parts[number_of_part - 1] if len(parts) >= number_of_part else None

    value = builder.typed(node.this, Kind.TEXT)
    return made_of(value, strict(Kind.TEXT, part, value))


def regexp(builder: Builder, node: exp.RegexpLike) -> Term:
    """Return whether a text has what a pattern describes, in time that grows with its length alone (RE2)."""
    pattern = _pattern(node)
    return strict(Kind.BOOLEAN, Inline("{1}({0}) is not None", pattern.search), builder.typed(node.this, Kind.TEXT))


def regexp_substring(builder: Builder, node: exp.RegexpSubstr) -> Term:
    """Return what a pattern finds first, or of that its first group; NULL where it finds nothing."""
    pattern = _pattern(node)
    group = min(pattern.groups, 1)

    def found(text: str) -> str | None:
        match = pattern.search(text)
        part = None if match is None else match.group(group)
        return None if part is None else str(part)

    value = builder.typed(node.this, Kind.TEXT)
    return made_of(value, strict(Kind.TEXT, found, value))


def _pattern(node: exp.Binary | exp.Func) -> Any:
    text = node.args.get("expression")
    if not isinstance(text, exp.Literal) or not text.is_string:
        raise Rejected(SYNTAX, node, "a regular expression stands in quotes")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text.name, options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        said = told.decode(errors="replace") if isinstance(told, bytes) else told
        raise Rejected(SYNTAX, text, f"no regular expression as RE2 has them: {said}") from None


def like(builder: Builder, node: exp.Like, escape: str = "\\") -> Term:
    """Return LIKE with a constant pattern."""
    value, pattern = builder.typed(node.this, Kind.TEXT), builder.typed(node.expression, Kind.TEXT)
    if not pattern.constant or pattern.value is None:
        raise Rejected(SYNTAX, node, "LIKE needs a pattern in quotes")
    try:
        match = compile_like(pattern.value, escape).match
    except ValueError as error:
        raise Rejected(SYNTAX, node, str(error)) from None
    if node.args.get("negate"):
        return strict(Kind.BOOLEAN, Inline("{1}({0}) is None", match), value)
    return strict(Kind.BOOLEAN, Inline("{1}({0}) is not None", match), value)


def like_escape(builder: Builder, node: exp.Escape) -> Term:
    """Return LIKE with another escape character."""
    escape = node.expression
    character = escape.name if isinstance(escape, exp.Literal) and escape.is_string else None
    if type(node.this) is not exp.Like or character is None or len(character) > 1:
        raise Rejected(SYNTAX, node, "ESCAPE takes one character in quotes, after LIKE")
    return like(builder, node.this, character)

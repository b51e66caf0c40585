"""An expression in pieces: columns lead to where they come from, functions to what they give."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from transforms.expression.rules import FUNCTION_NAMES
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Part, Rule

Names = Map[str, Part]
"""What names stand for in the expressions of a mapping: `column`, `lookup.column`, named expressions."""

_CONSTANTS = (TokenType.STRING, TokenType.NUMBER)


def pieces(text: str | None, names: Names) -> Rule:
    """Return an expression in pieces that are the text again when they are joined; () for none."""
    return tuple(_pieces(text, names)) if text else ()


def _pieces(text: str, names: Names) -> Iterator[Part]:
    end = 0
    tokens = sqlglot.tokenize(text)
    place = 0
    while place < len(tokens):
        count, part = _part(tokens, place, text, names)
        start, stop = tokens[place].start, tokens[place + count - 1].end + 1
        if part:
            yield from (Part(text[end:start]),) if start > end else ()
            yield Part(text[start:stop], part.kind, part.anchor)
            end = stop
        place += count
    if end < len(text):
        yield Part(text[end:])


def _part(tokens: list[Token], place: int, text: str, names: Names) -> tuple[int, Part | None]:
    """Return how many tokens one piece has, and what it is; None is nothing special."""
    token = tokens[place]
    if token.token_type in _CONSTANTS:
        return 1, Part("", "constant")
    following = [one.token_type for one in tokens[place + 1 : place + 3]]
    if following[:1] == [TokenType.DOT] and len(following) == 2:
        return 3, names.get(f"{token.text}.{tokens[place + 2].text}")
    if following[:1] == [TokenType.L_PAREN] and token.text.upper() in FUNCTION_NAMES:
        return 1, Part("", "function", anchor("function", token.text.upper()))
    quoted = token.token_type is TokenType.IDENTIFIER
    return 1, names.get(token.text if quoted else text[token.start : token.end + 1])

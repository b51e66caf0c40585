"""Names, labels and comments taken apart into words that mean the same in all of them (`words.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from transforms.errors import Faults
from transforms.yaml.document import parse_document, plain_tree

# What Kingdee and Yonyou put before every column name: FBatchNo, F_UDIDI; cInvCode, iQuantity, dMadeDate.
_PREFIX = re.compile(r"^(F_?(?=[A-Z])|[cibdn](?=[A-Z][a-z]))")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[㐀-鿿]+")
_CHINESE = re.compile(r"[㐀-鿿]")

Words = frozenset[str]


def words_of(*texts: str) -> Words:
    """Return what names (of columns, tables, fields) and labels speak of."""
    return frozenset(word for text in texts for part in _parts(text) for word in _meanings(part))


def snake(name: str) -> str:
    """Return a source's name as canonical names are written: lower-case letters, digits and _."""
    bare = _PREFIX.sub("", name)
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", bare)
    joined = "_".join(part.lower() for part in parts)
    return joined if re.match(r"[a-z]", joined) else f"x_{joined}" if joined else ""


def _parts(text: str) -> Iterable[str]:
    return (part.lower() for part in _PART.findall(_PREFIX.sub("", text)))


@cache
def _meanings(part: str) -> tuple[str, ...]:
    known = _known()
    if part in known:
        return known[part]
    split = _split(part)
    found = tuple(word for piece in split for word in known[piece])
    return found or (() if _CHINESE.search(part) else (part,))


def _split(part: str) -> tuple[str, ...]:
    """Return known words that a part without case or blanks is made of: `lotno`, 生产批号; () if it is not."""
    if _CHINESE.search(part):
        return _longest(part)
    known = [word for word in _known() if len(word) > 1]
    for word in sorted((word for word in known if part.startswith(word)), key=len, reverse=True):
        rest = part[len(word) :]
        if rest in _known():
            return (word, rest)
        if len(rest) > 1 and (further := _split(rest)):
            return (word, *further)
    return ()


def _longest(part: str) -> tuple[str, ...]:
    found: list[str] = []
    while part:
        fitting = [word for word in _known() if part.startswith(word)]
        word = max(fitting, key=len, default="")
        found += [word] if word else []
        part = part[len(word) or 1 :]
    return tuple(found)


@cache
def _known() -> dict[str, tuple[str, ...]]:
    """Return the words that each spelling may stand for."""
    path = Path(__file__).with_name("words.yaml")
    node = parse_document(path.name, path.read_text(encoding="utf-8"), Faults())
    tree = plain_tree(node) if node else {}
    known: dict[str, tuple[str, ...]] = {}
    for word, spellings in tree.items() if isinstance(tree, dict) else ():
        for spelling in (word, *spellings):
            known[spelling] = (*known.get(spelling, ()), word)
    return known

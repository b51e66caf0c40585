"""Single edits of a dictionary, at random: of any key of any file, as somebody might make them.

What stands somewhere is dropped, takes another place, or gives way to what stands under the same key elsewhere; what a
table of the same kind has elsewhere is added; a text has another word, number or constant in it. Most of it loads.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

Trees = dict[str, Any]
Path = tuple[str | int, ...]
# Words that no source has: as a code, a unit, a word for nothing. Rows with them are tried.
NEW = ("新", "XX", "-9")
# Tables whose keys are names that somebody has given.
_NAMED = {"columns", "lookups", "let", "codes", "fields", "units", "aliases", "tolerate"}
_TOLD = {
    "label",
    "definition",
    "owner",
    "example",
    "examples",
    "version",
    "note",
    "cause",
    "action",
    "ucum",
    "standard_refs",
}
_CONSTANT = re.compile(r"'[^']*'|\b\d+(?:\.\d+)?\b")


class Editor:
    """Makes edits of one dictionary, given as its content."""

    def __init__(self, content: str) -> None:
        self._trees: Trees = json.loads(content)
        self._places = [(file, *path) for file, tree in self._trees.items() for path in _paths(tree)]
        self._places = [path for path in self._places if _TOLD.isdisjoint(path) and path[0] != "dictionary.yaml"]
        self._alike: dict[Path, list[Any]] = {}
        self._of_kind: dict[Path, list[Path]] = {}
        for path in self._places:
            self._alike.setdefault(_kind(path), []).append(_at(self._trees, path))
            self._of_kind.setdefault(_kind(path), []).append(path)
        self._kinds = sorted(self._of_kind, key=str)
        self._content = json.dumps(self._trees, ensure_ascii=False)

    def edit(self, seed: int) -> tuple[str, str]:
        """Return the edit of that number: in words, and the content that comes of it."""
        chance = random.Random(seed)
        while True:
            trees = copy.deepcopy(self._trees)
            kind = chance.choice(self._kinds)  # files and keys count alike, however many entries they have
            path = chance.choice(self._of_kind[kind])
            deed = chance.choice((self._drop, self._put, self._put, self._add, self._move, self._word, self._word))
            told = deed(chance, trees, path)
            content = json.dumps(trees, ensure_ascii=False)
            if content != self._content:
                return f"{deed.__name__[1:]} {told} at {'/'.join(map(str, path))}", content

    def _drop(self, _: random.Random, trees: Trees, path: Path) -> str:
        del _at(trees, path[:-1])[path[-1]]
        return str(path[-1])

    def _put(self, chance: random.Random, trees: Trees, path: Path) -> str:
        value = copy.deepcopy(chance.choice(self._alike[_kind(path)]))
        _at(trees, path[:-1])[path[-1]] = value
        return str(value)

    def _add(self, chance: random.Random, trees: Trees, path: Path) -> str:
        """Give a table a key, or a list an item, that one of its kind has elsewhere; or a new name what another has."""
        table = _at(trees, path)
        others = [other for other in self._alike[_kind(path)] if type(other) is type(table)]
        other = copy.deepcopy(chance.choice(others))
        if isinstance(table, list) and other:
            table.insert(chance.randint(0, len(table)), item := chance.choice(other))
            return str(item)
        if isinstance(table, dict) and other:
            key, value = chance.choice(list(other.items()))
            if path[-1] in _NAMED or path[-2:-1] == ("aliases",):
                key = chance.choice((key, *NEW, "more"))
            table[key] = value
            return f"{key}: {value}"
        return "nothing"

    def _move(self, chance: random.Random, trees: Trees, path: Path) -> str:
        table = _at(trees, path)
        if isinstance(table, list):
            chance.shuffle(table)
        elif isinstance(table, dict):
            items = list(table.items())
            chance.shuffle(items)
            table.clear()
            table.update(items)
        return "order"

    def _word(self, chance: random.Random, trees: Trees, path: Path) -> str:
        """Put another constant, number or name in a text."""
        text = _at(trees, path)
        if not isinstance(text, str):
            return self._add(chance, trees, path)
        found = [match.span() for match in _CONSTANT.finditer(text)]
        start, end = chance.choice(found) if found else (0, len(text))
        word = text[start:end]
        if word.startswith("'"):
            new = chance.choice((f"'{chance.choice(NEW)}'", *_CONSTANT.findall(" ".join(self._texts(path)))))
        elif word.replace(".", "").isdigit():
            new = str(int(float(word)) + chance.choice((-1, 1, 7)))
        else:
            new = chance.choice(NEW)
        _at(trees, path[:-1])[path[-1]] = text[:start] + new + text[end:]
        return f"{word} -> {new}"

    def _texts(self, path: Path) -> list[str]:
        return [other for other in self._alike[_kind(path)] if isinstance(other, str)]


def _paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to everything below the root."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _kind(path: Path) -> Path:
    """Return the way without the names that somebody has given: what stands there is of one kind."""
    file = str(path[0])
    found: list[str | int] = [file.partition("/")[0]]
    for place, part in enumerate(path[1:], 1):
        above = path[place - 1]
        named = above in _NAMED or (file == "errors.yaml" and place == 1) or path[place - 2 : place - 1] == ("aliases",)
        found.append("*" if named or isinstance(part, int) else "target" if part == "targets" else part)
    return tuple(part for one, part in enumerate(found) if not (part == "*" and found[one - 1] == "target"))


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree

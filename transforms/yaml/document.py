"""A YAML file as a tree of texts with places, read strictly.

YAML 1.1 turns `NO` into false, `010` into 8 and `12:30:45` into 45045, and lets the last of two equal keys win: all of
them occur in code lists. So every scalar stays the text that was written until the schema of its key types it, and what
cannot be reviewed by eye (anchors, aliases, tags, merge keys, duplicate keys) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import yaml

from transforms.errors import Faults, Place

MAX_DEPTH = 12
# Written as escapes they can be seen.
_TURNING = re.compile("[\\u202a-\\u202e\\u2066-\\u2069]")
# `lot: A #7` says A: YAML takes the rest for a comment, and who wrote it meant a value.
_CUT_OFF = re.compile(r"[ \t]+(#[^\s#]+)")
_UNKEEPABLE = re.compile("[\\x00\\ud800-\\udfff]")
MAX_CHARACTERS = 1_000_000  # a code list of 10,000 entries fits; a runaway file does not


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as written. `plain`: without quotes. `inner`: the place of its first character, None if it was folded."""

    text: str
    place: Place
    plain: bool
    inner: Place | None

    @property
    def is_null(self) -> bool:
        """Whether it says "nothing": empty, `null` or `~` without quotes."""
        return self.plain and self.text in ("", "null", "~")

    def place_at(self, offset: int) -> Place:
        """Return the place of the character at `offset` of the text (of the scalar, where that is not known)."""
        return replace(self.inner, column=self.inner.column + offset) if self.inner else self.place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A map in file order: key text to (key, value)."""

    entries: dict[str, tuple[Scalar, Node]]
    place: Place


Node = Scalar | Items | Table


def parse_document(file: str, text: str, faults: Faults) -> Node | None:
    """Return the tree of one file, or None and a fault when it is not YAML as the dictionary allows it."""
    if len(text) > MAX_CHARACTERS:
        faults.add(Place(file), "DIC-101", f"more than {MAX_CHARACTERS} characters")
        return None
    turned = _TURNING.search(text)
    if turned:
        message = "a character that turns the direction of what follows: it reads otherwise than it counts"
        faults.add(_place_of(file, text, turned.start()), "DIC-102", message)
        return None
    try:
        return _Builder(file, text, faults).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        faults.add(place, "DIC-101", f"not YAML: {error.problem or error.context}")
    except yaml.reader.ReaderError as error:
        faults.add(_place_of(file, text, error.position), "DIC-101", "a character that YAML does not allow")
    except (ValueError, OverflowError):
        # The parser makes numbers of directives and of escapes (`\\Uffffffff`) without looking at their size.
        faults.add(Place(file), "DIC-101", "not YAML: an escape or a directive with a number that is too large")
    return None


def plain_tree(node: Node) -> object:
    """Return the tree as dicts, lists, texts and None: what canonical JSON is made of."""
    if isinstance(node, Table):
        return {key: plain_tree(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Items):
        return [plain_tree(item) for item in node.nodes]
    return None if node.is_null else node.text


def _place_of(file: str, text: str, position: int) -> Place:
    before = text[:position]
    return Place(file, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


class _Builder:
    """Builds the tree from parser events: unlike composed nodes they still show aliases, tags and repeated keys."""

    def __init__(self, file: str, text: str, faults: Faults) -> None:
        self._file, self._text, self._faults = file, text, faults
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def build(self) -> Node | None:
        next(self._events)  # StreamStart
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._faults.add(Place(self._file), "DIC-101", "the file is empty")
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # DocumentEnd
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._faults.add(self._place(after), "DIC-102", "a second document in one file")
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._place(event)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=_start(event))
        if isinstance(event, yaml.AliasEvent):
            self._faults.add(place, "DIC-102", "an alias (*) is not allowed: write the value out")
            return Scalar("", place, plain=False, inner=None)
        if getattr(event, "anchor", None):
            self._faults.add(place, "DIC-102", "an anchor (&) is not allowed: write the value out where it is needed")
        if getattr(event, "tag", None):
            self._faults.add(place, "DIC-102", "a tag (!) is not allowed: the schema of the key gives the type")
        if isinstance(event, yaml.MappingStartEvent):
            return Table(self._entries(depth), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(depth)), place)
        return self._scalar(cast(yaml.ScalarEvent, event))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, tuple[Scalar, Node]]:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._faults.add(key.place, "DIC-102", "a key must be a text")
            elif key.plain and key.text == "<<":
                self._faults.add(key.place, "DIC-102", "a merge key (<<) is not allowed: write the values out")
            elif key.text in entries:
                first = entries[key.text][0].place.line
                self._faults.add(key.place, "DIC-102", f"key `{key.text}` stands here twice (first in line {first})")
            else:
                entries[key.text] = (key, value)
        return entries

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        start, end = _start(event), cast(yaml.Mark, event.end_mark)
        at = self._text.find(event.value, start.index, end.index) if start.line == end.line else -1
        place = self._place(event)
        if _UNKEEPABLE.search(event.value):
            # Neither PostgreSQL nor a printed report could hold it.
            self._faults.add(place, "DIC-101", "a character that no text can have (NUL, or half of a surrogate pair)")
            return Scalar("", place, plain=False, inner=None)
        cut = _CUT_OFF.match(self._text, end.index) if event.style is None and event.value else None
        if cut:
            message = f"`{event.value}` ends before `{cut[1]}`, a comment: put the value in quotes, or a blank behind #"
            self._faults.add(_place_of(self._file, self._text, cut.start(1)), "DIC-102", message)
        inner = replace(place, column=place.column + at - start.index) if at >= 0 else None
        return Scalar(event.value, place, plain=event.style is None, inner=inner)

    def _place(self, event: yaml.Event) -> Place:
        start = _start(event)
        return Place(self._file, start.line + 1, start.column + 1)


def _start(event: yaml.Event) -> yaml.Mark:
    # Events of the pure Python parser always have marks; the stubs allow for none.
    return cast(yaml.Mark, event.start_mark)

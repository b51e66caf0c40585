"""What may stand in a file, as data: the keys of a table and what is under each of them.

A reader takes its keys and its words from a shape (`transforms.yaml.section`), and the JSON Schema for editors is made
of the same one (`transforms.review.schema`): neither can know a key that the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from transforms.yaml.name import Spelling


@dataclass(frozen=True, slots=True)
class Text:
    """A text: one of `words` if there are any, all of it of the `form` (a regular expression) if there is one.

    `null`: it may say "nothing", too.
    """

    told: str = ""
    words: tuple[str, ...] = ()
    form: str = ""
    null: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    of: Value
    told: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A table whose keys are names that its writer gives; `spelling`: how, where they are not a source's."""

    of: Value
    told: str = ""
    spelling: Spelling | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A table whose keys are the language's. Of those in `one_of` exactly one is there."""

    required: Map[str, Value] = field(default_factory=dict)
    optional: Map[str, Value] = field(default_factory=dict)
    told: str = ""
    one_of: tuple[str, ...] = ()

    @property
    def keys(self) -> dict[str, Value]:
        """All keys, in the order in which they are explained."""
        return {**self.required, **self.optional}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds of values."""

    of: tuple[Value, ...]
    told: str = ""


@dataclass(frozen=True, slots=True)
class Anything:
    """A note to people that nothing reads."""

    told: str = ""


Value: TypeAlias = Text | Many | Named | Shape | Either | Anything

TRUTH: Final = ("true", "false")


def flag(told: str) -> Text:
    """Return the shape of `true` or `false`."""
    return Text(told, words=TRUTH)

"""How long the months of a stream are kept: by the classes of retention of what is derived from its source.

The dictionary says of a field how long records with it are to be kept; what a mapping makes it of came in the source's
stream. The settings say how many months each class stays in the target; files say which classes they have, and nothing
here removes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from cdc.config import Archive
from cdc.derive.active import from_content
from transforms.model import Dictionary
from transforms.review.dependency import origins


@dataclass(frozen=True, slots=True)
class Retention:
    """`classes` of each stream, by the dictionary in force; `months` that each stays in the target, else `least`."""

    least: int
    months: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def keeps(self, stream: str) -> int:
        """Return how many whole months of a stream stay in the target."""
        return max([self.least, *(self.months.get(name, 0) for name in self.classes.get(stream, ()))])


def read_retention(connection: psycopg.Connection[Any], archive: Archive) -> Retention:
    """Return what the settings and the dictionary in force say; without one, nothing is of any class."""
    row = connection.execute(
        "SELECT d.content, d.digest FROM cdc.active a JOIN cdc.dictionary d USING (digest)"
    ).fetchone()
    classes = {} if row is None else classes_of_streams(from_content(*row))
    return Retention(archive.keep_months, archive.keep_months_by_class, classes)


def classes_of_streams(dictionary: Dictionary) -> dict[str, tuple[str, ...]]:
    """Return the classes of retention of the fields that are made of each stream's columns."""
    found: dict[str, set[str]] = {}
    for origin in origins(dictionary):
        kept = dictionary.fields[origin.field].retention if origin.field in dictionary.fields else None
        for column in origin.reads if kept else ():
            found.setdefault(f"cdc.{column.partition('.')[0]}", set()).add(str(kept))
    return {stream: tuple(sorted(names)) for stream, names in found.items()}

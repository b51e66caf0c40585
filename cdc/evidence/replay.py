"""The changes of a source row, replayed through its mapping: what the canonical row was made of it after each of them.

By the dictionary in force and by look-ups of now, as histories are derived: what a looked-up row was then is in its own
history. What was waived is told as refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from cdc.derive.lookup import FIXED_COLUMNS, select_images
from cdc.derive.plan import Output, Step
from cdc.errors import FatalError
from cdc.evidence.history import Entry, Image, images_of, require_begun
from cdc.land.journal import SHREDDED
from transforms.errors import Refused
from transforms.fold import fold_said
from transforms.mapping import Fold, Said
from transforms.standing import Standing, standing_of, standing_of_deleted

Connection = psycopg.Connection[Any]
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one change: `outcome` in words, and the canonical rows, by column; `marked`: they are tombstones."""

    entry: Entry
    outcome: str
    rows: tuple[Values, ...] = ()
    marked: bool = False


def replay(connection: Connection, step: Step, output: Output, entries: Sequence[Entry]) -> Iterator[Replayed]:
    """Yield what the mapping makes of the row after each of its changes, in one canonical table."""
    images = list(images_of(entries))
    inputs = _inputs(connection, step, [image.row for image in images if image.row is not None])
    place = step.outputs.index(output)
    columns = [column.name for column in step.mapping.targets[place].columns]
    for entry, image in zip(entries, images, strict=True):
        standing = _standing(step, image, inputs)
        if standing is None:
            yield Replayed(entry, "deleted" if image.is_deleted else "not known")
        elif standing.refused and not standing.rows[place]:
            yield Replayed(entry, f"refused with {standing.refused}")
        else:
            candidates = standing.rows[place] or standing.marked[place]
            rows = tuple(dict(zip(columns, one, strict=True)) for one in candidates)
            marked = bool(standing.marked[place])
            told = "tombstone" if marked else "row" if rows else "gone" if image.is_deleted else "no row"
            yield Replayed(entry, told, rows, marked)


def _inputs(connection: Connection, step: Step, images: Iterable[Values]) -> Iterator[tuple[Any, ...]]:
    """Yield what the mapping reads of each image and its look-ups, in their order."""
    numbered = [{**image, "_offset": number} for number, image in enumerate(images)]
    given = f"jsonb_populate_recordset(NULL::{step.source.name}, %s)"
    found = connection.execute(select_images(step, given), (Jsonb(numbered),)).fetchall()
    for row in sorted(found, key=lambda row: row[1]):
        yield tuple(row[FIXED_COLUMNS : FIXED_COLUMNS + len(step.mapping.inputs)])


def _standing(step: Step, image: Image, inputs: Iterator[tuple[Any, ...]]) -> Standing | None:
    """Return what stands then; None if nobody knows what the row was."""
    if image.row is None:
        return None
    mapped = next(inputs)
    return standing_of_deleted(step.mapping, mapped) if image.is_deleted else standing_of(step.mapping, mapped)


@dataclass(frozen=True, slots=True)
class Then:
    """A canonical row as it was: by column, or why there was none."""

    outcome: str
    row: Values | None


def canonical_as_of(
    parts: Sequence[tuple[Step, Sequence[str], Sequence[Replayed]]], fold: Fold | None, moment: datetime
) -> Then:
    """Return what a canonical row was of its source rows (step, key, replayed changes), folded if its table is.

    Raises FatalError EVD-104 where the last that is known of one of them was no event, or it was there before it was
    seen first; PRT-107 where nobody can read any more what it was.
    """
    last = [(step, key, found) for step, key, replayed in parts if (found := _last(replayed, moment)) is not None]
    if fold is None:
        rows = [row for _, _, found in last for row in found.rows]
        return Then(last[-1][2].outcome if last else "not there", rows[-1] if rows else None)
    said = [
        Said(step.mapping.name, step.mapping.source.schema, tuple(key), row, found.marked)
        for step, key, found in last
        for row in found.rows
    ]
    if not said:
        return Then("not there", None)
    try:
        folded = fold_said(fold, said)
    except Refused as refused:
        return Then(f"refused with {refused}", None)
    own = {name: said[0].values[name] for name in fold.target.key}
    return Then("tombstone" if folded.marked else "row", {**own, **folded.values})


def _last(replayed: Sequence[Replayed], moment: datetime) -> Replayed | None:
    """Return the last change up to a moment."""
    found = lost = None
    for one in replayed:
        if one.entry.committed_at is not None and one.entry.committed_at > moment:
            break
        found, lost = one, one.entry if one.entry.shredded else lost
    if found is None:
        require_begun([one.entry for one in replayed[:1]])
    if found is not None and found.outcome == "not known" and lost is not None:
        raise FatalError(SHREDDED, f"batch {lost.batch} of {lost.stream}: {lost.what}")
    if found is not None and found.outcome == "not known":
        raise FatalError("EVD-104", f"batch {found.entry.batch} of {found.entry.stream}: {found.entry.what}")
    return found

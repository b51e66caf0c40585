"""What stands in the canonical tables for one source row, as it is now or as it was when the source deleted it.

Canonical rows are a function of the row and of what it looks up, never of how it came to be so: whatever stood there
before and does not stand there now has left. What other rows claim or refer to is not known here (KEY-201, REF-301).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transforms.errors import Refused
from transforms.mapping import Candidate, Keys, Mapping, Outcome, Target
from transforms.refusal import DELETED


@dataclass(frozen=True, slots=True)
class Standing:
    """The canonical rows of a source row, for each target of its mapping.

    `marked`: those that stay of a deleted row, as tombstones. `refused`: what the source row is held for.
    """

    rows: Outcome
    marked: Outcome
    refused: Refused | None = None

    def keys(self, mapping: Mapping) -> Keys:
        """Return the keys of all of its rows, marked or not."""
        return tuple(
            live + gone for live, gone in zip(keys_of(mapping, self.rows), keys_of(mapping, self.marked), strict=True)
        )


def standing_of(mapping: Mapping, row: Sequence[object]) -> Standing:
    """Return what stands for a row that the source has."""
    nothing = _nothing(mapping)
    try:
        return Standing(mapping.normalise(row) or nothing, nothing)
    except Refused as refused:
        return Standing(nothing, nothing, refused)


def standing_of_deleted(mapping: Mapping, image: Sequence[object]) -> Standing:
    """Return what stands for a row that the source has deleted, by its last image and each target's `on_delete`."""
    nothing = _nothing(mapping)
    if all(target.on_delete == "delete" for target in mapping.targets):
        return Standing(nothing, nothing)
    last = standing_of(mapping, image)
    if last.refused:
        return last
    pairs = list(zip(mapping.targets, last.rows, strict=True))
    rows = tuple(_kept(target, candidates) for target, candidates in pairs)
    marked = tuple(candidates if target.on_delete == "tombstone" else () for target, candidates in pairs)
    forbidden = any(target.on_delete == "forbid" and candidates for target, candidates in pairs)
    return Standing(rows, marked, Refused(DELETED) if forbidden else None)


def left(mapping: Mapping, before: Standing, now: Standing) -> Keys:
    """Return the keys of the rows that stood before and do not stand now."""
    pairs = zip(before.keys(mapping), now.keys(mapping), strict=True)
    return tuple(tuple(key for key in keys if key not in still) for keys, still in pairs)


def keys_of(mapping: Mapping, rows: Outcome) -> Keys:
    """Return the keys of candidates."""
    pairs = zip(mapping.targets, rows, strict=True)
    return tuple(tuple(candidate[: len(target.key)] for candidate in candidates) for target, candidates in pairs)


def forbidden(candidate: Candidate) -> Candidate:
    """Return a candidate that says of itself that its source row should not have been deleted."""
    *values, warnings = candidate
    known = warnings if isinstance(warnings, list) else []
    return (*values, [*known, f"{DELETED} _deleted"])


def _kept(target: Target, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    if target.on_delete == "forbid":
        return tuple(map(forbidden, candidates))
    return candidates if target.on_delete == "ignore" else ()


def _nothing(mapping: Mapping) -> Outcome:
    return ((),) * len(mapping.targets)

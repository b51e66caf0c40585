"""Histories: of a target's rows all versions, each with the time for which it was valid.

A target that names a history is derived twice: from the rows of its mirror as they are, and from all that they have
been, by the same expressions. A version has the target's columns, and those of HISTORY; its key is the target's with
`_version`. What it looks up is looked up as it is now: versions of a row do not know versions of others. It refers to
nothing, as what its row referred to then may be gone. What somebody decides on for a row (`transforms.waiver`) he
decides for the row as it is; for a version of it he decides by itself, on the same columns and under the same checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from transforms.mapping import Candidate, Column, Input, Mapping, Normalise, Outcome, Target

SUFFIX: Final = ".history"
"""Behind a mapping's name: the mapping of its versions."""
VERSION: Final = "_version"
OLD_KEY: Final = "_old_key"
HISTORY: Final = (
    Column(VERSION, "bigint", required=True),
    Column("valid_from", "timestamp with time zone", required=False),
    Column("valid_to", "timestamp with time zone", required=False),
    Column(OLD_KEY, "text", required=False),
)
"""What a history has behind its target's key: where its commit begins in the stream, from when to before when it was
valid (NULL: since before the history, or until now), and the key that the source row had before that commit."""

_READ: Final = ("_version", "_valid_from", "_valid_to", OLD_KEY)


def history_of(mapping: Mapping) -> Mapping | None:
    """Return the mapping of versions to the histories that a mapping's targets name; None if they name none."""
    places = tuple(place for place, target in enumerate(mapping.targets) if target.history)
    if not places:
        return None
    inputs = (*mapping.inputs, *(Input("", name) for name in _READ))
    count = len(mapping.inputs)
    keys = {place: len(mapping.targets[place].key) for place in places}

    def of_versions(normalise: Normalise) -> Normalise:
        def normalise_version(row: Sequence[object]) -> Outcome | None:
            outcome = normalise(row[:count])
            if outcome is None:
                return None
            told = tuple(row[count:])
            return tuple([tuple([_version(each, keys[place], told) for each in outcome[place]]) for place in places])

        return normalise_version

    waive = mapping.waive
    return replace(
        mapping,
        name=f"{mapping.name}{SUFFIX}",
        source=replace(mapping.source, versions=True),
        inputs=inputs,
        targets=tuple(_table(mapping.targets[place]) for place in places),
        normalise=of_versions(mapping.normalise),
        examples=(),
        source_key=(),
        waive=None if waive is None else lambda values: of_versions(waive(values)),
    )


def _version(candidate: Candidate, key: int, told: Candidate) -> Candidate:
    return (*candidate[:key], *told, *candidate[key:])


def _table(target: Target) -> Target:
    schema, _, table = target.history.partition(".")
    key = len(target.key)
    return Target(
        schema,
        table,
        (*target.columns[:key], *HISTORY, *target.columns[key:]),
        (*target.key, VERSION),
        (),
        "delete",
        explodes=target.explodes,
    )

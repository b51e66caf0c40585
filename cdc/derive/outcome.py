"""What comes out for one source row: rows for the stages of its mapping's targets, or the refusal that stands for all.

A row that has a waiver comes out as that says (`cdc.derive.waived`), if it is refused without it.

Whatever a row is refused for is its outcome. Only what is wrong with one row may be refused: an error that is not about
its values passes through and ends the turn.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cdc.derive.lookup import FIXED_COLUMNS
from cdc.derive.plan import Step
from cdc.derive.session import INDEXED_BYTES
from cdc.derive.take import STALE
from cdc.derive.waived import NONE, Waivers, endings, outcome_of
from transforms.errors import Refused
from transforms.mapping import Outcome
from transforms.standing import forbidden

Row = tuple[Any, ...]
Staged = tuple[list[Row], ...]
"""Rows for each stage."""

OUTCOME_META = ("_candidate", "_code", "_field", "_detail", "_waits_for", "_waits_key")
"""What a stage says of an outcome, behind what it says of the source row."""

_CANDIDATE = (True, None, None, None, None, None)
RULE_ERRORS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)
"""What a rule can raise because of the values it is given; anything else is the program's fault and ends the turn."""


def evaluate(step: Step, row: Row, waivers: Waivers = NONE) -> Staged:
    """Return the stage rows that come out for one source row, for each output of its step."""
    head, stale = row[: FIXED_COLUMNS - 1], row[FIXED_COLUMNS - 1]
    inputs = row[_inputs(step)]
    if stale is not None:
        return refused(step, head, Refused(STALE, "", "", stale[0], tuple(stale[1:])))
    try:
        outcome, ends = outcome_of(step, inputs, waivers.get(head[0]) if waivers else None)
    except Refused as refusal:
        return refused(step, head, refusal)
    except RULE_ERRORS as error:
        return refused(step, head, Refused("DRV-202", "", type(error).__name__))
    if head[-1]:
        return _of_deleted(step, row, head, outcome or ((),) * len(step.outputs))
    return tuple(
        [
            [(*head, *_CANDIDATE, *candidate, *end) for candidate in candidates]
            for candidates, end in zip(outcome or (), ends, strict=False)
        ]
    )


@cache
def _inputs(step: Step) -> slice:
    return slice(FIXED_COLUMNS, -2 if step.keeps_unmarked else None)


def _of_deleted(step: Step, row: Row, head: Row, outcome: Outcome) -> Staged:
    """Return what stays of a row that the source has deleted, as each output wants it."""
    staged: list[list[Row]] = []
    for output, candidates, end in zip(step.outputs, outcome, endings(step), strict=True):
        said = (head[0], *row[-2:], True) if output.keeps_unmarked else head
        kept = candidates if output.keeps_deleted else ()
        staged.append([(*said, *_CANDIDATE, *(forbidden(each) if output.forbids else each), *end) for each in kept])
    return tuple(staged)


def refused(step: Step, head: Row, refusal: Refused) -> Staged:
    """Return the row that says so, of a source row known by `head`: in the first stage, which stands for all."""
    waits_key = None if refusal.waits_key is None else [_as_text(value) for value in refusal.waits_key]
    if refusal.code != STALE and sum(len(value.encode()) for value in waits_key or () if value) > INDEXED_BYTES:
        waits_key = None  # it is there to be read; what is longer than that nobody will
    nothing = (None,) * len(step.outputs[0].columns)
    said = (False, refusal.code, refusal.field, refusal.detail, refusal.waits_for, waits_key)
    return ([(*head, *said, *nothing)],)


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)

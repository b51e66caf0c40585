"""What waivers make of source rows: which are in force, and what comes out for a row that has one.

A waiver says which values some canonical columns of one source row have, or of one version of it in a history, although
the mapping refuses it. It is in force while it is approved and not withdrawn, the dictionary is the one that it was
asked for under, and the row, or that version, is what it was then. That is looked up with each derivation: derived
rows are a function of mirrors, dictionary and waivers, whoever derives them, and a waiver that ceases to be in force is
as if it had never been.

It is of one refusal, by code and column. A row that is not refused any more, because a row that it looks up was mended,
needs no waiver and has none; nor has one that is refused for something else first. What only other rows or the database
refuse a row for is not known when the row is mapped: such a waiver always counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from cdc.columns import CHANGE_COLUMNS, SERVICE_COLUMNS
from cdc.derive.mirror import Mirror
from cdc.derive.names import literal, literals
from cdc.derive.plan import Plan, Step
from cdc.derive.pull import UNRESOLVED
from cdc.derive.session import Work
from transforms import refusal
from transforms.errors import Refused
from transforms.mapping import WARNINGS, Candidate, Normalise, Outcome, Target
from transforms.waiver import UnfitError

DECIDED_LATER: Final = frozenset({UNRESOLVED, refusal.KEY, "DRV-201"})
"""Codes by which rows are also refused after they were mapped: for other rows, or by the database."""

IN_FORCE: Final = "w.approved_at IS NOT NULL AND w.withdrawn_at IS NULL"
"""What has to be true of a waiver `w` that is in force, beside its dictionary and its source row."""


@dataclass(frozen=True, slots=True)
class Waived:
    """A column, the code that it is refused with without the waiver, and its value as text; None: it has none."""

    column: str
    code: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Waiver:
    """What is decided of one source row; `code` and `field` are of the refusal that it is about."""

    id: int
    code: str
    field: str
    columns: tuple[Waived, ...]

    def remarks(self, targets: Sequence[Target]) -> list[list[str]]:
        """Return what the canonical rows in each table are to say of it, as they say warnings.

        What is decided of a column that none of them has, all say: of a row's tables some may have no history.
        """
        tables = [{column.name for column in target.columns} for target in targets]
        known = frozenset[str]().union(*tables)
        return [
            [
                f"{one.code} {one.column} waiver {self.id}"
                for one in self.columns
                if one.column in table or one.column not in known
            ]
            for table in tables
        ]


Waivers = Mapping[str, Waiver]
"""By source key, as PostgreSQL prints the array."""
NONE: Final[Waivers] = MappingProxyType({})
Endings = tuple[tuple[object, ...], ...]


def read_waivers(work: Work, step: Step) -> Waivers:
    """Return the waivers in force of source rows that a turn has taken; where it has taken nothing by name, of all."""
    if not work.window.waived or step.mapping.waive is None:
        return NONE
    rows = work.run(_reading(work.plan, step, step in work.taken)).fetchall()
    found = {
        key: Waiver(number, code, field, tuple(map(Waived, columns, codes, given)))
        for key, number, code, field, columns, codes, given in rows
    }
    return {key: waiver for key, waiver in found.items() if _fits(step, waiver)}


def any_in_force(plan: Plan) -> str:
    """Return the expression that tells whether there may be waivers in force of a domain."""
    names = literals(step.mapping.name for step in plan.steps)
    return (
        f"EXISTS (SELECT FROM cdc.waiver w WHERE w.dictionary = {literal(plan.digest)} AND w.mapping = ANY ({names})"
        f" AND {IN_FORCE})"
    )


def version_of(mirror: Mirror, row: str) -> str:
    """Return the expression for the digest of a source row's values: of its version, whenever it was read.

    A column that is NULL does not count, so that one which is new in the source alters nothing; nor does until when a
    version was valid, so that the next one does not alter it.
    """
    own = literals(CHANGE_COLUMNS if mirror.ref.versions else SERVICE_COLUMNS)
    return (
        f"(SELECT encode(sha256(convert_to(coalesce(jsonb_object_agg(e.key, e.value), '{{}}')::text, 'UTF8')), 'hex')"
        f" FROM jsonb_each(to_jsonb({row})) e WHERE e.key <> ALL ({own}) AND e.value <> 'null')"
    )


@cache
def _reading(plan: Plan, step: Step, taken: bool) -> bytes:  # noqa: FBT001
    mirror = step.source
    only = f" AND EXISTS (SELECT FROM {step.take} t WHERE t.key = w.source_key)" if taken else ""
    return (
        "SELECT w.source_key::text, w.id, w.code, w.field, w.columns, w.codes, w.given"
        f" FROM cdc.waiver w JOIN {mirror.name} m ON {mirror.has_key('m', 'w.source_key')}"
        f" WHERE w.mapping = {step.name} AND w.dictionary = {literal(plan.digest)} AND {IN_FORCE}"
        f" AND w.version = {version_of(mirror, 'm')}{only}"
    ).encode()


def outcome_of(step: Step, inputs: Sequence[object], waiver: Waiver | None) -> tuple[Outcome | None, Endings]:
    """Return what a source row gives, and what its rows in each table end in: the warnings, where the mapping has none.

    Raises Refused, and whatever else a rule raises.
    """
    if waiver is None:
        return step.mapping.normalise(inputs), endings(step)
    try:
        outcome = step.mapping.normalise(inputs)
    except Refused as refused:
        if (refused.code, refused.field) != (waiver.code, waiver.field):
            raise
    else:
        if waiver.code not in DECIDED_LATER:
            return outcome, endings(step)
    outcome = _normalise(step, waiver.columns)(inputs)
    told = waiver.remarks(step.mapping.targets)
    return _remarked(step, outcome, told), tuple(
        (each or None,) if end else () for each, end in zip(told, endings(step), strict=True)
    )


def _fits(step: Step, waiver: Waiver) -> bool:
    """Tell whether a row can have what a waiver says; what somebody else than the service wrote may be anything."""
    try:
        _normalise(step, waiver.columns)
    except UnfitError:
        return False
    return True


@lru_cache(maxsize=1024)
def _normalise(step: Step, columns: tuple[Waived, ...]) -> Normalise:
    """Return the mapping's function with the values of a waiver. Raises UnfitError."""
    if step.mapping.waive is None:
        raise UnfitError(step.mapping.name, "nothing of this mapping can be waived")
    return step.mapping.waive({one.column: one.value for one in columns})


def _remarked(step: Step, outcome: Outcome | None, told: Sequence[list[str]]) -> Outcome | None:
    """Return the rows with what a waiver has them say, in the tables where the mapping warns of something anyway."""
    if outcome is None:
        return None
    return tuple(
        tuple(each if end else _warned(each, more) for each in candidates)
        for candidates, end, more in zip(outcome, endings(step), told, strict=True)
    )


def _warned(candidate: Candidate, more: list[str]) -> Candidate:
    *values, warnings = candidate
    return (*values, [*(warnings if isinstance(warnings, list) else []), *more] or None)


@cache
def endings(step: Step) -> Endings:
    """Return what stands behind the values that `normalise` returns: no warning, in tables of which it has none."""
    return tuple(
        () if target.columns[-1:] and target.columns[-1].name == WARNINGS else (None,)
        for target in step.mapping.targets
    )

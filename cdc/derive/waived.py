"""What waivers make of source rows and of folds: which are in force, and what comes out for a row that has one.

A waiver says which values some canonical columns of one source row have, or of one version of it in a history, although
the mapping refuses it. It is in force while it is approved and not withdrawn, the dictionary is the one that it was
asked for under, and the row, or that version, is what it was then. One of a fold says so of the row with one key, and
is in force while all that is contributed to it is what it was: nothing has changed, come or gone. That is looked up
with each derivation: derived rows are a function of mirrors, dictionary and waivers, whoever derives them, and a waiver
that ceases to be in force is as if it had never been.

It is of one refusal, by code and column. A row that is not refused any more, because a row that it looks up was mended,
needs no waiver and has none; nor has one that is refused for something else first. What only other rows or the database
refuse a row for is not known when the row is mapped: such a waiver always counts. So does one of a fold, which lacks
what it lacked as long as the same is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from cdc.columns import CHANGE_COLUMNS, SERVICE_COLUMNS
from cdc.derive.given import Kept, LostError, Of
from cdc.derive.names import literal, literals
from cdc.derive.plan import Merge, Origin, Plan, Step
from cdc.derive.pull import UNRESOLVED
from cdc.derive.session import Work
from cdc.protect.seal import Opener
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
"""By source key (of a fold: by its own), as PostgreSQL prints the array."""
NONE: Final[Waivers] = MappingProxyType({})
Endings = tuple[tuple[object, ...], ...]


def read_waivers(work: Work, origin: Origin) -> Waivers:
    """Return the waivers in force of what a turn has taken of a mapping or fold; where it has taken nothing, of all.

    Raises FatalError PRT-103 and PRT-104 if what they give is sealed by a key that the settings do not open.
    """
    if not work.window.waived or not can_be_waived(origin):
        return NONE
    rows = work.run(_reading(work.plan, origin, origin in work.taken)).fetchall()
    opener = Opener(work.connection, work.protection)
    found = {
        key: _waiver(opener, Of(mapping, source_key, version), *said)
        for key, mapping, source_key, version, *said in rows
    }
    return {key: waiver for key, waiver in found.items() if waiver is not None and _fits(origin, waiver)}


def can_be_waived(origin: Origin) -> bool:
    """Tell whether anything of the rows of a mapping, or of a fold, can be decided by somebody."""
    return (origin.fold.decide if isinstance(origin, Merge) else origin.mapping.waive) is not None


def _waiver(  # noqa: PLR0913, PLR0917 - columns of its row
    opener: Opener, of: Of, number: int, code: str, field: str, columns: list[str], codes: list[str], *kept: Any
) -> Waiver | None:
    """Return a waiver; None where nobody can read any more what it gives: it is as if it had never been."""
    try:
        return Waiver(number, code, field, tuple(map(Waived, columns, codes, Kept(*kept).open(opener, of))))
    except LostError:
        return None


def any_in_force(plan: Plan) -> str:
    """Return the expression that tells whether there may be waivers in force of a domain."""
    return (
        f"EXISTS (SELECT FROM cdc.waiver w WHERE w.dictionary = {literal(plan.digest)}"
        f" AND w.mapping = ANY ({literals(plan.names)}) AND {IN_FORCE})"
    )


def version_of(origin: Origin, key: str) -> str:
    """Return the query for the digest of what there is with a key: of its version, whenever that was read.

    Of a source row that is of its values; of a row of a fold of all that is contributed to it, deleted rows, too. A
    column that is NULL does not count, so that one which is new in the source alters nothing; nor does until when a
    version was valid, so that the next one does not alter it. No row: nothing is there.
    """
    if isinstance(origin, Merge):
        said = "jsonb_strip_nulls(to_jsonb(c)) - ARRAY['_source_offset', '_source_ts']"
        all_said = f'jsonb_agg({said} ORDER BY c._mapping COLLATE "C", c._source_key)'
        within = f"{origin.stored} c WHERE {origin.has_key('c', key)} HAVING count(*) > 0"
        return f"SELECT {_digest(all_said)} AS version FROM {within}"
    mirror = origin.source
    own = literals(CHANGE_COLUMNS if origin.is_history else SERVICE_COLUMNS)
    values = (
        "SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(to_jsonb(m)) e"
        f" WHERE e.key <> ALL ({own}) AND e.value <> 'null'"
    )
    return f"SELECT {_digest(f'({values})')} AS version FROM {mirror.name} m WHERE {mirror.has_key('m', key)}"


def _digest(value: str) -> str:
    return f"encode(sha256(convert_to({value}::text, 'UTF8')), 'hex')"


@cache
def _reading(plan: Plan, origin: Origin, taken: bool) -> bytes:  # noqa: FBT001
    only = f" AND EXISTS (SELECT FROM {origin.take} t WHERE t.key = w.source_key)" if taken else ""
    return (
        "SELECT w.source_key::text, w.mapping, w.source_key, w.version, w.id, w.code, w.field, w.columns, w.codes,"
        " w.given, w.sealed, w.data_key"
        f" FROM cdc.waiver w CROSS JOIN LATERAL ({version_of(origin, 'w.source_key')}) v"
        f" WHERE w.mapping = {origin.name} AND w.dictionary = {literal(plan.digest)} AND {IN_FORCE}"
        f" AND w.version = v.version{only}"
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


def decided(merge: Merge, waivers: Waivers) -> str:
    """Return as JSON what waivers say of rows of a fold: of each its key, what it is given, what it is to tell."""
    return json.dumps(
        [
            {
                "key": key,
                "given": {
                    name: None if value is None else str(value) for name, value in _values(merge, waiver).items()
                },
                "told": [f"{merge.fold} {one}" for one in waiver.remarks([merge.fold.target])[0]],
            }
            for key, waiver in waivers.items()
        ]
    )


def _values(merge: Merge, waiver: Waiver) -> Mapping[str, object]:
    """Return what a waiver gives to columns of a folded row. Raises UnfitError."""
    if merge.fold.decide is None:
        raise UnfitError(str(merge.fold), "nothing of this fold can be waived")
    return merge.fold.decide({one.column: one.value for one in waiver.columns})


def _fits(origin: Origin, waiver: Waiver) -> bool:
    """Tell whether a row can have what a waiver says; what somebody else than the service wrote may be anything."""
    try:
        _values(origin, waiver) if isinstance(origin, Merge) else _normalise(origin, waiver.columns)
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

"""Waivers as they are kept: asked for by one person, approved by another one, withdrawn, and what has become of each.

A waiver is of a source row that its mapping refuses, or of one version of it in a history: there a version is a row. Or
it is of a row that a fold cannot make of what is contributed: its mapping is then the fold, its source key the row's
own. It is asked for with a value, or none, for each column that the row is refused for and for no other one: what it
says soundly, nobody decides. The database notes who asks and who approves, by the roles of their sessions, and refuses
that they are one; it keeps every waiver for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import datetime
from itertools import repeat
from typing import Any, Final

import psycopg

from cdc.config import Protection
from cdc.derive.given import Keeper, Kept, LostError, Of
from cdc.derive.held import Held, Selection, last_queued, read_held
from cdc.derive.lookup import FIXED_COLUMNS, select_range
from cdc.derive.names import literals
from cdc.derive.plan import Merge, Origin, Plan, Step
from cdc.derive.value import load_unreadable_as_text
from cdc.derive.waivable import Making, Waivable, making_folded, making_row
from cdc.derive.waived import can_be_waived, version_of
from cdc.errors import FatalError
from cdc.protect.seal import Opener
from cdc.store.action import operator, record_action
from transforms.waiver import Values

Connection = psycopg.Connection[Any]

OPEN: Final = "open"
IN_FORCE: Final = "in force"
VOID: Final = "void"
STATES: Final = (OPEN, IN_FORCE, VOID)
_NAMES: Final = (
    "id, mapping, source_key, code, field, columns, codes, reason, requested_by, requested_at, approved_by,"
    " approved_at, withdrawn_by, withdrawn_at, version, dictionary, given, sealed, data_key"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One waiver; `columns`, what each is refused with, and the value `given` to each (None: it is left out).

    `given` is None as a whole if nobody can read it any more. `state` is one of STATES; `because` says what makes it
    void.
    """

    id: int
    mapping: str
    source_key: list[str]
    code: str
    field: str
    columns: list[str]
    codes: list[str]
    reason: str
    requested_by: str
    requested_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    version: str
    dictionary: str
    given: list[str | None] | None
    state: str = VOID
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to: the waiver, whether it did anything, and the last number that it put into the queue."""

    waiver: Record
    changed: bool
    queued: int = 0


class Waiving:
    """Asks for waivers, approves and withdraws them, under the dictionary in force; `connection` is in autocommit.

    `protection`: the settings', by which what a waiver gives is sealed if records that its row is made of are.
    """

    def __init__(self, connection: Connection, plans: Sequence[Plan], protection: Protection | None = None) -> None:
        self._connection = connection
        self._plans = plans
        self._origins = {
            name: (plan, origin) for plan in plans for name, origin in zip(plan.names, plan.origins, strict=True)
        }
        self._protection = protection
        load_unreadable_as_text(connection)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    def read(self, mapping: str | None = None, key: Sequence[str] | None = None) -> list[Record]:
        """Return the waivers of a mapping, or of one of its rows, the latest first."""
        with self._connection.transaction():
            found = self._read(
                "(%(mapping)s::text IS NULL OR mapping = %(mapping)s)"
                " AND (%(key)s::text[] IS NULL OR source_key = %(key)s::text[])",
                {"mapping": mapping, "key": None if key is None else list(key)},
                must_open=False,
            )
            return self._judged(found)

    def ask(self, mapping: str, key: Sequence[str], values: Values, reason: str) -> Done:
        """Ask for a waiver of one held row. Raises DRV-123, DRV-131 for what cannot be waived so, DRV-132, PRT-103."""
        plan, origin = self._origin(mapping)
        with self._connection.transaction():
            keeper = Keeper(self._connection, self._protection, plan.mirrors_of(origin))
            version = self._version(origin, mapping, key)
            standing = self._standing(plan, mapping, key, version)
            if standing is not None:
                return _same(standing, values)
            held = next(iter(read_held(self._connection, Selection(mapping, None, key), 1)), None)
            if held is None:
                raise FatalError("DRV-131", f"{_named(mapping, key)} is not held")
            codes = Waivable(self._connection, plan, origin, held, self._making(origin, held)).codes(values)
            kept = keeper.keep(Of(mapping, key, version), list(values.values()))
            said = (list(values), codes, *astuple(kept), reason, version, plan.digest)
            waiver = self._one(self._insert((mapping, list(key), held.code, held.field or "", *said)))
            self._record("held waive", waiver, reason)
            return Done(waiver, changed=True)

    def _insert(self, said: tuple[object, ...]) -> int:
        try:
            row = self._connection.execute(
                "INSERT INTO cdc.waiver (mapping, source_key, code, field, columns, codes, given, sealed, data_key,"
                " reason, version, dictionary) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                said,
            ).fetchone()
        except psycopg.errors.UniqueViolation as error:
            raise FatalError("DRV-132", "somebody else has asked for one at this moment") from error
        return int(row[0]) if row else 0

    def approve(self, number: int, reason: str | None) -> Done:
        """Approve one; its row is derived again. Raises DRV-133 if it cannot be, DRV-134 without it."""
        with self._connection.transaction():
            waiver = self._one(number, locked=True)
            if waiver.state == IN_FORCE:
                return self._unchanged(waiver)
            if waiver.state == VOID:
                raise FatalError("DRV-133", f"waiver {number} is void: {waiver.because}")
            if self._connection.execute("SELECT session_user::text").fetchone() == (waiver.requested_by,):
                raise FatalError("DRV-133", f"{waiver.requested_by} asked for waiver {number}")
            self._connection.execute("UPDATE cdc.waiver SET approved_at = now() WHERE id = %s", (number,))
            return self._changed("held approve", number, reason)

    def withdraw(self, number: int, reason: str | None) -> Done:
        """Withdraw one; if it was approved, its row is derived again, without it. Raises DRV-134 as above."""
        with self._connection.transaction():
            waiver = self._one(number, locked=True, must_open=False)
            if waiver.withdrawn_at is not None:
                return self._unchanged(waiver)
            self._connection.execute("UPDATE cdc.waiver SET withdrawn_at = now() WHERE id = %s", (number,))
            return self._changed("held withdraw", number, reason)

    def _unchanged(self, waiver: Record) -> Done:
        """Return that nothing was done; what an earlier command has queued may still have to be derived."""
        return Done(waiver, changed=False, queued=last_queued(self._connection, waiver.mapping))

    def _changed(self, action: str, number: int, reason: str | None) -> Done:
        """Put it on record, and have the row derived again where that can come out otherwise now.

        Nobody derives rows of a mapping that the dictionary in force does not have.
        """
        waiver = self._one(number, must_open=False)
        queued = 0
        if waiver.approved_at is not None and waiver.mapping in self._origins:
            row = self._connection.execute(
                "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
                " VALUES (%s, %s, 'waiver', session_user || ' ' || %s) RETURNING id",
                (waiver.mapping, waiver.source_key, operator()),
            ).fetchone()
            queued = int(row[0]) if row else 0
        self._record(action, waiver, reason)
        return Done(waiver, changed=True, queued=queued)

    def _record(self, action: str, waiver: Record, reason: str | None) -> None:
        # Neither the values nor the key of the row, which may be a person's: the waiver has them.
        effect = {"waiver": waiver.id, "state": waiver.state, "columns": waiver.columns}
        record_action(self._connection, action, waiver.mapping, effect, reason)

    def _origin(self, name: str) -> tuple[Plan, Origin]:
        if name not in self._origins:
            raise FatalError("DRV-123", name)
        if not can_be_waived(self._origins[name][1]):
            raise FatalError("DRV-131", f"nothing of {name} can be waived")
        return self._origins[name]

    def _version(self, origin: Origin, name: str, key: Sequence[str]) -> str:
        """Return the version of the source row that there is now, or of what is contributed."""
        query = version_of(origin, "(%(key)s::text[])")
        try:
            row = self._connection.execute(query.encode(), {"key": list(key)}).fetchone()
        except psycopg.DataError:
            row = None  # a key that is no value of its columns
        if row is None:
            raise _absent(origin, name, key)
        return str(row[0])

    def _standing(self, plan: Plan, mapping: str, key: Sequence[str], version: str) -> Record | None:
        found = self._read(
            "mapping = %s AND source_key = %s AND version = %s AND dictionary = %s AND withdrawn_at IS NULL",
            (mapping, list(key), version, plan.digest),
        )
        return next(iter(self._judged(found)), None)

    def _making(self, origin: Origin, held: Held) -> Making:
        if isinstance(origin, Merge):
            return making_folded(self._connection, origin, held.source_key)
        return making_row(origin, self._inputs(origin, held))

    def _inputs(self, step: Step, held: Held) -> Sequence[object]:
        """Return what the mapping reads of a row. Raises DRV-131 where something of that is behind its source."""
        within = step.source.has_key("x", f"({literals(held.source_key)})")
        row = self._connection.execute(select_range(step, False, True, within)).fetchone()
        if row is None:  # a version that is none any more, which the worker has not seen yet
            raise _absent(step, held.mapping, held.source_key)
        if row[FIXED_COLUMNS - 1] is not None:
            raise FatalError(
                "DRV-131", f"{_named(held.mapping, held.source_key)} is, or looks up, a row behind its source"
            )
        return tuple(row[FIXED_COLUMNS:][: len(step.mapping.inputs)])

    def _one(self, number: int, *, locked: bool = False, must_open: bool = True) -> Record:
        found = self._judged(self._read("id = %s", (number,), locked=locked, must_open=must_open))
        if not found:
            raise FatalError("DRV-134", str(number))
        return found[0]

    def _read(self, where: str, parameters: Any, *, locked: bool = False, must_open: bool = True) -> list[Record]:
        """Return waivers; without `must_open` also those of which these settings do not open what they give."""
        query = f"SELECT {_NAMES} FROM cdc.waiver WHERE {where} ORDER BY id DESC{' FOR UPDATE' if locked else ''}"
        rows = self._connection.execute(query.encode(), parameters).fetchall()
        opener = Opener(self._connection, self._protection)
        return [_record(opener, row, must_open=must_open) for row in rows]

    def _judged(self, waivers: list[Record]) -> list[Record]:
        """Say of each in which state it is."""
        digests = {plan.digest for plan in self._plans}
        current: dict[int, bool] = {}
        for name, (_, origin) in self._origins.items():
            # Of another dictionary they are void, and a key may be none of today's.
            numbers = [one.id for one in waivers if one.mapping == name and one.dictionary in digests]
            current |= self._current(origin, numbers) if numbers else {}
        return [
            _judge(
                one,
                in_force=one.dictionary in digests,
                current=current.get(one.id, False),
                what=_what(self._origins[one.mapping][1]) if one.mapping in self._origins else "the row",
            )
            for one in waivers
        ]

    def _current(self, origin: Origin, numbers: list[int]) -> dict[int, bool]:
        query = (
            "SELECT w.id, w.version = v.version FROM cdc.waiver w"
            f" CROSS JOIN LATERAL ({version_of(origin, 'w.source_key')}) v"
            f" WHERE w.mapping = {origin.name} AND w.id = ANY (%s)"
        )
        return dict(self._connection.execute(query.encode(), (numbers,)).fetchall())


def _record(opener: Opener, row: tuple[Any, ...], *, must_open: bool) -> Record:
    """Return a waiver with what it gives; where nobody can read that, `because` says why.

    Raises PRT-103 if these settings lack the key, with `must_open`: who withdraws a waiver has not to read it.
    """
    *said, sealed, data_key = row
    waiver = Record(*said)
    kept = Kept(waiver.given, sealed, data_key)
    try:
        opened = kept.open(opener, Of(waiver.mapping, waiver.source_key, waiver.version))
    except LostError as lost:
        return replace(waiver, given=None, because=str(lost))
    except FatalError as error:
        if must_open or error.code != "PRT-103":
            raise
        return replace(waiver, given=None)
    return replace(waiver, given=opened)


def _judge(waiver: Record, *, in_force: bool, current: bool, what: str) -> Record:
    because = (
        f"{waiver.withdrawn_by} has withdrawn it"
        if waiver.withdrawn_at is not None
        else "another dictionary is in force"
        if not in_force
        else f"{what} has changed"
        if not current
        else waiver.because
    )
    state = VOID if because else OPEN if waiver.approved_at is None else IN_FORCE
    return replace(waiver, state=state, because=because)


def _what(origin: Origin) -> str:
    """Return in words what a waiver is of."""
    if isinstance(origin, Merge):
        return "what is contributed"
    return "the version" if origin.is_history else "the source row"


def _same(standing: Record, values: Values) -> Done:
    if standing.given is None or dict(zip(standing.columns, standing.given, strict=True)) != dict(values):
        raise FatalError("DRV-132", f"waiver {standing.id}, {standing.state}")
    return Done(standing, changed=False)


def _absent(origin: Origin, mapping: str, key: Sequence[str]) -> FatalError:
    told = "has no contribution" if isinstance(origin, Merge) else "is not in its mirror"
    return FatalError("DRV-131", f"{_named(mapping, key)} {told}")


def _named(mapping: str, key: Sequence[str]) -> str:
    return f"{mapping} {', '.join(key)}"


def document(waiver: Record) -> Mapping[str, object]:
    """Return one as JSON has it: what is decided of each column beside its name."""
    told = asdict(waiver)
    columns, codes, given = told.pop("columns"), told.pop("codes"), told.pop("given") or repeat(None)
    told["columns"] = [
        {"column": column, "code": code, "value": value}
        for column, code, value in zip(columns, codes, given, strict=False)
    ]
    return told

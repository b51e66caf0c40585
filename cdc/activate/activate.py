"""What an operator asks for: this version in force, and to see before what it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from cdc.activate.activation import Activation, Report, finish
from cdc.activate.compare import ColumnDifference, Difference, Sample, TableDifference
from cdc.activate.edition import Change, Edition
from cdc.activate.gate import patiently
from cdc.activate.shadow import drop, read_state
from cdc.config import Settings
from cdc.derive.active import active_digest, from_content, put_first, read_dictionary, record, recorded
from cdc.errors import FatalError, TransientError
from cdc.protect.classes import record_classes
from cdc.protect.mask import MASK, Masks
from cdc.store.action import record_action
from cdc.store.connection import as_service_errors, connect
from cdc.store.migrate import pending
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """How an activation is to go. `word` is asked with what it changes; its no leaves the shadow as it is.

    `keep` False: build and compare, then drop what was built. `patience_s`: how long to wait for readers.
    """

    word: Callable[[Difference], bool]
    report: Report
    keep: bool = True
    patience_s: float = 600.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: `state` is `in force`, `activated`, `first`, `kept` (in the shadow) or `dropped`."""

    state: str
    old: str | None
    new: Dictionary
    difference: Difference | None = None


def activate(read: Settings, version: str | None, wish: Wish) -> Outcome:
    """Put a version in force: that of the settings (None), of a folder, or one that the target has kept, by digest.

    Raises DRV-106, DRV-108 and DRV-111 for the version, DRV-112 to DRV-114 for what is in its way.
    """
    with as_service_errors(), connect(read.target, "cdc activate") as connection:
        connection.autocommit = True
        _require_migrations(connection)
        new, where = version_named(connection, read, version)
        digest = active_digest(connection)
        if digest is None:
            put_first(connection, where, new)
            return Outcome("first", None, new)
        record(connection, where, new)
        if digest == new.digest:
            finish(connection, Edition.of(new))  # whoever put it in force may have been killed before that
            return Outcome("in force", digest, new)
        return _activate(read, _kept(connection, read, digest), new, wish)


def rollback(read: Settings, wish: Wish) -> Outcome:
    """Put the version in force that was before this one. Raises DRV-112 when there was none."""
    with as_service_errors(), connect(read.target, "cdc rollback") as connection:
        connection.autocommit = True
        _require_migrations(connection)
        row = connection.execute("SELECT digest, previous FROM cdc.active").fetchone()
        if row is None or row[1] is None:
            raise FatalError("DRV-112", "no other dictionary was in force before")
        new = recorded(connection, read, row[1])
        return _activate(read, _kept(connection, read, row[0]), new, wish)


def discard(read: Settings) -> bool:
    """Drop the shadow, begun or former; tell whether there was one. Raises DRV-112 while somebody works on it."""
    with as_service_errors(), connect(read.target, "cdc discard") as connection:
        connection.autocommit = True
        _require_migrations(connection)
        if connection.execute("SELECT pg_try_advisory_lock(hashtextextended('cdc activation', 0))").fetchone() != (
            True,
        ):
            raise FatalError("DRV-112", "another activation is going on")
        with connection.transaction():
            state = read_state(connection)
            if state is not None:
                drop(connection)
                effect = {"phase": state.phase, "tables": state.tables}
                record_action(connection, "dictionary discard", state.digest, effect)
        return state is not None


def _activate(read: Settings, old: Dictionary, new: Dictionary, wish: Wish) -> Outcome:
    change = Change.between(old, new)
    activation = Activation(
        partial(connect, read.target),
        Edition.of(old),
        Edition.of(new),
        change,
        wish.reason,
        wish.report,
        read.derive.held_limit,
        read.protection,
    )
    try:
        return _carry_out(activation, old, new, wish)
    finally:
        activation.end()


def _carry_out(activation: Activation, old: Dictionary, new: Dictionary, wish: Wish) -> Outcome:
    activation.prepare()
    for progress in activation.build():
        wish.report(progress)
    activation.follow()
    difference = _masked(_patiently(activation.compare, wish), Masks.of(old, {}), Masks.of(new, {}))
    if not wish.keep:
        drop(activation.keeper)
        return Outcome("dropped", old.digest, new, difference)
    if not wish.word(difference):
        return Outcome("kept", old.digest, new, difference)
    activation.follow()
    _patiently(activation.swap, wish)
    activation.finish()
    record_classes(activation.keeper, new)
    return Outcome("activated", old.digest, new, difference)


def _masked(difference: Difference, *masks: Masks) -> Difference:
    """Return what changes without values that one of the versions masks; how many cells change is told of all."""

    def shown(table: str, column: str, value: str | None) -> str | None:
        return MASK if value is not None and any(one.hides(table, column) for one in masks) else value

    def sample(table: TableDifference, column: str, one: Sample) -> Sample:
        names = masks[-1].tables[table.table]
        key = tuple(shown(table.table, name, value) for name, value in zip(names, one.key, strict=True))
        return Sample(key, shown(table.table, column, one.old), shown(table.table, column, one.new))

    def columns(table: TableDifference) -> tuple[ColumnDifference, ...]:
        return tuple(
            replace(one, samples=tuple(sample(table, one.column, each) for each in one.samples))
            for one in table.columns
        )

    return replace(difference, tables=tuple(replace(one, columns=columns(one)) for one in difference.tables))


def _patiently(attempt: Callable[[], Any], wish: Wish) -> Any:
    """Attempt it until the patience ends. Raises DRV-114 with what was in the way last."""
    try:
        return patiently(attempt, wish.patience_s)
    except TransientError as error:
        raise FatalError("DRV-114", str(error)) from error


def version_named(connection: Connection, read: Settings, named: str | None) -> tuple[Dictionary, Settings]:
    """Return the version that is meant, approved, and the settings in whose folder its signatures are."""
    if named is None:
        return read_dictionary(read), read
    folder = Path(named)
    if folder.is_dir():
        where = replace(read, folders=replace(read.folders, dictionary=folder))
        return read_dictionary(where), where
    rows = connection.execute("SELECT digest FROM cdc.dictionary WHERE starts_with(digest, %s)", (named,)).fetchall()
    if len(rows) != 1:
        raise FatalError("DRV-116", f"{named}: no folder, and {len(rows)} versions in the target begin with it")
    return recorded(connection, read, rows[0][0]), read


def _kept(connection: Connection, read: Settings, digest: str) -> Dictionary:
    row = connection.execute("SELECT content FROM cdc.dictionary WHERE digest = %s", (digest,)).fetchone()
    if row is None:
        raise FatalError("DRV-111", digest[:12])
    return from_content(row[0], digest, read)


def _require_migrations(connection: Connection) -> None:
    missing = pending(connection)
    if missing:
        raise FatalError("TGT-109", ", ".join(migration.name for migration in missing))

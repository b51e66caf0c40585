"""Migrations of the service's own schema: numbered SQL files, forward only, each applied once.

`cdc.migration` records the digest of what was applied, so that a file that was edited afterwards and a target that is
newer than the program are both noticed before anything is written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg

from cdc.errors import FatalError
from cdc.store.connection import classify

# Serialises concurrent `cdc target apply`; any number does that nothing else in the target's database uses.
_LOCK = 7205759403792794
_TABLE = """
CREATE SCHEMA IF NOT EXISTS cdc;
CREATE TABLE IF NOT EXISTS cdc.migration (
    name       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `cdc/store/migrations`."""

    name: str
    sql: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.sql).hexdigest()


def migrations(folder: Traversable | None = None) -> list[Migration]:
    """Return the migrations of this release in the order in which they are applied."""
    folder = folder or files("cdc.store") / "migrations"
    named = ((entry.name.removesuffix(".sql"), entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(name, entry.read_bytes()) for name, entry in sorted(named)]


def migrate(connection: psycopg.Connection, known: list[Migration] | None = None) -> list[str]:
    """Apply what is missing, all of it or nothing; return the names applied. Idempotent, safe to run concurrently.

    Raises TGT-103 for an edited migration, TGT-104 for a target that is newer, TGT-105 if the target refuses one.
    """
    known = migrations() if known is None else known
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        missing = pending(connection, known)
        if missing:
            connection.execute(_TABLE)
        for migration in missing:
            _apply(connection, migration)
    return [migration.name for migration in missing]


def pending(connection: psycopg.Connection, known: list[Migration] | None = None) -> list[Migration]:
    """Return the migrations that the target lacks; reads only.

    Raises TGT-103 and TGT-104, and what a session that breaks amounts to.
    """
    known = migrations() if known is None else known
    applied = _applied(connection)
    changed = [
        migration.name for migration in known if applied.get(migration.name, migration.digest) != migration.digest
    ]
    if changed:
        raise FatalError("TGT-103", ", ".join(changed))
    unknown = sorted(applied.keys() - {migration.name for migration in known})
    if unknown:
        raise FatalError("TGT-104", ", ".join(unknown))
    return [migration for migration in known if migration.name not in applied]


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    try:
        row = connection.execute("SELECT to_regclass('cdc.migration') IS NOT NULL").fetchone()
        if row is None or not row[0]:
            return {}
        return dict(connection.execute("SELECT name, digest FROM cdc.migration").fetchall())
    except psycopg.Error as error:
        raise classify(error) from error


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        connection.execute(migration.sql)
    except psycopg.Error as error:
        said = classify(error)
        if said.kind == "transient":
            raise said from error
        raise FatalError("TGT-105", f"{migration.name}: {said.detail}") from error
    connection.execute("INSERT INTO cdc.migration (name, digest) VALUES (%s, %s)", (migration.name, migration.digest))

"""The dictionary in force and the one that is being activated, as the target knows them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import psycopg


@dataclass(frozen=True, slots=True)
class InForce:
    """The version by which workers derive."""

    digest: str
    version: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ActivationStatus:
    """Another version beside the one in force, and how far it is.

    `phase`: build (source rows are derived, `rows` of about `rows_total`), close (indexes are made), catch up (it can
    be put in force), former (the version before, to go back to). `swapped`: the tables that it has of its own.
    """

    digest: str
    version: str
    phase: str
    since: datetime
    rows: int
    rows_total: int
    swapped: list[str]


def read_in_force(connection: psycopg.Connection) -> InForce | None:
    """Return the dictionary in force, None before the first one."""
    row = connection.execute(
        "SELECT a.digest, d.version, a.activated_at FROM cdc.active a JOIN cdc.dictionary d USING (digest)"
    ).fetchone()
    return None if row is None else InForce(*row)


def read_activation(connection: psycopg.Connection) -> ActivationStatus | None:
    """Return what stands beside, None if nothing does."""
    row = connection.execute(
        "SELECT a.digest, d.version, a.phase, a.phase_at, 0, a.rows_total, a.swapped"
        " FROM cdc_shadow.activation a JOIN cdc.dictionary d USING (digest)"
    ).fetchone()
    if row is None:
        return None
    found = ActivationStatus(*row)
    if connection.execute("SELECT to_regclass('cdc_shadow.progress') IS NOT NULL").fetchone() != (True,):
        return found
    done = connection.execute("SELECT coalesce(sum(rows), 0)::bigint FROM cdc_shadow.progress").fetchone()
    return replace(found, rows=done[0] if done else 0)

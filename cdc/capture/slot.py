"""The replication slot of a PostgreSQL source's connector: what the log keeps for it, and where its snapshot stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from cdc.capture.catalogue_postgresql import session
from cdc.capture.connector import slot_name
from cdc.capture.login import login_of
from cdc.capture.source import Source
from cdc.errors import FatalError


def drop_statement(source: Source) -> str:
    """Return what a DBA runs so that the server keeps no more log for the connector of a PostgreSQL source."""
    return drop_named(slot_name(source))


def drop_named(slot: str) -> str:
    """Return the same for a slot of which no more is known than its name."""
    return sql.SQL("SELECT pg_drop_replication_slot({});").format(slot).as_string(None)


def has_slot(source: Source, variables: Mapping[str, str]) -> bool:
    """Tell whether the slot of a source's connector is there. Raises as `cdc.capture.catalogue.read_contracts`."""
    with session(login_of(source, variables)) as connection:
        query = "SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = %s"
        return connection.execute(query, (slot_name(source),)).fetchone() is not None


def require_no_slot(source: Source, variables: Mapping[str, str]) -> None:
    """Raise FatalError CON-194 if a slot of the connector's name is there; else as `has_slot`."""
    if has_slot(source, variables):
        raise FatalError("CON-194", f"{source.name}: slot {slot_name(source)}")


def drop_slot(source: Source, variables: Mapping[str, str]) -> None:
    """Drop the slot of a connector that is stopped, if there is one; its next snapshot makes another one.

    Raises as `cdc.capture.catalogue.read_contracts`: TransientError SRC-110 also while the slot is in use.
    """
    # Somebody else may have dropped it at the same moment.
    with session(login_of(source, variables)) as connection, suppress(psycopg.errors.UndefinedObject):
        connection.execute(
            "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots"
            " WHERE slot_name = %s AND database = pg_catalog.current_database()",
            (slot_name(source),),
        )

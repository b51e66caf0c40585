"""Databases of the throw-away server: empty ones, and ones that are as the migrations leave them.

The migrations run once for a server, into a database of their own, and the others are copies of it. Roles belong to the
whole server, and neither they nor what `ALTER ROLE` or `ALTER DATABASE` sets is copied: migrations make none of it.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import psycopg
from psycopg.sql import SQL, Identifier

from cdc.store.migrate import migrate
from compose.local.postgres import PostgresServer


class Databases:
    """Makes and drops databases of the service's role, by a session of the server's administrator."""

    def __init__(self, server: PostgresServer, administrator: psycopg.Connection) -> None:
        self._server, self._administrator = server, administrator

    def empty(self, name: str) -> str:
        """Make a database with nothing in it and return the connection string of its owner."""
        return self._make(name, "template1")

    def migrated(self, name: str) -> str:
        """Make a database with every migration applied and return the connection string of its owner."""
        return self._make(name, self._template)

    def drop(self, name: str) -> None:
        """Drop a database, if it is there. Whoever is still connected to it is cut off."""
        self._do(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    @cached_property
    def _template(self) -> str:
        """The database that the migrations were applied to. It takes no sessions: one would forbid to copy it."""
        name = "migrated"
        with psycopg.connect(self.empty(name)) as connection:
            migrate(connection)
        self._do(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(name)))
        return name

    def _make(self, name: str, template: str) -> str:
        self.drop(name)
        made = SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        self._do(made.format(*map(Identifier, (name, self._server.owner.user, template))))
        return dataclasses.replace(self._server, database=name).dsn(self._server.owner)

    def _do(self, statement: psycopg.sql.Composed) -> None:
        self._administrator.execute(statement)

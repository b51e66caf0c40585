"""One source of the shapes: its database as its application uses it, and its mirrors as nobody else reads them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pymysql

from tests.integration.service import connect

_marks = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Side:
    """A source by its name. `kind` is postgresql, mariadb or mysql, `more` are lines of its connector file.

    Tables without a key are `keyless`; they are captured first.
    """

    name: str
    kind: str
    tables: tuple[str, ...]
    env: Mapping[str, str]
    more: tuple[str, ...] = field(default=())
    keyless: tuple[str, ...] = field(default=())

    @property
    def file(self) -> str:
        """The text of the connector file."""
        server = "MES" if self.kind == "postgresql" else "ERP"
        # Connect was started with the ports of the stack, to which MySQL does not belong.
        port = self.env["CDC_ERP_PORT"] if self.kind == "mysql" else f"${{env:CDC_{server}_PORT}}"
        prefix = "public." if self.kind == "postgresql" else ""
        entries = [f"{{table: {prefix}{table}, key: none}}" for table in self.keyless]
        entries += [prefix + table for table in self.tables]
        return "\n".join(
            (
                f"kind: {self.kind}",
                "host: 127.0.0.1",
                f"port: {port}",
                f"database: {self.name}",
                f"user: ${{env:CDC_{server}_DBA_USER}}",
                f"password: ${{env:CDC_{server}_DBA_PASSWORD}}",
                *self.more,
                "tables:",  # in lines of their own: `add-table` puts others in
                *(f"  - {entry}" for entry in entries),
                "",
            )
        )

    def numbers(self, count: int) -> str:
        """Return what stands behind FROM for a table of so many numbers, `n`, from 1 on."""
        match self.kind:
            case "postgresql":
                return f"generate_series(1, {count}) s (n)"
            case "mariadb":
                return f"(SELECT seq AS n FROM seq_1_to_{count}) s"
            case _:
                return f"JSON_TABLE(CONCAT('[1', REPEAT(',1', {count - 1}), ']'), '$[*]' COLUMNS (n FOR ORDINALITY)) s"

    @contextmanager
    def connection(self, *, autocommit: bool = True) -> Iterator[Any]:
        """A connection to the source's database (DB-API)."""
        if self.kind == "postgresql":
            with closing(connect({**self.env, "CDC_MES_DATABASE": self.name}, "MES", "DBA_")) as connection:
                connection.autocommit = autocommit
                yield connection
            return
        with closing(
            pymysql.connect(
                host="127.0.0.1",
                port=int(self.env["CDC_ERP_PORT"]),
                user=self.env["CDC_ERP_DBA_USER"],
                password=self.env["CDC_ERP_DBA_PASSWORD"],
                database=self.name,
                autocommit=autocommit,
                charset="utf8mb4",
            )
        ) as connection:
            yield connection

    def run(self, *statements: str) -> None:
        """Run statements, each a transaction."""
        with self.connection() as connection:
            self._execute(connection, statements)

    def commit(self, *statements: str) -> None:
        """Run statements as one transaction."""
        with self.connection(autocommit=False) as connection:
            self._execute(connection, statements)
            connection.commit()

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return a table's rows, in an order that no collation has a say in."""
        with self.connection() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            return sorted(cursor.fetchall(), key=repr)

    def mirror(self, target: psycopg.Connection, table: str) -> list[tuple[Any, ...]]:
        """Return the rows of its mirror, without what the service adds."""
        with self.connection() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")
            columns = ", ".join(f'"{column[0]}"' for column in cursor.description)
        return sorted(target.execute(f'SELECT {columns} FROM {self.name}."{table}"'.encode()).fetchall(), key=repr)

    def leave_mark(self) -> str:
        """Change the source once more and return a text that its mirror `mark` will hold then."""
        mark = f"mark {next(_marks)}"
        self.run(f"UPDATE mark SET text = '{mark}'")
        return mark

    def _execute(self, connection: Any, statements: tuple[str, ...]) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

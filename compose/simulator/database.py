"""The two applications' connections: a planned transaction becomes statements, COMMIT or ROLLBACK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import psycopg
import pymysql
import pymysql.err

from compose.simulator.error import SimulatorError
from compose.simulator.transaction import Delete, Insert, Statement, Transaction, Update, Write
from compose.simulator.value import Value

_Connection = TypeVar("_Connection")

# What a driver raises, whatever the reason.
ERRORS: Final = (pymysql.err.MySQLError, psycopg.Error)

# The codes by which the client says that the server is gone.
_GONE: Final = frozenset({2003, 2006, 2013, 2055})


class Database(Protocol):
    """One application's database, as one of its accounts."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement in the open transaction."""
        ...

    def fetch(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        ...

    def commit(self) -> None:
        """End the transaction."""
        ...

    def roll_back(self) -> None:
        """Give the transaction up."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class MariaDb:
    """The ERP's database."""

    def __init__(self, env: Mapping[str, str], account: str = "ADMIN") -> None:
        self._connection = _connected(
            "ERP",
            lambda: pymysql.connect(
                host=env["CDC_ERP_HOST"],
                port=int(env["CDC_ERP_PORT"]),
                user=env[f"CDC_ERP_{account}_USER"],
                password=env[f"CDC_ERP_{account}_PASSWORD"],
                database=env["CDC_ERP_DATABASE"],
                charset="utf8mb4",  # the server converts to the columns' GBK
                connect_timeout=10,
            ),
        )
        self._cursor = self._connection.cursor()

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement in the open transaction."""
        self._cursor.execute(sql, parameters or None)

    def fetch(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        self._cursor.execute(sql)
        row = self._cursor.fetchone()
        self._connection.rollback()
        return tuple(row or ())

    def commit(self) -> None:
        """End the transaction."""
        self._connection.commit()

    def roll_back(self) -> None:
        """Give the transaction up."""
        self._connection.rollback()

    def close(self) -> None:
        """End the connection; the server may have ended it before."""
        if self._connection.open:
            self._connection.close()


class PostgreSql:
    """The MES's database."""

    def __init__(self, env: Mapping[str, str], account: str = "ADMIN") -> None:
        self._connection = _connected(
            "MES",
            lambda: psycopg.connect(
                host=env["CDC_MES_HOST"],
                port=int(env["CDC_MES_PORT"]),
                user=env[f"CDC_MES_{account}_USER"],
                password=env[f"CDC_MES_{account}_PASSWORD"],
                dbname=env["CDC_MES_DATABASE"],
                application_name="simulator",
                connect_timeout=10,
            ),
        )

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement in the open transaction."""
        self._connection.execute(sql.encode(), parameters or None)

    def fetch(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        row = self._connection.execute(sql.encode()).fetchone()
        self._connection.rollback()
        return row or ()

    def commit(self) -> None:
        """End the transaction."""
        self._connection.commit()

    def roll_back(self) -> None:
        """Give the transaction up."""
        self._connection.rollback()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def carry_out(database: Database, transaction: Transaction) -> None:
    """Execute a transaction and end it as it is planned to end. Raises SimulatorError."""
    name = transaction.source.upper()
    try:
        write_all(database, transaction)
        (database.roll_back if transaction.rolls_back else database.commit)()
    except ERRORS as error:
        if _is_gone(error):
            raise SimulatorError(
                f"The {name}'s database is gone ({_sentence(error)}): see whether it runs, then start anew."
            ) from error
        raise SimulatorError(f"The {name}'s database refused “{transaction.action}”: {_sentence(error)}.") from error


def write_all(database: Database, transaction: Transaction) -> None:
    """Execute a transaction's statements and leave it open."""
    for write in transaction.writes:
        database.execute(*rendered(write))


def rendered(write: Write) -> tuple[str, Sequence[Value]]:
    """Return a write as SQL with placeholders, which both drivers spell the same way."""
    match write:
        case Insert(table, columns, rows):
            row = f"({', '.join(['%s'] * len(columns))})"
            sql = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * len(rows))}"
            return sql, [values[column] for values in rows for column in columns]
        case Update(table, key, changes):
            sets = ", ".join(f"{column} = %s" for column in changes)
            return f"UPDATE {table.name} SET {sets} WHERE {_match(table.key)}", [*changes.values(), *key]
        case Delete(table, key):
            return f"DELETE FROM {table.name} WHERE {_match(table.key)}", key
        case Statement(sql, parameters):
            return sql, parameters


def _match(columns: Sequence[str]) -> str:
    return " AND ".join(f"{column} = %s" for column in columns)


def _connected(name: str, connect: Callable[[], _Connection]) -> _Connection:
    try:
        return connect()
    except ERRORS as error:
        raise SimulatorError(
            f"The {name}'s database cannot be reached ({_sentence(error)}): python -m compose.local start erp mes"
        ) from error


def _is_gone(error: Exception) -> bool:
    if isinstance(error, psycopg.Error):
        return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    return isinstance(error, pymysql.err.InterfaceError) or bool(error.args and error.args[0] in _GONE)


def _sentence(error: Exception) -> str:
    text = str(error.args[-1] if error.args else error)
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(".")

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

    def mark(self) -> str:
        """Begin a transaction and return what it can be asked for later."""
        ...

    def has_committed(self, mark: str) -> bool:
        """Tell, over a connection made since, whether the transaction of the mark was committed."""
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

    def mark(self) -> str:
        """Return where the log is. Nobody but the application moves it."""
        self._cursor.execute("SELECT @@gtid_binlog_pos")
        return str((self._cursor.fetchone() or ("",))[0])

    def has_committed(self, mark: str) -> bool:
        """Tell whether the log has moved since."""
        return self.mark() != mark

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

    def mark(self) -> str:
        """Return the number of the transaction."""
        return str((self._connection.execute("SELECT pg_current_xact_id()").fetchone() or ("",))[0])

    def has_committed(self, mark: str) -> bool:
        """Tell whether the transaction is among the committed ones; a session that was cut off may take a moment."""
        status = "in progress"
        while status == "in progress":
            (status,) = self.fetch(f"SELECT pg_xact_status('{int(mark)}')")
        return bool(status == "committed")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def refusal(error: Exception, transaction: Transaction) -> SimulatorError:
    """Return what a person is told when a transaction cannot be executed."""
    name = transaction.source.upper()
    if is_gone(error):
        return SimulatorError(
            f"The {name}'s database is gone ({_sentence(error)}): see whether it runs, then start anew."
        )
    return SimulatorError(f"The {name}'s database refused “{transaction.action}”: {_sentence(error)}.")


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


def is_gone(error: Exception) -> bool:
    """Tell whether the server, or the connection to it, is not there any more."""
    if isinstance(error, psycopg.Error):
        return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    return isinstance(error, pymysql.err.InterfaceError) or bool(error.args and error.args[0] in _GONE)


def _sentence(error: Exception) -> str:
    text = str(error.args[-1] if error.args else error)
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(".")

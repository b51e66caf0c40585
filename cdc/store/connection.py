"""Connections to the target, and what the target's errors mean for the work at hand.

Every session has the same limits and the same text formats. The limits end what a frozen or cut-off worker would block:
an open transaction that waits for its client, a wait for a lock, a statement without end. The formats are fixed because
keys are compared as the text that PostgreSQL prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from cdc.access import Target
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
from cdc.postgresql import distrust_of, encryption, reason_of
from cdc.reference import UnresolvedError

LONG_STATEMENT_S: Final = 3600
"""How long a statement may take that is known to concern a whole table, or a large turn."""
LONG_SILENCE_S: Final = LONG_STATEMENT_S + 60.0
"""How long who runs such a statement may be silent: as long, and a little."""

_SESSION: Final = {
    # A worker that was frozen or lost its network must not hold its locks for longer.
    "idle_in_transaction_session_timeout": "3s",
    # What the network has swallowed on the way to a worker ends its session in as many seconds as on the other side.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
    # Longer than any wait among healthy workers; a DDL that waits blocks everybody behind it.
    "lock_timeout": "10s",
    # The largest single statements are index builds and first derivations.
    "statement_timeout": "5min",
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "client_encoding": "UTF8",
}

_CODES: Final = {
    "08": "TGT-101",
    "57P01": "TGT-101",  # the server stops, or somebody ended the session
    "57P02": "TGT-101",
    "57P03": "TGT-101",  # the server starts
    "57P05": "TGT-101",
    "28": "TGT-102",
    "3D000": "TGT-102",
    "42501": "TGT-106",
    "42P01": "TGT-107",
    "42703": "TGT-107",
    "42883": "TGT-107",
    "3F000": "TGT-107",
    "40001": "TGT-120",
    "40P01": "TGT-120",
    "55P03": "TGT-120",
    "53": "TGT-121",
    "58": "TGT-121",
    "57014": "TGT-122",
    "25P03": "TGT-122",
    "25P04": "TGT-122",
    "25006": "TGT-123",
}
"""SQLSTATE, or its class, to code; the longest match counts, and whatever is not here is TGT-108."""

_TRANSIENT: Final = frozenset({"TGT-101", "TGT-120", "TGT-121", "TGT-122", "TGT-123"})
# Of a failed connection libpq keeps the text only. These are what PostgreSQL says for what does not pass by itself.
_REFUSALS: Final = (
    "authentication failed",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "no password supplied",
)
_PASSING: Final = (
    *("remaining connection slots", "too many", "starting up", "shutting down", "in recovery mode"),
    # The library's own: the connection broke before the server had said anything.
    *("server closed the connection", "could not receive data", "could not send data", "timeout expired"),
    *("SSL connection has been closed", "SSL SYSCALL error"),
)


def connect(target: Target, application: str) -> psycopg.Connection:
    """Open a session with autocommit off. Passwords and certificates are read anew.

    Raises TransientError TGT-101 if nobody answers, NotAdmitted TGT-102 if the login is refused, TGT-114 if one side
    does not trust the other.
    """
    place = f"{target.user}@{target.host}:{target.port}/{target.database}"
    try:
        return psycopg.connect(
            host=target.host,
            port=target.port,
            dbname=target.database,
            user=target.user,
            password=target.password.reveal(),
            application_name=application,
            options=" ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
            connect_timeout=5,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            # Keepalives are not sent while something is on its way: without this it would be sent again for a quarter
            # of an hour, in silence.
            tcp_user_timeout=15_000,
            **_encryption(target),
        )
    except UnresolvedError as error:
        raise NotAdmitted("TGT-102", f"{place}: {error}") from error
    except psycopg.Error as error:
        raise _unconnected(error, target, place) from error


def reconnect(target: Target, application: str) -> psycopg.Connection:
    """Do the same for a worker that runs. Raises TransientError TGT-101 or TGT-124.

    Passwords and certificates are replaced while workers run, and never at the same moment on both sides.
    """
    try:
        return connect(target, application)
    except NotAdmitted as error:
        raise TransientError("TGT-124", f"{error.code}, {error.detail}") from error


@contextmanager
def as_service_errors() -> Iterator[None]:
    """Raise what a session of the block raises as the error of the service that it amounts to."""
    try:
        yield
    except psycopg.Error as error:
        raise classify(error) from error


def classify(error: psycopg.Error) -> CdcError:
    """Return the error of the service that `error` of an open session amounts to; raise it `from` the original."""
    if error.sqlstate is None:
        # No answer of the server: the connection broke, or was closed by an earlier fault.
        broken = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        return TransientError("TGT-101", reason_of(error)) if broken else FatalError("TGT-108", type(error).__name__)
    code = _code(error)
    return (TransientError if code in _TRANSIENT else FatalError)(code, _detail(error))


def _code(error: psycopg.Error) -> str:
    if error.diag.source_function == "RevalidateCachedQuery":
        return "TGT-120"  # a table changed under a prepared statement; the next session plans it afresh
    if error.diag.source_function == "ExecFindPartition":
        return "TGT-120"  # the target's clock has left the months that the journal has; the next session makes more
    state = error.sqlstate or ""
    return _CODES.get(state) or _CODES.get(state[:2]) or "TGT-108"


def _detail(error: psycopg.Error) -> str:
    """Name the place. PostgreSQL's message may quote a cell, except where it can only speak of names (class 42, 3F)."""
    diag = error.diag
    names = (diag.schema_name, diag.table_name, diag.column_name, diag.constraint_name)
    place = ".".join(name for name in names if name)
    state = error.sqlstate or ""
    speaks_of_names = state[:2] in {"42", "3F"} and state != "42601"
    said = diag.message_primary if speaks_of_names else None
    return ", ".join(part for part in (f"SQLSTATE {state} ({type(error).__name__})", place, said) if part)


def _encryption(target: Target) -> dict[str, Any]:
    key = (target.sslcert, target.sslkey, target.sslpassword)
    return dict(encryption(target.encryption, target.sslrootcert, *key))


def _unconnected(error: psycopg.Error, target: Target, place: str) -> CdcError:
    reason = reason_of(error)
    distrust = distrust_of(reason, target.host, target.port, target.sslrootcert)
    if distrust is not None:
        return NotAdmitted("TGT-114", f"{place}: {distrust}")
    if _is_refused(error, reason):
        return NotAdmitted("TGT-102", f"{place}: {reason}")
    return TransientError("TGT-101", f"{place}: {reason}")


def _is_refused(error: psycopg.Error, reason: str) -> bool:
    if any(words in reason for words in _REFUSALS):
        return True
    if any(words in reason for words in _PASSING):
        return False
    # A server that speaks another language: it asked for the password, took it, and ended the session all the same.
    return error.pgconn is not None and bool(error.pgconn.used_password)

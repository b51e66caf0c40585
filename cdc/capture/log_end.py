"""Where a live source's log ends: by that a source is known that was restored to an earlier time.

PostgreSQL    {"": LSN}
MariaDB       {domain: sequence number} of the last GTID in its binary log, by replication domain
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdc.capture import catalogue_mariadb, catalogue_postgresql
from cdc.capture.login import Login, login_of
from cdc.capture.source import Source
from cdc.errors import NotAdmitted, TransientError

Marks = Mapping[str, int]

_PLACE = """
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END
        - '0/0'::pg_lsn)::bigint AS place"""


def read_log_end(source: Source, variables: Mapping[str, str]) -> Marks:
    """Return where the log ends, as above. Raises TransientError SRC-110, SRC-113."""
    try:
        return _READERS[source.kind](login_of(source, variables))
    except NotAdmitted as error:
        raise TransientError("SRC-113", f"{error.code}, {error.detail}") from error


def gtid_marks(text: str) -> dict[str, int]:
    """Return the sequence numbers of GTIDs (`0-1-42,7-1-3`) by domain."""
    parts = (one.strip().split("-") for one in text.split(","))
    return {one[0]: int(one[2]) for one in parts if len(one) == 3 and one[2].isdecimal()}


def _of_postgresql(login: Login) -> Marks:
    with catalogue_postgresql.session(login) as connection:
        row = connection.execute(_PLACE).fetchone()
    return {"": int(row["place"])} if row else {}


def _of_mariadb(login: Login) -> Marks:
    return gtid_marks(catalogue_mariadb.last_gtids(login))


_READERS: Mapping[str, Callable[[Login], Marks]] = {"mariadb": _of_mariadb, "postgresql": _of_postgresql}

"""Where a live source's log ends: by that a source is known that was restored to an earlier time.

PostgreSQL    {"": LSN}
MariaDB       {domain: sequence number} of the last GTID in its binary log, by replication domain
MySQL         {server's UUID, with a tag if there is one: transaction number} of its largest GTID, by both
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from cdc.capture import catalogue_binlog, catalogue_postgresql
from cdc.capture.login import Login, login_of
from cdc.capture.source import BINLOG, Source
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
    """Return the largest numbers of GTIDs by what they count for: of MariaDB (`0-1-42,7-1-3`) the domain, of MySQL
    (`UUID:1-5:7:tag:1-2`) the server, or the server and the tag.
    """
    parts = [one.strip() for one in text.split(",")]
    return dict(mark for one in parts for mark in (_of_server(one) if ":" in one else _of_domain(one)))


def _of_domain(gtid: str) -> Iterator[tuple[str, int]]:
    parts = gtid.split("-")
    if len(parts) == 3 and parts[2].isdecimal():
        yield parts[0], int(parts[2])


def _of_server(gtids: str) -> Iterator[tuple[str, int]]:
    """Yield the end of the last interval of each tag: intervals stand in their order."""
    server, *parts = gtids.lower().split(":")
    name = server
    for part in parts:
        last = part.strip().rpartition("-")[2]
        if last.isdecimal():
            yield name, int(last)
        else:
            name = f"{server}:{part.strip()}"


def _of_postgresql(login: Login) -> Marks:
    with catalogue_postgresql.session(login) as connection:
        row = connection.execute(_PLACE).fetchone()
    return {"": int(row["place"])} if row else {}


def _of_binlog(kind: str, login: Login) -> Marks:
    return gtid_marks(catalogue_binlog.last_gtids(kind, login))


_READERS: Mapping[str, Callable[[Login], Marks]] = {
    **{kind: partial(_of_binlog, kind) for kind in BINLOG},
    "postgresql": _of_postgresql,
}

"""How fresh the target is: a process that waits for the rows which the simulator says it has committed.

It follows the simulator's log, where each line was written after COMMIT had returned, and asks the target for the
canonical rows named there, and for the first new source row of the same transaction in its mirror, until they are
visible. The age of a row is the moment of the answer minus `committed_at`: the time it takes to read the log and up to
one polling interval count against us.

    python -m compose.demo.probe LOG RESULTS      until SIGTERM

While the target is away it tries again: the rows are late, and seen to be.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import psycopg
from psycopg import sql

from compose.compare.database import PostgreSql
from compose.local.env import environment

_INTERVAL_S = 0.004
_GAP_LIMIT_S = 0.005
_AWAY_S = 0.05

Key = tuple[str, ...]


@dataclass(slots=True)
class Waiting:
    """The rows of one table that are not visible yet, with the moment of their commit."""

    statement: sql.Composed
    width: int
    rows: dict[Key, float] = field(default_factory=dict)

    def ask(self, connection: psycopg.Connection[Any]) -> Asked:
        """Ask for all of them at once."""
        keys = list(self.rows)
        columns = [[key[place] for key in keys] for place in range(self.width)]
        return Asked(self.rows, keys, connection.execute(self.statement, columns, prepare=True))


class Asked(NamedTuple):
    """Rows of one table that were asked for: in the order of `keys`, which the answer numbers."""

    rows: dict[Key, float]
    keys: list[Key]
    answer: psycopg.Cursor[Any]

    def seen(self) -> list[tuple[Key, float]]:
        """Return those that are there, with the moments of their commits; they are not waited for any more."""
        there = [self.keys[number - 1] for (number,) in self.answer]
        return [(key, self.rows.pop(key)) for key in there]


class Probe:
    """Follows the log and asks the target."""

    def __init__(self, connection: psycopg.Connection[Any], log: IO[str], results: IO[str]) -> None:
        self._connection = connection
        self._log = log
        self._results = results
        self._waiting: dict[str, Waiting] = {}
        self._line = ""
        self._asked = 0.0
        self.late = 0
        self.polls = 0

    def poll(self) -> None:
        """Read what is new in the log, ask for what is not visible yet, write down what has become so."""
        self._follow()
        waiting = {table: waiting for table, waiting in self._waiting.items() if waiting.rows}
        if not waiting:
            self._asked = 0.0
            return
        began = time.monotonic()
        self.polls += 1
        self.late += bool(self._asked) and began - self._asked > _GAP_LIMIT_S
        self._asked = began
        with self._connection.pipeline():  # one round trip for all tables: what watches must not weigh on the machine
            asked = {table: rows.ask(self._connection) for table, rows in waiting.items()}
        for table, answered in asked.items():
            for key, committed_at in answered.seen():
                self._write(table, key, committed_at)

    def reconnected(self, connection: psycopg.Connection[Any]) -> None:
        """Go on over another connection."""
        self._connection = connection

    def close(self) -> None:
        """Write down what never became visible, and how often polls were further apart than promised."""
        for table, waiting in self._waiting.items():
            for key, committed_at in waiting.rows.items():
                self._results.write(json.dumps({"table": table, "key": key, "committed_at": committed_at}) + "\n")
        self._results.write(json.dumps({"polls": self.polls, "late": self.late}) + "\n")
        self._results.flush()

    def _write(self, table: str, key: Key, committed_at: float) -> None:
        age_ms = round((time.time() - committed_at) * 1000, 3)
        record = {"table": table, "key": key, "committed_at": committed_at, "ms": age_ms}
        self._results.write(json.dumps(record) + "\n")

    def _follow(self) -> None:
        for entry in self._new_entries():
            for table, key in _rows(entry):
                waiting = self._waiting.get(table) or self._prepare(table)
                waiting.rows[tuple(key)] = entry["committed_at"]

    def _new_entries(self) -> Iterator[dict[str, Any]]:
        while part := self._log.readline():
            self._line += part
            if self._line.endswith("\n"):  # else the simulator is at it
                line, self._line = self._line, ""
                yield json.loads(line)

    def _prepare(self, table: str) -> Waiting:
        schema, _, name = table.partition(".")
        columns = self._connection.execute(_KEY, (schema, name)).fetchall()
        arrays = sql.SQL(", ").join([sql.SQL("%s::text[]::{}[]").format(sql.SQL(kind)) for _, kind in columns])
        names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns)
        statement = sql.SQL("SELECT k.number FROM unnest({}) WITH ORDINALITY k({}, number) JOIN {} USING ({})").format(
            arrays, names, sql.Identifier(schema, name), names
        )
        waiting = self._waiting[table] = Waiting(statement, len(columns))
        return waiting


def _rows(entry: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield what to wait for, if the line announces anything: table and key."""
    announced = entry.get("probe", ())
    yield from announced
    if announced:
        new = ((mirror, key) for mirror, operation, key in entry["rows"] if operation == "c")
        yield from itertools.islice(new, 1)


_KEY = """
    SELECT a.attname::text, format_type(a.atttypid, NULL)
      FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = %s AND i.indisprimary
     ORDER BY array_position(i.indkey::int2[], a.attnum)
"""


def main() -> int:
    """Probe until SIGTERM. Reads the log from its present end."""
    log_path, results_path = map(Path, sys.argv[1:])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    target = _connect()
    with log_path.open(encoding="utf-8") as log, results_path.open("w", encoding="utf-8") as results:
        log.seek(0, 2)
        results.write(json.dumps({"ready": True}) + "\n")
        results.flush()
        probe = Probe(target.connection, log, results)
        while not stop.is_set():
            began = time.monotonic()
            try:
                probe.poll()
            except psycopg.OperationalError:
                stop.wait(_AWAY_S)
                with suppress(psycopg.OperationalError):
                    target.close()
                    target = _connect()
                    probe.reconnected(target.connection)
            stop.wait(max(0.0, _INTERVAL_S - (time.monotonic() - began)))
        probe.close()
    target.close()
    return 0


def _connect() -> PostgreSql:
    """Connect; a few rows are looked for by index, by a plan that is made once."""
    target = PostgreSql(environment(), "CDC_TARGET", "CDC_TARGET", "target")
    target.connection.execute(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
        " SET plan_cache_mode = force_generic_plan"
    )
    return target


if __name__ == "__main__":
    sys.exit(main())

"""Streams in the shape in which the pinned connectors write them, built by hand for what was not recorded.

The shapes are those of tests/contract/envelopes; `test_wire_has_the_recorded_shapes` holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

from cdc.change import Record

Row = dict[str, Any]
_START_MS = 1_795_547_700_000


class Wire:
    """A growing stream. `rows` methods take plain dicts; what is unchanged TOAST is up to the caller."""

    database = ""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.next_offset = 0
        self.number = 700
        self.id: str | None = None
        self.order = 0
        self.attempt = 1
        self.resumes = False
        self.log_from = 1000  # where the source's log is when the stream begins

    def _put(self, key: Any, value: Any, old_key: Row | None = None) -> int:
        offset = self.next_offset
        self.next_offset += 1
        parts = (None if part is None else json.dumps(part).encode() for part in (key, value, old_key))
        self.records.append(Record(offset, *parts, resumes=self.resumes))
        self.resumes = False
        return offset

    def gap(self) -> None:
        """Kafka's own transaction marker takes an offset that no reader sees."""
        self.next_offset += 1

    def begin(self, transaction: str | None = None) -> str:
        self.number += transaction is None
        self.id = transaction or self._id()
        self.order = 0
        self._put({"id": self._marker()}, {"status": "BEGIN", "id": self._marker(), "ts_ms": self._ms()})
        return self.id

    def end(self, count: int | None = None) -> None:
        count = self.order if count is None else count
        self._put({"id": self._marker()}, {"status": "END", "id": self._marker(), "event_count": count})
        self.gap()
        self.id = None

    def heartbeat(self) -> int:
        return self._put({"serverName": "src"}, {"ts_ms": self._ms()})

    def insert(self, table: str, key: str, after: Row, old_key: Row | None = None) -> int:
        return self._row("c", table, _key(key, after), None, after, old_key)

    def update(self, table: str, key: str, after: Row, before: Row | None = None) -> int:
        return self._row("u", table, _key(key, after), before, after)

    def delete(self, table: str, key: str, before: Row) -> int:
        return self._row("d", table, _key(key, before), before, None)

    def change_key(self, table: str, key: str, before: Row, after: Row) -> int:
        self.delete(table, key, before)
        self.records[-1] = self.records[-1]._replace(moves=True)
        return self.insert(table, key, after, old_key=_key(key, before))

    def truncate(self, table: str) -> int:
        return self._row("t", table, None, None, None)

    def start_snapshot(self) -> None:
        """What is read from here on was read at another position of the log."""
        self.attempt += 1

    def snapshot(self, table: str, key: str, after: Row, marker: str) -> int:
        return self._row("r", table, _key(key, after), None, after, marker=marker)

    def repeat(self, first: int, last: int) -> None:
        """Send records of this stream again, under new offsets."""
        again = [record for record in self.records if first <= record.offset <= last]
        for record in again:
            self.records.append(record._replace(offset=self.next_offset))
            self.next_offset += 1

    def _row(
        self,
        op: str,
        table: str,
        key: Row | None,
        before: Row | None,
        after: Row | None,
        old_key: Row | None = None,
        marker: str | None = None,
    ) -> int:
        if marker is None:
            self.order += 1
        transaction = {"id": self._marker(), "total_order": self.order, "data_collection_order": 1} if self.id else None
        value = {
            "before": before,
            "after": after,
            "source": self._source(table, marker),
            "transaction": transaction,
            "op": op,
            "ts_ms": self._ms(),
        }
        return self._put(key, value, old_key)

    def _ms(self) -> int:
        return _START_MS + self.next_offset * 1000

    def _id(self) -> str:
        raise NotImplementedError

    def _marker(self) -> str:
        raise NotImplementedError

    def _source(self, table: str, marker: str | None) -> Row:
        raise NotImplementedError


class PostgresWire(Wire):
    """PostgreSQL: another id in each record of a transaction, contiguous order, messages as heartbeats."""

    database = "postgresql"

    def _id(self) -> str:
        return str(self.number)

    def _marker(self) -> str:
        return f"{self.id}:{1000 + self.next_offset}"

    def block(self, table: str, key: str, *rows: Row) -> None:
        """Insert rows that a COPY has put into one block: they have one place in the log."""
        for after in rows:
            self.insert(table, key, after)
            self.log_from -= 1
        self.log_from += len(rows)

    def start(self) -> None:
        """Go on as a connector that was started again: its producer's next record is the first of another epoch."""
        self.resumes = True

    def message(self) -> int:
        self.order += 1
        return self._put(
            {"prefix": "cdc.heartbeat"},
            {
                "op": "m",
                "ts_ms": self._ms(),
                "source": {**self._source("", None), "schema": "", "table": ""},
                "message": {"prefix": "cdc.heartbeat", "content": "MjAyNg=="},
                "transaction": {"id": self._marker(), "total_order": self.order, "data_collection_order": 1},
            },
        )

    def _source(self, table: str, marker: str | None) -> Row:
        return {
            "connector": "postgresql",
            "ts_ms": self._ms(),
            "ts_us": self._ms() * 1000 + 123,
            "snapshot": marker,
            "db": "src",
            "schema": "public",
            "table": table,
            "txId": self.number,
            "lsn": self.log_from + (self.next_offset if marker is None else self.attempt),
        }


class MariaWire(Wire):
    """MariaDB: GTID, places by binlog position; DDL and TRUNCATE have no END."""

    database = "mariadb"

    def __init__(self) -> None:
        super().__init__()
        self.position = 4

    def _id(self) -> str:
        return f"0-1-{self.number}"

    def _marker(self) -> str:
        return self.id or ""

    def ddl(
        self,
        text: str,
        table: str = "",
        columns: Row | None = None,
        kind: str = "ALTER",
        required: Container[str] = (),
    ) -> int:
        """Send a schema event; `columns` are those of the table after it, by name with their defaults.

        `required` are those that forbid NULL.
        """
        described = [
            {"name": name, "optional": name not in required, "generated": False, "defaultValueExpression": default}
            for name, default in (columns or {}).items()
        ]
        change = {
            "type": kind,
            "id": f'"public"."{table}"',
            "table": None if columns is None else {"columns": described},
        }
        return self._put(
            {"databaseName": "public"},
            {
                "source": {**self._source(table, None), "table": table or None},
                "ddl": text,
                "tableChanges": [change] if table else [],
            },
        )

    def _row(self, op: str, *arguments: Any, **options: Any) -> int:
        # Both halves of a key change stand at the same place of the log.
        is_second_half = op == "c" and len(arguments) > 4 and arguments[4] is not None
        self.position += 0 if is_second_half else 100
        return super()._row(op, *arguments, **options)

    def _source(self, table: str, marker: str | None) -> Row:
        seconds = self._ms() // 1000
        return {
            "connector": "mariadb",
            "ts_ms": seconds * 1000,
            "ts_us": seconds * 1_000_000,
            "snapshot": marker,
            "db": "public",
            "table": table,
            "server_id": 1,
            "gtid": self.id,
            "file": "binlog.000001",
            "pos": self.position if marker is None else self.attempt,
            "row": 0,
        }


class MySqlWire(MariaWire):
    """MySQL: as MariaDB, but a TRUNCATE, as DDL, has neither BEGIN nor END; its GTID stands in the source."""

    database = "mysql"

    def _id(self) -> str:
        return f"cb3422d3-ea80-11f1-ab0a-02fc00000001:{self.number}"

    def truncate(self, table: str) -> int:
        self.number += 1
        self.position += 100
        source = {**self._source(table, None), "connector": "mysql", "gtid": self._id()}
        value = {"before": None, "after": None, "source": source, "transaction": None, "op": "t", "ts_ms": self._ms()}
        return self._put(None, value)


def _key(columns: str, row: Row) -> Row | None:
    """Return the key of a record; that of a table without one is none."""
    return {name: row[name] for name in columns.split(",")} if columns else None

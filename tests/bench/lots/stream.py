"""A stream as the PostgreSQL connector writes it: material lots of an MES, inserted and updated ten to a transaction.

Envelopes have every field that the connector sends (tests/contract/envelopes), so that their size and the work to read
them are real; Kafka transactions leave their control records in the topic, as with exactly-once capture.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

STREAM = "cdc.mes"
ROWS_OF_A_TRANSACTION = 10
# So many source transactions are in one of Kafka's: what Connect commits at a time when there is a backlog.
TRANSACTIONS_OF_A_COMMIT = 100
_START_US = 1_795_547_700_000_000
_LSN = 27_355_896
_LAST_COMMIT = b'"[\\"%d\\",\\"%d\\"]"'
_SOURCE = (
    b'{"version":"3.6.3.Final","connector":"postgresql","name":"mes","ts_ms":%d,"snapshot":%s,"db":"mes",'
    b'"sequence":%s,"ts_us":%d,"ts_ns":%d000,"schema":"public","table":"%s","txId":%d,"lsn":%d,"xmin":null,'
    b'"origin":null,"origin_lsn":null}'
)
_LOT = (
    '{"lot_id":%d,"item_no":"%-20s","lot_no":"%s","wo_no":"%s","mfg_date":%d,"exp_date":%d,"qty":"%d.5000",'
    '"status":"%s","released_by":%s,"released_at":%s}'
)
_STATES = ("Q", "OK", "HOLD", "NG")


@dataclass(slots=True)
class Lots:
    """The lots of the plant: `count` of them exist, and the `recent` newest are those that change."""

    table: bytes = b"mes_lot"
    first: int = 0
    count: int = 0
    recent: int = sys.maxsize

    def insert(self, chance: random.Random) -> tuple[int, str]:
        """Add a lot; return its id and row."""
        self.count += 1
        return self.first + self.count, self.row(self.first + self.count, chance)

    def update(self, chance: random.Random) -> tuple[int, str]:
        """Change one of the lots."""
        lot = self.first + chance.randint(max(1, self.count - self.recent + 1), self.count)
        return lot, self.row(lot, chance)

    def row(self, lot: int, chance: random.Random) -> str:
        """Return a lot as the connector's JSON has it."""
        state = chance.randrange(4)
        released = f'"QA{lot % 40:02}"', f'"2026-04-{lot % 28 + 1:02}T09:{lot % 60:02}:00.{lot % 1000000:06}Z"'
        item, work_order = f"02.{lot % 99:02}.{lot % 997:03}", f"WO26{lot % 9999:04}-{lot % 17:02}"
        made = 20_500 + lot % 365
        values = (lot, item, f"26A{lot:07}", work_order, made, made + 730, chance.randint(1, 900), _STATES[state])
        return _LOT % (*values, *(released if state else ("null", "null")))


class Writer:
    """Writes the stream with a transactional producer."""

    def __init__(self, bootstrap: str, seed: int = 1) -> None:
        with_admin(bootstrap)
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id="bench",
            compression_type="lz4",
            linger_ms=50,
            batch_size=512 * 1024,
        )
        self._producer.init_transactions()
        self._chance = random.Random(seed)
        self._number = 1000
        self._lsn = _LSN
        self.records = 0

    def snapshot(self, lots: Lots) -> None:
        """Let the initial snapshot bring one row."""
        self._producer.begin_transaction()
        lot, row = lots.insert(self._chance)
        self._row(lots, lot, row, b"r", b'"last"', b"null")
        self._producer.commit_transaction()

    def stream(self, lots: Lots, changes: int, rows: int = ROWS_OF_A_TRANSACTION) -> Iterator[int]:
        """Insert and update, half and half, in transactions of `rows`; yields how many changes are written."""
        written = 0
        while written < changes:
            self._producer.begin_transaction()
            for _ in range(TRANSACTIONS_OF_A_COMMIT):
                if written < changes:
                    self._transaction(lots, min(rows, changes - written))
                    written += min(rows, changes - written)
            self._producer.commit_transaction()
            yield written

    def close(self) -> None:
        """Disconnect."""
        self._producer.close()

    def _transaction(self, lots: Lots, rows: int) -> None:
        self._number += 1
        self._marker(b'{"status":"BEGIN","id":"%s","event_count":null,"data_collections":null,"ts_ms":%d}')
        for order in range(1, rows + 1):
            op = b"cu"[order % 2 :][:1]
            lot, row = lots.insert(self._chance) if op == b"c" else lots.update(self._chance)
            self._lsn += 120
            transaction = b'{"id":"%s","total_order":%d,"data_collection_order":%d}' % (self._id(), order, order)
            self._row(lots, lot, row, op, b"null", transaction)
        counts = b'[{"data_collection":"public.%s","event_count":%d}]' % (lots.table, rows)
        self._lsn += 48
        self._marker(
            b'{"status":"END","id":"%s","event_count":' + b'%d,"data_collections":' % rows + counts + b',"ts_ms":%d}'
        )

    def _row(self, lots: Lots, lot: int, row: str, op: bytes, snapshot: bytes, transaction: bytes) -> None:
        now = self._now_us()
        sequence = _LAST_COMMIT % (self._lsn - 500, self._lsn)
        source = _SOURCE % (now // 1000, snapshot, sequence, now, now, lots.table, self._number, self._lsn)
        times = b'"ts_ms":%d,"ts_us":%d,"ts_ns":%d000' % (now // 1000 + 40, now + 40_000, now + 40_000)
        parts = (row.encode(), source, transaction, op, times)
        self._send(
            b'{"lot_id":%d}' % lot, b'{"before":null,"after":%s,"source":%s,"transaction":%s,"op":"%s",%s}' % parts
        )

    def _marker(self, form: bytes) -> None:
        self._send(b'{"id":"%s"}' % self._id(), form % (self._id(), self._now_us() // 1000))

    def _send(self, key: bytes, value: bytes) -> None:
        self._producer.send(STREAM, key=key, value=value, partition=0)
        self.records += 1

    def _id(self) -> bytes:
        return b"%d:%d" % (self._number, self._lsn)

    def _now_us(self) -> int:
        return _START_US + self._number * 20_000


def with_admin(bootstrap: str) -> None:
    """Make the topic anew."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        if STREAM in admin.list_topics():
            admin.delete_topics([STREAM])
        admin.create_topics([NewTopic(STREAM, 1, 1)])
    finally:
        admin.close()

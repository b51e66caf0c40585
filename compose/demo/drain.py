"""When is everything that the simulator did in the target? Asked of the sources first, not of the service.

The sources name their last commit (MariaDB by GTID, PostgreSQL by log position). A plain reader of the topics waits
until it is there: only then does the end of a topic mean anything. The service's position has to reach that end, and
its watermarks the batch of the position.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import pymysql
from kafka import KafkaConsumer, TopicPartition

from compose.compare.database import PostgreSql
from compose.local.daemon import StackError

TIMEOUT_S = 120.0
_POLL_S = 0.1
_GTID = re.compile(rb'"id":"\d+-\d+-(\d+)"')
_LSN = re.compile(rb'"lsn":(\d+)')


def drain(
    env: Mapping[str, str], target: PostgreSql, alive: Callable[[], bool], timeout_s: float = TIMEOUT_S
) -> dict[str, int]:
    """Wait until all that is in the sources now is landed and derived; return the offsets that had to be passed.

    Raises StackError when that does not happen, or when the service is not `alive` any more.
    """
    ends = {
        "cdc.erp": _find(env, "cdc.erp", _GTID, _last_gtid(env), timeout_s),
        "cdc.mes": _find(env, "cdc.mes", _LSN, _last_lsn(env), timeout_s),
    }
    _await(lambda: _landed(target, ends), alive, f"the positions do not reach the end offsets {ends}", timeout_s)
    batches = _batches(target)
    _await(lambda: _derived(target, batches), alive, f"the watermarks do not reach the batches {batches}", timeout_s)
    return ends


def _last_gtid(env: Mapping[str, str]) -> int:
    connection = pymysql.connect(
        host=env["CDC_ERP_HOST"],
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_ADMIN_USER"],
        password=env["CDC_ERP_ADMIN_PASSWORD"],
        database=env["CDC_ERP_DATABASE"],
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@gtid_binlog_pos")
        row = cursor.fetchone()
    return int(str(row[0]).rpartition("-")[2]) if row else 0


def _last_lsn(env: Mapping[str, str]) -> int:
    with closing(PostgreSql(env, "CDC_MES", "CDC_MES_ADMIN", "mes")) as mes:
        row = mes.connection.execute("SELECT (pg_current_wal_lsn() - '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0


def _find(env: Mapping[str, str], topic: str, pattern: re.Pattern[bytes], wanted: int, timeout_s: float) -> int:
    """Return the end of the topic once a record in it has a place in the source's log of at least `wanted`.

    What was committed before stands before it. On PostgreSQL it may be the next heartbeat that has it.
    """
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=env["CDC_KAFKA"], group_id=None, isolation_level="read_committed")
    deadline = time.monotonic() + timeout_s
    try:
        consumer.assign([partition])
        consumer.seek(partition, max(0, consumer.end_offsets([partition])[partition] - 1_000))
        while time.monotonic() < deadline:
            for record in consumer.poll(timeout_ms=200).get(partition, []):
                if any(int(place) >= wanted for place in pattern.findall(record.value or b"")):
                    return int(consumer.end_offsets([partition])[partition])
    finally:
        consumer.close(autocommit=False)
    raise StackError(f"The last commit of the source does not appear in {topic}: is its connector running?")


def _landed(target: PostgreSql, ends: Mapping[str, int]) -> bool:
    positions: dict[str, int] = dict(
        target.connection.execute("SELECT stream, next_offset FROM cdc.position").fetchall()
    )
    return all(positions.get(stream, 0) >= end for stream, end in ends.items())


def _batches(target: PostgreSql) -> dict[str, int]:
    return dict(target.connection.execute("SELECT stream, batch FROM cdc.position").fetchall())


def _derived(target: PostgreSql, batches: Mapping[str, int]) -> bool:
    rows = target.connection.execute("SELECT stream, batch FROM cdc.watermark").fetchall()
    return bool(rows) and all(batch >= batches[stream] for stream, batch in rows)


def _await(reached: Callable[[], bool], alive: Callable[[], bool], complaint: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached():
        if not alive():
            raise StackError(f"The service has ended, and {complaint}.")
        if time.monotonic() > deadline:
            raise StackError(f"After {timeout_s:.0f} s {complaint}.")
        time.sleep(_POLL_S)

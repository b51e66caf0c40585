"""Which connector settings a source may set for itself: speed, names, waiting times, its Kafka clients' security.

It is a list of what is allowed, not of what is forbidden: Kafka Connect ignores a setting that it does not know in
silence, and most of those that it knows lose or alter data when they are set wrong.
"""

from __future__ import annotations

import re
from typing import Final

MAX_REQUEST: Final = "producer.override.max.request.size"
"""The largest record, in bytes: one row image or two as JSON. The stream's topic takes as much."""
# Kafka's default of 1 MiB fails a task at the first instrument protocol.
MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
# What a broker takes of one request (`socket.request.max.bytes`), less its head.
LARGEST_RECORD_BYTES: Final = 100 * 1024 * 1024 - 65_536

_COMMON = frozenset(
    {
        # Speed and memory.
        "poll.interval.ms",
        "max.batch.size",
        "max.queue.size",
        "max.queue.size.in.bytes",
        MAX_REQUEST,
        "snapshot.fetch.size",
        "query.fetch.size",
        # Waiting and trying again.
        "snapshot.delay.ms",
        "snapshot.lock.timeout.ms",
        "database.query.timeout.ms",
        "errors.max.retries",
        "retriable.restart.connector.wait.ms",
        "connection.validation.timeout.ms",
        "executor.shutdown.timeout.ms",
    }
)
_OF_KIND = {
    "mariadb": frozenset(
        {
            "database.server.id",
            "snapshot.locking.mode",
            "internal.schema.history.internal.ddl.filter",
            "connect.timeout.ms",
            "binlog.buffer.size",
            "binlog.net.read.timeout",
            "binlog.net.write.timeout",
            "min.row.count.to.stream.results",
            "use.nongraceful.disconnect",
        }
    ),
    "postgresql": frozenset(
        {
            "slot.name",
            "slot.failover",
            "slot.max.retries",
            "slot.retry.delay.ms",
            "publication.name",
            "status.update.interval.ms",
            "lsn.flush.timeout.ms",
            "database.tcpKeepAlive",
        }
    ),
}
# Security of the connector's own Kafka clients; what they send and how surely is not the source's to say.
_CLIENT_SECURITY = re.compile(
    r"(producer\.override|signal\.consumer|schema\.history\.internal\.(producer|consumer))\.(security|sasl|ssl)\..+"
)
_SECRET = re.compile(r".*(password|secret|sasl\.jaas\.config|ssl\.keystore\.key)")


def may_differ(key: str, kind: str) -> bool:
    """Tell whether a source of `kind` may set the connector setting `key`."""
    return key in _COMMON or key in _OF_KIND.get(kind, ()) or _CLIENT_SECURITY.fullmatch(key) is not None


def is_secret(key: str) -> bool:
    """Tell whether the value of a connector setting must be a reference."""
    return _SECRET.fullmatch(key) is not None


def fault_of(key: str, value: str) -> str | None:
    """Return what is wrong with the value of a setting that the service itself depends on."""
    if key != MAX_REQUEST:
        return None
    if value.isascii() and value.isdecimal() and MAX_RECORD_BYTES <= int(value) <= LARGEST_RECORD_BYTES:
        return None
    return f"{key} is not a number of bytes from {MAX_RECORD_BYTES} to {LARGEST_RECORD_BYTES}"

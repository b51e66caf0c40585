"""Which connector settings a source may set for itself: speed, names, waiting times, its Kafka clients' security.

It is a list of what is allowed, not of what is forbidden: Kafka Connect ignores a setting that it does not know in
silence, and most of those that it knows lose or alter data when they are set wrong.
"""

from __future__ import annotations

import re

_COMMON = frozenset(
    {
        # Speed and memory.
        "poll.interval.ms",
        "max.batch.size",
        "max.queue.size",
        "max.queue.size.in.bytes",
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

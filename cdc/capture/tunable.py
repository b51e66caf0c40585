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
_BINLOG = frozenset(
    {
        "database.server.id",
        "snapshot.locking.mode",
        "connect.timeout.ms",
        "binlog.buffer.size",
        "binlog.net.read.timeout",
        "binlog.net.write.timeout",
        "min.row.count.to.stream.results",
        "use.nongraceful.disconnect",
        "internal.schema.history.internal.ddl.filter",
    }
)
_OF_KIND = {
    "mariadb": _BINLOG,
    "mysql": _BINLOG,
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
    # Of what is rendered and not landed.
    "sqlserver": frozenset(
        {
            "database.instance",
            "snapshot.isolation.mode",
            "data.query.mode",
            "streaming.fetch.size",
            "max.iteration.transactions",
            "incremental.snapshot.option.recompile",
        }
    ),
    "oracle": frozenset(
        {
            "database.pdb.name",
            "rac.nodes",
            "archive.destination.name",
            "archive.log.hours",
            "log.mining.session.max.ms",
            "log.mining.archive.log.only.mode",
            "log.mining.read.only",
            "log.mining.query.filter.mode",
            "log.mining.restart.connection",
            "snapshot.locking.mode",
            "snapshot.database.errors.max.retries",
        }
    ),
    "db2": frozenset({"db2.platform", "cdc.control.schema", "cdc.change.tables.schema"}),
    "informix": frozenset({"snapshot.locking.mode", "snapshot.isolation.mode", "cdc.buffersize", "cdc.timeout"}),
    "ibmi": frozenset({"buffer.size", "socket.timeout", "from.ccsid", "to.ccsid", "journal.additional.delay"}),
}
# Security of the connector's own Kafka clients; what they send and how surely is not the source's to say.
_CLIENT_SECURITY = re.compile(
    r"(producer\.override|signal\.consumer|schema\.history\.internal\.(producer|consumer))\.(security|sasl|ssl)\..+"
)
_SECRET = re.compile(r"(?i).*(password|passphrase|secret|token|sasl\.jaas\.config|ssl\.keystore\.key)")
# A login inside an address, or behind the name of a password: `//user:word@host`, `password=word`.
_LOGIN = re.compile(r"(?i)//[^/\s:@]+:(?!\$\{)[^/\s@]+@|(?:password|passwd|pwd|secret|token)\s*=\s*[\"']?(?!\$\{)\w")
# With these the Connect worker runs a class, a program or statements of somebody's choice, or fetches a file or an
# address; what stands in a login configuration is a secret, and comes by reference.
_RUNS_CODE = re.compile(
    r".*\.(class|classes|reporters|providers|retriever|validator|url|kinit\.cmd|(assertion|template|key)\.file)"
    r"|.*\.(socketFactory|socketFactoryArg|sslfactory|sslfactoryarg|authenticationPluginClassName)"
    r"|.*\.(xmlFactoryFactory|autoDeserialize|allowLoadLocalInfile|allowUrlInLocalInfile|queryInterceptors)"
    r"|(database|driver)\.(initial\.statements|connectionInitSql|initSql|sessionVariables|jdbc\.driver|protocol|url)"
    r"|converters|post\.processors|heartbeat\.action\.query|snapshot\.select\.statement\.overrides(\..*)?"
    r"|(transforms|predicates)(\..*)?|topic\.naming\.strategy|sourceinfo\.struct\.maker|transaction\.metadata\.factory"
    r"|snapshot\.(mode|query\.mode|locking\.mode)\.custom\.name|config\.providers(\..*)?"
)


def may_differ(key: str, kind: str) -> bool:
    """Tell whether a source of `kind` may set the connector setting `key`."""
    if runs_code(key):
        return False
    return key in _COMMON or key in _OF_KIND.get(kind, ()) or _CLIENT_SECURITY.fullmatch(key) is not None


def runs_code(key: str) -> bool:
    """Tell whether a setting has the Connect worker run, or fetch, what somebody chose."""
    return _RUNS_CODE.fullmatch(key) is not None


def is_secret(key: str) -> bool:
    """Tell whether the value of a connector setting must be a reference."""
    return _SECRET.fullmatch(key) is not None


def holds_login(text: str) -> bool:
    """Tell whether a value holds a login that is written out, as a part of an address or behind its name."""
    return _LOGIN.search(text) is not None


def fault_of(key: str, value: str) -> str | None:
    """Return what is wrong with the value of a setting that the service itself depends on."""
    if key != MAX_REQUEST:
        return None
    if value.isascii() and value.isdecimal() and MAX_RECORD_BYTES <= int(value) <= LARGEST_RECORD_BYTES:
        return None
    return f"{key} is not a number of bytes from {MAX_RECORD_BYTES} to {LARGEST_RECORD_BYTES}"

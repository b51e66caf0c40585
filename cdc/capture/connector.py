"""A source rendered to the configuration of its Debezium connector.

Every pinned setting is here because its default loses, alters or delays something, or because landing depends on it.
References to secrets stay references: Kafka Connect resolves them itself. The rendering is a pure function of the
connector file and the brokers' addresses, so that `apply` can tell whether anything would change.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from cdc.capture.source import Source, SourceTable
from cdc.capture.types import PLACEHOLDER

CLASSES = {
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "postgresql": "io.debezium.connector.postgresql.PostgresConnector",
}
PUBLICATION = "cdc"
# One record is one row image or two as JSON; Kafka's default of 1 MiB fails a task at the first instrument protocol.
MAX_RECORD_BYTES = 16 * 1024 * 1024

_JSON = "org.apache.kafka.connect.json.JsonConverter"

_PINNED = {
    "tasks.max": "1",
    "exactly.once.support": "required",
    "transaction.boundary": "poll",
    # The default of errors.tolerance, stated: anything else drops records in silence.
    "errors.tolerance": "none",
    # -- the snapshot: everything once, then the log
    "snapshot.mode": "initial",
    # -- values: each exactly as the source has it (the forms are listed in cdc.capture.types)
    "decimal.handling.mode": "string",
    "time.precision.mode": "microseconds",
    "binary.handling.mode": "hex",
    "event.converting.failure.handling.mode": "fail",
    "event.processing.failure.handling.mode": "fail",
    # -- events: all operations, with the borders of transactions, in one topic of one partition
    "skipped.operations": "none",
    "provide.transaction.metadata": "true",
    "tombstones.on.delete": "false",
    "extended.headers.enabled": "false",
    "transforms": "stream",
    "transforms.stream.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "poll.interval.ms": "20",
    # -- nothing is written to the source; re-reading a table is asked for through Kafka
    "read.only": "true",
    "signal.enabled.channels": "kafka",
    "signal.poll.interval.ms": "1000",
    # -- JSON without schemas: the contracts say what the values are
    **{
        f"{part}.converter{suffix}": value
        for part in ("key", "value")
        for suffix, value in {
            "": _JSON,
            ".schemas.enable": "false",
            ".decimal.format": "NUMERIC",
            ".replace.null.with.default": "false",
        }.items()
    },
    "producer.override.compression.type": "lz4",
    "producer.override.max.request.size": str(MAX_RECORD_BYTES),
}

_PINNED_MARIADB = {
    # A marker without END is closed by a heartbeat at the latest, and freshness is measured by it. An idle server's
    # log reader sends one only when the server does, at 0.8 times this interval (48 s by default). The thread that
    # takes a connection for dead after the same interval has to be off: at one second it would cut the connection
    # each time Kafka makes the reader wait.
    "connect.keep.alive": "false",
    "connect.keep.alive.interval.ms": "1000",
    "heartbeat.interval.ms": "500",
    "bigint.unsigned.handling.mode": "precise",
    # A date of the year 24 is a date of the year 24; the adjuster would make it 2024.
    "enable.time.adjuster": "false",
    "event.deserialization.failure.handling.mode": "fail",
    "inconsistent.schema.handling.mode": "fail",
    "include.schema.changes": "true",
    "include.query": "false",
    "schema.history.internal": "io.debezium.storage.kafka.history.KafkaSchemaHistory",
    "schema.history.internal.skip.unparseable.ddl": "false",
    # All tables of the captured database: one that is captured later finds its history here.
    "schema.history.internal.store.only.captured.tables.ddl": "false",
    "schema.history.internal.store.only.captured.databases.ddl": "true",
}

_PINNED_POSTGRESQL = {
    "plugin.name": "pgoutput",
    "publication.name": PUBLICATION,
    "publication.autocreate.mode": "disabled",
    "slot.drop.on.stop": "false",
    "unavailable.value.placeholder": PLACEHOLDER,
    "interval.handling.mode": "string",
    "hstore.handling.mode": "json",
    "include.unknown.datatypes": "true",
    # Together: a slot that was created again stops the task, and an idle database's slot still moves.
    "lsn.flush.mode": "connector",
    "lsn.flush.timeout.action": "fail",
    "offset.mismatch.strategy": "trust_offset",
    "heartbeat.interval.ms": "1000",
    # Messages of anybody else in the log are not the service's business.
    "message.prefix.include.list": r"cdc\.heartbeat",
    "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'cdc.heartbeat', clock_timestamp()::text)",
}


def history_topic(source: Source) -> str:
    """Return the topic in which the connector of a MariaDB source keeps the history of table definitions."""
    return f"cdc-history.{source.name}"


def signal_topic(source: Source) -> str:
    """Return the topic through which the connector is asked to read a table again."""
    return f"cdc-signal.{source.name}"


def publication(source: Source) -> str:
    """Return the publication that a PostgreSQL source's connector reads."""
    return source.settings.get("publication.name", PUBLICATION)


def render(source: Source, bootstrap: str) -> dict[str, str]:
    """Return the connector's configuration as Kafka Connect takes it, sorted by key, references unresolved."""
    own = _mariadb(source, bootstrap) if source.kind == "mariadb" else _postgresql(source)
    config = {**_PINNED, **_common(source, bootstrap), **own, **source.settings}
    return dict(sorted(config.items()))


def _common(source: Source, bootstrap: str) -> dict[str, str]:
    common = {
        "name": source.name,
        "connector.class": CLASSES[source.kind],
        "topic.prefix": source.name,
        "database.hostname": source.host,
        "database.port": source.port,
        "database.user": source.user,
        "database.password": source.password,
        "table.include.list": ",".join(_expression(source, table) for table in source.tables),
        "transforms.stream.regex": rf"(__debezium-heartbeat\.)?{source.name}(\..*)?",
        "transforms.stream.replacement": source.stream,
        "signal.kafka.topic": signal_topic(source),
        "signal.kafka.groupId": signal_topic(source),
        "signal.kafka.bootstrap.servers": bootstrap,
    }
    declared = [table for table in source.tables if table.key]
    if declared:
        keys = (f"{_expression(source, table)}:{','.join(table.key)}" for table in declared)
        common["message.key.columns"] = ";".join(keys)
    return common


def _mariadb(source: Source, bootstrap: str) -> dict[str, str]:
    return {
        **_PINNED_MARIADB,
        "database.include.list": _escaped((source.database,)),
        "database.server.id": str(_server_id(source.name)),
        "schema.history.internal.kafka.topic": history_topic(source),
        "schema.history.internal.kafka.bootstrap.servers": bootstrap,
    }


def _postgresql(source: Source) -> dict[str, str]:
    return {
        **_PINNED_POSTGRESQL,
        "database.dbname": source.database,
        "slot.name": f"cdc_{source.name}",
    }


def _server_id(name: str) -> int:
    """Return the id under which the connector is a replica: its own per source, far from those that DBAs give."""
    return 1_000_000_000 + zlib.crc32(name.encode()) % 1_000_000_000


def _expression(source: Source, table: SourceTable) -> str:
    return _escaped((table.schema or source.database, table.name))


def _escaped(parts: Iterable[str]) -> str:
    """Return a Java regular expression that matches the dotted name and nothing else."""
    return r"\.".join(re.sub(r"[$-]", r"\\\g<0>", part) for part in parts)

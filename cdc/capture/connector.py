"""A source rendered to the configuration of its Debezium connector.

Every pinned setting is here because its default loses, alters or delays something, or because landing depends on it.
References to secrets stay references: Kafka Connect resolves them itself. The rendering is a pure function of the
connector file, the contracts and of how the brokers are reached, so that `apply` can tell whether anything would
change.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from cdc.access import Brokers
from cdc.capture.client_security import client_security
from cdc.capture.plugin import CLASSES, plugin_of
from cdc.capture.snapshot_select import only_adds
from cdc.capture.source import Source, SourceTable
from cdc.capture.tunable import MAX_RECORD_BYTES, MAX_REQUEST
from cdc.capture.types import PLACEHOLDER
from cdc.capture.unlanded.products import PRODUCTS
from cdc.stream.envelope import READER_SUFFIX

PUBLICATION = "cdc"

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
    # -- nothing is written to the source; how far the reading of tables is, is told through Kafka
    "read.only": "true",
    "signal.enabled.channels": "kafka",
    "signal.poll.interval.ms": "1000",
    "notification.enabled.channels": "sink",
    # -- JSON without schemas: the contracts say what the values are. Headers have the key that a row had before, and
    # the default writes something that only looks like JSON there (NaN, line ends).
    **{
        f"{part}.converter{suffix}": value
        for part in ("key", "value", "header")
        for suffix, value in {
            "": _JSON,
            ".schemas.enable": "false",
            ".decimal.format": "NUMERIC",
            ".replace.null.with.default": "false",
        }.items()
    },
    "producer.override.compression.type": "lz4",
    # What a killed Connect worker had begun holds up its successor, with all of its connectors, and whoever reads the
    # stream, until this runs out (60 s by default). A transaction takes milliseconds; a task that loses one to a
    # machine that stands still for so long is started again.
    "producer.override.transaction.timeout.ms": "15000",
    MAX_REQUEST: str(MAX_RECORD_BYTES),
}

_PINNED_BINLOG = {
    # A marker without END is closed by a heartbeat at the latest, and freshness is measured by it. An idle server's
    # log reader sends one only when the server does, at 0.8 times this interval (48 s by default). The thread that
    # takes a connection for dead after the same interval has to be off: at one second it would cut the connection
    # each time Kafka makes the reader wait.
    "connect.keep.alive": "false",
    "connect.keep.alive.interval.ms": "1000",
    "heartbeat.interval.ms": "500",
    "bigint.unsigned.handling.mode": "precise",
    # The session's time zone, whatever Java's is. By default the driver asks the server for Java's, which a server
    # without time zone tables does not know, and every TIMESTAMP of the snapshot is off by the difference.
    "driver.connectionTimeZone": "UTC",
    "driver.forceConnectionTimeZoneToSession": "true",
    "driver.preserveInstants": "true",
    # A date of the year 24 is a date of the year 24; the adjuster would make it 2024.
    "enable.time.adjuster": "false",
    "event.deserialization.failure.handling.mode": "fail",
    "inconsistent.schema.handling.mode": "fail",
    "include.schema.changes": "true",
    "include.query": "false",
}

_PINNED_OF_KIND = {
    "mariadb": {"driver.timezone": "UTC"},
    # Over a connection without TLS the driver needs the key by which it hands over a password (caching_sha2_password).
    "mysql": {"driver.allowPublicKeyRetrieval": "true"},
}

_PINNED_HISTORY = {
    "schema.history.internal": "io.debezium.storage.kafka.history.KafkaSchemaHistory",
    "schema.history.internal.skip.unparseable.ddl": "false",
    # All tables of the captured database: one that is captured later finds its history here.
    "schema.history.internal.store.only.captured.tables.ddl": "false",
    "schema.history.internal.store.only.captured.databases.ddl": "true",
}

# The connector reads every DDL statement of the server and stops at one that it does not understand. A source may name
# such statements; the setting replaces the connector's own list, which is therefore repeated here, FLUSH put for its
# FLUSH RELAY LOGS.
DDL_FILTER = "internal.schema.history.internal.ddl.filter"
SELECTS = "snapshot.select.statement.overrides"
_WITHOUT = "column.exclude.list"
# Up to its own FOR: a later one may stand in a text of the statement that is meant.
_SET_STATEMENT = r"^(?:SET STATEMENT\s+(?:(?!\bFOR\s).)*FOR\s+)?"
_FILTERED_DDL = (
    r"DROP TEMPORARY TABLE IF EXISTS .+ /\* generated by server \*/",
    r"(SET STATEMENT .*)?INSERT INTO (mysql\.)?rds_heartbeat2\(.*\) values \(.*\) ON DUPLICATE KEY UPDATE value = .*",
    r"(SET STATEMENT .*)?DELETE FROM (mysql\.)?rds_sysinfo.*",
    r"(SET STATEMENT .*)?INSERT INTO (mysql\.)?rds_sysinfo\(.*\) values \(.*\)",
    r"(SET STATEMENT .*)?INSERT INTO (mysql\.)?rds_monitor\(.*\) values \(.*\) ON DUPLICATE KEY UPDATE value = .*",
    r"(SET STATEMENT .*)?INSERT INTO (mysql\.)?rds_monitor\(.*\) values \(.*\)",
    r"(SET STATEMENT .*)?DELETE FROM (mysql\.)?rds_monitor.*",
    # Nothing that FLUSH does is a change of a table; of FLUSH SSL, after a new certificate, the parser knows nothing.
    rf"{_SET_STATEMENT}FLUSH\s+.*",
    r"SAVEPOINT .*",
    r"^\s*#\s*Dummy event.*",
    r"(SET STATEMENT .*)?TRUNCATE TABLE .*",
    r"(SET STATEMENT .*)?REPLACE INTO .*",
    rf"{_SET_STATEMENT}(?:GRANT|REVOKE)\s+.*",
    rf"{_SET_STATEMENT}(?:ANALYZE|OPTIMIZE|REPAIR)\s+(?:NO_WRITE_TO_BINLOG\s+|LOCAL\s+)?TABLE\s+.*",
    rf"{_SET_STATEMENT}(CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(USER|ROLE)\b.*",
    rf"{_SET_STATEMENT}(CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*[^\s]+\s+)?"
    r"(?:DEFINER\s*=\s*[^\s]+\s+)?(?:SQL\s+SECURITY\s+[^\s]+\s+)?(VIEW|FUNCTION|PROCEDURE|TRIGGER)\s+.*",
    # Nor do these change one; of MySQL's libraries and newer views the parser knows nothing.
    rf"{_SET_STATEMENT}(CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:DEFINER\s*=\s*[^\s]+\s+)?"
    r"(EVENT|LIBRARY|SERVER|SPATIAL\s+REFERENCE\s+SYSTEM|RESOURCE\s+GROUP|(UNDO\s+)?TABLESPACE)\s+.*",
    rf"{_SET_STATEMENT}(CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*[^\s]+\s+)?"
    r"(?:MATERIALIZED\s+(?:/\*.*?\*/\s+)?)?(?:DEFINER\s*=\s*[^\s]+\s+)?(?:SQL\s+SECURITY\s+[^\s]+\s+)?"
    r"(?:JSON\s+(?:RELATIONAL\s+)?DUALITY\s+)?VIEW\s+.*",
)

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
    """Return the topic in which a connector keeps the history of table definitions (PostgreSQL's and IBM i's: none)."""
    return f"cdc-history.{source.name}"


def slot_name(source: Source) -> str:
    """Return the name of the replication slot of a PostgreSQL source."""
    return source.settings.get("slot.name", f"cdc_{source.name}")


def server_id(source: Source) -> str:
    """Return the number under which the connector of a MariaDB or MySQL source is a replica of its server."""
    return source.settings.get("database.server.id", str(_server_id(source.name)))


def signal_topic(source: Source) -> str:
    """Return the topic in which the connector says how far its snapshots are, and the service what has to be read."""
    return f"cdc-signal.{source.name}"


def reader_name(source: Source) -> str:
    """Return the name of the connector that reads tables which were added later; it is also its events' source name."""
    return source.name + READER_SUFFIX


def publication(source: Source) -> str:
    """Return the publication that a PostgreSQL source's connector reads."""
    return source.settings.get("publication.name", PUBLICATION)


def table_names(source: Source) -> list[str]:
    """Return the captured tables as the connector writes their names: `schema.table`, or `database.table`."""
    return [".".join(_parts(source, table)) for table in source.tables]


def mirrors_of(source: Source) -> dict[str, str]:
    """Return the mirror of each captured table, by the table's name as of `table_names`, in their order."""
    return {".".join(_parts(source, table)): f"{source.name}.{table.name}" for table in source.tables}


def max_record_bytes(source: Source) -> int:
    """Return how large a record of the source's stream may be."""
    return int(source.settings.get(MAX_REQUEST, MAX_RECORD_BYTES))


def render(source: Source, brokers: Brokers, selects: Mapping[str, str]) -> dict[str, str]:
    """Return the connector's configuration as Kafka Connect takes it, sorted by key, references unresolved.

    `selects` are those of `cdc.capture.snapshot_select`, by names as of `table_names`.
    """
    own = _own(source, brokers)
    config = {**_PINNED, **_common(source, brokers), **_selected(selects), **own, **source.settings}
    # What the producer holds back has to have room for the largest record, or it refuses it.
    config["producer.override.buffer.memory"] = str(2 * max_record_bytes(source))
    if source.has_binlog:
        config[DDL_FILTER] = ",".join((*_FILTERED_DDL, *filter(None, [source.settings.get(DDL_FILTER)])))
    if source.kind in PRODUCTS:
        config = {key: value for key, value in config.items() if plugin_of(source.kind).knows(key)}
    return dict(sorted(config.items()))


def _own(source: Source, brokers: Brokers) -> dict[str, str]:
    """Return the settings that only the connector of this product has, or has otherwise."""
    if source.has_binlog:
        return _binlog(source, brokers)
    if source.kind == "postgresql":
        return _postgresql(source)
    product = PRODUCTS[source.kind]
    history = {**_PINNED_HISTORY, **_history(source, brokers)} if product.has_history else {}
    return {**history, **product.own(source), **product.pinned}


def render_reader(
    source: Source, tables: Container[str], brokers: Brokers, selects: Mapping[str, str]
) -> dict[str, str]:
    """Return the configuration of a source's second connector: it reads tables once, beside the stream, and is done.

    `tables` are names as of `table_names`. What it reads goes into the same stream, under a name of its own.
    """
    names = zip(table_names(source), source.tables, strict=True)
    own = replace(source, tables=tuple(table for name, table in names if name in tables))
    config = render(own, brokers, {name: select for name, select in selects.items() if name in tables})
    reader = reader_name(source)
    config |= {
        "name": reader,
        "topic.prefix": reader,
        "snapshot.mode": "initial_only",
        "transforms.stream.regex": rf"{reader}\..*",
        "signal.kafka.groupId": f"cdc-signal.{reader}",
        "heartbeat.interval.ms": "0",
    }
    if source.has_binlog:
        config |= {
            "database.server.id": str(_server_id(reader)),
            "include.schema.changes": "false",
            "schema.history.internal.kafka.topic": f"cdc-history.{reader}",
            "schema.history.internal.store.only.captured.tables.ddl": "true",
            # People work in the source, and the contract says already what the table is.
            "snapshot.locking.mode": "none",
        }
    else:
        config["slot.name"] = f"cdc_{source.name}_read"  # not created: it does not stream
        del config["heartbeat.action.query"]
    return config


def _common(source: Source, brokers: Brokers) -> dict[str, str]:
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
        "signal.kafka.bootstrap.servers": brokers.bootstrap,
        "notification.sink.topic.name": signal_topic(source),
        **(source.encryption.connector_settings(source.kind) if source.kind not in PRODUCTS else {}),
        **client_security(brokers.security, ["signal.consumer"]),
    }
    declared = [table for table in source.tables if table.key]
    if declared:
        keys = (f"{_expression(source, table)}:{','.join(table.key)}" for table in declared)
        common["message.key.columns"] = ";".join(keys)
    left_out = [_escaped((*_parts(source, table), column)) for table in source.tables for column in table.without]
    if left_out:
        common[_WITHOUT] = ",".join(left_out)
    return common


def _selected(selects: Mapping[str, str]) -> dict[str, str]:
    if not selects:
        return {}
    named = {_identifier(name): select for name, select in selects.items()}
    return {SELECTS: ",".join(named), **{f"{SELECTS}.{name}": select for name, select in named.items()}}


def with_selects(config: Mapping[str, str], source: Source, selects: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with other selects; that of a table which the file does not name any more stays."""
    own = table_names(source)
    others = {name: select for name, select in selects_of(config).items() if name not in own}
    kept = {key: value for key, value in config.items() if not key.startswith(SELECTS)}
    return kept | _selected({**others, **selects})


def keeping_selects(source: Source, config: Mapping[str, str], live: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with those selects of the live one that only add columns to its own.

    Who had the last snapshot begin had asked the catalogue (`cdc.capture.selects_now`): contract files come to know a
    column when somebody writes them again, and until then the live select is right.
    """
    if config.get(_WITHOUT) != live.get(_WITHOUT):
        return dict(config)  # a select that lists columns has to be another one then
    own, found = selects_of(config), selects_of(live)
    names = table_names(source)
    kept = {name: found[name] for name in names if name in found and only_adds(found[name], own.get(name))}
    merged = own | kept
    return with_selects(config, source, {name: merged[name] for name in names if name in merged})


def selects_of(config: Mapping[str, str]) -> dict[str, str]:
    """Return the selects of a configuration, by names as of `table_names`."""
    # Somebody may have written them by hand: names with blanks, or without a select.
    listed = (name.strip() for name in config.get(SELECTS, "").split(","))
    return {name.replace('"', ""): config[key] for name in listed if (key := f"{SELECTS}.{name}") in config}


def _identifier(name: str) -> str:
    """Return a table's name as the connector takes it where it wants no expression: one with a blank is quoted."""
    return ".".join(f'"{part}"' for part in name.split(".")) if " " in name else name


def _binlog(source: Source, brokers: Brokers) -> dict[str, str]:
    return {
        **_PINNED_BINLOG,
        **_PINNED_OF_KIND[source.kind],
        **_PINNED_HISTORY,
        **_history(source, brokers),
        "database.include.list": _escaped((source.database,)),
        "database.server.id": str(_server_id(source.name)),
    }


def _history(source: Source, brokers: Brokers) -> dict[str, str]:
    return {
        "schema.history.internal.kafka.topic": history_topic(source),
        "schema.history.internal.kafka.bootstrap.servers": brokers.bootstrap,
        **client_security(brokers.security, [f"schema.history.internal.{name}" for name in ("producer", "consumer")]),
    }


def _postgresql(source: Source) -> dict[str, str]:
    return {
        **_PINNED_POSTGRESQL,
        "database.dbname": source.database,
        "slot.name": slot_name(source),
    }


def _server_id(name: str) -> int:
    """Return the id under which the connector is a replica: its own per source, far from those that DBAs give."""
    return 1_000_000_000 + zlib.crc32(name.encode()) % 1_000_000_000


def _expression(source: Source, table: SourceTable) -> str:
    """Return a Java regular expression that matches the table's name and nothing else."""
    return _escaped(_parts(source, table))


def _parts(source: Source, table: SourceTable) -> tuple[str, ...]:
    if source.kind in PRODUCTS:
        return PRODUCTS[source.kind].name(source, table)
    return table.schema or source.database, table.name


def _escaped(parts: Iterable[str]) -> str:
    """Return a Java regular expression that matches the dotted name and nothing else."""
    return r"\.".join(re.sub(r"[$-]", r"\\\g<0>", part) for part in parts)

"""What can be seen while it runs: streams and domains as `cdc status` has them, memory, rows held and released."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from psycopg import sql

from cdc.observe.status import DomainStatus, StreamStatus, read_domains, read_streams
from compose.compare.database import PostgreSql
from compose.demo.kill import workers
from compose.local.proc_table import Process
from transforms.domain import Domain
from transforms.load import load
from transforms.mapping import Target

HeldRow = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    streams: list[StreamStatus]
    domains: list[DomainStatus]
    pss_mib: float
    holds: int
    releases: int

    @property
    def started(self) -> bool:
        """Tell whether the first snapshot of every stream has landed and is derived."""
        return (
            bool(self.streams)
            and all(stream.generations > 0 for stream in self.streams)
            and all(domain.derivation > 0 and domain.behind_batches == 0 for domain in self.domains)
        )


@dataclass(slots=True)
class Watch:
    """Takes samples; remembers which rows it has seen held, and which of them were derived later."""

    env: Mapping[str, str]
    parent: Callable[[], Process]
    streams: int
    target: PostgreSql = field(init=False)
    pss_by_minute_mib: list[float] = field(default_factory=list)
    holds: set[HeldRow] = field(default_factory=set)
    releases: set[HeldRow] = field(default_factory=set)
    _domains: tuple[Domain, ...] = field(init=False)
    _consumer: KafkaConsumer = field(init=False)
    _held: set[HeldRow] | None = None
    _targets: dict[str, list[Target]] = field(init=False)  # that rows held under a name would be in
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._connect()
        self._domains = load(None).domains()
        folds = {str(fold): [fold.target] for domain in self._domains for fold in domain.folds}
        mappings = {
            mapping.name: [target for target in mapping.targets if not target.contributes]
            for domain in self._domains
            for mapping in domain.mappings
        }
        self._targets = mappings | folds
        self._consumer = KafkaConsumer(bootstrap_servers=self.env["CDC_KAFKA"], group_id=None)

    def look(self) -> Sample | None:
        """Look once; None if what is looked at is away for the moment."""
        try:
            return self.take()
        except (psycopg.OperationalError, KafkaError):
            with suppress(psycopg.Error):
                self.target.close()
                self._connect()
            return None

    def _connect(self) -> None:
        self.target = PostgreSql(self.env, "CDC_TARGET", "CDC_TARGET", "target")

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(autocommit=False)
        self.target.close()

    def take(self) -> Sample:
        """Look once. Before the target is prepared there is nothing to see."""
        connection = self.target.connection
        try:
            streams = read_streams(connection, {})
            streams = read_streams(connection, self.end_offsets([stream.stream for stream in streams]))
            domains = read_domains(connection, self._domains)
            self._note_held(connection)
        except psycopg.errors.UndefinedTable:
            streams, domains = [], []
        pss_mib = self._pss_mib()
        self._note_memory(pss_mib)
        enough = streams if len(streams) >= self.streams else []
        return Sample(enough, domains, pss_mib, len(self.holds), len(self.releases))

    def end_offsets(self, streams: list[str]) -> dict[str, int]:
        """Return where the streams end; nothing if the client cannot say at the moment."""
        partitions = [TopicPartition(stream, 0) for stream in streams]
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=2000) if partitions else {}
        except KeyError:  # what it (3.0.12) raises for a partition that it had to ask for twice
            return {}
        return {partition.topic: offset for partition, offset in ends.items()}

    def _note_memory(self, pss_mib: float) -> None:
        """Keep the highest of every minute: what grows without an end shows from one to the next."""
        minute = int((time.monotonic() - self._began) / 60)
        self.pss_by_minute_mib += [0.0] * (minute + 1 - len(self.pss_by_minute_mib))
        self.pss_by_minute_mib[minute] = max(self.pss_by_minute_mib[minute], round(pss_mib, 1))

    def _note_held(self, connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute("SELECT mapping, source_key FROM cdc.held")
        now: set[HeldRow] = {(mapping, tuple(source_key)) for mapping, source_key in rows}
        if self._held is not None:  # what was held before the first look is not of this run
            self.holds |= now - self._held
            self.releases |= {row for row in self._held - now if self._is_derived(connection, row)}
        self._held = now

    def _is_derived(self, connection: psycopg.Connection[Any], row: HeldRow) -> bool:
        name, source_key = row
        statement = sql.SQL("SELECT FROM {} WHERE _mapping = %s AND _source_key = %s AND NOT _deleted")
        tables = [sql.Identifier(target.schema, target.table) for target in self._targets[name]]
        asked = (connection.execute(statement.format(table), (name, list(source_key))) for table in tables)
        return any(cursor.fetchone() is not None for cursor in asked)

    def _pss_mib(self) -> float:
        parent = self.parent()
        return sum(map(_pss_kib, [parent, *workers(parent).values()])) / 1024


def _pss_kib(process: Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass  # it has ended
    return 0

"""Who is asked where a source stands: Kafka Connect, Kafka, the target, and the source itself.

Each may be away. Then what it would have said is None, and the others are told all the same; only Kafka Connect is what
commands about connectors cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self, TypeVar

import psycopg

from cdc.capture.catalogue import estimate_rows
from cdc.capture.connect import Connect
from cdc.capture.connector import mirrors_of, signal_topic, table_names
from cdc.capture.progress import progress
from cdc.capture.reader import Reader
from cdc.capture.readings import Readings, Unread
from cdc.capture.retained import read_retained
from cdc.capture.source import Source, load_sources
from cdc.capture.standing import Seen
from cdc.cli.chosen import rendered
from cdc.cli.failure import as_cdc_error
from cdc.cli.output import say
from cdc.config import Settings, environment
from cdc.derive.active import dictionary_for_reading
from cdc.errors import CdcError
from cdc.observe.load import Load, open_snapshots, read_loads
from cdc.observe.status import DomainStatus, StreamStatus, read_domains, read_streams
from cdc.observe.tables import TableStatus, count_held, read_tables
from cdc.store.connection import connect as connect_target
from cdc.stream.topic import end_offsets, newest, oldest
from transforms.errors import DictionaryError
from transforms.mapping import MirrorRef
from transforms.model import Dictionary

_Found = TypeVar("_Found")


class Surroundings:
    """Whoever is asked, for several sources: each is asked once, and who does not answer is named once."""

    def __init__(self, options: Settings) -> None:
        self.options = options
        self._open = ExitStack()
        self.connect = self._open.enter_context(Connect(options.connect))
        self._failed: set[str] = set()
        self._estimates: dict[str, dict[str, int]] = {}

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes what it has opened."""
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, whom: str, question: Callable[[], _Found]) -> _Found | None:
        """Return an answer; None, with a line on stderr, from who cannot give one."""
        if whom in self._failed:
            return None
        try:
            return question()
        except (CdcError, DictionaryError, psycopg.Error) as error:
            self._failed.add(whom)
            say(f"{whom}: {as_cdc_error(error)}")
            return None

    @cached_property
    def target(self) -> psycopg.Connection | None:
        """The target, once it has tables."""
        return self.ask("target", self._target)

    def _target(self) -> psycopg.Connection | None:
        opened = self._open.enter_context(connect_target(self.options.target, "cdc connectors"))
        opened.autocommit = True
        has_tables = opened.execute("SELECT to_regclass('cdc.held_count')").fetchone() != (None,)
        return opened if has_tables else None

    @cached_property
    def ends(self) -> dict[str, int]:
        """The ends of the streams, without those that nobody could tell."""
        return self.ask("kafka", lambda: end_offsets(self.options.kafka, self._streams)) or {}

    @cached_property
    def newest(self) -> dict[str, datetime]:
        """When the newest record of each stream was sent, and that of each signal topic."""
        topics = [topic for source in self._sources for topic in (source.stream, signal_topic(source))]
        return self.ask("kafka", lambda: newest(self.options.kafka, topics)) or {}

    @cached_property
    def oldest(self) -> dict[str, datetime]:
        """When the oldest record of each stream was sent."""
        return self.ask("kafka", lambda: oldest(self.options.kafka, self._streams)) or {}

    @cached_property
    def streams(self) -> dict[str, StreamStatus]:
        """How far each stream has landed."""
        target = self.target
        found = self.ask("target", lambda: [] if target is None else read_streams(target, self.ends))
        return {stream.stream: stream for stream in found or ()}

    @cached_property
    def dictionary(self) -> Dictionary | None:
        """The dictionary in force, or that of the settings."""
        target, folder = self.target, self.options.folders.dictionary
        return None if target is None else self.ask("dictionary", lambda: dictionary_for_reading(target, folder))

    @cached_property
    def domains(self) -> dict[str, DomainStatus]:
        """How far each domain is derived."""
        target, dictionary = self.target, self.dictionary
        if target is None or dictionary is None:
            return {}
        found = self.ask("target", lambda: read_domains(target, dictionary.domains()))
        return {domain.domain: domain for domain in found or ()}

    def see(self, source: Source) -> Seen:
        """Return what is told of a source. Raises as `cdc.capture.connect`."""
        live = self.connect.config(source.name)
        reader = Reader(source, self.options.kafka, self.connect)
        told = (self.ask("kafka", reader.record.fold) if live is not None else None) or Readings(source.name)
        unread = told.unread(table_names(source))
        offsets = self._offsets(source) if live is not None else []
        place: dict[str, Any] = next((entry["offset"] for entry in offsets or () if entry.get("offset")), {})
        heard_s = _age_s(self.newest.get(source.stream))
        return Seen(
            now=self.connect.status(source.name),
            reader=self.connect.status(reader.name),
            live=live,
            wanted=self._wanted(source),
            told=told,
            waits=live is not None and bool(self.ask(f"reader of {source.name}", lambda: reader.waiting(unread))),
            offsets=offsets,
            heard_s=heard_s,
            noted_s=_age_s(self.newest.get(signal_topic(source))),
            first_s=_age_s(self.oldest.get(source.stream)),
            stream=self.streams.get(source.stream),
            tables=self._tables(source),
            held=self._held(source),
            behind=self._behind(source),
            log=self.ask(source.name, lambda: read_retained(source, environment(), place, heard_s or 0.0)),
            snapshot=self._snapshot(source),
            reading=self.reading(source, unread, reader),
            # At last: whoever fails has been asked by now.
            unanswered=[whom for whom in ("kafka", "target") if whom in self._failed],
        )

    def _wanted(self, source: Source) -> dict[str, str] | CdcError:
        try:
            return rendered(source, self.options)
        except CdcError as error:
            return error

    def _offsets(self, source: Source) -> list[dict[str, Any]] | None:
        # Connect does not tell it of a connector whose references it cannot read: one such must not hide the others.
        return self.ask(f"place of {source.name}", lambda: self.connect.offsets(source.name))

    def reading(self, source: Source, unread: Sequence[Unread], reader: Reader) -> Load | None:
        """Return how far the tables are that are read beside the stream."""
        target = self.target
        if target is None or not any(state.begun_at for state in unread):
            return None
        partial, estimates = reader.conditions(), self.estimates(source)
        return self.ask("target", lambda: progress(target, source, unread, estimates, partial))

    def estimates(self, source: Source) -> dict[str, int]:
        """Return about how many rows the tables have, by mirror, as far as the source can tell; it is asked once."""
        if source.name not in self._estimates:
            found = self.ask(source.name, lambda: estimate_rows(source, environment()))
            self._estimates[source.name] = found or {}
        return self._estimates[source.name]

    def _tables(self, source: Source) -> list[TableStatus] | None:
        target = self.target
        if target is None:
            return None
        return self.ask("target", lambda: read_tables(target, source.name, source.stream, self._made_of))

    def _held(self, source: Source) -> int | None:
        target = self.target
        return None if target is None else self.ask("target", lambda: count_held(target, source.name, self._made_of))

    @cached_property
    def _made_of(self) -> dict[str, frozenset[MirrorRef]]:
        return {} if self.dictionary is None else self.dictionary.made_of()

    def _behind(self, source: Source) -> dict[str, float]:
        """Return how far behind the slowest domain is that reads a mirror, of all mirrors of the source that are read.

        A mirror that is read only by domains which were never derived is not among them.
        """
        found: dict[str, float] = {}
        for domain in () if self.dictionary is None else self.dictionary.domains():
            known = self.domains.get(domain.name)
            if known is None or known.behind_s is None:
                continue
            for mirror in (str(one) for one in domain.mirrors if one.schema == source.name):
                found[mirror] = max(known.behind_s, found.get(mirror, 0.0))
        return found

    def _snapshot(self, source: Source) -> Load | None:
        target = self.target
        if target is None or source.stream not in (self.ask("target", lambda: open_snapshots(target)) or ()):
            return None
        estimates = self.estimates(source)
        mirrors = list(mirrors_of(source).values())
        loads = self.ask("target", lambda: read_loads(target, {source.stream: mirrors}, estimates)) or []
        return next((load for load in loads if load.stream == source.stream), None)

    @property
    def _streams(self) -> list[str]:
        return [source.stream for source in self._sources]

    @property
    def _sources(self) -> list[Source]:
        return list(load_sources(self.options.folders.connector_configs).values())


def _age_s(sent: datetime | None) -> float | None:
    return None if sent is None else max(0.0, (datetime.now(UTC) - sent).total_seconds())

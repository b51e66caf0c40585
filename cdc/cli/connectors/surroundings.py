"""Who is asked where a source stands: Kafka Connect, Kafka, the target, and the source itself.

Each may be away. Then what it would have said is None, and the others are told all the same; only Kafka Connect is what
commands about connectors cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from typing import Self, TypeVar

import psycopg

from cdc.capture.connect import Connect
from cdc.capture.source import load_sources
from cdc.cli.failure import as_cdc_error
from cdc.cli.output import say
from cdc.config import Settings
from cdc.derive.active import dictionary_for_reading
from cdc.errors import CdcError
from cdc.observe.status import DomainStatus, StreamStatus, read_domains, read_streams
from cdc.store.connection import connect as connect_target
from cdc.stream.topic import end_offsets, newest
from transforms.errors import DictionaryError
from transforms.model import Dictionary

_Found = TypeVar("_Found")


class Surroundings:
    """Whoever is asked, for several sources: each is asked once, and who does not answer is named once."""

    def __init__(self, options: Settings) -> None:
        self.options = options
        self._open = ExitStack()
        self.connect = self._open.enter_context(Connect(options.connect))
        self._failed: set[str] = set()

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
        """When the newest record of each stream was sent."""
        return self.ask("kafka", lambda: newest(self.options.kafka, self._streams)) or {}

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

    @property
    def _streams(self) -> list[str]:
        return [source.stream for source in load_sources(self.options.folders.connector_configs).values()]

"""A connector file as the rules see it: its entries, and the configuration that Kafka Connect would get."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cdc.access import KafkaSecurity
from cdc.capture.connector import render
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.plugin import Plugin, plugin_of
from cdc.capture.source import KINDS, Source, SourceFile
from cdc.document import Document, Entry
from cdc.errors import FatalError

_ALLOWED = re.compile(r"#\s*allow\s+(?P<rules>[A-Z]\d{2}(?:\s*,\s*[A-Z]\d{2})*):\s*(?P<reason>\S.*)")


@dataclass(frozen=True, slots=True)
class _NoBrokers:
    """Where the brokers are is not a connector file's business."""

    bootstrap: str = "localhost:9092"
    security: KafkaSecurity = field(default_factory=KafkaSecurity)


BROKERS: Final = _NoBrokers()


@dataclass(frozen=True)
class ConnectorFile:
    """A file of which `source` could be made. `contracts` is the folder of its contracts; None: not looked for.

    `reads` are the mappings of the dictionary by the mirror that they read; none if nobody looked.
    """

    read: SourceFile
    source: Source
    contracts: Path | None
    reads: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.read.path

    @property
    def document(self) -> Document:
        """The file's entries and lines."""
        return self.read.document

    @property
    def is_landed(self) -> bool:
        """Whether the service lands what the connector sends."""
        return self.source.kind in KINDS

    @cached_property
    def plugin(self) -> Plugin:
        """What the connector knows."""
        return plugin_of(self.source.kind)

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The group `settings` as it stands there, right or wrong; secrets included, never to be shown."""
        group = self.document.data.get("settings")
        return {key: _text(value) for key, value in group.items()} if isinstance(group, dict) else {}

    @cached_property
    def pinned(self) -> Mapping[str, str]:
        """The configuration of the connector without the group `settings`."""
        return render(_without_settings(self.source), BROKERS, {})

    @cached_property
    def config(self) -> Mapping[str, str]:
        """The configuration with `settings` as they stand there, as if each were let through."""
        return {**self.pinned, **self.settings}

    @cached_property
    def contract_faults(self) -> str:
        """What is wrong with the contracts as files; empty if nothing is."""
        return self._contracts[1]

    @cached_property
    def by_table(self) -> Mapping[str, Contract]:
        """The contracts, by the name that the connector has for the table."""
        return {contract.source_table: contract for contract in self._contracts[0]}

    @cached_property
    def _contracts(self) -> tuple[tuple[Contract, ...], str]:
        try:
            return (read_contracts(self.contracts) if self.contracts else ()), ""
        except FatalError as error:
            return (), error.detail

    def entry(self, key: str) -> Entry:
        """Return the entry at which a setting stands, or the group or file in which it could."""
        return ("settings", key) if key in self.settings else ()

    def effective(self, key: str) -> str | None:
        """Return the value that a setting would have: the connector's default if none is given."""
        return self.config.get(key, self.plugin.listed.get(key))

    def comment(self, line: int) -> str:
        """Return the comment on a line of the file, or the lines of comments right above it."""
        lines = self.document.lines
        beside = re.search(r"(?:^|\s)(#.*)", lines[line - 1]) if line <= len(lines) else None
        if beside:
            return beside[1]
        above = line - 1
        while above > 0 and lines[above - 1].lstrip().startswith("#"):
            above -= 1
        return "\n".join(lines[above : line - 1]).strip()

    def allows(self, rule: str, line: int) -> str:
        """Return the reason for which a comment at the line allows what a rule finds; empty if none does."""
        for match in _ALLOWED.finditer(self.comment(line)):
            if rule in re.split(r"\s*,\s*", match["rules"]):
                return match["reason"].strip()
        return ""


def _without_settings(source: Source) -> Source:
    return Source(**{name: getattr(source, name) for name in source.__slots__ if name != "settings"})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

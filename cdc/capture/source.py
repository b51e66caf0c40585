"""A source as its reviewed file describes it: `connector-configs/<source>.yaml`, read strictly, all faults at once.

The file says what differs from one source to another and nothing else; how a connector must be set so that nothing is
lost stands in `cdc.capture.connector` and cannot be changed here. Addresses and accounts may be references, a secret
must be one: references go to Kafka Connect as they are, the service resolves them only for its own reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdc.capture import tunable
from cdc.capture.drift_policy import DriftPolicy, policy_faults
from cdc.capture.encryption import ENTRIES, MODES, Encryption, default_for, read_encryption
from cdc.capture.types import TOKEN, is_decoder
from cdc.document import Document, Entry, parse_document, read_document
from cdc.errors import FatalError
from cdc.reference import is_reference
from transforms.beside import OF_A_SOURCE, schema_taken

KINDS = ("mariadb", "postgresql")
STATES = ("running", "paused", "stopped")
STREAM_PREFIX = "cdc."

# A source names a topic, schemas of the target (its mirrors, and beside them), a connector and a replication slot.
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Of a name that ends like what stands beside mirrors, `erp_change`, the mirrors would be another source's versions.
_RESERVED_NAME = re.compile(f"trace|public|.*({'|'.join(OF_A_SOURCE)})")
# Names go into the connector's lists of regular expressions, where commas, colons and semicolons are separators.
_OBJECT_NAME = re.compile(r"[\w$#@ -]+")
_CONNECTION = ("host", "port", "database", "user", "password")
_NO_KEY = "none"
_ENTRIES = ("kind", *_CONNECTION, "tls", "state", "zero_dates", "drift", "tables", "settings")
_OPTIONAL = ("tls", "state", "zero_dates", "drift", "settings")
# What a source may say of MariaDB's zero dates in columns that may be NULL: that NULL is what they mean.
ZERO_DATES = ("as_null",)


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A captured table. `schema` is empty where the database is the schema (MariaDB); `key` only if it is declared.

    `without` are columns that are left out on purpose, `tokens` those for whose values tokens stand, each with the name
    of its key. `is_keyless` says that
    it has no key, and that its mirror is to count equal rows.
    """

    schema: str
    name: str
    key: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    is_keyless: bool = False
    tokens: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One legacy database. The five connection values may hold references, `password` is one; `database` is the
    database's name, `kind` the product. `tables` stand parents first: it is the order of the snapshot. `zero_dates` is
    one of ZERO_DATES, or empty: a column that may hold zero dates is then refused. `drift` says what landing does where
    tables change.
    """

    name: str
    kind: str
    host: str
    port: str
    database: str
    user: str
    password: str
    state: str
    tables: tuple[SourceTable, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    tls: Encryption | None = None
    zero_dates: str = ""
    drift: DriftPolicy = field(default_factory=dict)

    @property
    def encryption(self) -> Encryption:
        """How connections to the server are encrypted."""
        return self.tls or default_for(self.host)

    @property
    def stream(self) -> str:
        """The Kafka topic with everything that the source's connector says."""
        return STREAM_PREFIX + self.name


def load_sources(folder: Path) -> dict[str, Source]:
    """Read every source of `folder`, by name. Raises SRC-101 with all faults of all files."""
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        reader = _Reader(path.stem, read_document(path))
        source = reader.source()
        faults += reader.faults
        if source is not None:
            sources[source.name] = source
    if faults:
        raise FatalError("SRC-101", "".join(f"\n  {fault}" for fault in faults))
    return sources


def parse_source(name: str, text: str) -> Source:
    """Return the source that a connector file of this text would be. Raises SRC-101 with all faults."""
    reader = _Reader(name, parse_document(f"{name}.yaml", text))
    source = reader.source()
    if source is None:
        raise FatalError("SRC-101", "".join(f"\n  {fault}" for fault in reader.faults))
    return source


def is_object_name(name: str) -> bool:
    """Tell whether a connector's lists, and so a connector file, can have a table or column of that name."""
    return _OBJECT_NAME.fullmatch(name) is not None


def find_source(sources: Mapping[str, Source], name: str) -> Source:
    """Return the source of that name. Raises SRC-103."""
    if name not in sources:
        raise FatalError("SRC-103", f"{name} (known: {', '.join(sources) or 'none'})")
    return sources[name]


class _Reader:
    """Turns one document into a source, collecting faults."""

    def __init__(self, name: str, document: Document) -> None:
        self.name = name
        self.document = document
        self.faults = list(document.faults)

    def source(self) -> Source | None:
        data = self.document.data
        if not isinstance(data, dict):
            if not self.faults:
                self.faults.append(f"{self.document.name}: is empty")
            return None
        self._check_name()
        self._check_entries(data)
        kind = self._choice(data, "kind", KINDS, "")
        values = {name: self._connection_value(name, data[name]) for name in _CONNECTION if name in data}
        state = self._choice(data, "state", STATES, "running")
        tables = tuple(self._tables(data.get("tables", []), kind))
        settings = dict(self._settings(data.get("settings") or {}, kind))
        tls = self._tls(data.get("tls"), kind, values.get("host", ""))
        zero_dates = self._zero_dates(data, kind)
        drift = self._drift(data)
        if self.faults:
            return None
        return Source(
            *(self.name, kind),
            **values,
            state=state,
            tables=tables,
            settings=settings,
            tls=tls,
            zero_dates=zero_dates,
            drift=drift,
        )

    def _check_name(self) -> None:
        if not _SOURCE_NAME.fullmatch(self.name):
            self._fault((), "the file's name is not a source name: small letters, digits and _, at most 40")
        elif _RESERVED_NAME.fullmatch(self.name) or schema_taken(self.name):
            self._fault((), f"{self.name} is a name that the target keeps for itself")

    def _check_entries(self, data: dict[str, Any]) -> None:
        for key in data:
            if key not in _ENTRIES:
                self._fault((key,), f"{key} is not an entry of a connector file")
        for key in _ENTRIES:
            if key not in data and key not in _OPTIONAL:
                self._fault((), f"{key} is missing")

    def _choice(self, data: dict[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
        value = data.get(key, default)
        if key in data and value not in choices:
            self._fault((key,), f"{key} is none of {', '.join(choices)}")
        return str(value)

    def _zero_dates(self, data: dict[str, Any], kind: str) -> str:
        if "zero_dates" in data and kind != "mariadb":
            self._fault(("zero_dates",), "zero_dates is an entry for MariaDB, no other product has them")
        return self._choice(data, "zero_dates", ZERO_DATES, "")

    def _drift(self, data: dict[str, Any]) -> DriftPolicy:
        group = data.get("drift", {})
        for place, what in policy_faults(group):
            self._fault(("drift", *place), what)
        return dict(group) if isinstance(group, dict) else {}

    def _connection_value(self, key: str, value: Any) -> str:
        if not isinstance(value, (str, int)) or isinstance(value, bool) or not str(value).strip():
            self._fault((key,), f"{key} is not a single value")
        elif key == "password" and not is_reference(str(value)):
            self._fault((key,), "password is written out: write a reference such as ${env:NAME}")
        elif key == "port" and not (is_reference(str(value)) or _is_port(str(value))):
            self._fault((key,), "port is not a port")
        return str(value)

    def _tls(self, group: Any, kind: str, host: str) -> Encryption | None:
        known = len(self.faults)
        if group is not None and not isinstance(group, dict):
            self._fault(("tls",), "tls is not a group of entries")
        for key, value in (group if isinstance(group, dict) else {}).items():
            if key not in ENTRIES:
                self._fault(("tls", key), f"{key} is not an entry of tls")
            elif not isinstance(value, str) or not value:
                self._fault(("tls", key), f"{key} is not a single value")
            elif key == "mode" and value not in MODES:
                self._fault(("tls", key), f"mode is none of {', '.join(MODES)}")
        if len(self.faults) > known:
            return None
        tls = default_for(host) if group is None else read_encryption(group)
        for key, what in tls.faults(kind):
            self._fault(("tls", key), f"tls.{key} {what}")
        return None if group is None else tls

    def _tables(self, entries: Any, kind: str) -> Iterator[SourceTable]:
        if not isinstance(entries, list) or ("tables" in self.document.data and not entries):
            self._fault(("tables",), "tables is not a list of tables")
            return
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            table = self._table(entry, kind, ("tables", index))
            if table is None:
                continue
            # Names that differ only in case match the same expression of the connector.
            if table.name.lower() in seen:
                self._fault(("tables", index), f"table {table.name} stands twice: both would have one mirror")
            seen.add(table.name.lower())
            yield table

    def _table(self, entry: Any, kind: str, place: Entry) -> SourceTable | None:
        known = len(self.faults)
        if isinstance(entry, dict):
            for key in entry:
                if key not in ("table", "key", "without", "tokens"):
                    self._fault((*place, key), f"{key} is not an entry of a table")
        named = entry if isinstance(entry, dict) else {"table": entry}
        schema, table = self._table_name(named.get("table"), kind, place)
        is_keyless = named.get("key") == _NO_KEY
        columns = {"without": named.get("without"), "key": None if is_keyless else named.get("key")}
        key, without = (self._columns(columns[part], (*place, part)) for part in ("key", "without"))
        if set(key) & set(without):
            self._fault((*place, "without"), "a column under without is also under key")
        tokens = self._tokens(named.get("tokens"), (*place, "tokens"))
        return SourceTable(schema, table, key, without, is_keyless, tokens) if len(self.faults) == known else None

    def _tokens(self, tokens: Any, place: Entry) -> tuple[tuple[str, str], ...]:
        if tokens is None:
            return ()
        if not isinstance(tokens, dict) or not tokens:
            self._fault(place, "tokens are not columns, each with the name of a key")
            return ()
        for column, key in tokens.items():
            if not isinstance(key, str) or not is_decoder(f"{TOKEN}{key}"):
                self._fault((*place, column), f"{key} is no name of a key of tokens")
        self._columns(list(map(str, tokens)), place)
        return tuple((str(column), str(key)) for column, key in tokens.items())

    def _table_name(self, name: Any, kind: str, place: Entry) -> tuple[str, str]:
        parts = name.split(".") if isinstance(name, str) else []
        wanted = 2 if kind == "postgresql" else 1
        if len(parts) != wanted:
            self._fault(place, f"table is not {'schema.table' if wanted == 2 else 'a table name'}")
            return "", ""
        if not all(_OBJECT_NAME.fullmatch(part) for part in parts):
            self._fault(place, f"table {name} holds a character that connectors cannot be given")
        return (parts[0], parts[1]) if wanted == 2 else ("", parts[0])

    def _columns(self, columns: Any, place: Entry) -> tuple[str, ...]:
        """Return the columns of an entry of a table, which is the last part of `place`."""
        if columns is None:
            return ()
        if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
            self._fault(place, f"{place[-1]} is not a list of columns")
            return ()
        if not all(_OBJECT_NAME.fullmatch(column) for column in columns):
            self._fault(place, f"a column under {place[-1]} holds a character that connectors cannot be given")
        if len(set(columns)) < len(columns):
            self._fault(place, f"a column stands twice under {place[-1]}")
        return tuple(columns)

    def _settings(self, settings: Any, kind: str) -> Iterator[tuple[str, str]]:
        if not isinstance(settings, dict):
            self._fault(("settings",), "settings is not a group of entries")
            return
        for key, value in settings.items():
            place = ("settings", key)
            if isinstance(value, (dict, list)) or value is None:
                self._fault(place, f"{key} is not a single value")
            elif not tunable.may_differ(key, kind):
                self._fault(place, f"{key} is not a setting that a source may change")
            elif tunable.is_secret(key) and not is_reference(str(value)):
                self._fault(place, f"{key} is written out: write a reference such as ${{env:NAME}}")
            elif fault := tunable.fault_of(key, str(value)):
                self._fault(place, fault)
            else:
                yield key, str(value).lower() if isinstance(value, bool) else str(value)

    def _fault(self, place: Entry, what: str) -> None:
        self.faults.append(f"{self.document.place(*place)}: {what}")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535

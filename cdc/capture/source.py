"""A source as its reviewed file describes it: `connector-configs/<source>.yaml`, read strictly, all faults at once.

The file says what differs from one source to another and nothing else; how a connector must be set so that nothing is
lost stands in `cdc.capture.connector` and cannot be changed here. Addresses and accounts may be references, a secret
must be one: references go to Kafka Connect as they are, the service resolves them only for its own reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cdc.capture.drift_policy import DriftPolicy, policy_faults
from cdc.capture.encryption import Encryption, default_for
from cdc.capture.source_values import UNTOLD, Faults, near, read_settings, read_tls, read_value
from cdc.capture.types import TOKEN, is_decoder
from cdc.document import Document, Entry, Fault, parse_document, read_document
from cdc.errors import FatalError
from transforms.beside import OF_A_SOURCE, schema_taken

KINDS = ("mariadb", "mysql", "postgresql")
# Of these products a file is read, checked and rendered; what their connectors send is not landed.
UNLANDED = ("sqlserver", "oracle", "db2", "informix", "ibmi")
STATES = ("running", "paused", "stopped")
STREAM_PREFIX = "cdc."

# A source names a topic, schemas of the target (its mirrors, and beside them), a connector and a replication slot.
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Of a name that ends like what stands beside mirrors, `erp_change`, the mirrors would be another source's versions.
_RESERVED_NAME = re.compile(f"trace|public|.*({'|'.join(OF_A_SOURCE)})")
# Names go into the connector's lists of regular expressions, where commas, colons and semicolons are separators.
_OBJECT_NAME = re.compile(r"[\w$#@ -]+")
_CONNECTION = ("host", "port", "database", "user", "password")
_UNTOLD = {**dict.fromkeys(_CONNECTION, UNTOLD), "host": "localhost"}
_NO_KEY = "none"
_ENTRIES = ("kind", *_CONNECTION, "tls", "state", "zero_dates", "drift", "tables", "exclude", "settings")
_OPTIONAL = ("tls", "state", "zero_dates", "drift", "exclude", "settings")
_TABLE_ENTRIES = ("table", "key", "without", "tokens")
# These have a binary log, and their databases are their schemas.
BINLOG = ("mariadb", "mysql")
# What a source may say of zero dates of MariaDB and MySQL in columns that may be NULL: that NULL is what they mean.
ZERO_DATES = ("as_null",)


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A captured table. `schema` is empty where the database is the schema (BINLOG); `key` only if it is declared.

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
    tables change. `exclude` are tables that are not captured on purpose: names, in which `*` stands for anything.
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
    exclude: tuple[str, ...] = ()

    @property
    def has_binlog(self) -> bool:
        """Whether the source is of the family that keeps a binary log: MariaDB, MySQL."""
        return self.kind in BINLOG

    @property
    def encryption(self) -> Encryption:
        """How connections to the server are encrypted."""
        return self.tls or default_for(self.host)

    @property
    def stream(self) -> str:
        """The Kafka topic with everything that the source's connector says."""
        return STREAM_PREFIX + self.name


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A connector file as read. `source` is None if it cannot be told of which product the file is; if there are
    faults, it is the file without what is wrong, and without secrets that are written out: only to be checked. If it
    `is_whole`, all tables are there."""

    path: Path
    document: Document
    source: Source | None
    faults: tuple[Fault, ...]
    is_whole: bool


def load_sources(folder: Path) -> dict[str, Source]:
    """Read every source of `folder`, by name. Raises SRC-101 with all faults of all files."""
    files = [read_source(path) for path in sorted(folder.glob("*.yaml"))]
    raise_faults(files)
    return {file.source.name: file.source for file in files if file.source is not None}


def read_source(path: Path, kinds: Sequence[str] = KINDS) -> SourceFile:
    """Read one file, of a product among `kinds`; raises nothing."""
    return _read(path, read_document(path), kinds)


def parse_source(name: str, text: str) -> Source:
    """Return the source that a connector file of this text would be. Raises SRC-101 with all faults."""
    path = Path(f"{name}.yaml")
    file = _read(path, parse_document(path.name, text), KINDS)
    raise_faults([file])
    assert file.source is not None  # noqa: S101 - a file without a source has faults
    return file.source


def _read(path: Path, document: Document, kinds: Sequence[str]) -> SourceFile:
    reader = _Reader(path.stem, document, kinds)
    source = reader.source()
    return SourceFile(path, reader.document, source, tuple(reader.faults.listed), reader.faults.is_whole)


def is_object_name(name: str) -> bool:
    """Tell whether a connector's lists, and so a connector file, can have a table or column of that name."""
    return _OBJECT_NAME.fullmatch(name) is not None


def raise_faults(files: Sequence[SourceFile]) -> None:
    """Raise SRC-101 with all faults of the files; nothing if there are none."""
    faults = [fault for file in files for fault in file.faults]
    if faults:
        raise FatalError("SRC-101", "".join(f"\n  {fault}" for fault in faults))


def find_source(sources: Mapping[str, Source], name: str) -> Source:
    """Return the source of that name. Raises SRC-103."""
    if name not in sources:
        raise FatalError("SRC-103", f"{name} (known: {', '.join(sources) or 'none'})")
    return sources[name]


class _Reader:
    """Turns one document into a source, collecting faults."""

    def __init__(self, name: str, document: Document, kinds: Sequence[str]) -> None:
        self.name = name
        self.document = document
        self.kinds = kinds
        self.faults = Faults(document)

    def source(self) -> Source | None:
        data = self.document.data
        if not isinstance(data, dict):
            if not self.faults.listed:
                self.faults.listed.append(Fault(self.document.name, 0, 0, "is empty"))
            return None
        self._check_name()
        self._check_entries(data)
        kind = self._kind(data)
        values = {name: read_value(self.faults, name, data[name]) for name in _CONNECTION if name in data}
        state = self._choice(data, "state", STATES, "running")
        tables = tuple(self._tables(data.get("tables", []), kind))
        if kind == "ibmi" and len({table.schema for table in tables}) > 1:
            self.faults.fault(("tables",), "tables are of more than one library, and the connector reads one")
        exclude = tuple(self._exclude(data.get("exclude"), kind, tables))
        settings = dict(read_settings(self.faults, data.get("settings") or {}, kind))
        tls = read_tls(self.faults, data.get("tls"), kind, values.get("host", ""))
        zero_dates = self._zero_dates(data, kind)
        drift = self._drift(data)
        if kind not in self.kinds:
            return None
        return Source(
            *(self.name, kind),
            **{**_UNTOLD, **values},
            state=state,
            tables=tables,
            settings=settings,
            tls=tls,
            zero_dates=zero_dates,
            drift=drift,
            exclude=exclude,
        )

    def _check_name(self) -> None:
        if not _SOURCE_NAME.fullmatch(self.name):
            self.faults.fault((), "the file's name is not a source name: small letters, digits and _, at most 40")
        elif _RESERVED_NAME.fullmatch(self.name) or schema_taken(self.name):
            self.faults.fault((), f"{self.name} is a name that the target keeps for itself")

    def _check_entries(self, data: dict[str, Any]) -> None:
        for key in data:
            if key not in _ENTRIES:
                self.faults.fault((key,), f"{key} is not an entry of a connector file{near(key, _ENTRIES)}")
        for key in _ENTRIES:
            if key not in data and key not in _OPTIONAL:
                self.faults.fault((), f"{key} is missing")

    def _kind(self, data: dict[str, Any]) -> str:
        kind = str(data.get("kind", ""))
        if kind in UNLANDED and kind not in self.kinds:
            self.faults.fault(
                ("kind",), f"kind {kind} is not landed: such a file is rendered and checked, it is no source yet"
            )
            return kind
        return self._choice(data, "kind", tuple(self.kinds), "")

    def _choice(self, data: dict[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
        value = data.get(key, default)
        if key in data and value not in choices:
            self.faults.fault((key,), f"{key} is none of {', '.join(choices)}")
        return str(value)

    def _zero_dates(self, data: dict[str, Any], kind: str) -> str:
        if "zero_dates" in data and kind not in BINLOG:
            self.faults.fault(
                ("zero_dates",), "zero_dates is an entry for MariaDB and MySQL, no other product has them"
            )
        return self._choice(data, "zero_dates", ZERO_DATES, "")

    def _drift(self, data: dict[str, Any]) -> DriftPolicy:
        group = data.get("drift", {})
        for place, what in policy_faults(group):
            self.faults.fault(("drift", *place), what)
        return dict(group) if isinstance(group, dict) else {}

    def _tables(self, entries: Any, kind: str) -> Iterator[SourceTable]:
        if not isinstance(entries, list) or ("tables" in self.document.data and not entries):
            self.faults.fault(("tables",), "tables is not a list of tables")
            return
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            table = self._table(entry, kind, ("tables", index))
            if table is None:
                continue
            # Names that differ only in case match the same expression of the connector.
            if table.name.lower() in seen:
                self.faults.fault(("tables", index), f"table {table.name} stands twice: both would have one mirror")
            seen.add(table.name.lower())
            yield table

    def _exclude(self, entries: Any, kind: str, tables: Sequence[SourceTable]) -> Iterator[str]:
        if not isinstance(entries or [], list):
            self.faults.fault(("exclude",), "exclude is not a list of tables")
            return
        captured = {".".join(filter(None, (table.schema, table.name))) for table in tables}
        for index, entry in enumerate(entries or []):
            place = ("exclude", index)
            plain = entry.replace("*", "x") if isinstance(entry, str) else entry
            known = len(self.faults.listed)
            self._table_name(plain, kind, place)
            both = sorted(name for name in captured if len(self.faults.listed) == known and fnmatchcase(name, entry))
            if both:
                self.faults.fault(place, f"{entry} is excluded, and {', '.join(both)} stands under tables")
            elif len(self.faults.listed) == known:
                yield entry

    def _table(self, entry: Any, kind: str, place: Entry) -> SourceTable | None:
        known = len(self.faults.listed)
        if isinstance(entry, dict):
            for key in entry:
                if key not in _TABLE_ENTRIES:
                    self.faults.fault((*place, key), f"{key} is not an entry of a table{near(key, _TABLE_ENTRIES)}")
        named = entry if isinstance(entry, dict) else {"table": entry}
        schema, table = self._table_name(named.get("table"), kind, place)
        is_keyless = named.get("key") == _NO_KEY
        columns = {"without": named.get("without"), "key": None if is_keyless else named.get("key")}
        key, without = (self._columns(columns[part], (*place, part)) for part in ("key", "without"))
        if set(key) & set(without):
            self.faults.fault((*place, "without"), "a column under without is also under key")
        tokens = self._tokens(named.get("tokens"), (*place, "tokens"))
        return (
            SourceTable(schema, table, key, without, is_keyless, tokens) if len(self.faults.listed) == known else None
        )

    def _tokens(self, tokens: Any, place: Entry) -> tuple[tuple[str, str], ...]:
        if tokens is None:
            return ()
        if not isinstance(tokens, dict) or not tokens:
            self.faults.fault(place, "tokens are not columns, each with the name of a key")
            return ()
        for column, key in tokens.items():
            if not isinstance(key, str) or not is_decoder(f"{TOKEN}{key}"):
                self.faults.fault((*place, column), f"{key} is no name of a key of tokens")
        self._columns(list(map(str, tokens)), place)
        return tuple((str(column), str(key)) for column, key in tokens.items())

    def _table_name(self, name: Any, kind: str, place: Entry) -> tuple[str, str]:
        parts = name.split(".") if isinstance(name, str) else []
        wanted = 1 if kind in BINLOG else 2
        if len(parts) != wanted:
            self.faults.fault(place, f"table is not {'schema.table' if wanted == 2 else 'a table name'}")
            return "", ""
        if not all(map(is_object_name, parts)):
            self.faults.fault(place, f"table {name} holds a character that connectors cannot be given")
        return (parts[0], parts[1]) if wanted == 2 else ("", parts[0])

    def _columns(self, columns: Any, place: Entry) -> tuple[str, ...]:
        """Return the columns of an entry of a table, which is the last part of `place`."""
        if columns is None:
            return ()
        if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
            self.faults.fault(place, f"{place[-1]} is not a list of columns")
            return ()
        if not all(map(is_object_name, columns)):
            self.faults.fault(place, f"a column under {place[-1]} holds a character that connectors cannot be given")
        if len(set(columns)) < len(columns):
            self.faults.fault(place, f"a column stands twice under {place[-1]}")
        return tuple(columns)

"""The contract of a table: what the source's catalogue says of it, kept as a reviewed file.

`connector-configs/contracts/<source>/<table>.yaml` is written by `cdc source contract` and read by everything that has
to know a source table without asking the source: the decoder of JSON, the mirror's DDL, the landing statements. Key
order in the file is fixed, so that a changed column is a small diff.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cdc.capture import cascade
from cdc.capture.cascade import Cascade
from cdc.capture.types import is_decoder, is_mirror_type
from cdc.columns import is_name, name_faults
from cdc.document import read_document
from cdc.errors import FatalError

KEY_ORIGINS = ("primary", "unique", "declared", "rows")


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """One column: as the source spells and types it, and as the mirror keeps it.

    `default` is what rows hold that were written before the column existed, as text that PostgreSQL casts to
    `mirror_type`; None is NULL. `computed_default` says that nobody can tell (`DEFAULT now()`): a mirror with rows
    cannot grow such a column. `zero_date_is_null` says that NULL is also what zero dates of the source become. `number`
    is what PostgreSQL's catalogue knows the column by, whatever it is called; it differs from server to server, so
    files do not have it. `comment` is what the source says of it to people, who draft mappings by it: another one makes
    no other column.
    """

    name: str
    type: str
    mirror_type: str
    decoder: str
    nullable: bool
    default: str | None = None
    computed_default: bool = False
    charset: str | None = None
    zero_date_is_null: bool = False
    number: int | None = None
    comment: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A column of the source that is not mirrored, because the connector file says to ignore those that come.

    `since` is when landing found it (ISO 8601, UTC), before it landed `offset` of its stream; `number` as a column's.
    """

    name: str
    since: str
    offset: int
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """One table. `mirror` is `schema.table` in the target, `source_table` what Debezium calls it (`db.table` or
    `schema.table`), `key` the columns that identify a row. Two kinds of columns are not replicated, and a decoder must
    skip them: `omitted` are generated ones, which the log does not have; `without` those that the connector file leaves
    out, which events have that are older than its entry. `dropped` are columns that the source has
    no more; the mirror keeps them, and older events carry them. `announced` are the columns as of the stream's last
    schema event, at offset `announced_at` (the source may be far ahead of it); () where none has come. `published` is
    what PostgreSQL's catalogue knows the table's entry in the publication by: a table that left and came back has
    another one. `relation` is what that catalogue knows the table itself by, whatever it is called. `ignored` are
    columns that are not replicated, as landing has decided by the connector file; `accepted` are differences (column,
    what) at which landing does not stop any more, and to which the stream has yet to come. Files have none of
    these. `cascades` are its foreign keys by which a change of another table changes it
    without an event.
    """

    mirror: str
    source_table: str
    key: tuple[str, ...]
    key_origin: str
    columns: tuple[ColumnContract, ...]
    omitted: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    announced_at: int = -1
    cascades: tuple[Cascade, ...] = ()
    published: int | None = None
    relation: int | None = None
    ignored: tuple[Ignored, ...] = ()
    accepted: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> str:
        """Schema of the mirror: the source's name."""
        return self.mirror.partition(".")[0]

    @property
    def table(self) -> str:
        """Table of the mirror: spelled as in the source."""
        return self.mirror.partition(".")[2]

    @property
    def skipped(self) -> tuple[str, ...]:
        """Columns of the source that the mirror does not have."""
        return (*self.omitted, *self.without, *(one.name for one in self.ignored))

    def column(self, name: str) -> ColumnContract:
        """Return the column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def to_document(contract: Contract) -> dict[str, Any]:
    """Return the contract as plain data in file order; what is empty is left out."""
    document: dict[str, Any] = {
        "mirror": contract.mirror,
        "source_table": contract.source_table,
        "key": list(contract.key),
        "key_origin": contract.key_origin,
        "columns": [_column_document(column) for column in contract.columns],
    }
    if contract.omitted:
        document["omitted"] = list(contract.omitted)
    if contract.without:
        document["without"] = list(contract.without)
    if contract.dropped:
        document["dropped"] = list(contract.dropped)
    if contract.announced:
        document["announced"] = list(contract.announced)
    if contract.announced_at != -1:
        document["announced_at"] = contract.announced_at
    if contract.cascades:
        document["cascades"] = [cascade.to_document(each) for each in contract.cascades]
    document |= _following_document(contract)
    numbers = {"published": contract.published, "relation": contract.relation}
    return document | {name: number for name, number in numbers.items() if number is not None}


def _following_document(contract: Contract) -> dict[str, Any]:
    """Return what landing has decided by the connector file, and a person beside it."""
    ignored = [{name: part for name, part in asdict(each).items() if part is not None} for each in contract.ignored]
    accepted = [list(each) for each in contract.accepted]
    return {name: part for name, part in {"ignored": ignored, "accepted": accepted}.items() if part}


def _column_document(column: ColumnContract) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "mirror_type": column.mirror_type,
        "decoder": column.decoder,
        "nullable": column.nullable,
    }
    if column.default is not None:
        document["default"] = column.default
    if column.computed_default:
        document["computed_default"] = True
    if column.charset is not None:
        document["charset"] = column.charset
    if column.zero_date_is_null:
        document["zero_date_is_null"] = True
    if column.comment is not None:
        document["comment"] = column.comment
    if column.number is not None:
        document["number"] = column.number
    return document


def from_document(document: Mapping[str, Any], place: str) -> Contract:
    """Build a contract from plain data. Raises SRC-102 with `place` and every fault at once."""
    try:
        msgspec.convert(document, Contract)  # for the kinds of all entries
        contract = Contract(
            mirror=document["mirror"],
            source_table=document["source_table"],
            key=tuple(document["key"]),
            key_origin=document["key_origin"],
            columns=tuple(ColumnContract(**column) for column in document["columns"]),
            omitted=tuple(document.get("omitted", ())),
            without=tuple(document.get("without", ())),
            dropped=tuple(document.get("dropped", ())),
            announced=tuple(document.get("announced", ())),
            announced_at=document.get("announced_at", -1),
            cascades=tuple(cascade.from_document(each) for each in document.get("cascades", ())),
            published=document.get("published"),
            relation=document.get("relation"),
            ignored=tuple(Ignored(**each) for each in document.get("ignored", ())),
            accepted=tuple((column, what) for column, what in document.get("accepted", ())),
        )
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise FatalError("SRC-102", f"{place}: {type(error).__name__} {error}") from error
    faults = [*_faults(contract), *(f"unknown entry {key}" for key in document if key not in _ENTRIES)]
    if faults:
        raise FatalError("SRC-102", f"{place}: " + "; ".join(faults))
    return contract


_ENTRIES = frozenset(
    {
        *("mirror", "source_table", "key", "key_origin", "columns", "omitted", "without", "dropped", "announced"),
        *("announced_at", "cascades", "published", "relation", "ignored", "accepted"),
    }
)


def _faults(contract: Contract) -> Iterable[str]:
    names = [column.name for column in contract.columns]
    if not all(contract.mirror.partition(".")):
        yield f"mirror {contract.mirror} is not schema.table"
    if not is_name(contract.schema):
        yield f"schema {contract.schema!r}"
    yield from name_faults(contract.table, names)
    if not contract.key:
        yield "the key has no column"
    yield from (f"key column {name} is not a column" for name in contract.key if name not in names)
    yield from (f"column {name} stands twice" for name in sorted({n for n in names if names.count(n) > 1}))
    yield from (f"column {name} is also left out" for name in contract.skipped if name in names)
    yield from (f"dropped column {name} is not a column" for name in contract.dropped if name not in names)
    for each in contract.cascades:
        yield from cascade.faults_of(each, set(names))
    if contract.key_origin not in KEY_ORIGINS:
        yield f"key_origin {contract.key_origin} is none of {', '.join(KEY_ORIGINS)}"
    for column in contract.columns:
        yield from _column_faults(column)


def _column_faults(column: ColumnContract) -> Iterable[str]:
    if not is_mirror_type(column.mirror_type):
        yield f"{column.name}: mirror type {column.mirror_type} is not known"
    if not is_decoder(column.decoder):
        yield f"{column.name}: decoder {column.decoder} is not known"


def to_yaml(contract: Contract) -> str:
    """Return the file's text."""
    document = to_document(contract)
    document.pop("published", None)
    document.pop("relation", None)
    for column in document["columns"]:
        column.pop("number", None)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def left_out(contracts: Iterable[Contract]) -> list[str]:
    """Return a line for each table of which the connector file leaves columns out."""
    return [f"left out of {c.mirror}: {', '.join(c.without)}" for c in contracts if c.without]


def read_contracts(folder: Path) -> tuple[Contract, ...]:
    """Read all contracts of a source, in file name order. Raises SRC-102; no folder is an empty tuple."""
    return tuple(_read(path) for path in sorted(folder.glob("*.yaml")))


def _read(path: Path) -> Contract:
    document = read_document(path)
    if document.faults:
        raise FatalError("SRC-102", "; ".join(map(str, document.faults)))
    if not isinstance(document.data, dict):
        raise FatalError("SRC-102", f"{path.name}: not a mapping")
    return from_document(document.data, path.name)

"""What a schema event says: which tables a DDL statement concerned, and what columns they have after it.

PostgreSQL's connector sends none. MariaDB's and MySQL's send one for every statement in the server, captured table or
not, in order with the rows around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cdc.change import Record
from cdc.errors import FatalError
from cdc.stream.ddl import replaced_by

REPLACED: Final = "REPLACED"

# "erp"."t_Stock", and two of them with a comma between where a table was renamed.
_TABLE = re.compile(r'"((?:[^"]|"")+)"\."((?:[^"]|"")+)"')


@dataclass(frozen=True, slots=True)
class AnnouncedColumn:
    """A column as it is after the statement. `default` is the text without quotes; None is none, or NULL."""

    name: str
    default: str | None
    nullable: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One table's part of a statement. `columns` None is a table that is gone, or of which nothing is told.

    `tables` are names as row events have them (`database.table`). A snapshot announces what it finds in this way, too.
    Of `kind` REPLACED is a `statement` after which the tables hold other rows, without an event of a row.
    """

    offset: int
    kind: str
    tables: tuple[str, ...]
    columns: tuple[AnnouncedColumn, ...] | None
    is_snapshot: bool
    statement: str = ""

    def concerns(self, table: str) -> bool:
        """Tell whether it concerns a table (`database.table`)."""
        if self.kind != REPLACED:
            return table in self.tables
        # As written in the statement; where case does not count, the source's names are in lower case.
        return table.lower() in self.tables or f"{table.partition('.')[0].lower()}.*" in self.tables


class _Column(msgspec.Struct):
    name: str
    defaultValueExpression: Any = None  # noqa: N815 - the field's name on the wire
    optional: bool = True
    generated: bool | None = False


class _Table(msgspec.Struct):
    columns: list[_Column] = []


class _TableChange(msgspec.Struct):
    type: str
    id: str
    table: _Table | None = None


class _Source(msgspec.Struct):
    db: str | None = None
    table: str | None = None
    snapshot: str | bool | None = None


class _Envelope(msgspec.Struct):
    source: _Source = msgspec.field(default_factory=_Source)
    databaseName: str | None = None  # noqa: N815
    ddl: Any = None
    tableChanges: list[_TableChange] | None = None  # noqa: N815


_decoder = msgspec.json.Decoder(_Envelope)


def read_schema_changes(record: Record) -> tuple[SchemaChange, ...]:
    """Return the changes of a schema event; of any other record none. Raises FatalError STR-101."""
    if record.value is None:
        return ()
    try:
        envelope = _decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FatalError("STR-101", f"schema event at offset {record.offset}") from error
    source = envelope.source
    is_snapshot = source.snapshot in ("true", True)
    replaced = () if is_snapshot else _replaced(record.offset, envelope)
    if envelope.tableChanges:
        changes = (_change(record.offset, change, is_snapshot=is_snapshot) for change in envelope.tableChanges)
        return (*replaced, *changes)
    if envelope.ddl is None or not source.table:
        return replaced
    tables = tuple(f"{source.db}.{table.strip()}" for table in source.table.split(","))
    return (*replaced, SchemaChange(record.offset, "", tables, None, is_snapshot))


def _replaced(offset: int, envelope: _Envelope) -> tuple[SchemaChange, ...]:
    statement = envelope.ddl if isinstance(envelope.ddl, str) else ""
    tables = replaced_by(statement, envelope.databaseName or envelope.source.db or "")
    return (SchemaChange(offset, REPLACED, tables, None, is_snapshot=False, statement=statement),) if tables else ()


def _change(offset: int, change: _TableChange, *, is_snapshot: bool) -> SchemaChange:
    tables = tuple(f"{database}.{table}".replace('""', '"') for database, table in _TABLE.findall(change.id))
    columns = None if change.table is None else _columns(change.table)
    return SchemaChange(offset, change.type, tables, columns, is_snapshot)


def _columns(table: _Table) -> tuple[AnnouncedColumn, ...]:
    return tuple(
        AnnouncedColumn(column.name, _text(column.defaultValueExpression), column.optional, bool(column.generated))
        for column in table.columns
    )


def _text(default: Any) -> str | None:
    return None if default is None else str(default)

"""A catalogue that the DBA's script printed (`connector-configs/init/*.sql`): of products that init does not log in to.

**Not run against a database**: the scripts are written from documentation, as the types are (`types_sqlserver`,
`types_oracle`). Lines of fields with tabs between; the scripts' own comments say which. The last line counts the
others, so that a file which was cut off is not taken for a small database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.finding import check_names, check_without
from cdc.capture.keyless import as_keyless
from cdc.capture.onboard.columns import unable, without
from cdc.capture.onboard.decision import LEFT_OUT, Decision, Draft, Found, Name, written
from cdc.capture.source import Source, SourceTable
from cdc.capture.types import MirrorType
from cdc.capture.types_oracle import of_oracle
from cdc.capture.types_sqlserver import of_sqlserver
from cdc.errors import FatalError

FORMAT: Final = "1"
_TYPES: Final[Mapping[str, Callable[[str, str], MirrorType]]] = {"oracle": of_oracle, "sqlserver": of_sqlserver}
KINDS: Final = tuple(_TYPES)
_FIELDS: Final = {"table": 6, "column": 8, "primary": 5, "unique": 5, "parent": 5}
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the file has it; types in the product's own spelling."""

    name: str
    type: str
    nullable: bool
    computed: bool
    has_default: bool


@dataclass(slots=True)
class _Table:
    rows: int | None
    bytes: int | None
    remark: str
    columns: list[Column] = field(default_factory=list)
    primary: list[str] = field(default_factory=list)
    unique: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parents: set[Name] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """What such a file says: a product, a database, its tables."""

    kind: str
    database: str
    tables: Mapping[Name, _Table]

    @property
    def found(self) -> Mapping[Name, Found]:
        """The tables that can be captured."""
        return {
            name: Found(name, table.rows, table.bytes, frozenset(table.parents))
            for name, table in self.tables.items()
            if not table.remark
        }

    @property
    def others(self) -> tuple[Decision, ...]:
        """The tables that the script says cannot be."""
        tables = self.tables.items()
        return tuple(
            Decision(written(name), LEFT_OUT, table.remark, "SRC-120") for name, table in tables if table.remark
        )

    def drafts(self, source: Source, names: Iterable[Name]) -> tuple[dict[Name, Draft], list[Decision]]:
        """Return the tables as the connector file is to have them, and those that it cannot have."""
        drafts: dict[Name, Draft] = {}
        refused: list[Decision] = []
        for name in names:
            try:
                drafts[name] = self._draft(source, name)
            except FatalError as error:
                refused.append(Decision(written(name), LEFT_OUT, error.detail, error.code))
        return drafts, refused

    def contracts(self, source: Source) -> tuple[Contract, ...]:
        """Return the contracts, as far as the service has types for them. Raises as a contract does."""
        return tuple(self._contract(source, table) for table in source.tables)

    def grants(self, source: Source) -> tuple[str, ...]:  # noqa: ARG002 - as of PostgreSQL
        """Return nothing: the DBA's script of the product has the grants."""
        return ()

    def publishing(self, source: Source) -> tuple[str, ...]:  # noqa: ARG002 - as of PostgreSQL
        """Return nothing, likewise."""
        return ()

    def _draft(self, source: Source, name: Name) -> Draft:
        table, mirror = self.tables[name], f"{source.name}.{name[1]}"
        rows = [{"name": one.name, "computed": one.computed, "column": one} for one in table.columns]
        refused = unable(rows, lambda row: self._column(mirror, row["column"]))
        # Of a table that has such a column Oracle's connector sends nothing at all.
        unread = [error for error in refused.values() if self.kind == "oracle" and error.code == "SRC-202"]
        for error in (*unread, *(refused[column] for column in table.primary if column in refused)):
            raise error
        own, why = _key(name, table, refused)
        draft = Draft(replace(own, without=tuple(refused)), (*why, *without(name, refused)))
        self._contract(source, draft.table)
        return draft

    def _contract(self, source: Source, table: SourceTable) -> Contract:
        own, mirror = self.tables[table.schema, table.name], f"{source.name}.{table.name}"
        taken = [column for column in own.columns if column.name not in table.without]
        check_names(mirror, table.name, (column.name for column in taken))
        kept = tuple(map(partial(self._column, mirror), (column for column in taken if not column.computed)))
        key, origin = (table.key, "declared") if table.key else (tuple(own.primary), "primary")
        if table.is_keyless:
            kept, key, origin = as_keyless(mirror, kept, own.primary)
        check_without(mirror, table.without, key, (column.name for column in own.columns))
        name = written((table.schema, table.name))
        omitted = tuple(column.name for column in taken if column.computed)
        return Contract(mirror, name, key, origin, kept, omitted=omitted, without=table.without)

    def _column(self, mirror: str, column: Column) -> ColumnContract:
        kind = _TYPES[self.kind](column.type, f"{mirror}.{column.name}")
        # The script does not say what the default is; without one, older rows have NULL.
        computed = column.has_default or not column.nullable
        named = (column.name, column.type, kind.mirror_type, kind.decoder, column.nullable)
        return ColumnContract(*named, computed_default=computed)


def read_catalogue_file(path: Path) -> CatalogueFile:
    """Read a file. Raises SRC-352 with every line that is wrong, or if its end is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError("SRC-352", f"{path.name}: cannot be read as UTF-8") from error
    lines = [line.rstrip("\r").split("\t") for line in text.removeprefix(_BOM).split("\n") if line.strip()]
    head, end = (lines[0], lines[-1]) if lines else ([], [])
    if head[:2] != ["cdc-catalogue", FORMAT] or len(head) != 4 or head[2] not in KINDS:
        raise FatalError("SRC-352", f"{path.name}: does not begin as the scripts of connector-configs/init print it")
    if end[:1] != ["end"] or end[1:] != [str(len(lines) - 1)]:
        raise FatalError("SRC-352", f"{path.name}: its end is missing, or lines of it")
    tables: dict[Name, _Table] = {}
    faults = [fault for number, line in enumerate(lines[1:-1], 2) if (fault := _take(tables, line, number))]
    if faults:
        raise FatalError("SRC-352", "".join(f"\n  {path.name}:{fault}" for fault in faults))
    return CatalogueFile(head[2], head[3], tables)


def _take(tables: dict[Name, _Table], line: list[str], number: int) -> str:
    """Take one line in; return what is wrong with it, or nothing."""
    kind, *parts = line
    # Programs that trim lines cut empty fields at their ends off.
    if kind == "table":
        parts += [""] * (_FIELDS["table"] - len(line))
    if len(parts) + 1 != _FIELDS.get(kind):
        return f"{number}: is no line of a catalogue"
    name = (parts[0], parts[1])
    if kind == "table":
        if not all(part.isdecimal() or not part for part in parts[2:4]):
            return f"{number}: rows or bytes are no number"
        rows, size = (int(part) if part else None for part in parts[2:4])
        remark = "its name has a tab or a line break" if any("?" in part for part in name) else parts[4]
        tables[name] = _Table(rows, size, remark)
        return ""
    if name not in tables:
        # A view, or a table that the script has passed over.
        return ""
    _add(tables[name], kind, parts[2:])
    return ""


def _add(table: _Table, kind: str, parts: list[str]) -> None:
    if kind == "column":
        nullable, computed, has_default = (part == "1" for part in parts[2:5])
        table.columns.append(Column(parts[0], parts[1], nullable, computed, has_default))
    elif kind == "primary":
        table.primary.append(parts[1])
    elif kind == "unique":
        table.unique[parts[0]].append(parts[1])
    else:
        table.parents.add((parts[0], parts[1]))


def _key(name: Name, table: _Table, refused: Mapping[str, FatalError]) -> tuple[SourceTable, tuple[Decision, ...]]:
    plain = SourceTable(*name)
    if table.primary:
        return plain, ()
    computed = {column.name for column in table.columns if column.computed}
    unusable = refused.keys() | computed
    columns = min((own for own in table.unique.values() if not unusable & set(own)), key=len, default=[])
    if columns:
        why = "it has no primary key; these columns are unique and cannot be NULL"
        what = f"key {', '.join(columns)}"
        return replace(plain, key=tuple(columns)), (Decision(written(name), what, why, "SRC-121"),)
    why = "it has neither a primary key nor a unique index of columns that cannot be NULL: equal rows are counted"
    return replace(plain, is_keyless=True), (Decision(written(name), "key none", why, "SRC-121"),)

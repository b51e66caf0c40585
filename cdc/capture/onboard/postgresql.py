"""A PostgreSQL database taken on: its tables, what stands in their way, and what the DBA has to run for them.

A table may need a replica identity, and all have to be in the publication. Contracts are made of the catalogue as it
will be once the DBA has run those statements; `cdc source contract --check` says later whether he has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from cdc.capture.catalogue_postgresql import (
    Facts,
    check_database,
    column_of,
    contract_of,
    contracts_of,
    gather,
    is_monetary,
    session,
)
from cdc.capture.connector import publication
from cdc.capture.contract import Contract
from cdc.capture.login import Login
from cdc.capture.onboard.columns import unable, without
from cdc.capture.onboard.decision import LEFT_OUT, Decision, Draft, Found, Name, written
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError
from cdc.key import is_loose

# More tables of a statement than these stand in lines of their own, for the person who reviews them.
_IN_A_LINE: Final = 3

# Partitions are read through their table. Pages and rows are those of the last ANALYZE or VACUUM; no file is looked at.
_RELATIONS = """
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
       EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
               AND d.objid = c.oid AND d.deptype = 'e') AS of_extension,
       s.rows, s.bytes
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT sum(l.reltuples)::bigint AS rows,
           sum((l.relpages + coalesce(t.relpages, 0))::bigint * current_setting('block_size')::int)::bigint AS bytes
    FROM pg_catalog.pg_class l LEFT JOIN pg_catalog.pg_class t ON t.oid = l.reltoastrelid
    WHERE l.oid IN (SELECT c.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p)
      AND l.relkind = 'r' AND l.reltuples >= 0
) s
WHERE c.relkind IN ('r', 'p', 'f', 'm') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname = 'public' DESC, n.nspname, c.relname"""
_FOREIGN_KEYS = """
SELECT conrelid AS table, confrelid AS parent FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0"""
# What can be a replica identity.
_UNIQUE = """
SELECT i.indrelid AS table, x.relname AS name, array_agg(a.attname::text ORDER BY k.place) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attnum) = (i.indrelid, k.number)
WHERE i.indrelid = ANY (%s::oid[]) AND i.indisunique AND NOT i.indisprimary AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
GROUP BY i.indrelid, i.indexrelid, x.relname HAVING bool_and(a.attnotnull)
ORDER BY i.indrelid, count(*), x.relname"""
_REPLICATES = """
SELECT rolreplication OR rolsuper AS replicates FROM pg_catalog.pg_roles WHERE rolname = current_user"""
_NO_TABLE = {
    "f": "is a foreign table: its rows are another server's",
    "m": "is a materialised view: no log has its rows",
}
_NO_LOG = {"u": "is UNLOGGED: no log has its rows"}

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: tables that can be captured, others with the reason, and the rows of the catalogue of both.

    `role` is the account that has read them; `replicates`: it may follow the log.
    """

    found: Mapping[Name, Found]
    others: tuple[Decision, ...]
    facts: Facts
    unique: Mapping[int, Sequence[_Row]]
    unreadable: frozenset[Name]
    role: str
    replicates: bool

    def drafts(self, source: Source, names: Iterable[Name]) -> tuple[dict[Name, Draft], list[Decision]]:
        """Return the tables as the connector file is to have them, and those that it cannot have."""
        drafts: dict[Name, Draft] = {}
        refused: list[Decision] = []
        for name in names:
            try:
                drafts[name] = _Table(source, name, self).draft()
            except FatalError as error:
                refused.append(Decision(written(name), LEFT_OUT, error.detail, error.code))
        return drafts, refused

    def contracts(self, source: Source) -> tuple[Contract, ...]:
        """Return the contracts as the catalogue is once the DBA has run the statements. Raises as a contract does."""
        rows: dict[Name, _Row] = dict(self.facts.tables)
        indexes = dict(self.facts.indexes)
        for table in source.tables:
            name = (table.schema, table.name)
            rows[name], indexes[rows[name]["oid"]] = _Table(source, name, self).behind()
        names = [written(name) for name in rows]
        carries = {"whole": True, "generated": False, "pubviaroot": True}
        whole = {**carries, "tables": names, "partial": [], "entries": None}
        return contracts_of(source, replace(self.facts, tables=rows, indexes=indexes, published=whole))

    def grants(self, source: Source) -> tuple[str, ...]:
        """Return what the DBA has to run so that the account may read the tables, and follow the log."""
        missing = [name for name in _names(source) if name in self.unreadable]
        schemas = sorted({schema for schema, _ in missing})
        role = sql.Identifier(self.role)
        # On PostgreSQL 15 a superuser's to give, which the owner of the tables need not be.
        attribute = [] if self.replicates else [sql.SQL("ALTER ROLE {} REPLICATION;").format(role)]
        grants = [sql.SQL("GRANT USAGE ON SCHEMA {} TO {};").format(sql.Identifier(one), role) for one in schemas]
        if missing:
            grants.append(sql.SQL("GRANT SELECT ON {} TO {};").format(_listed(missing), role))
        return tuple(grant.as_string(None) for grant in [*attribute, *grants])

    def publishing(self, source: Source) -> tuple[str, ...]:
        """Return what the DBA has to run so that the log has the tables, behind their own statements."""
        return tuple(self._publication(publication(source), _names(source)))

    def _publication(self, name: str, names: Sequence[Name]) -> list[str]:
        own, known = sql.Identifier(name), self.facts.published
        parted = any(self.facts.tables[table]["kind"] == "p" for table in names)
        options = ["publish = 'insert, update, delete, truncate'", *["publish_via_partition_root = true"] * parted]
        if known is None:
            text = f"CREATE PUBLICATION {{}} FOR TABLE {{}} WITH ({', '.join(options)});"
            return [sql.SQL(text).format(own, _listed(names)).as_string(None)]
        partial = [table for table in names if self.facts.tables[table]["oid"] in known["partial"]]
        lacking = [table for table in names if written(table) not in known["tables"] or table in partial]
        statements = []
        if known["generated"]:
            options.append("publish_generated_columns = none")
        if known["generated"] or not known["whole"] or (parted and not known["pubviaroot"]):
            text = f"ALTER PUBLICATION {{}} SET ({', '.join(options)});"
            statements.append(sql.SQL(text).format(own))
        if partial:
            statements.append(sql.SQL("ALTER PUBLICATION {} DROP TABLE {};").format(own, _listed(partial)))
        # With publish_via_partition_root the table itself comes into the list by that alone.
        lacking = [table for table in lacking if table in partial or not self._has_parts_in(known, table)]
        if lacking:
            statements.append(sql.SQL("ALTER PUBLICATION {} ADD TABLE {};").format(own, _listed(lacking)))
        return [statement.as_string(None) for statement in statements]

    def _has_parts_in(self, known: _Row, table: Name) -> bool:
        return str(self.facts.tables[table]["oid"]) in (known["entries"] or {})


def survey(source: Source, login: Login) -> Survey:
    """Read the catalogue. Raises as `cdc.capture.catalogue.read_contracts`, but for what it says of tables."""
    with session(login) as connection:
        check_database(source, connection)
        rows = connection.execute(_RELATIONS).fetchall()
        usable = [row for row in rows if _fault(row) is None]
        names = {row["oid"]: (row["schema"], row["name"]) for row in usable}
        facts = gather(connection, list(names.values()), publication(source))
        unique = _grouped(connection.execute(_UNIQUE, (list(names),)).fetchall())
        parents = _parents(connection, names)
        role = connection.execute(_REPLICATES).fetchone() or {}
    others = tuple(
        Decision(f"{row['schema']}.{row['name']}", LEFT_OUT, fault, "SRC-120")
        for row in rows
        if (fault := _fault(row)) is not None
    )
    found = {name: Found(name, row["rows"], row["bytes"], parents[name]) for row, name in _named(usable)}
    unreadable = frozenset(name for row, name in _named(usable) if not row["readable"])
    return Survey(found, others, facts, unique, unreadable, login.user, bool(role.get("replicates")))


def _names(source: Source) -> list[Name]:
    return [(table.schema, table.name) for table in source.tables]


def _named(rows: Iterable[_Row]) -> Iterable[tuple[_Row, Name]]:
    return ((row, (row["schema"], row["name"])) for row in rows)


def _fault(row: _Row) -> str | None:
    if row["of_extension"]:
        return "belongs to an extension"
    return _NO_TABLE.get(row["kind"]) or _NO_LOG.get(row["persistence"])


def _parents(connection: psycopg.Connection[DictRow], names: Mapping[int, Name]) -> dict[Name, frozenset[Name]]:
    parents: dict[Name, set[Name]] = {name: set() for name in names.values()}
    for row in connection.execute(_FOREIGN_KEYS):
        if row["table"] in names and row["parent"] in names:
            parents[names[row["table"]]].add(names[row["parent"]])
    return {name: frozenset(own) for name, own in parents.items()}


class _Table:
    """One table: how its rows are named in the log, now or behind a statement of the DBA, and what is left out."""

    def __init__(self, source: Source, name: Name, survey: Survey) -> None:
        self.source, self.name = source, name
        self.row = survey.facts.tables[name]
        self.columns = survey.facts.columns[self.row["oid"]]
        self.indexes = survey.facts.indexes[self.row["oid"]]
        self.primary = [index["name"] for index in self.indexes if index["is_primary"]]
        self.named = [index["name"] for index in self.indexes if index["is_identity"]]
        self.locale = survey.facts.locale
        self.unique = next((one for one in survey.unique.get(self.row["oid"], ()) if self._can_be_key(one)), None)
        self.identity = self._identity()

    def draft(self) -> Draft:
        """Return it as the connector file is to have it. Raises the code with which it is refused."""
        if self.row["kind"] == "p" and not self.primary:
            raise FatalError("SRC-121", "is partitioned: each partition would need a replica identity of its own")
        if self.row["heirs"]:
            raise FatalError("SRC-129", ", ".join(self.row["heirs"]))
        refused = unable(self.columns, partial(self._check, logs_all=self.identity == "f"))
        for name in self.primary or self.named:
            if name in refused:
                raise refused[name]
        own, why = self._key()
        table = replace(own, without=tuple(refused))
        decisions = (*why, *without(self.name, refused))
        # The one that will be asked later is asked now: whatever else stands in the way, it says.
        contract_of(self.source, table, *self._behind_and_columns())
        return Draft(table, decisions, self._statement())

    def behind(self) -> tuple[_Row, Sequence[_Row]]:
        """Return its row of the catalogue and those of its indexes, behind its statement."""
        row = {**self.row, "identity": self.identity, "readable": True}
        if self.identity == "i" and self.row["identity"] != "i" and self.unique:
            return row, [
                {"table": row["oid"], "is_primary": False, "is_identity": True, "name": column}
                for column in self.unique["columns"]
            ]
        return row, self.indexes

    def _behind_and_columns(self) -> tuple[_Row, Sequence[_Row], Sequence[_Row]]:
        row, indexes = self.behind()
        return row, self.columns, indexes

    def _identity(self) -> str:
        """Return the replica identity that it has to have: d, i, f."""
        now: str = self.row["identity"]
        if self.primary:
            if now == "n":
                return "d"
            return "f" if now == "i" and set(self.named) != set(self.primary) else now
        if now in ("i", "f"):
            return now
        return "i" if self.unique else "f"

    def _key(self) -> tuple[SourceTable, tuple[Decision, ...]]:
        plain = SourceTable(*self.name)
        if self.primary:
            why = "" if self.identity == self.row["identity"] else "its replica identity does not name rows by its key"
            return plain, self._decided("replica identity", why) if why else ()
        columns = self.named if self.row["identity"] == "i" else self.unique["columns"] if self.unique else []
        listed = ", ".join(columns)
        if self.identity == "i":
            why = f"it has no primary key; a unique index of columns that cannot be NULL ({listed}) names its rows"
            return plain, self._decided(f"key {listed}", why)
        if columns:
            why = "it has no primary key; these columns are unique and cannot be NULL"
            return replace(plain, key=tuple(columns)), self._decided(f"key {listed}", why)
        why = "it has neither a primary key nor a unique index of columns that cannot be NULL: equal rows are counted"
        return replace(plain, is_keyless=True), self._decided("key none", why)

    def _decided(self, what: str, why: str) -> tuple[Decision, ...]:
        return (Decision(written(self.name), what, why, "SRC-121"),)

    def _statement(self) -> tuple[str, ...]:
        if self.identity == self.row["identity"]:
            return ()
        how = {"d": sql.SQL("DEFAULT"), "f": sql.SQL("FULL")}.get(self.identity)
        if self.unique and self.identity == "i":
            index = sql.SQL("USING INDEX {}").format(sql.Identifier(self.unique["name"]))
            return (self._alter(index),)
        return (self._alter(how),) if how else ()

    def _alter(self, how: sql.Composable) -> str:
        text = sql.SQL("ALTER TABLE {} REPLICA IDENTITY {};")
        return text.format(sql.Identifier(*self.name), how).as_string(None)

    def _can_be_key(self, index: _Row) -> bool:
        """Tell whether the columns of a unique index can be a mirror's key."""
        rows = [column for column in self.columns if column["name"] in index["columns"]]
        if any(row["computed"] for row in rows) or unable(rows, partial(self._check, logs_all=True)):
            return False
        return not any(is_loose(column_of(self._mirror, row, logs_all=True).mirror_type) for row in rows)

    def _check(self, row: _Row, *, logs_all: bool) -> None:
        if row["base"] == "money" and not is_monetary(self.locale):
            raise FatalError("SRC-202", f"{self._mirror}.{row['name']} is money: lc_monetary is {self.locale}")
        column_of(self._mirror, row, logs_all=logs_all)

    @property
    def _mirror(self) -> str:
        return f"{self.source.name}.{self.name[1]}"


def _grouped(rows: Iterable[_Row]) -> dict[int, list[_Row]]:
    grouped: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        grouped[row["table"]].append(row)
    return grouped


def _listed(names: Iterable[Name]) -> sql.Composable:
    tables = [sql.Identifier(*name) for name in names]
    return sql.SQL(",\n    " if len(tables) > _IN_A_LINE else ", ").join(tables)

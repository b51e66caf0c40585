"""A MariaDB or MySQL database taken on: its tables, and what stands in their way.

Nothing has to be run for single tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cdc.capture.cascade import parents_of
from cdc.capture.catalogue_binlog import (
    Facts,
    check_server,
    column_of,
    contract_of,
    contracts_of,
    gather,
    select,
    session,
    unkept,
    unperformable,
)
from cdc.capture.contract import Contract
from cdc.capture.login import Login
from cdc.capture.onboard.columns import unable, without
from cdc.capture.onboard.decision import LEFT_OUT, Decision, Draft, Found, Name, written
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError

_SIZES = """
SELECT TABLE_NAME AS name, TABLE_TYPE AS type, TABLE_ROWS AS `rows`, DATA_LENGTH AS bytes
FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME"""
_UNIQUE = """
SELECT TABLE_NAME AS `table`, INDEX_NAME AS name, COLUMN_NAME AS `column`, NULLABLE = 'YES' AS nullable,
       SUB_PART IS NOT NULL AS is_part
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0 AND INDEX_NAME <> 'PRIMARY'
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"""

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: tables that can be captured, others with the reason, and what the catalogue says of all."""

    found: Mapping[Name, Found]
    others: tuple[Decision, ...]
    facts: Facts
    unique: Mapping[str, Sequence[tuple[str, ...]]]

    def drafts(self, source: Source, names: Iterable[Name]) -> tuple[dict[Name, Draft], list[Decision]]:
        """Return the tables as the connector file is to have them beside the source's, and those that it cannot have.

        A table whose rows InnoDB changes without an event needs its parent; so one that is refused may take others
        along.
        """
        lenient = replace(source, zero_dates="as_null")
        drafts: dict[Name, Draft] = {}
        refused: list[Decision] = []
        for name in names:
            try:
                drafts[name] = self._draft(lenient, name)
            except FatalError as error:
                refused.append(Decision(written(name), LEFT_OUT, error.detail, error.code))
        while orphans := self._orphans(lenient, drafts):
            for decision in orphans:
                del drafts["", decision.table]
            refused += orphans
        return drafts, refused

    def contracts(self, source: Source) -> tuple[Contract, ...]:
        """Return the contracts. Raises as a contract does."""
        return contracts_of(source, self.facts)

    def grants(self, source: Source) -> tuple[str, ...]:  # noqa: ARG002 - as of PostgreSQL
        """Return nothing: a table that the account may not read is not in what it sees of the catalogue."""
        return ()

    def publishing(self, source: Source) -> tuple[str, ...]:  # noqa: ARG002 - as of PostgreSQL
        """Return nothing: the log has every table."""
        return ()

    def _draft(self, source: Source, name: Name) -> Draft:
        columns = [row for row in self.facts.columns if row["table"] == name[1]]
        mirror = f"{source.name}.{name[1]}"
        refused = unable(columns, partial(column_of, self.facts.dialect, mirror))
        primary = [row["name"] for row in self.facts.keys if row["table"] == name[1]]
        for column in primary:
            if column in refused:
                raise refused[column]
        own, why = self._key(name, primary, refused)
        table = replace(own, without=tuple(refused))
        decisions = (*why, *without(name, refused))
        contract_of(source, self.facts, table)
        return Draft(table, decisions)

    def _key(
        self, name: Name, primary: Sequence[str], refused: Mapping[str, FatalError]
    ) -> tuple[SourceTable, tuple[Decision, ...]]:
        plain = SourceTable(*name)
        if primary:
            return plain, ()
        usable = (columns for columns in self.unique.get(name[1], ()) if not set(columns) & refused.keys())
        columns = next(usable, ())
        if columns:
            why = "it has no primary key; these columns have a unique index and cannot be NULL"
            return replace(plain, key=columns), (_decided(name, f"key {', '.join(columns)}", why),)
        why = "it has neither a primary key nor a unique index of columns that cannot be NULL: equal rows are counted"
        return replace(plain, is_keyless=True), (_decided(name, "key none", why),)

    def _orphans(self, source: Source, drafts: Mapping[Name, Draft]) -> list[Decision]:
        """Return the tables whose cascades landing could not perform, if just these were captured."""
        captured = replace(source, tables=(*source.tables, *(draft.table for draft in drafts.values())))
        found = []
        for _, table in drafts:
            cascades = {table: self.facts.cascades(table)}
            errors = [
                *unperformable(captured, self.facts.database, self.facts.columns, cascades),
                *unkept(captured, self.facts.database, cascades),
            ]
            if errors:
                found.append(Decision(table, LEFT_OUT, errors[0].detail, errors[0].code))
        return found


def survey(source: Source, login: Login) -> Survey:
    """Read the catalogue. Raises as `cdc.capture.catalogue.read_contracts`, but for what it says of tables."""
    with session(login) as connection:
        check_server(source, connection, login.database)
        facts = gather(source, connection, login.database)
        sizes = select(connection, _SIZES, login.database)
        indexes = select(connection, _UNIQUE, login.database)
    found = {
        ("", row["name"]): Found(("", row["name"]), row["rows"], row["bytes"], _parents(facts, row["name"]))
        for row in sizes
        if row["name"] in facts.definitions
    }
    others = tuple(
        Decision(row["name"], LEFT_OUT, f"is a {row['type'].lower()}", "SRC-120")
        for row in sizes
        if row["name"] not in facts.definitions
    )
    return Survey(found, others, facts, _unique(indexes))


def _parents(facts: Facts, table: str) -> frozenset[Name]:
    return frozenset(("", parent) for parent in parents_of(facts.definitions[table]))


def _unique(rows: Iterable[_Row]) -> dict[str, list[tuple[str, ...]]]:
    """Return the unique indexes of whole columns that cannot be NULL, the shortest one of each table first."""
    columns: dict[tuple[str, str], list[str]] = defaultdict(list)
    unusable = set()
    for row in rows:
        columns[row["table"], row["name"]].append(row["column"])
        if row["nullable"] or row["is_part"] or row["column"] is None:
            unusable.add((row["table"], row["name"]))
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for index, own in columns.items():
        if index not in unusable:
            found[index[0]].append(tuple(own))
    return {table: sorted(own, key=len) for table, own in found.items()}


def _decided(name: Name, what: str, why: str) -> Decision:
    return Decision(written(name), what, why, "SRC-121")

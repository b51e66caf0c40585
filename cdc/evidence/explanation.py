"""Why a row is what it is: its source rows, the event of each, the rule of each column, and what was on the way.

Read as of now: the rules are those of the dictionary that the row was derived by if that is in force, and values before
are those that source rows and look-ups have now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from cdc.derive.held import source_row
from cdc.derive.lookup import FIXED_COLUMNS, select_range
from cdc.derive.mirror import read_mirrors
from cdc.derive.names import literal, literals, quoted
from cdc.derive.plan import META, Contribution, Fill, Plan, Step
from cdc.errors import FatalError
from cdc.evidence.event import Found, find_archived, find_event
from cdc.evidence.made_of import has_key
from cdc.protect.seal import Opener, ShreddedError
from transforms.mapping import CONFLICTS, WARNINGS, MirrorRef
from transforms.model import Dictionary
from transforms.review.dependency import FOLD, ROWS, origins

Connection = psycopg.Connection[Any]
Key = tuple[str, ...]
Values = Mapping[str, str | None]
"""Columns, each with its value as PostgreSQL prints it."""

_STAMPS: Final = tuple(META)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one column came: `before` has what the rule takes, by `source.table.column` or `look-up.column`."""

    column: str
    field: str
    rule: str
    code_set: str
    units: tuple[str, ...]
    before: Values
    after: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """One source row and what its mapping says. `event` is its last one, None if the journal does not have it.

    `archived` is the file in which it is then; `shredded` says when and by whom its key was shredded, if it was.
    """

    mapping: str
    source: str
    source_key: Key
    deleted: bool
    event: Found | None
    archived: str | None
    shredded: str | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """The dictionary that a row was derived by; `signatures` are the files of those who signed it."""

    digest: str
    version: str
    activated_at: datetime | None
    signatures: tuple[str, ...]
    in_force: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a canonical row. `folded`: how each column is taken from what several parts say."""

    table: str
    key: Key
    values: Values
    stamps: Values
    dictionary: Version
    parts: tuple[Part, ...]
    folded: Mapping[str, str]
    warnings: tuple[str, ...]
    conflicts: Any


@dataclass(frozen=True, slots=True)
class MirrorExplanation:
    """All that is known of a mirror row: its values, and the event that it was last changed by."""

    table: str
    key: Key
    values: Values
    stamps: Values
    event: Found | None
    archived: str | None
    shredded: str | None


class Explainer:
    """Explains rows of the tables that the dictionary in force fills. `kinds`: the database of each source."""

    def __init__(self, opener: Opener, dictionary: Dictionary, plans: Sequence[Plan], kinds: Mapping[str, str]) -> None:
        self._connection, self._opener, self._dictionary = opener.connection, opener, dictionary
        self._plans, self._kinds = plans, kinds
        self._origins = origins(dictionary)

    def explain(self, table: str, key: Key) -> Explanation | None:
        """Return why a canonical row is what it is; None if there is no such row.

        Raises FatalError EVD-113 for a table that is none, EVD-103 for a key of another shape.
        """
        plan, fills = self._fills(table)
        if len(key) != len(fills[0].key):
            raise FatalError("EVD-103", f"the key of {table} is {', '.join(fills[0].key)}")
        row = _one_row(self._connection, fills[0], key)
        if row is None:
            return None
        return Explanation(
            table,
            key,
            {name: row[name] for name in fills[0].columns if name not in (WARNINGS, CONFLICTS)},
            {name: row[name] for name in _STAMPS},
            self._version(str(row["_dictionary"])),
            tuple(self._parts(plan, fills, key, row)),
            {one.column: one.rule for one in self._origins if one.table == table and one.mapping == FOLD},
            *self._remarks(fills[0], key),
        )

    def explain_mirror(self, table: str, key: Key) -> MirrorExplanation | None:
        """Return what a mirror row comes from; None if there is no such row. Raises FatalError EVD-103 as above."""
        schema, _, name = table.partition(".")
        ref = MirrorRef(schema, name)
        mirror = read_mirrors(self._connection, (ref,)).get(ref)
        if mirror is None:
            raise FatalError("EVD-103", f"there is no mirror {table}")
        if len(key) != len(mirror.key):
            raise FatalError("EVD-103", f"the key of {table} is {', '.join(mirror.key)}")
        row = source_row(self._connection, mirror, key)
        if row is None:
            return None
        stamps = {name: row.pop(name) for name in ("_offset", "_source_ts")}
        return MirrorExplanation(table, key, row, stamps, *self._event(schema, stamps["_offset"]))

    def _event(self, schema: str, offset: Any) -> tuple[Found | None, str | None, str | None]:
        """Return the event at an offset of a source's stream, the file that has it, and why nobody can read it."""
        place = (f"cdc.{schema}", int(offset or 0))
        try:
            event = find_event(self._opener, *place, self._kinds[schema])
        except ShreddedError as gone:
            return None, None, str(gone)
        return event, None if event else find_archived(self._connection, *place), None

    def _fills(self, table: str) -> tuple[Plan, list[Fill]]:
        for plan in self._plans:
            fills = [fill for fill in plan.fills if str(fill.target) == table]
            if fills:
                return plan, fills
        raise FatalError("EVD-113", table)

    def _parts(self, plan: Plan, fills: list[Fill], key: Key, row: Mapping[str, Any]) -> Iterator[Part]:
        """Yield the source row that a canonical row was made of, or all that contribute to it."""
        steps = {step.mapping.name: step for step in plan.steps}
        for fill in (fill for fill in fills if fill.name == literal(row["_mapping"]) and row["_mapping"] in steps):
            yield self._part(steps[row["_mapping"]], fill, row)
        for merge in (merge for merge in plan.merges if merge.fill in fills):
            for contribution in merge.contributions:
                for said in _contributed(self._connection, contribution, key):
                    yield self._part(steps[said["_mapping"]], contribution, said)

    def _part(self, step: Step, output: Fill | Contribution, row: Mapping[str, Any]) -> Part:
        ref, deleted = step.source.ref, row["_deleted"] == "true"
        inputs = self._inputs(step, row["_source_key"], deleted=deleted)
        rules = tuple(
            Rule(
                one.column,
                one.field,
                one.rule,
                one.code_set,
                one.units,
                {_named(step, use): inputs.get(use) for use in one.uses},
                row.get(one.column),
            )
            for one in self._origins
            if (one.table, one.mapping) == (str(output.target), step.mapping.name) and one.column != ROWS
        )
        event = self._event(ref.schema, row["_source_offset"])
        return Part(step.mapping.name, f"{ref.schema}.{ref.table}", tuple(row["_source_key"]), deleted, *event, rules)

    def _inputs(self, step: Step, source_key: Sequence[str], *, deleted: bool) -> Mapping[tuple[str, str], str | None]:
        """Return what the mapping reads of the row and its look-ups, by (look-up, column), as PostgreSQL prints it."""
        within = step.source.has_key("x", f"({literals(source_key)})")
        for gone in (deleted, not deleted):
            if gone and not step.keeps_deleted:
                continue
            query = select_range(step, gone, False, within).decode()
            names = [f"c{place}" for place in range(FIXED_COLUMNS + len(step.mapping.inputs) + 2 * step.keeps_unmarked)]
            shown = ", ".join(f"{name}::text" for name in names[FIXED_COLUMNS:][: len(step.mapping.inputs)]) or "NULL"
            found = self._connection.execute(
                f"SELECT ARRAY[{shown}] FROM ({query}) q ({', '.join(names)})".encode()
            ).fetchone()
            if found is not None:
                pairs = zip(step.mapping.inputs, found[0], strict=True) if step.mapping.inputs else ()
                return {(one.alias, one.column): value for one, value in pairs if one.column is not None}
        return {}

    def _version(self, digest: str) -> Version:
        row = self._connection.execute(
            "SELECT version, activated_at, ARRAY(SELECT jsonb_object_keys(signatures) ORDER BY 1) FROM cdc.dictionary"
            " WHERE digest = %s",
            (digest,),
        ).fetchone()
        version, activated_at, signatures = row or ("", None, ())
        return Version(digest, version, activated_at, tuple(signatures), digest == self._dictionary.digest)

    def _remarks(self, fill: Fill, key: Key) -> tuple[tuple[str, ...], Any]:
        """Return the warnings and the conflicts that stand on the row."""
        there = {name for name in (WARNINGS, CONFLICTS) if name in fill.columns}
        picked = ", ".join(quoted(name) if name in there else "NULL" for name in (WARNINGS, CONFLICTS))
        query = f"SELECT {picked} FROM {fill.canonical} c WHERE {has_key(fill)}"
        row = self._connection.execute(query.encode(), {"key": list(key)}).fetchone()
        warnings, conflicts = row or (None, None)
        return tuple(map(str, warnings or ())), conflicts


def _one_row(connection: Connection, fill: Fill, key: Key) -> Mapping[str, Any] | None:
    """Return the row with a key; there is none with a key that is no value of its columns."""
    names = (*fill.columns, *_STAMPS)
    try:
        with connection.transaction():
            return next(_rows(connection, fill.canonical, names, has_key(fill), {"key": list(key)}), None)
    except psycopg.DataError:
        return None


def _contributed(connection: Connection, contribution: Contribution, key: Key) -> Iterator[Mapping[str, Any]]:
    where = f"c._mapping = {contribution.name} AND {has_key(contribution)}"
    stamps = ("_mapping", "_source_key", "_source_offset", "_deleted")
    yield from _rows(connection, contribution.stored, (*contribution.columns, *stamps), where, {"key": list(key)})


def _rows(
    connection: Connection, table: str, names: Sequence[str], where: str, parameters: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield rows with their values as text, but the key of the source row, which is one of texts."""
    values = ", ".join(f"c.{quoted(name)}::text" for name in names)
    query = f"SELECT ARRAY[{values}], c._source_key FROM {table} c WHERE {where} ORDER BY c._source_key"
    for row, source_key in connection.execute(query.encode(), parameters).fetchall():
        yield {**dict(zip(names, row, strict=True)), "_source_key": source_key}


def _named(step: Step, use: tuple[str, str]) -> str:
    alias, column = use
    ref = step.source.ref
    return f"{alias}.{column}" if alias else f"{ref.schema}.{ref.table}.{column}"

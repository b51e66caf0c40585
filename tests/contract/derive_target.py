"""Small worlds for deriving: mirrors made by hand, mappings that copy columns, and the sessions that derive them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.types.json import Jsonb

from cdc.derive.bind import bind, mirror_refs
from cdc.derive.ddl import plan_target
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.names import columns, quoted
from cdc.derive.turn import Version, run_turn
from transforms.domain import group_mappings
from transforms.errors import Refused
from transforms.mapping import Column, Fold, Input, Lookup, Mapping, MirrorRef, Reference, Target


def copying(
    name: str,
    source: MirrorRef,
    table: str,
    values: dict[str, tuple[str, str, str]],
    key: tuple[str, ...],
    lookups: tuple[Lookup, ...] = (),
    references: tuple[Reference, ...] = (),
) -> Mapping:
    """Return a mapping that copies: `values` are canonical column to (alias, mirror column, type)."""
    schema, _, base = table.partition(".")
    searched = [("", match.source_column) for lookup in lookups for match in lookup.match]
    counts = [(lookup.alias, None) for lookup in lookups]
    inputs = tuple(dict.fromkeys([*((alias, column) for alias, column, _ in values.values()), *searched, *counts]))
    places = [inputs.index((alias, column)) for alias, column, _ in values.values()]

    def normalise(row):
        for lookup in lookups:
            if row[inputs.index((lookup.alias, None))] != 1 and lookup.missing:
                wanted = tuple(row[inputs.index(("", match.source_column))] for match in lookup.match)
                raise Refused(lookup.missing, lookup.alias, "", str(lookup.mirror), wanted)
        return ((tuple(row[place] for place in places),),)

    target = Target(
        schema,
        base,
        tuple(Column(column, kind, column in key) for column, (_, _, kind) in values.items()),
        key,
        references,
        "delete",
    )
    return Mapping(name, source, lookups, tuple(Input(*value) for value in inputs), (target,), normalise)


class SmallWorld:
    """A target with mirrors, landed into by hand; every domain of the mappings has a deriving session."""

    def __init__(
        self, dsn: str, ddl: dict[MirrorRef, str], mappings: Iterable[Mapping], folds: Iterable[Fold] = ()
    ) -> None:
        self.dsn, self.batch = dsn, dict.fromkeys((ref.schema for ref in ddl), 0)
        self.land = psycopg.connect(dsn, autocommit=True)
        for ref, text in ddl.items():
            self._create(ref, text)
        self.land.cursor().executemany(
            "INSERT INTO cdc.position (stream, source, generations) VALUES (%s, %s, 1)",
            [(f"cdc.{source}", source) for source in self.batch],
        )
        self.sessions: dict[str, tuple] = {}
        self.use(mappings, folds=folds)

    def _create(self, ref: MirrorRef, text: str) -> None:
        for schema, more in ((ref.schema, ""), (f"{ref.schema}_deleted", ", _deleted_offset bigint, _deleted_ts text")):
            self.land.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            self.land.execute(
                f"CREATE TABLE {quoted(schema, ref.table)} ({text}, _offset bigint DEFAULT 1, _source_ts timestamptz"
                f"{more.replace('text', 'timestamptz')})"
            )

    def use(self, mappings: Iterable[Mapping], digest: str = "one", folds: Iterable[Fold] = ()) -> None:
        """Work with another dictionary from now on."""
        self.close_sessions()
        self.domains, self.digest = group_mappings(tuple(mappings), tuple(folds)), digest
        self.mirrors = read_mirrors(self.land, tuple(ref for domain in self.domains for ref in mirror_refs(domain)))

    def plan(self) -> list[str]:
        return [statement.title for statement in plan_target(self.land, self.domains, self.mirrors)]

    def apply(self) -> list[str]:
        """Make the target ready, as one transaction."""
        with self.land.transaction():
            statements = plan_target(self.land, self.domains, self.mirrors)
            for statement in statements:
                self.land.execute(statement.text.encode())
        return [statement.title for statement in statements]

    def insert(self, ref: MirrorRef, *rows: dict) -> None:
        """Land rows, in one batch; a row with a key that is there replaces it."""
        with self.land.transaction():
            self.batch[ref.schema] += 1
            for row in rows:
                self._write(ref, row)
            self.land.execute(
                "UPDATE cdc.position SET batch = %s WHERE source = %s", (self.batch[ref.schema], ref.schema)
            )

    def _write(self, ref: MirrorRef, row: dict) -> None:
        mirror = self.mirrors[ref]
        key = [str(row[name]) for name in mirror.key]
        named = self.land.execute("SELECT name FROM cdc.watched_column WHERE mirror = %s", (str(ref),)).fetchall()
        old = None
        for values in self.land.execute(
            f"SELECT {', '.join(quoted(name).replace('%', '%%') + '::text' for (name,) in named) or '1'}"
            f" FROM {mirror.name.replace('%', '%%')} x WHERE {mirror.key_text('x').replace('%', '%%')} = %s::text[]",
            (key,),
        ).fetchall():
            old = Jsonb({name: value for (name,), value in zip(named, values, strict=False)})
        self.land.execute(
            "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) VALUES (%s, %s, %s, %s, 'u', %s)",
            (f"cdc.{ref.schema}", self.batch[ref.schema], str(ref), key, old),
        )
        self.land.execute(
            f"INSERT INTO {mirror.name} ({columns(row)}) VALUES (".replace("%", "%%")
            + ", ".join(["%s"] * len(row))
            + f") ON CONFLICT ({columns(mirror.key)}) DO UPDATE SET ".replace("%", "%%")
            + ", ".join(f"{quoted(name)} = excluded.{quoted(name)}".replace("%", "%%") for name in row),
            tuple(row.values()),
        )

    def derive(self, *, without: str = "") -> None:
        """Derive every domain until there is nothing to do, but the one called `without`."""
        names = tuple(mapping.name for domain in self.domains for mapping in domain.mappings)
        version = Version(self.digest, self.digest, "{}", tuple(domain.name for domain in self.domains), names)
        for domain in (domain for domain in self.domains if domain.name != without):
            connection, plan, epoch = self.session(domain)
            while run_turn(connection, plan, version, epoch):
                pass

    def session(self, domain) -> tuple:
        """Return a domain's deriving connection, plan and epoch."""
        if domain.name not in self.sessions:
            connection = psycopg.connect(self.dsn, autocommit=True)
            plan = bind(domain, self.digest, self.mirrors)
            open_session(connection, plan)
            while not (epoch := take_lease(connection, plan)):
                pass
            self.sessions[domain.name] = connection, plan, epoch
        return self.sessions[domain.name]

    def rows(self, query: str) -> list[tuple]:
        return self.land.execute(query.encode()).fetchall()

    def held(self) -> list[tuple]:
        return self.rows("SELECT mapping, source_key, code FROM cdc.held ORDER BY 1, 2")

    def close_sessions(self) -> None:
        for connection, *_ in self.sessions.values():
            connection.close()
        self.sessions.clear()


@contextmanager
def small_world(
    dsn: str, ddl: dict[MirrorRef, str], mappings: Iterable[Mapping], folds: Iterable[Fold] = ()
) -> Iterator[SmallWorld]:
    """Make a world with its target applied; it is closed afterwards."""
    world = SmallWorld(dsn, ddl, mappings, folds)
    try:
        world.apply()
        yield world
    finally:
        world.close_sessions()
        world.land.close()

"""A random domain under two dictionaries in turn: worlds in which one is put in force in the place of the other."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace

import psycopg

from cdc.activate.activation import Activation
from cdc.activate.edition import Change, Edition
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.ddl import plan_target
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.turn import Version, run_turn
from tests.contract.derive_model import Held, Outcome, Row, evaluate
from tests.contract.derive_world import TEXT, Landing, RandomDomain
from tests.owner import disarm
from transforms.domain import group_mappings
from transforms.errors import Refused
from transforms.mapping import Column, Fold, Mapping

OTHER = "oth"
"""What another dictionary says where the first one says `ok`."""


def edition(digest: str, mappings: tuple[Mapping, ...], folds: tuple[Fold, ...]) -> Edition:
    """Return mappings and folds as a version."""
    domains = tuple(domain.name for domain in group_mappings(mappings, folds))
    names = (*(mapping.name for mapping in mappings), *map(str, folds))
    return Edition(Version(digest, digest, "{}", domains, names), mappings, folds)


def altered(schema: RandomDomain, pick: random.Random) -> tuple[Edition, Edition, Change]:
    """Return the domain as it is, another version of it, and what can come out otherwise by itself."""
    old = edition("old", schema.mappings, schema.folds)
    mappings, changed, tables = list(schema.mappings), set[str](), set[str]()
    for place, mapping in enumerate(mappings):
        if pick.random() < 0.5:
            mappings[place] = pick.choice(ALTERATIONS)(mapping, pick)
            changed.add(mapping.name)
            tables |= {str(target) for target in (*mapping.targets, *mappings[place].targets)}
    gone = removable(mappings)
    if gone and pick.random() < 0.3:
        mapping = pick.choice(gone)
        mappings.remove(mapping)
        tables |= {str(target) for target in mapping.targets}
    new = edition("new", tuple(mappings), schema.folds)
    return old, new, Change(frozenset(changed), frozenset(tables))


def removable(mappings: list[Mapping]) -> list[Mapping]:
    """Return the mappings of which nothing else needs the tables."""
    needed = {(one.schema, one.table) for other in mappings for target in other.targets for one in target.references}
    return [
        mapping
        for mapping in mappings
        if not any(target.contributes or (target.schema, target.table) in needed for target in mapping.targets)
    ]


def saying_otherwise(mapping: Mapping, pick: random.Random) -> Mapping:
    """Let a column have another value: a synonym that means another code."""
    first, value = mapping.normalise, pick.choice((0, 1, 2))

    def normalise(row):
        outcome = first(row)
        if outcome is None or row[0] not in (value, str(value)):
            return outcome
        return tuple(tuple(tuple(OTHER if one == "ok" else one for one in each) for each in rows) for rows in outcome)

    return replace(mapping, normalise=normalise)


def refusing_others(mapping: Mapping, pick: random.Random) -> Mapping:
    """Let other rows be held or filtered than before."""
    first, place, filtered = mapping.normalise, pick.randrange(len(mapping.inputs)), pick.random() < 0.5

    def normalise(row):
        if row[place] in (1, "1"):
            if filtered:
                return None
            raise Refused("COD-202", "x")
        return first(row)

    return replace(mapping, normalise=normalise)


def with_a_column(mapping: Mapping, _: random.Random) -> Mapping:
    """Let the first table have a column more."""
    first, target = mapping.normalise, mapping.targets[0]
    if target.contributes:
        return mapping

    def normalise(row):
        outcome = first(row)
        if outcome is None:
            return None
        return (tuple((*each[:place], "more", *each[place:]) for each in outcome[0]), *outcome[1:])

    place = len(target.columns) - (target.columns[-1].name == "_warnings")  # which stands last
    columns = (*target.columns[:place], Column("more", TEXT, False), *target.columns[place:])
    wider = replace(target, columns=columns)
    return replace(mapping, targets=(wider, *mapping.targets[1:]), normalise=normalise)


def with_another_type(mapping: Mapping, _: random.Random) -> Mapping:
    """Let a column of the first table have another type."""
    target = mapping.targets[0]
    if target.contributes:
        return mapping
    listed = tuple(replace(one, type="text") if one.name == "s" else one for one in target.columns)
    return replace(mapping, targets=(replace(target, columns=listed), *mapping.targets[1:]))


def with_fewer_references(mapping: Mapping, _: random.Random) -> Mapping:
    """Let rows of the first table wait for nothing."""
    free = replace(mapping.targets[0], references=())
    return replace(mapping, targets=(free, *mapping.targets[1:]))


ALTERATIONS: list[Callable[[Mapping, random.Random], Mapping]] = [
    saying_otherwise,
    saying_otherwise,
    refusing_others,
    refusing_others,
    with_a_column,
    with_another_type,
    with_fewer_references,
]


class Played:
    """A target with one random domain, the landing of its sources, and the turns of the dictionary in force."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.dsn, self.schema, self.pick = dsn, RandomDomain(seed), random.Random(seed)
        self.land = psycopg.connect(dsn, autocommit=True)
        self.land.execute("SET client_min_messages = warning")
        self._forget_others()
        self.land.execute(self.schema.ddl().encode())
        self.old, self.new, self.change = altered(self.schema, self.pick)
        self.force = self.old
        self.sessions: list[tuple] = []
        for edition in (self.old, self.new):
            self.land.execute(
                "INSERT INTO cdc.dictionary (digest, version, content) VALUES (%s, '1', '{}') ON CONFLICT DO NOTHING",
                (edition.digest,),
            )
        self.land.execute("INSERT INTO cdc.active (digest) VALUES ('old')")
        for source in sorted({ref.schema for ref in self.schema.types}):
            self.land.execute(
                "INSERT INTO cdc.position (stream, source, generations) VALUES (%s, %s, 1)", (f"cdc.{source}", source)
            )
        refs = tuple(self.schema.types)
        for statement in plan_target(self.land, self.old.domains(), read_mirrors(self.land, refs)):
            self.land.execute(statement.text.encode())
        self.landing = Landing(self.schema, seed, {})
        self._watch()
        self.land.execute(self.landing.fill().encode())

    def _forget_others(self) -> None:
        disarm(self.land)  # the ledger goes with the positions
        names = "active, derive_queue, held, watermark, domain, stale, changed_key, position, watched_column"
        self.land.execute(f"TRUNCATE {', '.join(f'cdc.{name}' for name in names.split(', '))} CASCADE")
        self.land.execute("TRUNCATE cdc_shadow.activation, cdc_shadow.held, cdc_shadow.watermark, cdc_shadow.domain")

    def _watch(self) -> None:
        """Let landing know what is looked up: it reads that with each batch."""
        self.landing.watched.clear()
        for mirror, name in self.land.execute("SELECT mirror, name FROM cdc.watched_column").fetchall():
            self.landing.watched.setdefault(mirror, []).append(name)

    def land_some(self) -> None:
        """Land a batch."""
        self._watch()
        self.land.execute(self.landing.land().encode())

    def connect(self, application: str) -> psycopg.Connection:
        """Open a session of an activation."""
        return psycopg.connect(self.dsn, application_name=application)

    def forget_unlogged(self) -> None:
        """Empty what is unlogged, as the recovery of a target does that was killed."""
        query = "SELECT oid::regclass::text FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'"
        for (name,) in self.land.execute(query.encode()).fetchall():
            self.land.execute(f"TRUNCATE {name}".encode())

    def activation(self) -> Activation:
        """Return the activation of the version that is not in force."""
        other = self.new if self.force is self.old else self.old
        return Activation(self.connect, self.force, other, self.change, "test")

    def turn(self) -> None:
        """Derive every domain of the dictionary in force, as a worker does that begins or goes on."""
        if not self.sessions:
            for domain in self.force.domains():
                plan = bind(domain, self.force.digest, read_mirrors(self.land, mirror_refs(domain)))
                connection = psycopg.connect(self.dsn, autocommit=True)
                open_session(connection, plan)
                while not (epoch := take_lease(connection, plan)):
                    pass
                self.sessions.append((connection, plan, epoch))
        for connection, plan, epoch in self.sessions:
            run_turn(connection, plan, self.force.version, epoch)

    def end_sessions(self) -> None:
        """End the worker."""
        for connection, *_ in self.sessions:
            connection.close()
        self.sessions.clear()

    def close(self) -> None:
        self.end_sessions()
        self.land.close()

    def put_in_force(self) -> None:
        """Note that the other version is in force now."""
        self.force = self.new if self.force is self.old else self.old
        self.end_sessions()

    def expected(self) -> Outcome:
        """Return D of the mirrors as they are, by the version in force."""
        return evaluate(self.force.mappings, self.landing.world, self.force.folds)

    def found(self) -> Outcome:
        """Return what consumers read."""
        outcome = Outcome({name: set() for name in self.force.filled()}, {})
        for name, target in self.force.filled().items():
            names = ", ".join(f'"{column.name}"' for column in target.columns)
            table = f'"{target.schema}"."{target.table}"'
            text = f"SELECT _mapping, _source_key, _source_offset, _deleted, {names} FROM {table}"
            for mapping, key, offset, deleted, *found in self.land.execute(text.encode(), prepare=False).fetchall():
                values = [json.dumps(value, sort_keys=True) if isinstance(value, list) else value for value in found]
                outcome.canonical[name].add(Row(tuple(values), mapping, tuple(key), offset, deleted))
        text = "SELECT mapping, source_key, code, waits_for, waits_key FROM cdc.held"
        for mapping, key, code, waits_for, waits_key in self.land.execute(text.encode(), prepare=False).fetchall():
            outcome.held[mapping, tuple(key)] = Held(code, waits_for, None if waits_key is None else tuple(waits_key))
        return outcome

"""Histories: landed from a stream, derived from what landing keeps, and what becomes of them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cdc.capture.contract import Contract
from cdc.capture.keyless import as_keyless
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.ddl import mirrors_of, plan_target
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.plan import Plan
from cdc.derive.turn import Version, run_turn
from cdc.errors import FatalError
from cdc.land.contract.in_force import read_contracts_in_force
from tests.contract.cdc.land.history import History
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, column, item, pair
from tests.contract.derive_target import copying
from tests.unit.cdc.stream.wire import PostgresWire
from transforms.domain import Domain, group_mappings
from transforms.history import history_of
from transforms.mapping import Lookup, Mapping, Match, MirrorRef

ITEM, PAIR = MirrorRef("src", "item"), MirrorRef("src", "pair")
VALUES = {"id": ("", "id", "integer"), "name": ("", "name", "text"), "qty": ("", "qty", "numeric(10,2)")}
HISTORY = "SELECT id, name, valid_from IS NULL, valid_to IS NULL, _old_key FROM hall.item_history ORDER BY id, _version"


def items() -> Mapping:
    mapping = copying("items", ITEM, "hall.item", VALUES, ("id",))
    (target,) = mapping.targets
    return replace(mapping, targets=(replace(target, history="hall.item_history"),))


def domain_of(*mappings: Mapping) -> Domain:
    found = [*mappings, *(history for mapping in mappings if (history := history_of(mapping)))]
    (domain,) = group_mappings(tuple(found))
    return domain


class Deriving:
    """What `cdc target apply` and the derive worker do for one domain, beside a landing."""

    def __init__(self, dsn: str, stage: Stage, domain: Domain) -> None:
        self.dsn, self.stage, self.domain = dsn, stage, domain
        self.session: tuple[psycopg.Connection, Plan, int] | None = None

    def apply(self) -> list[str]:
        with self.stage.connection.transaction():
            mirrors = mirrors_of(read_contracts_in_force(self.stage.connection, "src"))
            statements = plan_target(self.stage.connection, (self.domain,), mirrors)
            for statement in statements:
                self.stage.connection.execute(statement.text.encode())
        return [statement.title for statement in statements]

    def derive(self) -> None:
        if self.session is None:
            connection = psycopg.connect(self.dsn, autocommit=True)
            mirrors = read_mirrors(connection, mirror_refs(self.domain))
            plan = bind(self.domain, "one", mirrors)
            open_session(connection, plan)
            while not (epoch := take_lease(connection, plan)):
                pass  # the server has not noticed yet that the old session is gone
            self.session = connection, plan, epoch
        connection, plan, epoch = self.session
        names = tuple(mapping.name for mapping in self.domain.mappings)
        version = Version("one", "1", "{}", (self.domain.name,), names)
        while run_turn(connection, plan, version, epoch):
            pass

    def close(self) -> None:
        if self.session is not None:
            self.session[0].close()
        self.session = None


@contextmanager
def deriving(dsn: str, stage: Stage, *mappings: Mapping) -> Iterator[Deriving]:
    found = Deriving(dsn, stage, domain_of(*mappings))
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def stage(target_dsn: str) -> Iterator[Stage]:
    stage = Stage(target_dsn, "src", CONTRACTS)
    yield stage
    stage.connection.close()


def test_a_history_has_every_version_from_its_beginning_on(target_dsn: str, stage: Stage) -> None:
    wire = PostgresWire()
    wire.start_snapshot()
    wire.snapshot("item", "id", item(1, "a"), "first")
    wire.snapshot("item", "id", item(2, "b"), "last")
    stage.land(wire.records)
    with deriving(target_dsn, stage, items()) as target:
        assert "keep all versions of src.item from now on; nothing of src lands meanwhile" in target.apply()
        assert target.apply() == []
        target.derive()
        assert stage.query(HISTORY) == [(1, "a", True, True, None), (2, "b", True, True, None)]
        wire.begin()
        wire.update("item", "id", item(1, "a2"))
        wire.update("item", "id", item(1, "a3"))
        wire.end()
        wire.begin()
        wire.update("item", "id", item(1, "a4"))
        wire.delete("item", "id", item(2, "b"))
        wire.end()
        wire.begin()
        wire.insert("item", "id", item(2, "b2"))
        wire.change_key("item", "id", item(1, "a4"), item(3, "a4"))
        wire.end()
        stage.land(wire.records)
        target.derive()
    assert stage.query(HISTORY) == [
        (1, "a", True, False, None),
        (1, "a3", False, False, None),
        (1, "a4", False, False, None),
        (2, "b", True, False, None),
        (2, "b2", False, True, None),
        (3, "a4", False, True, "1"),
    ]
    assert stage.query("SELECT id, name FROM hall.item ORDER BY 1") == [(2, "b2"), (3, "a4")]


def versions(stage: Stage) -> list[tuple[Any, ...]]:
    """What the history has to be: the versions in which there was a row, of all that is known."""
    return stage.query(
        "SELECT id, _version, _valid_from, _valid_to, _old_key, name, qty FROM src_change.item"
        " WHERE _op NOT IN ('d', 's') ORDER BY id, _version"
    )


def history(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.query(
        "SELECT id, _version, valid_from, valid_to, _old_key, name, qty FROM hall.item_history ORDER BY id, _version"
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_history_is_the_same_however_it_was_cut_and_derived(target_dsn: str, stage: Stage, seed: int) -> None:
    told, chance = History(seed), random.Random(seed)
    told.play(25)
    stage.database = told.wire.database
    with deriving(target_dsn, stage, items()) as target:
        target.apply()

        def cut() -> bool:
            if chance.random() < 0.1:
                target.derive()
            if chance.random() < 0.02:
                target.close()
            return chance.random() < 0.4

        stage.land_units(told.wire.records, cut)
        target.derive()
        found = history(stage)
        assert found == versions(stage)
        assert len(found) > 10
        stage.query("WITH gone AS (DELETE FROM hall.item_history) UPDATE cdc.domain SET dictionary = NULL RETURNING 1")
        target.derive()
        assert history(stage) == found, "it can be made again of what landing keeps"
        stale = [tuple(key) for (key,) in stage.query("SELECT key FROM cdc.stale")]
        held = stage.query("SELECT source_key, code, waits_for FROM cdc.held WHERE mapping = 'items.history'")
        assert {(key[0],) for key, *_ in held} == {*stale}
        assert {(code, mirror) for _, code, mirror in held} <= {("STL-101", "src.item")}


def test_a_version_outlives_what_it_looked_up(target_dsn: str, stage: Stage) -> None:
    pairs = Lookup("pair", PAIR, (Match("code", "", "name"),), "REF-301")
    values = {**VALUES, "price": ("pair", "qty", "numeric(10,2)")}
    mapping = copying("items", ITEM, "hall.item", values, ("id",), (pairs,))
    mapping = replace(mapping, targets=(replace(mapping.targets[0], history="hall.item_history"),))
    wire = PostgresWire()
    wire.start_snapshot()
    wire.snapshot("pair", "code", pair("a", 1, "5.00"), "first")
    wire.snapshot("item", "id", item(1, "a"), "last")
    with deriving(target_dsn, stage, mapping) as target:
        target.apply()
        stage.land(wire.records)
        target.derive()
        wire.begin()
        wire.delete("item", "id", item(1, "a"))
        wire.delete("pair", "code", pair("a", 1, "5.00"))
        wire.end()
        stage.land(wire.records)
        target.derive()
    assert stage.query("SELECT id, price::text, valid_to IS NULL FROM hall.item_history") == [(1, "5.00", False)]
    assert stage.query("SELECT count(*) FROM cdc.held") == [(0,)]


def test_what_is_no_longer_wanted_stays_and_is_not_taken_up_again(target_dsn: str, stage: Stage) -> None:
    with deriving(target_dsn, stage, items()) as target:
        target.apply()
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    stage.land(wire.records)
    with deriving(target_dsn, stage, copying("items", ITEM, "hall.item", VALUES, ("id",))) as target:
        assert target.apply() == ["keep versions of src.item no longer; those that were kept stay"]
    assert stage.query("SELECT count(*) FROM src_change.item") == [(1,)]
    with deriving(target_dsn, stage, items()) as target, pytest.raises(FatalError, match="earlier history") as caught:
        target.apply()
    assert caught.value.code == "DRV-120"


def test_a_table_without_a_key_has_no_history(target_dsn: str) -> None:
    columns, key, origin = as_keyless("src.heap", (column("name", "name"),), ())
    stage = Stage(target_dsn, "src", (Contract("src.heap", "public.heap", key, origin, columns),))
    mapping = copying("heap", MirrorRef("src", "heap"), "hall.heap", {"name": ("", "name", "text")}, ("name",))
    mapping = replace(mapping, targets=(replace(mapping.targets[0], history="hall.heap_history"),))
    with deriving(target_dsn, stage, mapping) as target, pytest.raises(FatalError, match="without a key") as caught:
        target.apply()
    assert caught.value.code == "DRV-101"
    stage.connection.close()


def test_a_source_with_a_column_of_such_a_name_has_no_history(target_dsn: str) -> None:
    contract = replace(CONTRACTS[0], columns=(*CONTRACTS[0].columns, column("_version", "int")))
    stage = Stage(target_dsn, "src", (contract,))
    with deriving(target_dsn, stage, items()) as target, pytest.raises(FatalError, match="_version") as caught:
        target.apply()
    assert caught.value.code == "DRV-120"
    stage.connection.close()


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%cdc.position%%'"


def test_a_history_begins_behind_the_batch_that_is_being_landed(target_dsn: str, stage: Stage) -> None:
    with (
        psycopg.connect(target_dsn) as landing,
        psycopg.connect(target_dsn, autocommit=True) as onlooker,
        deriving(target_dsn, stage, items()) as target,
    ):
        landing.execute("SELECT FROM cdc.position WHERE stream = 'cdc.src' FOR UPDATE")
        landing.execute("INSERT INTO src.item (id, name, _offset) VALUES (1, 'landed meanwhile', 5)")
        applying = threading.Thread(target=target.apply)
        applying.start()
        while onlooker.execute(WAITING).fetchone() == (0,):
            assert applying.is_alive(), "it did not wait for who was landing"
            time.sleep(0.02)
        landing.commit()
        applying.join(60)
        assert not applying.is_alive()
    assert stage.query("SELECT id, name, _version, _op FROM src_change.item") == [(1, "landed meanwhile", 5, "r")]

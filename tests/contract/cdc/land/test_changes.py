"""Change mirrors: a version for each state that a commit left a row in, the same however the stream was cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cdc.capture.cascade import Cascade
from cdc.errors import FatalError
from cdc.land.contract.in_force import put_in_force
from cdc.land.mirror import writer as mirror_writer
from tests.contract.cdc.land.history import BAD_QTY, UNCHANGED, History
from tests.contract.cdc.land.stage import DATABASES, Stage, recorded
from tests.contract.cdc.land.tables import ITEM, PAIR, column, item, pair
from tests.contract.cdc.land.test_cuts import grown, land
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 15))])
def test_every_cut_of_a_random_history_keeps_the_same_versions(
    new_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    history = History(seed)
    history.play(40)

    def stage() -> Stage:
        return new_stage(changes=["src.item"])

    single = land(stage(), history, lambda: True)
    assert single["src_change.item"]
    assert land(stage(), history, lambda: False) == single
    chance = random.Random(seed)
    monkeypatch.setattr(mirror_writer, "COPY_FROM_ROWS", 0)
    monkeypatch.setattr("cdc.land.transaction.COPY_FROM_ROWS", 0)
    assert land(stage(), history, lambda: chance.random() < 0.3) == single
    monkeypatch.setattr("cdc.land.reader._LARGE_BATCHES", 3)
    assert land(stage(), history, lambda: chance.random() < 0.3, batch_rows=1) == single


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_every_cut_of_a_recorded_stream_keeps_the_same_versions(new_stage: Callable[..., Stage], source: str) -> None:
    contracts = grown(source)

    def stage() -> Stage:
        changes = [contract.mirror for contract in contracts if contract.key_origin != "rows"]
        return new_stage(source, contracts, DATABASES[source], changes=changes)

    first = stage()
    first.land(recorded(source))
    whole = first.state()
    assert any(rows for name, rows in whole.items() if name.startswith(f"{source}_change."))
    for chance in (1.0, 0.3):
        other = stage()
        cuts = random.Random(source)
        other.land_units(recorded(source), lambda: cuts.random() < chance)  # noqa: B023 - used within the turn
        assert other.state() == whole


VERSIONS = "SELECT id, _op, name, note, _old_key FROM src_change.item ORDER BY id, _version"
OVERLAPS = (
    "SELECT count(*) FROM (SELECT _valid_from, _valid_to, lead(_valid_from) OVER w AS next,"
    " lead(id) OVER w IS NULL AS last"
    " FROM src_change.item WINDOW w AS (PARTITION BY id ORDER BY _version)) v"
    " WHERE _valid_to IS DISTINCT FROM next OR _valid_from > _valid_to OR (NOT last AND _valid_to IS NULL)"
)


class Told(History):
    """A history whose values all fit, and what it told of each key: its states in order, each with its version."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.states: dict[int, list[tuple[int, dict[str, Any] | None]]] = {}

    def _row(self, key: int, note: str | None = None) -> dict[str, Any]:
        row = super()._row(key, note)
        return row if row["qty"] != BAD_QTY else {**row, "qty": "7.00"}

    def _transaction(self) -> None:
        first, before = self.wire.next_offset, len(self.wire.records)
        super()._transaction()
        records = self.wire.records[before:]
        row = next((place for place, record in enumerate(records) if b'"op"' in (record.value or b"")), 0)
        if not self.is_postgresql and row > 1:  # a heartbeat has closed what began without rows
            first = records[row].offset
        for key in {*self.states, *self.rows}:
            self._tell(first, key)

    def _send_snapshot(self, keys: list[int], *, whole: bool) -> None:
        before = len(self.wire.records)
        super()._send_snapshot(keys, whole=whole)
        read = [record.offset for record in self.wire.records[before:]]
        for offset, key in zip(read[len(read) - len(keys) :], keys, strict=True):
            self._tell(offset, key)
        for key in self.states.keys() - set(keys) if whole and keys else ():
            self._tell(read[-1], key)

    def _tell(self, version: int, key: int) -> None:
        told = self.states.setdefault(key, [])
        row = self.rows.get(key)
        if row != (told[-1][1] if told else None):
            told.append((version, row))


@pytest.mark.parametrize("seed", [20, 21, 22, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(23, 28))])
def test_the_versions_are_what_the_source_was_after_each_commit(new_stage: Callable[..., Stage], seed: int) -> None:
    history = Told(seed)
    history.play(30)
    stage = new_stage(changes=["src.item"])
    chance = random.Random(seed)
    land(stage, history, lambda: chance.random() < 0.4)
    kept: dict[int, list[tuple[int, dict[str, Any] | None]]] = {}
    columns = "id, _version, _op, name, note, qty::text"
    for key, version, op, *values in stage.query(f"SELECT {columns} FROM src_change.item ORDER BY id, _version"):
        row = None if op == "d" else dict(zip(("name", "note", "qty"), values, strict=True))
        states = kept.setdefault(key, [])
        if row != (states[-1][1] if states else None):  # keys that rows only moved through have versions, too
            states.append((version, row))
    names = ("name", "note", "qty")
    told = {
        key: [(version, row and {name: row[name] for name in names}) for version, row in states]
        for key, states in history.states.items()
    }
    assert {key: states for key, states in kept.items() if states} == {key: v for key, v in told.items() if v}
    assert stage.query(OVERLAPS) == [(0,)]


@pytest.fixture
def stage(new_stage: Callable[..., Stage]) -> Stage:
    return new_stage(changes=["src.item"])


@pytest.fixture
def wire() -> PostgresWire:
    return PostgresWire()


def test_values_that_the_log_left_out_are_whole_in_the_version(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1, note="a long text"))
    wire.end()
    for name in ("b", "c"):
        wire.begin()
        wire.update("item", "id", item(1, name=name, note=UNCHANGED))
        wire.end()
    stage.land(wire.records)
    assert stage.query(VERSIONS) == [
        (1, "c", "a", "a long text", None),
        (1, "u", "b", "a long text", None),
        (1, "u", "c", "a long text", None),
    ]


def test_a_commit_that_leaves_a_row_as_it_was_makes_no_version(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    wire.begin()
    wire.update("item", "id", item(1, name="for a moment"))
    wire.update("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.delete("item", "id", {"id": 2})
    wire.end()
    stage.land(wire.records)
    assert stage.query(VERSIONS) == [(1, "c", "a", "long", None)]
    assert stage.query("SELECT mirror, key FROM cdc.journal_key WHERE mirror = 'src_change.item'") == [
        ("src_change.item", ["1", "0"])
    ]


def test_a_truncate_ends_every_row(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.end()
    wire.begin()
    wire.insert("item", "id", item(3))
    wire.truncate("item")
    wire.insert("item", "id", item(2, name="after"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(VERSIONS) == [
        (1, "c", "a", "long", None),
        (1, "d", "a", "long", None),
        (2, "c", "a", "long", None),
        (2, "u", "after", "long", None),
    ]
    assert stage.query(OVERLAPS) == [(0,)]


def test_a_row_that_was_read_is_valid_since_nobody_knows_when(stage: Stage, wire: PostgresWire) -> None:
    wire.start_snapshot()
    wire.snapshot("item", "id", item(1), "first")
    wire.snapshot("item", "id", item(2), "last")
    stage.land(wire.records)
    assert stage.query("SELECT count(*) FROM src_change.item WHERE _valid_from IS NULL AND _op = 'r'") == [(2,)]
    wire.start_snapshot()
    wire.snapshot("item", "id", item(1), "first")
    wire.snapshot("item", "id", item(3), "last")
    stage.land(wire.records)
    assert stage.query(
        "SELECT id, _op, _valid_from IS NULL, _valid_to IS NULL FROM src_change.item ORDER BY 1, 2 DESC"
    ) == [
        (1, "r", True, True),
        (2, "r", True, False),
        (2, "d", False, True),
        (3, "r", True, True),
    ]


def test_what_a_cascade_does_is_a_version_of_the_commit(new_stage: Callable[..., Stage]) -> None:
    key = Cascade("fk", ("number",), ITEM.source_table, ("id",), "cascade", "cascade")
    stage = new_stage(contracts=(ITEM, replace(PAIR, cascades=(key,))), database="mariadb", changes=["src.pair"])
    wire = MariaWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.insert("pair", "code,number", pair("A", 1))
    wire.insert("pair", "code,number", pair("B", 2))
    wire.end()
    wire.begin()
    changed = wire.next_offset - 1
    wire.change_key("item", "id", item(1), item(5))
    wire.delete("item", "id", item(2))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT code, number, _op, _version, _old_key FROM src_change.pair ORDER BY 1, _version, 2") == [
        ("A", 1, "c", 0, None),
        ("A", 1, "d", changed, None),
        ("A", 5, "c", changed, "{A,1}"),
        ("B", 2, "c", 0, None),
        ("B", 2, "d", changed, None),
    ]


def test_of_a_row_that_is_behind_nothing_is_known_until_it_comes_whole(stage: Stage, wire: PostgresWire) -> None:
    for qty in ("1.50", BAD_QTY, "2.50"):
        wire.begin()
        (wire.insert if qty == "1.50" else wire.update)("item", "id", item(1, qty=qty))
        wire.end()
    stage.land(wire.records)
    found = stage.query("SELECT _op, qty::text, _valid_from < _valid_to FROM src_change.item ORDER BY _version")
    assert found == [("c", "1.50", True), ("s", "1.50", True), ("u", "2.50", None)]


def test_a_column_that_comes_with_a_name_that_versions_have_is_refused(stage: Stage) -> None:
    grown = replace(ITEM, columns=(*ITEM.columns, column("_version", "int")))
    with pytest.raises(FatalError, match="the service has a column") as caught:
        put_in_force(stage.connection, "src", [grown])
    assert caught.value.code == "TGT-110"


def test_tables_that_keep_nothing_have_nothing(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("pair", "code", pair("A", 1))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT count(*) FROM src.pair") == [(1,)]
    assert stage.query("SELECT to_regclass('src_change.pair')") == [(None,)]

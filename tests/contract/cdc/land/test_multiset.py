"""A table without a key: its mirror has every distinct row, as often as the source has it."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture.contract import Contract, from_document, to_document
from cdc.capture.keyless import as_keyless
from cdc.errors import FatalError
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import column
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
_COLUMNS, _KEY, _ORIGIN = as_keyless(
    "src.log", (column("a", "int"), column("note", "text"), column("qty", "qty"), column("seen", "when")), ()
)
LOG = Contract("src.log", "public.log", _KEY, _ORIGIN, _COLUMNS)
Row = tuple[int | None, str | None, str | None]


def document(row: Row) -> dict[str, Any]:
    return {"a": row[0], "note": row[1], "qty": row[2], "seen": None}


class Log:
    """The source's table, and the stream that tells of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.wire: Wire = PostgresWire() if seed % 2 else MariaWire()
        self.rows: Counter[Row] = Counter()

    def play(self, steps: int) -> None:
        self._snapshot()
        for step in range(steps):
            if step == steps // 2:
                self._forget()
                self._snapshot()
            self.wire.begin()
            for _ in range(self.chance.randint(1, 6)):
                self.chance.choices((self._insert, self._delete, self._update, self._truncate), (6, 3, 4, 0.1))[0]()
            self.wire.end()

    def _row(self) -> Row:
        return (
            self.chance.choice([1, 2, None]),
            self.chance.choice(["x", "x:1", "", None]),
            self.chance.choice(["1.00", None]),
        )

    def _insert(self) -> None:
        row = self._row()
        self.rows[row] += 1
        self.wire._row("c", "log", None, None, document(row))

    def _delete(self) -> None:
        if self.rows:
            row = self._one()
            self.wire._row("d", "log", None, document(row), None)

    def _update(self) -> None:
        if self.rows:
            old, new = self._one(), self._row()
            self.rows[new] += 1
            after = document(new)
            if new[1] == old[1] and new[1] is not None and isinstance(self.wire, PostgresWire):
                after["note"] = UNCHANGED
            self.wire._row("u", "log", None, document(old), after)

    def _truncate(self) -> None:
        if isinstance(self.wire, PostgresWire):
            self.rows.clear()
            self.wire.truncate("log")

    def _one(self) -> Row:
        row = self.chance.choice(list(self.rows.elements()))
        self.rows[row] -= 1
        self.rows += Counter()  # drops what is none
        return row

    def _forget(self) -> None:
        """Rows come and go while nobody looks; there has to be one that a snapshot can bring."""
        self.rows = Counter({row: self.chance.randint(1, 3) for row in [*self.rows][::2]}) or Counter([self._row()])

    def _snapshot(self) -> None:
        self.rows = self.rows or Counter([self._row()] * 2)
        rows = list(self.rows.elements())
        self.wire.start_snapshot()
        for place, row in enumerate(rows):
            marker = "last" if place == len(rows) - 1 else "first" if place == 0 else "true"
            self.wire._row("r", "log", None, None, document(row), marker=marker)


def mirror(stage: Stage) -> Counter[Row]:
    return Counter(
        {(a, note, qty): n for a, note, qty, n in stage.query("SELECT a, note, qty::text, _count FROM src.log")}
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_random_history_is_counted_however_it_is_cut(new_stage: Callable[..., Stage], seed: int) -> None:
    log = Log(seed)
    log.play(30)
    states = []
    for chance in (0.0, 1.0, 0.4):
        stage = new_stage(contracts=(LOG,), database=log.wire.database)
        cuts = random.Random(seed)
        limits = {"batch_rows": 1} if chance == 0.4 else {}
        stage.land_units(log.wire.records, lambda: cuts.random() < chance, **limits)  # noqa: B023 - within the turn
        assert mirror(stage) == log.rows
        assert stage.query("SELECT sum(captured - landed - control) FROM cdc.batch") == [(0,)]
        last = stage.query(
            "SELECT DISTINCT ON (key) key::text[], op::text FROM cdc.changed_key, unnest(keys) key"
            " ORDER BY key, batch DESC, changed_key.ctid DESC"
        )
        states.append(stage.query("SELECT _row::text, _count, _offset FROM src.log ORDER BY 1"))
        assert {row for row, _, _ in states[-1]} <= {key[0] for key, op in last if key is not None and op == "u"}
    assert states[0] == states[1] == states[2]


def test_a_column_that_is_added_leaves_older_rows_what_they_are(new_stage: Callable[..., Stage]) -> None:
    wire = PostgresWire()
    stage = new_stage(contracts=(LOG,))
    wire._row("r", "log", None, None, document((1, "x", None)), marker="last")
    stage.land(wire.records)
    wider = dataclasses.replace(LOG, columns=(*LOG.columns[:-2], column("more", "name"), *LOG.columns[-2:]))
    stage.catalogue = (wider,)
    wire.begin()
    wire._row("d", "log", None, {**document((1, "x", None)), "more": None}, None)
    wire._row("c", "log", None, None, {**document((1, "x", None)), "more": "new"})
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT more, _count FROM src.log") == [("new", 1)]


def test_a_row_that_is_not_there_stops_the_stream(new_stage: Callable[..., Stage]) -> None:
    wire = MariaWire()
    stage = new_stage(contracts=(LOG,), database="mariadb")
    wire._row("r", "log", None, None, document((1, "x", None)), marker="last")
    wire.begin()
    wire._row("d", "log", None, document((2, "x", None)), None)
    wire.end()
    with pytest.raises(FatalError, match="LND-110"):
        stage.land(wire.records)


def test_a_row_that_cannot_be_read_stops_the_stream(new_stage: Callable[..., Stage]) -> None:
    wire = MariaWire()
    stage = new_stage(contracts=(LOG,), database="mariadb")
    wire._row("r", "log", None, None, {**document((1, "x", None)), "qty": "much"}, marker="last")
    with pytest.raises(FatalError, match=r"LND-103 .*VAL-101"):
        stage.land(wire.records)


def test_a_table_of_many_columns_has_a_digest(new_stage: Callable[..., Stage]) -> None:
    columns, key, origin = as_keyless("src.log", tuple(column(f"c{n}", "name") for n in range(300)), ())
    wide = Contract("src.log", "public.log", key, origin, columns)
    assert from_document(to_document(wide), "here") == wide
    stage = new_stage(contracts=(wide,), database="mariadb")
    wire = MariaWire()
    for marker in ("first", "last"):
        wire._row("r", "log", None, None, {f"c{n}": str(n) for n in range(300)}, marker=marker)
    stage.land(wire.records)
    assert stage.query("SELECT _count, c299 FROM src.log") == [(2, "299")]


@pytest.mark.parametrize(
    "markers", [("first_in_data_collection", "true", "last"), ("last_in_data_collection", "true", "last")]
)
def test_a_second_attempt_is_known_after_a_restart_though_the_log_stands_still(
    new_stage: Callable[..., Stage], markers: tuple[str, ...]
) -> None:
    """The first table is empty, so no row says that a snapshot begins; worker and connector are both started again."""
    stage = new_stage(contracts=(LOG,), database="mariadb")
    wire = MariaWire()
    for count in (1, 3):
        for number, marker in enumerate(markers[:count]):
            wire._row("r", "log", None, None, document((number, "x", None)), marker=marker)
        stage.land(wire.records)
    assert set(mirror(stage).values()) == {1}

"""However the stream is cut into batches, and wherever the worker starts again, the same comes out."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from cdc.land.mirror import writer as mirror_writer
from tests.contract.cdc.land.history import BAD_QTY, History
from tests.contract.cdc.land.stage import DATABASES, Stage, contracts_of, recorded, with_column
from tests.contract.cdc.land.tables import column

MIRROR = "SELECT id, name, note, qty::text FROM src.item WHERE NOT id = ANY(%s) ORDER BY id"


def expected(history: History, stale: list[int]) -> list[tuple[Any, ...]]:
    rows = [row for key, row in sorted(history.rows.items()) if key not in stale]
    assert all(row["qty"] != BAD_QTY for row in rows), "every row behind the source is marked"
    return [(row["id"], row["name"], row["note"], row["qty"]) for row in rows]


def land(stage: Stage, history: History, cut: Callable[[], bool], **limits: Any) -> dict[str, Any]:
    stage.database = history.wire.database
    stage.land_units(history.wire.records, cut, **limits)
    stale = [int(key[0]) for (key,) in stage.query("SELECT key FROM cdc.stale")]
    assert stage.query(MIRROR, stale) == expected(history, stale)
    last = stage.query(
        "SELECT DISTINCT ON (key) key[1]::int, op::text FROM cdc.journal_key WHERE key IS NOT NULL"
        " ORDER BY key, batch DESC, op DESC"
    )
    held = {key for (key,) in stage.query("SELECT id FROM src.item")}
    assert {key for key, op in last if op == "u"} >= held
    return stage.state()


@pytest.mark.parametrize("seed", range(15))
def test_every_cut_of_a_random_history_gives_the_same(
    new_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    history = History(seed)
    history.play(40)
    whole = land(new_stage(), history, lambda: False)
    single = land(new_stage(), history, lambda: True)
    assert single == whole
    chance = random.Random(seed)
    monkeypatch.setattr(mirror_writer, "COPY_FROM_ROWS", 0)
    monkeypatch.setattr("cdc.land.transaction.COPY_FROM_ROWS", 0)
    assert land(new_stage(), history, lambda: chance.random() < 0.3) == whole
    monkeypatch.setattr("cdc.land.reader._LARGE_BATCHES", 3)
    in_parts = new_stage()
    assert land(in_parts, history, lambda: chance.random() < 0.3, batch_rows=1) == whole
    assert in_parts.query("SELECT count(*) > 0 FROM cdc.unit WHERE first_batch < batch") == [(True,)]


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_every_cut_of_a_recorded_stream_gives_the_same(new_stage: Callable[..., Stage], source: str) -> None:
    contracts = grown(source)
    stages = [new_stage(source, contracts, DATABASES[source]) for _ in range(1)]
    stages[0].land(recorded(source))
    whole = stages[0].state()
    for chance in (1.0, 0.5, 0.2):
        stage = new_stage(source, contracts, DATABASES[source])
        cuts = random.Random(source)
        stage.land_units(recorded(source), lambda: cuts.random() < chance)  # noqa: B023 - used within the turn
        assert stage.state() == whole
    stage = new_stage(source, contracts, DATABASES[source])
    stage.land_units(recorded(source), lambda: True, batch_rows=1)
    assert stage.state() == whole


def grown(source: str) -> Any:
    """Return the reviewed contracts with the column that came while the stream was recorded."""
    if source == "erp":
        return with_column(contracts_of(source), "erp.t_Supplier", column("FEmail", "text", default="none"))
    return with_column(contracts_of(source), "mes.mes_wo", column("shift", "name", default="A"))

"""Every bad record of the corpus, landed: nothing around it is lost, and a restart meets the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from cdc.errors import CdcError
from cdc.store.migrate import migrate
from tests.contract.cdc.land.stage import Stage
from tests.corpus.corpus import Case, Stream, cases, contract

LEDGER = "SELECT landed, superseded, filtered, replayed, refused, control FROM cdc.batch WHERE batch > %s"
REFUSED = 'SELECT key, code, detail, record_key, record_value FROM cdc.refused WHERE "offset" = %s'


@dataclass(slots=True)
class Target:
    """One target for all cases: they land one after the other in one stream, each in transactions of its own."""

    stage: Stage
    transaction: int = 700

    def stream(self, case: Case) -> Stream:
        self.transaction += 10
        self.stage.query("DELETE FROM src.specimen RETURNING id")
        return Stream(self.stage.position.next_offset, self.transaction).build(case)

    def ids(self) -> list[int]:
        return [number for (number,) in self.stage.query("SELECT id FROM src.specimen ORDER BY id")]

    def fates(self, after: int) -> tuple[Any, ...]:
        """Return the sums of landed, superseded, filtered, replayed, refused and control of the batches after one."""
        return tuple(map(sum, zip(*self.stage.query(LEDGER, after), strict=True)))


@pytest.fixture(scope="module")
def target(module_dsn: str) -> Iterator[Target]:
    with psycopg.connect(module_dsn) as connection:
        migrate(connection)
    stage = Stage(module_dsn, "src", (contract(),), origin="src")
    yield Target(stage)
    stage.connection.close()


def fate(wanted: str) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases() if case.fate == wanted]


@pytest.mark.parametrize("case", fate("refused"))
def test_a_refused_row_is_kept_byte_for_byte_and_all_others_land(target: Target, case: Case) -> None:
    stream, stage = target.stream(case), target.stage
    batch = stage.position.batch
    stage.land(stream.records)
    bad = stream.record(stream.bad)
    assert target.ids() == [1, 3, 10, 11]
    assert target.fates(batch) == (4, 0, 0, 0, 1, 6)
    assert stage.query(REFUSED, stream.bad) == [(["2"], case.wanted, case.place, bad.key, bad.value)]
    assert stage.query('SELECT key, code, "offset" FROM cdc.stale') == [(["2"], case.wanted, stream.bad)]
    state = stage.state()
    stage.land(stream.records)  # a restart
    assert stage.state() == state
    healed = Case("healed", "taken", {}, replace=(('"note":"a ', '"note":"b '),))
    stage.land(target.stream(healed).records)
    assert stage.query("SELECT * FROM cdc.stale") == []


@pytest.mark.parametrize("case", fate("stopped"))
def test_a_stream_that_stops_has_landed_what_is_before_and_stops_there_again(target: Target, case: Case) -> None:
    stream, stage = target.stream(case), target.stage
    batch = stage.position.batch
    found = []
    for _ in range(2):
        with pytest.raises(CdcError) as stopped:
            stage.land(stream.records, batch_rows=3)
        found.append((stopped.value.code, stopped.value.detail, stage.state()))
    assert found[0] == found[1]
    code, detail, _ = found[0]
    assert code == case.wanted
    assert case.place in detail
    assert case.is_elsewhere or f"offset {stream.bad}" in detail
    assert len(detail) < 400
    # The transaction before has landed; of the one with the bad record nothing has.
    assert target.ids() == [10]
    assert target.fates(batch) == (1, 0, 0, 0, 0, 2)
    assert stage.query("SELECT next_offset FROM cdc.position") == [(stream.before,)]


@pytest.mark.parametrize("case", fate("taken"))
def test_what_only_looks_bad_is_taken(target: Target, case: Case) -> None:
    stream, stage = target.stream(case), target.stage
    batch = stage.position.batch
    stage.land(stream.records)
    assert target.ids() == [1, 2, 3, 10, 11]
    assert target.fates(batch) == (5, 0, 0, 0, 0, 6)
    columns = ", ".join(f"{name}::text" for name in case.wanted) or "1"
    held = stage.query(f"SELECT {columns} FROM src.specimen WHERE id = 2")
    assert held == [tuple(map(str, case.wanted.values())) or (1,)]

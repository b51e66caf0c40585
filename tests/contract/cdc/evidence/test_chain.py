"""A journal that somebody has forged: what the walk finds by itself, and what only an anchor contradicts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

import pytest

from cdc.change import Record
from cdc.evidence.chain import GENESIS, Fault, Verdict, walk
from cdc.land.journal import record_digest
from tests.contract.cdc.evidence.forger import changed, cut_off, execute, forge, with_new_heads
from tests.contract.cdc.land.stage import DATABASES, Stage, contracts_of, recorded, with_column
from tests.contract.cdc.land.tables import column
from tests.owner import disarm

STREAM = "cdc.mes"


@pytest.fixture
def stage(target_dsn: str) -> Iterator[Stage]:
    with closing(Stage(target_dsn, "mes", contracts_of("mes"), DATABASES["mes"])) as stage:
        stage.catalogue = with_column(stage.catalogue, "mes.mes_wo", column("shift", "name", default="A"))
        yield stage


@pytest.fixture
def landed(stage: Stage) -> Stage:
    """A stream in several batches, of one chunk each."""
    stage.land_units(recorded("mes"), lambda: True)
    assert stage.position.batch > 5
    disarm(stage.connection)
    return stage


def walked(stage: Stage, anchors: dict[int, bytes] | None = None) -> Verdict:
    return walk(stage.session.opener(), STREAM, anchors)


def test_what_landed_holds(landed: Stage) -> None:
    verdict = walked(landed)
    assert verdict.fault is None
    assert verdict.batches == landed.position.batch
    assert verdict.records == len(recorded("mes"))


def test_the_head_is_the_same_however_batches_were_cut(stage: Stage) -> None:
    chain = GENESIS
    for record in recorded("mes"):
        chain = hashlib.sha256(chain + record_digest(record)).digest()
    stage.land(recorded("mes"))
    verdict = walked(stage)
    assert verdict.batches < 5
    assert verdict.head.chain == chain


def test_a_changed_record(landed: Stage) -> None:
    forge(landed, 3, changed)
    fault = walked(landed).fault
    assert fault is not None
    assert (fault.batch, "another head" in fault.what) == (3, True)


def test_a_record_that_is_left_out(landed: Stage) -> None:
    forge(landed, 3, lambda records: records[1:])
    assert walked(landed).fault[:1] == (3,)  # type: ignore[index]


def test_a_record_that_was_never_read(landed: Stage) -> None:
    forge(landed, 3, lambda records: [records[0], *records])
    fault = walked(landed).fault
    assert fault is not None
    assert (fault.batch, "stands behind" in fault.what) == (3, True)


def test_two_records_that_change_places(landed: Stage) -> None:
    def swapped(records: list[Record]) -> list[Record]:
        first, second, *rest = records
        return [first._replace(value=second.value), second._replace(value=first.value), *rest]

    forge(landed, 3, swapped)
    assert walked(landed).fault[:1] == (3,)  # type: ignore[index]


@pytest.mark.parametrize(
    ("table", "found"), [("journal", "batch 3 is not there"), ("batch", "the ledger does not have its batch")]
)
def test_a_batch_that_is_gone(landed: Stage, table: str, found: str) -> None:
    execute(landed, "ALTER TABLE cdc.batch_table DROP CONSTRAINT batch_table_stream_batch_fkey")
    execute(landed, "ALTER TABLE cdc.batch DROP CONSTRAINT batches_abut")
    execute(landed, f"DELETE FROM cdc.{table} WHERE batch = 3")
    fault = walked(landed).fault
    assert fault is not None
    assert fault.what == found


def test_a_chunk_that_cannot_be_read(landed: Stage) -> None:
    execute(landed, r"UPDATE cdc.journal SET chunk = '\x00' WHERE batch = 2")
    fault = walked(landed).fault
    assert fault is not None
    assert (fault.batch, "cannot be read" in fault.what) == (2, True)


def test_a_tail_that_was_cut_off_contradicts_an_anchor_only(landed: Stage) -> None:
    head = walked(landed).head
    cut_off(landed)
    assert walked(landed).fault is None
    fault = walked(landed, {head.offset: head.chain}).fault
    assert fault is not None
    assert "behind the end" in fault.what


def test_a_history_that_was_written_anew_contradicts_an_anchor_only(landed: Stage) -> None:
    ((offset, chain),) = landed.query("SELECT next_offset, chain FROM cdc.journal WHERE batch = 5")
    anchors = {offset: bytes(chain)}
    assert walked(landed, anchors).fault is None
    forge(landed, 3, changed)
    with_new_heads(landed)
    assert walked(landed).fault is None
    fault = walked(landed, anchors).fault
    assert isinstance(fault, Fault)
    assert (fault.batch, "an anchor has another head" in fault.what) == (5, True)

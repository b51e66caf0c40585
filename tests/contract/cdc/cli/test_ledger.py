"""`cdc ledger` and `cdc ledger check`: the sums, and each way in which a ledger can be wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from cdc.cli import ledger
from cdc.config import Target
from cdc.derive.active import dictionary_in_force
from cdc.errors import FatalError
from cdc.land.gap import CODES, note_gap, read_gaps
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.evidence.forger import execute
from tests.contract.cdc.land.stage import Stage
from tests.owner import disarm

# What somebody who owns the database can do, and what is then said of which batch.
DAMAGES = {
    "a batch is gone": ("DELETE FROM cdc.batch WHERE batch = 3", 4, "the batch before it is not there"),
    "a batch ends early": ("UPDATE cdc.batch SET next_offset = next_offset - 1 WHERE batch = 2", 3, "ends at"),
    "a batch begins late": ("UPDATE cdc.batch SET first_offset = first_offset + 1 WHERE batch = 1", 1, "ends at 0"),
    "a fate is missing": ("UPDATE cdc.batch SET landed = landed - 1 WHERE batch = 2", 2, "have a fate"),
    "a table has another count": ("UPDATE cdc.batch_table SET landed = landed + 1 WHERE batch = 4", 4, "other counts"),
    "a table's counts are gone": ("DELETE FROM cdc.batch_table WHERE batch = 2", 2, "other counts"),
    "a refused change is gone": (
        "UPDATE cdc.batch SET landed = 0, refused = 1 WHERE batch = 5;"
        "UPDATE cdc.batch_table SET landed = 0, refused = 1 WHERE batch = 5",
        *(5, "1 changes are refused, 0 are kept"),
    ),
    "records are gone": ("UPDATE cdc.journal SET records = 2 WHERE batch = 3", 3, "the journal has 2"),
    "the last batch is gone": ("DELETE FROM cdc.batch WHERE batch = 5", 5, "the last batch is 4"),
    "the sums were changed": ("UPDATE cdc.position SET captured = captured + 1, landed = landed + 1", 5, "the sums"),
}
CONSTRAINTS = (
    "ALTER TABLE cdc.batch DROP CONSTRAINT batches_abut, DROP CONSTRAINT every_event_is_accounted_for;"
    "ALTER TABLE cdc.batch_table DROP CONSTRAINT batch_table_stream_batch_fkey"
)


def test_the_sums_are_shown_by_stream_and_by_mirror(cdc: Cdc, landed: Stage) -> None:
    done = cdc("ledger", "--tables", "--json")
    assert done.code == 0, done.err
    assert done.document == {
        "streams": [
            {
                "stream": "cdc.src", "batches": 5, "next_offset": landed.position.next_offset, "captured": 15,
                "landed": 5, "superseded": 0, "filtered": 0, "replayed": 0, "refused": 0, "control": 10,
            }
        ],
        "gaps": [],
        "tables": [
            {
                "stream": "cdc.src", "mirror": "src.item", "landed": 5, "superseded": 0, "filtered": 0, "replayed": 0,
                "refused": 0, "cascaded": 0,
            }
        ],
    }  # fmt: skip
    head, line = cdc("ledger").lines
    assert dict(zip(head, line, strict=True))["captured"] == "15"


@pytest.mark.usefixtures("landed")
def test_a_ledger_that_holds(cdc: Cdc) -> None:
    done = cdc("ledger", "check", "cdc.src", "--json")
    assert (done.code, done.document["holds"]) == (0, True)
    assert done.document["streams"] == [one | {"fault": None} for one in cdc("ledger", "--json").document["streams"]]
    assert [one["captured"] for one in done.document["streams"]] == [15]
    assert "The ledger holds." in cdc("ledger", "check", "cdc.src").err


@pytest.mark.usefixtures("landed")
def test_a_check_takes_the_time_it_needs(cdc: Cdc, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[str] = []

    def note(connection: psycopg.Connection, _stream: str) -> None:
        limits.extend(value for (value,) in connection.execute("SHOW statement_timeout").fetchall())

    monkeypatch.setattr("cdc.cli.ledger.check_account", note)
    assert cdc("ledger", "check", "cdc.src").code == 0
    assert limits == ["0"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_named_with_batch_and_offset(cdc: Cdc, landed: Stage, damage: str) -> None:
    statement, batch, said = DAMAGES[damage]
    disarm(landed.connection)
    execute(landed, CONSTRAINTS)
    execute(landed, statement)
    done = cdc("ledger", "check", "cdc.src", "--json")
    (stream,) = done.document["streams"]
    assert (done.code, stream["fault"]["batch"], said in stream["fault"]["what"]) == (3, batch, True), stream
    told = cdc("ledger", "check", "cdc.src")
    assert told.code == 3
    assert f"cdc.src: batch {batch}, offset {stream['fault']['offset']}: " in told.err
    assert "EVD-111" in told.err


@pytest.mark.usefixtures("landed")
def test_a_stream_of_which_nothing_has_landed(cdc: Cdc) -> None:
    done = cdc("ledger", "check", "cdc.nobody")
    assert (done.code, "EVD-112" in done.err) == (1, True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM cdc.batch WHERE batch = 3",
        "UPDATE cdc.batch SET next_offset = next_offset + 1 WHERE batch = 2",
        "UPDATE cdc.batch SET first_offset = first_offset + 1 WHERE batch = 2",
        "UPDATE cdc.batch SET landed = landed + 1 WHERE batch = 2",
        "UPDATE cdc.position SET landed = landed + 1",
    ],
)
def test_the_database_itself_lets_no_batch_be_moved(landed: Stage, statement: str) -> None:
    disarm(landed.connection)
    with pytest.raises(psycopg.errors.IntegrityError):
        execute(landed, statement)


@pytest.mark.usefixtures("landed")
def test_a_gap_stays_on_record(cdc: Cdc, landed: Stage, target: Target) -> None:
    for _ in range(2):  # the next worker finds it again
        note_gap(target, "cdc.src", FatalError("STR-106", "cdc.src offset 15"))
    note_gap(target, "cdc.src", FatalError("LND-105", "cdc.src"))  # that somebody else lands is no gap
    note_gap(target, "cdc.other", FatalError("STR-106", "cdc.other offset 1"))  # nobody ever owned it
    (gap,) = read_gaps(landed.connection)
    assert (gap.stream, gap.batch, gap.offset, gap.code) == ("cdc.src", 5, landed.position.next_offset, "STR-106")
    done = cdc("ledger")
    assert f"gap: cdc.src behind batch 5, at offset {gap.offset}: STR-106 cdc.src offset 15" in done.err
    assert [one["code"] for one in cdc("ledger", "check", "cdc.src", "--json").document["gaps"]] == ["STR-106"]


def test_a_target_that_is_away_keeps_no_gap_and_hides_no_error(target: Target) -> None:
    for code in CODES:
        note_gap(replace(target, port=9), "cdc.src", FatalError(code, "anything"))


def test_a_check_takes_as_long_as_it_takes(cdc: Cdc, landed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session's statements end after five minutes, and one that waits in a transaction after three seconds."""
    seen: list[object] = []
    find = ledger._find

    def load(connection: psycopg.Connection, *arguments: Any) -> Any:
        loaded = dictionary_in_force(connection, *arguments)
        seen.append(connection.info.transaction_status)
        return loaded

    def found(connection: psycopg.Connection, *arguments: Any) -> Any:
        seen.extend(connection.execute("SHOW statement_timeout").fetchone() or ())
        return find(connection, *arguments)

    monkeypatch.setattr(ledger, "dictionary_in_force", load)
    monkeypatch.setattr(ledger, "bound_domains", lambda *_: ())
    monkeypatch.setattr(ledger, "_find", found)
    cdc("ledger", "check")
    assert seen == [TransactionStatus.IDLE, "0"]

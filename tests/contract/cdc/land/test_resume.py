"""A stream that goes on behind what landed last, where its topic has it now: all that is known of it has to agree."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cdc.change import Record
from cdc.errors import FatalError
from cdc.land.last_read import find_last_read, keep_last_read
from cdc.land.position import take_over
from cdc.land.resume import go_on_behind, last_known, pass_over, require_unowned
from cdc.protect.seal import Opener
from cdc.stream.topic import Extent
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import MariaWire

TOPIC = Extent("another", 0, 20)
READ = Record(9, b"key", b"what was read behind it")
POSITION = "SELECT next_offset, read_from, shift, topic_id, last_unit FROM cdc.position"


@pytest.fixture
def opener(target_dsn: str) -> Iterator[Opener]:
    """A stream that was left inside of a transaction of which no row had come; of a record more it is known."""
    wire = MariaWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    wire.begin()
    wire.heartbeat()
    stage = Stage(target_dsn, "src", CONTRACTS, "mariadb")
    stage.land(wire.records)
    keep_last_read(stage.connection, stage.stream, READ)
    stage.connection.close()
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        yield Opener(connection, None)


def rewind(opener: Opener, *places: int | None) -> None:
    go_on_behind(opener, "cdc.src", TOPIC, last_known(opener, "cdc.src"), places, "the test has it so")


def position(opener: Opener) -> tuple[object, ...] | None:
    return opener.connection.execute(POSITION).fetchone()


def test_what_was_read_and_what_had_begun_goes_on_at_its_new_place(opener: Opener) -> None:
    rewind(opener, 2, 4)
    assert position(opener) == (6, 6, 3, "another", "0-1-702")
    assert find_last_read(opener.connection, "cdc.src", 6) == READ._replace(offset=7)


@pytest.mark.parametrize(("places", "said"), [((None, 4), "landed at offset 5"), ((2, None), "read at offset 9")])
def test_a_topic_without_what_is_known_is_not_read_on(
    opener: Opener, places: tuple[int | None, ...], said: str
) -> None:
    before = position(opener)
    with pytest.raises(FatalError, match=f"STR-122 .*{said}"):
        rewind(opener, *places)
    assert position(opener) == before
    assert find_last_read(opener.connection, "cdc.src", 6) == READ


def test_where_the_source_is_says_the_new_snapshot(opener: Opener) -> None:
    """It may be one that was restored: by where its log was before, it would be stopped at once (STR-123)."""
    place = "SELECT source_position FROM cdc.position"
    assert opener.connection.execute(place).fetchone() == ("binlog.000001:104:0",)
    pass_over(opener.connection, "cdc.src", TOPIC, "the test has it so")
    assert opener.connection.execute(place).fetchone() == (None,)


def test_what_has_landed_while_the_topic_was_searched_is_not_stepped_over(opener: Opener) -> None:
    known = last_known(opener, "cdc.src")
    opener.connection.execute("UPDATE cdc.position SET next_offset = next_offset + 3")
    before = position(opener)
    with pytest.raises(FatalError, match=r"STR-120 .*landed up to 9"):
        go_on_behind(opener, "cdc.src", TOPIC, known, (2, 4), "the test has it so")
    assert position(opener) == before


def test_what_stands_before_the_first_batch_is_passed_over(stage: Stage) -> None:
    take_over(stage.connection, "cdc.unread", "unread")
    stage.do("UPDATE cdc.position SET topic_id = 'first', backend_pid = NULL WHERE stream = 'cdc.unread'")
    assert require_unowned(stage.connection, "cdc.unread") == 0
    with pytest.raises(FatalError, match="EVD-112"):
        last_known(Opener(stage.connection, None), "cdc.unread")
    resumed = pass_over(stage.connection, "cdc.unread", TOPIC, "the test has it so")
    assert (resumed.batch, resumed.next_offset, resumed.read_from, resumed.passed_over) == (0, 0, 20, 20)
    assert resumed.new_topic


def test_a_stream_that_nobody_ever_opened_has_no_place_to_move(stage: Stage) -> None:
    with pytest.raises(FatalError, match="EVD-112"):
        pass_over(stage.connection, "cdc.misspelt", TOPIC, "the test has it so")

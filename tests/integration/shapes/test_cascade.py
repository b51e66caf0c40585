"""InnoDB's cascades, of which the log tells nothing: barriers among folded changes of one batch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.integration.shapes.shapes import Shapes

RECORDS = 40
"""Fewer than what the longest test here makes of its statements."""
TABLES = ("depot.whole", "depot.piece_of", "depot.left_by")


@pytest.mark.parametrize("together", [True, False], ids=["one", "many"])
def test_nothing_is_folded_across_it(shapes: Shapes, together: bool) -> None:
    side, base = shapes.sides["depot"], 0 if together else 100
    first, second, third = base + 1, base + 2, base + 3
    do = side.commit if together else side.run
    side.run(
        f"INSERT INTO whole VALUES ({first}, 1), ({second}, 1)",
        f"INSERT INTO piece_of VALUES ({first}, {first}, 1), ({second}, {first}, 1), ({third}, {second}, 1)",
        f"INSERT INTO left_by VALUES ({first}, {first}), ({second}, {second})",
    )
    do(
        # Its pieces go with it; the same keys come back in between and go again.
        f"UPDATE piece_of SET n = 5 WHERE id = {first}",
        f"DELETE FROM whole WHERE id = {first}",
        f"INSERT INTO whole VALUES ({first}, 2)",
        f"INSERT INTO piece_of VALUES ({first}, {first}, 6)",
        f"UPDATE piece_of SET n = 7 WHERE id = {first}",
        f"DELETE FROM whole WHERE id = {first}",
        # Another one takes the key, gets a piece, and passes it on to the next key.
        f"UPDATE whole SET id = {first} WHERE id = {second}",
        f"INSERT INTO piece_of VALUES ({first}, {first}, 8)",
        f"UPDATE piece_of SET whole = NULL WHERE id = {third}",
        f"UPDATE whole SET id = {third} WHERE id = {first}",
        f"UPDATE piece_of SET n = n + 1 WHERE id = {first}",
        f"UPDATE piece_of SET whole = {third} WHERE id = {third}",
    )
    shapes.check(*TABLES)
    pieces = f"SELECT id, whole, n FROM depot.piece_of WHERE id BETWEEN {base} AND {third} ORDER BY id"
    assert shapes.query(pieces) == [(first, third, 9), (third, third, 1)]


def test_truncate_and_cascades_in_one_batch(shapes: Shapes) -> None:
    """Each is a barrier for the other, too: whoever comes with a key after TRUNCATE is another row."""
    side = shapes.sides["depot"]
    side.run(
        "INSERT INTO whole VALUES (201, 1), (202, 1), (203, 1), (204, 1)",
        "INSERT INTO piece_of VALUES (201, 201, 1), (202, 201, 1), (203, 202, 1), (204, 203, 1)",
        "INSERT INTO left_by VALUES (201, 201), (202, 202)",
    )
    shapes.check(*TABLES)
    ((before,),) = shapes.query("SELECT batch FROM cdc.position WHERE source = 'depot'")
    with frozen(shapes):
        side.run("UPDATE mark SET text = 'the worker has asked for this one already'")
        time.sleep(1)  # what is sent with it goes to the worker with it, and is another batch than what follows
        side.run(
            "UPDATE piece_of SET n = 5 WHERE id = 203",
            "DELETE FROM whole WHERE id = 201",
            "TRUNCATE TABLE piece_of",
            "INSERT INTO piece_of VALUES (201, 202, 6), (205, 203, 7)",
            "DELETE FROM whole WHERE id = 202",
            "INSERT INTO piece_of VALUES (201, 203, 8)",
            "UPDATE whole SET id = 206 WHERE id = 203",
            "UPDATE piece_of SET n = n + 1 WHERE id = 201",
            "TRUNCATE TABLE left_by",
            "INSERT INTO left_by VALUES (202, 206), (207, 206)",
            # The parent is emptied, which the children survive, and another row takes the key.
            "SET foreign_key_checks = 0",
            "TRUNCATE TABLE whole",
            "SET foreign_key_checks = 1",
            "INSERT INTO whole VALUES (206, 9)",
            "UPDATE whole SET id = 208 WHERE id = 206",
            "UPDATE left_by SET whole = NULL WHERE id = 202",
        )
        await_end(shapes)
    shapes.check(*TABLES)
    assert shapes.query("SELECT id, whole, n FROM depot.piece_of ORDER BY id") == [(201, 208, 9), (205, 208, 7)]
    assert shapes.query("SELECT id, whole FROM depot.left_by ORDER BY id") == [(202, None), (207, None)]
    assert shapes.query("SELECT id, n FROM depot.whole") == [(208, 9)]
    batches = shapes.query(
        "SELECT batch, count(*), sum(cascaded) > 0 FROM cdc.batch_table WHERE stream = 'cdc.depot'"
        f" AND batch > {before} AND mirror = ANY ('{{{','.join(TABLES)}}}') GROUP BY 1"
    )
    assert [found for _, *found in batches] == [[len(TABLES), True]], "no batch had all of it, or this shows nothing"


@contextmanager
def frozen(shapes: Shapes) -> Iterator[None]:
    """Freeze the land worker for less than its group waits for it."""
    (worker,) = shapes.workers("land")
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def await_end(shapes: Shapes) -> None:
    """Wait until the connector has nothing more to commit: what can be read has grown, and not for a while.

    A transaction of Kafka that is still open would be another batch.
    """
    with closing(
        KafkaConsumer(bootstrap_servers=shapes.env["CDC_KAFKA"], isolation_level="read_committed")
    ) as consumer:
        stream = TopicPartition("cdc.depot", 0)
        begin = shapes.query("SELECT next_offset FROM cdc.position WHERE source = 'depot'")[0][0]
        ends = [-1, 0]
        # On a busy machine the connector may not have begun: each statement is a BEGIN, a row and an END at least.
        while ends[-1] > ends[-2] or ends[-1] < begin + RECORDS:
            time.sleep(0.5)
            ends.append(consumer.end_offsets([stream])[stream])

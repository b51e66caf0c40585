"""A type of PostgreSQL that is changed while the connector stands still: it reads what came before by the new type.

Of an integer that has become a numeric, Debezium 3.7 sends NULL then.
"""

from __future__ import annotations

import dataclasses

import pytest

from tests.integration.runbook import Operator
from tests.integration.shapes.connect import resume, stop
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import stopped


@pytest.mark.timeout(300)
def test_a_larger_number_arrives(fresh: Shapes) -> None:
    change_behind(fresh, "bigint")
    with fresh.running():
        fresh.check("yard.counted")


@pytest.mark.slow  # its page is followed to the end
@pytest.mark.timeout(300)
def test_a_number_of_another_kind_stops_the_stream_and_is_read_anew(fresh: Shapes) -> None:
    change_behind(fresh, "numeric")
    assert "TGT-110 " in stopped(fresh)
    with Operator(fresh, {"SOURCE": "yard"}).doing("TGT-110", 2):
        fresh.until("SELECT generations FROM cdc.position", [(2,)])
        fresh.check("yard.counted")


def change_behind(fresh: Shapes, new: str) -> None:
    """Have the column of a captured table changed, between two rows, while nobody reads the log."""
    side = fresh.keep_only("yard")
    side.run(
        "CREATE TABLE counted (id int PRIMARY KEY, n int)",
        "ALTER PUBLICATION cdc ADD TABLE counted",
        "INSERT INTO counted VALUES (1, 7)",
    )
    fresh.sides["yard"] = side = dataclasses.replace(side, tables=(*side.tables, "counted"))
    fresh.write(side)
    fresh.apply("yard")
    with fresh.running():
        fresh.check("yard.counted")
    stop(fresh, "yard")
    side.run(
        "INSERT INTO counted VALUES (2, 8)",
        f"ALTER TABLE counted ALTER n TYPE {new}",
        "INSERT INTO counted VALUES (3, 9)",
    )
    resume(fresh, "yard")

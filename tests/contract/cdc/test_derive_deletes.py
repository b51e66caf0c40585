"""What becomes of a canonical row when the source deletes its row, and when it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.derive_target import copying, small_world
from transforms.mapping import Column, MirrorRef

PART = MirrorRef("plant", "part")
DDL = {PART: "id int PRIMARY KEY, no text, name text"}
COLUMNS = {"no": ("", "no", "text"), "name": ("", "name", "text")}
ROWS = "SELECT no, name, _source_key, _source_offset, _deleted FROM hall.part ORDER BY 1"


def parts(on_delete: str):
    mapping = copying("parts", PART, "hall.part", COLUMNS, ("no",))
    copied, (target,) = mapping.normalise, mapping.targets
    if on_delete != "forbid":
        return replace(mapping, targets=(replace(target, on_delete=on_delete),))
    warned = replace(target, on_delete=on_delete, columns=(*target.columns, Column("_warnings", "text[]", False)))
    return replace(mapping, targets=(warned,), normalise=lambda row: (((*copied(row)[0][0], None),),))


def delete(world, number: int, offset: int) -> None:
    """Land a delete, as landing does: the last image goes to the deleted twin."""
    with world.land.transaction():
        world.batch["plant"] += 1
        world.land.execute(
            "WITH gone AS (DELETE FROM plant.part WHERE id = %s RETURNING *)"
            " INSERT INTO plant_deleted.part (id, no, name, _offset, _deleted_offset)"
            " SELECT id, no, name, _offset, %s FROM gone",
            (number, offset),
        )
        world.land.execute(
            "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
            " VALUES ('cdc.plant', %s, 'plant.part', %s, 'd')",
            (world.batch["plant"], [str(number)]),
        )
        world.land.execute("UPDATE cdc.position SET batch = %s", (world.batch["plant"],))


def insert_again(world, number: int, **values: object) -> None:
    world.land.execute("DELETE FROM plant_deleted.part WHERE id = %s", (number,))
    world.insert(PART, {"id": number, **values})


@pytest.mark.parametrize("on_delete", ["ignore", "forbid"])
def test_a_row_stays_as_it_was_until_the_source_has_it_again(target, target_dsn: str, on_delete: str) -> None:
    with small_world(target_dsn, DDL, [parts(on_delete)]) as world:
        world.insert(PART, {"id": 1, "no": "A", "name": "bolt", "_offset": 10})
        world.derive()
        delete(world, 1, 20)
        world.derive()
        assert world.rows(ROWS) == [("A", "bolt", ["1"], 10, False)]
        insert_again(world, 1, no="B", name="bolt, again", _offset=30)
        world.derive()
        assert world.rows(ROWS) == [("B", "bolt, again", ["1"], 30, False)]
        assert world.held() == []


@pytest.mark.parametrize("on_delete", ["ignore", "forbid"])
def test_a_row_gives_its_key_to_another_one_of_the_source(target, target_dsn: str, on_delete: str) -> None:
    with small_world(target_dsn, DDL, [parts(on_delete)]) as world:
        world.insert(PART, {"id": 1, "no": "A", "name": "bolt", "_offset": 10})
        world.derive()
        delete(world, 1, 20)
        world.derive()
        world.insert(PART, {"id": 2, "no": "A", "name": "entered anew", "_offset": 30})
        world.derive()
        assert world.rows(ROWS) == [("A", "entered anew", ["2"], 30, False)]
        assert world.held() == []
        delete(world, 2, 40)
        world.derive()
        assert world.rows(ROWS) == [("A", "entered anew", ["2"], 30, False)], "of two deleted rows the later one"


def test_a_row_that_must_not_be_deleted_says_so_and_is_held(target, target_dsn: str) -> None:
    with small_world(target_dsn, DDL, [parts("forbid")]) as world:
        world.insert(PART, {"id": 1, "no": "A", "name": "bolt", "_offset": 10})
        world.derive()
        warnings = "SELECT _warnings FROM hall.part"
        assert (world.rows(warnings), world.held()) == ([(None,)], [])
        delete(world, 1, 20)
        world.derive()
        assert world.rows(warnings) == [(["DEL-101 _deleted"],)]
        assert world.held() == [("parts", ["1"], "DEL-101")]
        insert_again(world, 1, no="A", name="bolt", _offset=30)
        world.derive()
        assert (world.rows(warnings), world.held()) == ([(None,)], [])

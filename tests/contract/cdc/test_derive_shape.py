"""A steward changes the dictionary: what `cdc target apply` makes of the tables that are there, and how rows follow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from cdc.errors import FatalError
from tests.contract.derive_target import SmallWorld, copying, small_world
from transforms.mapping import Lookup, Mapping, Match, MirrorRef, Reference

ITEM, MOVE = MirrorRef("src", "item"), MirrorRef("src", "move")
DDL = {
    ITEM: "code text PRIMARY KEY, size text",
    MOVE: "id int PRIMARY KEY, item text",
    MirrorRef("src", "part"): "code text PRIMARY KEY, size text",
}
PART = {"code": ("", "code", "text"), "size": ("", "size", "text")}
TO_ITEM = (Reference(("item",), "out", "item", ("code",), True),)


PARTS = MirrorRef("src", "part")


def items(
    size: str = "text", key: tuple[str, ...] = ("code",), name: str = "items", source: MirrorRef = ITEM
) -> Mapping:
    return copying(name, source, "out.item", {"code": ("", "code", "text"), "size": ("", "size", size)}, key)


def moves(references: tuple[Reference, ...] = TO_ITEM) -> Mapping:
    values = {"id": ("", "id", "integer"), "item": ("", "item", "text")}
    return copying("moves", MOVE, "out.move", values, ("id",), (), references)


@pytest.fixture
def world(target, target_dsn: str) -> Iterator[SmallWorld]:
    with small_world(target_dsn, DDL, [items(), moves()]) as world:
        world.insert(ITEM, {"code": "A", "size": "1"}, {"code": "B", "size": "x"})
        world.insert(MOVE, {"id": 1, "item": "A"}, {"id": 2, "item": "C"})
        world.derive()
        assert world.rows("SELECT id FROM out.move") == [(1,)]
        yield world


def refusal(world: SmallWorld) -> str:
    with pytest.raises(FatalError, match="DRV-103") as caught:
        world.plan()
    return str(caught.value)


def emptying(said: str) -> str:
    found = re.search(r"TRUNCATE .*;", said)
    assert found is not None
    return found[0]


ANEW = "create table {} anew: it is empty and has another shape; rights on it have to be granted again"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (items("integer"), "out.item.size has another type"),
        (items(key=("code", "size")), "out.item has another key"),
        (copying("items", ITEM, "out.item", {"code": ("", "code", "text")}, ("code",)), "out.item.size is not in"),
        (
            copying(
                "items",
                ITEM,
                "out.item",
                {"code": ("", "code", "text"), "extra": ("", "size", "text"), "size": ("", "size", "text")},
                ("code", "extra"),
            ),
            "out.item.extra is new and required",
        ),
    ],
)
def test_a_filled_table_of_another_shape_is_refused_with_what_helps(
    world: SmallWorld, changed: Mapping, named: str
) -> None:
    world.use([changed, moves(())], "two")
    said = refusal(world)
    assert named in said
    world.land.execute(emptying(said))
    assert ANEW.format("out.item") in world.apply()
    assert world.plan() == []
    world.derive()
    assert world.rows("SELECT code FROM out.item ORDER BY 1")[0] == ("A",)
    assert world.rows("SELECT id FROM out.move ORDER BY 1") == [(1,), (2,)]


def test_foreign_keys_and_indexes_of_a_table_made_anew_are_there_again(world: SmallWorld) -> None:
    keys = "SELECT conname FROM pg_constraint WHERE conrelid = 'out.move'::regclass"
    query = f"{keys} UNION ALL SELECT indexname FROM pg_indexes WHERE schemaname ~ '^(out|src)'"
    before = sorted(world.rows(query))
    world.use([items("character varying(4)"), moves()], "two")
    world.land.execute(emptying(refusal(world)))
    assert ANEW.format("out.move") not in world.apply()
    assert sorted(world.rows(query)) == before
    world.derive()
    assert world.rows("SELECT id, item FROM out.move") == [(1, "A")]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        world.land.execute("DELETE FROM out.item")


def test_emptied_tables_are_filled_again_by_the_old_dictionary_too(world: SmallWorld) -> None:
    world.use([items("integer"), moves()], "two")
    said = refusal(world)
    world.use([items(), moves()], "one")
    world.land.execute(emptying(said))
    world.derive()
    assert world.rows("SELECT code FROM out.item ORDER BY 1") == [("A",), ("B",)]
    assert world.rows("SELECT id FROM out.move") == [(1,)]


def test_what_others_hang_on_a_table_is_not_dropped_with_it(world: SmallWorld) -> None:
    world.land.execute("CREATE VIEW public.of_item AS SELECT code FROM out.item")
    world.land.execute("CREATE TABLE public.note (item text CONSTRAINT note_item REFERENCES out.item)")
    world.use([items("integer"), moves()], "two")
    said = refusal(world)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="foreign key"):
        world.land.execute(emptying(said))
    world.land.execute("DELETE FROM out.move; DELETE FROM out.item; DELETE FROM out_held.item")
    said = refusal(world)
    assert "out.item has to be made anew, and of_item hangs on it" in said
    assert "note (note_item) hangs on it" in said


def test_a_reference_that_is_new_holds_the_rows_that_break_it(world: SmallWorld) -> None:
    world.use([items(), moves(())], "two")
    assert world.apply() == ["drop foreign key from out.move to out.item"]
    world.derive()
    assert world.rows("SELECT id FROM out.move ORDER BY 1") == [(1,), (2,)]
    world.use([items(), moves()], "three")
    assert "add foreign key from out.move to out.item" in world.apply()
    world.derive()
    assert world.rows("SELECT id FROM out.move") == [(1,)]
    assert world.held() == [("moves", ["2"], "REF-301")]
    query = "SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = 'out.move'::regclass"
    assert world.rows(query) == [(True,)]


def test_the_table_of_a_mapping_that_is_gone_keeps_nothing_in_the_others(world: SmallWorld) -> None:
    world.use([items()], "two")
    assert world.apply() == ["drop foreign key from out.move to out.item"]
    world.derive()
    world.land.execute("DELETE FROM src.item WHERE code = 'A'")
    world.land.execute(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op) VALUES ('cdc.src', 3, 'src.item', '{A}', 'd')"
    )
    world.land.execute("UPDATE cdc.position SET batch = 3")
    world.derive()
    assert world.rows("SELECT code FROM out.item") == [("B",)]


def test_another_mapping_takes_a_table_over(world: SmallWorld) -> None:
    """The keys of the one before are free; what referred to a row that is not there any more is held."""
    world.use([items(), moves(), copying("parts", PARTS, "out.part", PART, ("code",))], "two")
    world.apply()
    world.insert(PARTS, {"code": "B", "size": "7"}, {"code": "C", "size": "8"})
    world.use([items(name="parts", source=PARTS), moves()], "three")
    world.derive()
    assert world.rows("SELECT code, size, _mapping FROM out.item ORDER BY 1") == [
        ("B", "7", "parts"),
        ("C", "8", "parts"),
    ]
    assert world.rows("SELECT id FROM out.move") == [(2,)]
    assert world.held() == [("moves", ["1"], "REF-301")]


def test_two_mappings_swap_their_tables(world: SmallWorld) -> None:
    def both(of_items: str, of_parts: str) -> list[Mapping]:
        return [copying("items", ITEM, of_items, PART, ("code",)), copying("parts", PARTS, of_parts, PART, ("code",))]

    world.use(both("out.item", "out.part"), "two")
    world.apply()
    world.insert(PARTS, {"code": "A", "size": "7"})
    world.derive()
    world.use(both("out.part", "out.item"), "three")
    world.derive()
    assert world.rows("SELECT code, size, _mapping FROM out.item") == [("A", "7", "parts")]
    assert world.rows("SELECT code, size FROM out.part ORDER BY 1") == [("A", "1"), ("B", "x")]


def test_back_to_a_dictionary_whose_tables_were_in_another_domain_meanwhile(world: SmallWorld) -> None:
    """`out.move` is a domain of its own, then one with `out.item`, with other values, and then of its own again."""
    apart = [items(), moves(())]
    world.use(apart, "two")
    world.apply()
    world.derive()
    assert world.rows("SELECT id, item FROM out.move ORDER BY 1") == [(1, "A"), (2, "C")]
    other = {"id": ("", "id", "integer"), "item": ("size of", "size", "text")}
    found = (Lookup("size of", ITEM, (Match("code", "", "item"),), None),)
    world.use([items(), copying("moves", MOVE, "out.move", other, ("id",), found)], "three")
    world.apply()
    world.derive()
    assert world.rows("SELECT id, item FROM out.move ORDER BY 1") == [(1, "1"), (2, None)]
    world.use(apart, "two")
    world.derive()
    assert world.rows("SELECT id, item FROM out.move ORDER BY 1") == [(1, "A"), (2, "C")]


def test_back_to_a_dictionary_with_a_mapping_that_was_left_out_meanwhile(world: SmallWorld) -> None:
    def dictionary(digest: str, *more: Mapping) -> None:
        world.use([items(), moves(), *more], digest)
        world.apply()
        world.derive()

    parts = copying(
        "parts", PARTS, "out.part", {"code": ("", "code", "text"), "size": ("", "size", "integer")}, ("code",)
    )
    dictionary("two", parts)
    world.insert(PARTS, {"code": "A", "size": "seven"})
    world.derive()
    assert ("parts", ["A"], "DRV-201") in world.held()
    dictionary("three")
    assert [mapping for mapping, *_ in world.held()] == ["moves"]
    dictionary("two", parts)
    assert ("parts", ["A"], "DRV-201") in world.held()

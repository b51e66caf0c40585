"""Keys that move, meet, come back, and are compared in another way here than there."""

from __future__ import annotations

import pytest

from tests.integration.shapes.shapes import Shapes

BOTH = ["hall", "depot"]
LONG = "repeat(md5('{}'), 300)"


@pytest.mark.parametrize("name", BOTH)
def test_two_rows_swap_a_unique_value(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.run("INSERT INTO swap VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    if name == "hall":
        side.run("UPDATE swap SET code = CASE code WHEN 'a' THEN 'b' ELSE 'a' END WHERE id < 3")
    side.commit(
        "UPDATE swap SET code = 'x' WHERE id = 1",
        "UPDATE swap SET code = 'a' WHERE id = 2",
        "UPDATE swap SET code = 'b' WHERE id = 1",
    )
    # And their keys: what was row 1 is row 2 afterwards.
    side.commit(
        "UPDATE swap SET id = -1 WHERE id = 1",
        "UPDATE swap SET id = 1 WHERE id = 2",
        "UPDATE swap SET id = 2 WHERE id = -1",
    )
    shapes.check(f"{name}.swap")


@pytest.mark.parametrize("name", BOTH)
def test_the_same_key_a_hundred_times(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.run("INSERT INTO often VALUES (1, 0, 'a'), (2, 0, 'a')")
    side.commit(*(f"UPDATE often SET n = {n} WHERE id = 1" for n in range(1, 101)))
    side.run(*(f"UPDATE often SET n = {n} WHERE id = 2" for n in range(1, 101)))
    side.commit(
        *(
            statement
            for _ in range(50)
            for statement in ("DELETE FROM often WHERE id = 1", "INSERT INTO often VALUES (1, 7, 'b')")
        )
    )
    shapes.check(f"{name}.often")
    assert shapes.query(f"SELECT count(*) FROM {name}_deleted.often") == [(0,)]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("together", [True, False], ids=["one", "many"])
def test_chains_of_key_changes_and_back(shapes: Shapes, name: str, together: bool) -> None:
    """The long value is in the log of the first change only: it has to move along, in one transaction and in many."""
    side, base = shapes.sides[name], 100 if together else 200
    do = side.commit if together else side.run
    side.run(*(f"INSERT INTO chain VALUES ({base + n}, 'new', {LONG.format(n)})" for n in range(4)))
    do(
        # a to b to c
        f"UPDATE chain SET id = {base + 10} WHERE id = {base}",
        f"UPDATE chain SET id = {base + 20}, step = 'c' WHERE id = {base + 10}",
        # a to b and back
        f"UPDATE chain SET id = {base + 11} WHERE id = {base + 1}",
        f"UPDATE chain SET id = {base + 1}, step = 'back' WHERE id = {base + 11}",
        # the long value changes in the middle
        f"UPDATE chain SET id = {base + 12} WHERE id = {base + 2}",
        f"UPDATE chain SET text = {LONG.format('x')} WHERE id = {base + 12}",
        f"UPDATE chain SET id = {base + 22}, step = 'd' WHERE id = {base + 12}",
        # another row takes the key that was left, and leaves it again
        f"INSERT INTO chain VALUES ({base}, 'heir', {LONG.format('heir')})",
        f"UPDATE chain SET id = {base + 30} WHERE id = {base + 3}",
        f"UPDATE chain SET id = {base + 3} WHERE id = {base}",
        f"UPDATE chain SET step = 'last' WHERE id = {base + 3}",
    )
    shapes.check(f"{name}.chain")
    left = shapes.query(f"SELECT id FROM {name}_deleted.chain WHERE id >= {base} AND id < {base + 100} ORDER BY id")
    there = {row[0] for row in side.rows("chain")}
    assert there.isdisjoint(number for (number,) in left)


@pytest.mark.parametrize("name", BOTH)
def test_a_delete_that_carries_only_the_key_keeps_the_last_image(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.run(f"INSERT INTO bare VALUES (1, 5, {LONG.format(1)}), (2, 6, {LONG.format(2)})")
    before = side.rows("bare")
    side.run("UPDATE bare SET n = 7 WHERE id = 1", "DELETE FROM bare WHERE id = 1", "DELETE FROM bare WHERE id = 2")
    shapes.check(f"{name}.bare")
    ((_, _, text), last) = before
    kept = shapes.query(f"SELECT id, n, text FROM {name}_deleted.bare ORDER BY id")
    assert kept == [(1, 7, text), last]


EQUAL = {
    "hall.by_numeric": ["1.0", "1.00", "'NaN'", "1E+3", "1000.000"],
    "hall.by_double": ["'-0'", "0", "'NaN'", "'Infinity'", "1e-7"],
    "hall.by_char": ["'a'", "'a  '", "'A'", "'ab'"],
    "hall.by_text": ["'a'", "'a '", "'A'", "''", "'é'", "U&'e\\0301'", "E'q\"b\\\\s\\tt\\nn'", '\'{"id":"x"}\''],
    "depot.by_decimal": ["1", "1.00", "-0.5"],
    "depot.by_double": ["-0e0", "0e0", "1e-7"],
    "depot.by_char": ["'a'", "'A'", "'ä'"],
    "depot.by_text": ["'a'", "'a '", "'A'", "'ä'", "''", "'q\"b\\\\s\\tt\\nn'"],
}


@pytest.mark.parametrize("table", EQUAL)
def test_a_key_becomes_another_spelling_of_itself(shapes: Shapes, table: str) -> None:
    """Whether the source takes two spellings for one key or for two, its row goes along."""
    name, _, own = table.partition(".")
    side, (first, *others) = shapes.sides[name], EQUAL[table]
    side.run(f"INSERT INTO {own} VALUES ({first}, 0)")
    for number, other in enumerate(others):
        side.run(f"UPDATE {own} SET id = {other}, n = n + 1")
        if number % 2:
            shapes.check(table)
    shapes.check(table)
    # All of them in one transaction, then its row leaves and comes back under the first spelling.
    side.commit(*(f"UPDATE {own} SET id = {other}, n = n + 1" for other in EQUAL[table]))
    shapes.check(table)
    side.commit(f"DELETE FROM {own}", f"INSERT INTO {own} VALUES ({first}, 7)", f"UPDATE {own} SET id = {others[0]}")
    shapes.check(table)
    side.run(f"DELETE FROM {own}")
    shapes.check(table)

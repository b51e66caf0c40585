"""InnoDB's cascades, of which the log tells nothing: barriers among folded changes of one batch."""

from __future__ import annotations

import pytest

from tests.integration.shapes.shapes import Shapes

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

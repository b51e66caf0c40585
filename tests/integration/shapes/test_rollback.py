"""What is rolled back leaves nothing, in whole and in part; what cannot be rolled back stays."""

from __future__ import annotations

import pytest

from tests.integration.shapes.shapes import Shapes

BOTH = ["hall", "depot"]


@pytest.mark.parametrize("name", BOTH)
def test_a_transaction_that_goes_back_to_a_savepoint(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.commit(
        "INSERT INTO undone VALUES (1, 1), (2, 2)",
        "SAVEPOINT here",
        "UPDATE undone SET n = 3",
        "DELETE FROM undone WHERE id = 2",
        "INSERT INTO undone VALUES (3, 3)",
        "ROLLBACK TO SAVEPOINT here",
        "INSERT INTO undone VALUES (4, 4)",
        "SAVEPOINT there",
        "UPDATE undone SET id = 5 WHERE id = 4",
        "RELEASE SAVEPOINT there",
    )
    with side.connection(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO undone VALUES (6, 6)")
        cursor.execute("UPDATE undone SET n = 9")
        connection.rollback()
    shapes.check(f"{name}.undone")
    assert shapes.query(f"SELECT id, n FROM {name}.undone ORDER BY id") == [(1, 1), (2, 2), (5, 4)]


def test_a_table_without_transactions(shapes: Shapes) -> None:
    """MyISAM's changes are in the log as they happen, between those of a transaction that may be rolled back."""
    side = shapes.sides["depot"]
    side.run("ALTER TABLE unguarded ENGINE = MyISAM", "INSERT INTO unguarded VALUES (1, 1)")
    for is_kept in (True, False):
        with side.connection(autocommit=False) as connection, connection.cursor() as cursor:
            first = 10 if is_kept else 20
            for statement in (
                f"INSERT INTO undone VALUES ({first}, 0)",
                f"INSERT INTO unguarded VALUES ({first}, 0), ({first + 1}, 0)",
                f"UPDATE undone SET n = 1 WHERE id = {first}",
                "UPDATE unguarded SET n = n + 1",
                f"DELETE FROM unguarded WHERE id = {first}",
            ):
                cursor.execute(statement)
            if is_kept:
                connection.commit()
            else:
                connection.rollback()
    side.run("INSERT INTO unguarded VALUES (30, 0)", "TRUNCATE TABLE unguarded", "INSERT INTO unguarded VALUES (31, 0)")
    shapes.check("depot.undone", "depot.unguarded")

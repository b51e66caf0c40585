"""Statements that change tables, or none: among the rows, as the last thing that happens, and beside the point."""

from __future__ import annotations

import pytest

from tests.integration.shapes.shapes import Shapes

BOTH = ["hall", "depot"]


@pytest.mark.parametrize("name", BOTH)
def test_a_table_that_grows_between_its_rows(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.run(
        "INSERT INTO altered VALUES (1, 1)",
        "ALTER TABLE altered ADD COLUMN a varchar(9) DEFAULT 'old'",
        "INSERT INTO altered (id, n) VALUES (2, 2)",
        "UPDATE altered SET n = 3 WHERE id = 1",
        "INSERT INTO altered VALUES (3, 3, 'new')",
        "ALTER TABLE altered ADD COLUMN b int",
        "INSERT INTO altered VALUES (4, 4, 'new', 5)",
        "ALTER TABLE altered ALTER COLUMN a TYPE varchar(20)"
        if name == "hall"
        else "ALTER TABLE altered MODIFY a varchar(20) DEFAULT 'old'",
        "INSERT INTO altered VALUES (5, 5, 'twelve signs', 5)",
    )
    shapes.check(f"{name}.altered")


@pytest.mark.parametrize("name", BOTH)
def test_a_change_that_nothing_follows(shapes: Shapes, name: str) -> None:
    """A column without a row yet: of PostgreSQL's there is nothing in the log, of MariaDB's the statement alone."""
    column = f"late_{name}"
    shapes.sides[name].run(f"ALTER TABLE one ADD COLUMN {column} int DEFAULT 8")
    shapes.until(f"SELECT {column} FROM {name}.one", [(8,)])
    shapes.check(f"{name}.one")


def test_postgresql_changes_a_table_inside_a_transaction_of_rows(shapes: Shapes) -> None:
    side = shapes.sides["hall"]
    side.commit(
        "INSERT INTO altered (id, n) VALUES (11, 1)",
        "ALTER TABLE altered ADD COLUMN c int DEFAULT 6",
        "INSERT INTO altered (id, n, c) VALUES (12, 1, 7)",
        "UPDATE altered SET n = 2 WHERE id = 11",
    )
    shapes.check("hall.altered")


def test_mariadb_forbids_null_that_was_replaced_before(shapes: Shapes) -> None:
    side = shapes.sides["depot"]
    side.run(
        "INSERT INTO altered (id, n) VALUES (31, NULL)",
        "UPDATE altered SET n = 0 WHERE n IS NULL",
        "ALTER TABLE altered MODIFY n int NOT NULL",
        "INSERT INTO altered (id, n) VALUES (32, 1)",
    )
    shapes.check("depot.altered")
    forbids = "SELECT c -> 'nullable' FROM cdc.contract, jsonb_array_elements(content -> 'columns') c"
    assert shapes.query(f"{forbids} WHERE mirror = 'depot.altered' AND c ->> 'name' = 'n'") == [(False,)]


def test_statements_that_change_no_captured_table(shapes: Shapes) -> None:
    """`CREATE TABLE ... SELECT` sends its rows; `GRANT` a BEGIN alone; others nothing, or what is not captured."""
    side = shapes.sides["depot"]
    side.run(
        "INSERT INTO `none` VALUES (1, 1)",
        "CREATE TABLE copied SELECT * FROM mark",
        "CREATE TABLE copied_too (id int PRIMARY KEY) SELECT 1 AS id",
        "INSERT INTO copied_too VALUES (2)",
        "GRANT SELECT ON depot.copied TO cdc_shapes IDENTIFIED BY 'shapes'",
        "INSERT INTO `none` VALUES (2, 2)",
        "CREATE VIEW marks AS SELECT * FROM mark",
        "CREATE TEMPORARY TABLE passing (id int)",
        "ANALYZE TABLE mark",
        "DROP TABLE copied, copied_too",
        "DROP USER cdc_shapes",
    )
    shapes.check("depot.none")
    ((landed,),) = shapes.query("SELECT next_offset FROM cdc.position WHERE stream = 'cdc.depot'")
    side.run("GRANT SELECT ON depot.mark TO cdc_shapes IDENTIFIED BY 'shapes'")
    shapes.until(f"SELECT next_offset > {landed + 1} FROM cdc.position WHERE stream = 'cdc.depot'", [(True,)])
    side.run("DROP USER cdc_shapes")
    shapes.check("depot.none", "depot.mark")


def test_a_table_of_one_row_and_one_of_none(shapes: Shapes) -> None:
    """Their first snapshot has a last row without a first one, and nothing at all."""
    for name in BOTH:
        assert shapes.query(f"SELECT id FROM {name}.one") == [(1,)]
    shapes.check("hall.one", "depot.one", "hall.none")

"""Which statements make other rows of a table's without an event of a row."""

from __future__ import annotations

import pytest

from cdc.stream.ddl import replaced_by

ONE = ("shop.one",)
REPLACING = {
    "RENAME TABLE one TO one_old": ("shop.one", "shop.one_old"),
    "rename tables `one` to `one_old`, `one_new` TO `one`": ("shop.one", "shop.one_old", "shop.one_new", "shop.one"),
    "RENAME TABLE IF EXISTS one WAIT 5 TO archive.one": ("shop.one", "archive.one"),
    "ALTER TABLE one RENAME TO two": ("shop.one", "shop.two"),
    "ALTER TABLE one RENAME two": ("shop.one", "shop.two"),
    "ALTER TABLE one RENAME = two": ("shop.one", "shop.two"),
    "ALTER ONLINE TABLE `shop`.`one` ADD COLUMN k int DEFAULT 7, RENAME AS two": ("shop.one", "shop.two"),
    "CREATE OR REPLACE TABLE one (id int PRIMARY KEY)": ONE,
    "/* night job */ create or\nreplace -- again\n table if not exists `One` LIKE two": ONE,
    "SET STATEMENT max_statement_time=0 FOR CREATE OR REPLACE TABLE one SELECT 1 AS id": ONE,
    "ALTER TABLE one TRUNCATE PARTITION p1": ONE,
    "ALTER TABLE one DROP PARTITION IF EXISTS p1, p2": ONE,
    "ALTER TABLE one EXCHANGE PARTITION p1 WITH TABLE two WITHOUT VALIDATION": ("shop.one", "shop.two"),
    "ALTER TABLE one CONVERT PARTITION p1 TO TABLE two": ("shop.one", "shop.two"),
    "ALTER TABLE one CONVERT TABLE two TO PARTITION p1 VALUES LESS THAN (5)": ("shop.one", "shop.two"),
    "ALTER TABLE one DISCARD TABLESPACE": ONE,
    "ALTER TABLE one IMPORT TABLESPACE": ONE,
    "ALTER TABLE one IMPORT PARTITION p1 TABLESPACE": ONE,
    "ALTER IGNORE TABLE one ADD UNIQUE (n)": ONE,
    "/*!50100 ALTER TABLE one DROP PARTITION p1 */": ONE,
    "/*M!100100 RENAME TABLE one TO two */": ("shop.one", "shop.two"),
    "ALTER TABLE other.`od``d` RENAME TO `x.y`": ("other.od`d", "shop.x.y"),
    'ALTER TABLE "one" RENAME TO "two"': ("shop.one", "shop.two"),
    "DROP DATABASE IF EXISTS `shop`": ("shop.*",),
    "DROP SCHEMA shop": ("shop.*",),
}
OTHERS = [
    "",
    ";",
    "RENAME",
    "RENAME USER a TO b",
    "CREATE TABLE one (id int)",
    "CREATE TABLE IF NOT EXISTS one LIKE two",
    "CREATE OR REPLACE VIEW one AS SELECT 1",
    "CREATE OR REPLACE TEMPORARY TABLE one (id int)",
    "DROP TABLE one",
    "TRUNCATE TABLE one",
    "ALTER DATABASE shop CHARACTER SET gbk",
    "ALTER TABLE one RENAME COLUMN a TO b, RENAME INDEX c TO d, RENAME KEY e TO f",
    "ALTER TABLE one ADD COLUMN c varchar(9) DEFAULT 'x RENAME TO y' COMMENT 'DROP PARTITION p'",
    "ALTER TABLE one ADD COLUMN `DROP` int, ADD COLUMN `rename` int, ADD COLUMN import int",
    "ALTER TABLE one ADD CHECK (n > 0 /* RENAME TO two */), DROP COLUMN m",
    "ALTER TABLE one ADD PARTITION (PARTITION p2 VALUES LESS THAN (9))",
    "ALTER TABLE one REORGANIZE PARTITION p1 INTO (PARTITION p2 VALUES LESS THAN (9))",
    "ALTER TABLE one PARTITION BY HASH (id) PARTITIONS 4",
    "ALTER TABLE one CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE one COMMENT 'it''s \\' RENAME TO two'",
]


@pytest.mark.parametrize(("statement", "tables"), REPLACING.items())
def test_these_do(statement: str, tables: tuple[str, ...]) -> None:
    assert replaced_by(statement, "Shop") == tuple(dict.fromkeys(tables))


@pytest.mark.parametrize("statement", OTHERS)
def test_these_do_not(statement: str) -> None:
    assert replaced_by(statement, "shop") == ()


@pytest.mark.parametrize("statement", [*REPLACING, *OTHERS])
def test_a_statement_that_is_cut_off_anywhere_is_read_to_its_end(statement: str) -> None:
    for end in range(len(statement)):
        replaced_by(statement[:end], "shop")

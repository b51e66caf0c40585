"""Live sources whose tables change, and mirrors that follow their catalogues."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from cdc.capture.catalogue import read_contracts
from cdc.capture.contract import Contract
from cdc.capture.source import Source
from cdc.config import Target
from cdc.errors import FatalError
from cdc.land.contract.in_force import Announcement, follow_source, put_in_force
from cdc.store.connection import connect

Run = Callable[[str], None]
Describe = Callable[..., Source]

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, name varchar(20), day date, at timestamp, qty numeric(12,4), took interval);
INSERT INTO t VALUES (1, 'a', '2024-02-29', '2024-02-29 10:00', 1.5);
CREATE PUBLICATION cdc FOR TABLE t"""


class Followed:
    """The source's table, and its mirror with the row that was there at first."""

    def __init__(self, run: Run, source: Source, variables: dict[str, str], target: psycopg.Connection) -> None:
        self.run, self.source, self.variables, self.target = run, source, variables, target
        with target.transaction():
            put_in_force(target, "legacy", self.read())
            target.execute(
                "INSERT INTO legacy.t (id, name, day, at, qty, _offset)"
                " VALUES (1, 'a', '2024-02-29', '2024-02-29 10:00', 1.5, 0)"
            )
        self.follow()

    def read(self) -> tuple[Contract, ...]:
        return read_contracts(self.source, self.variables)

    def follow(self) -> list[str]:
        with self.target.transaction():
            return [step.title for step in follow_source(self.target, "legacy", self.read(), None)]

    def refused(self, statement: str) -> str:
        self.run(statement)
        with pytest.raises(FatalError) as caught:
            self.follow()
        return caught.value.code

    def rows(self, columns: str) -> list[tuple[object, ...]]:
        with self.target.transaction():
            return self.target.execute(f"SELECT {columns} FROM legacy.t".encode()).fetchall()


@pytest.fixture
def followed(
    postgresql: Run, postgresql_source: Describe, servers: dict[str, str], target: Target
) -> Iterator[Followed]:
    postgresql(TABLE)
    with connect(target, "test") as connection:
        yield Followed(postgresql, postgresql_source("t"), servers, connection)


def test_older_rows_hold_what_the_column_was_added_with(followed: Followed) -> None:
    for statement in (
        "ALTER TABLE t ADD a text DEFAULT 'A'",
        "ALTER TABLE t ALTER a SET DEFAULT 'B'",
        "ALTER TABLE t ADD b text",
        "ALTER TABLE t ALTER b SET DEFAULT 'B'",
    ):
        followed.run(statement)
    assert followed.follow() == [f"add column {table}.t.{c}" for table in ("legacy", "legacy_deleted") for c in "ab"]
    assert followed.rows("a, b") == [("A", None)]
    assert followed.refused("ALTER TABLE t ADD c timestamptz DEFAULT clock_timestamp()") == "TGT-112"


def test_a_renamed_column_is_told_from_one_dropped_and_one_added(followed: Followed) -> None:
    followed.run("ALTER TABLE t DROP qty; ALTER TABLE t ADD price numeric(12,4)")
    assert followed.follow() == ["add column legacy.t.price", "add column legacy_deleted.t.price"]
    assert followed.rows("qty::text, price") == [("1.5000", None)]
    assert followed.refused("ALTER TABLE t RENAME name TO full_name") == "TGT-113"


def test_a_column_that_was_dropped_and_added_between_two_looks_is_refused(followed: Followed) -> None:
    assert followed.refused("ALTER TABLE t DROP name; ALTER TABLE t ADD name varchar(20)") == "TGT-113"


def test_wider_types_are_followed(followed: Followed) -> None:
    followed.run("ALTER TABLE t ALTER name TYPE varchar(40), ALTER qty TYPE numeric(14,4), ALTER id TYPE bigint")
    assert len(followed.follow()) == 6
    assert followed.rows("id, name, qty::text") == [(1, "a", "1.5000")]
    assert followed.follow() == []


@pytest.mark.parametrize(
    "change",
    [
        "at TYPE date",
        "day TYPE integer USING day - '1970-01-01'",
        "day TYPE timestamp",
        "qty TYPE numeric(10,2)",
        "name TYPE varchar(10)",
        "name TYPE name",
        "took TYPE interval second(0)",
    ],
)
def test_other_types_are_refused(followed: Followed, change: str) -> None:
    assert followed.refused(f"ALTER TABLE t ALTER {change}") == "TGT-110"


MARIADB = """
CREATE TABLE t (id int PRIMARY KEY, small smallint, state enum('a','b'), flags set('a','b'), name varchar(9),
                note text, code varbinary(8), at time(6), share double)"""


@pytest.fixture
def altered(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], target: Target
) -> Iterator[Callable[[str], list[str]]]:
    """Alter the source's table, let its mirror follow, and return what was done to it."""
    source = mariadb_source("t")
    mariadb(MARIADB)
    with connect(target, "test") as connection:
        with connection.transaction():
            put_in_force(connection, "legacy", read_contracts(source, servers))

        def alter(statement: str) -> list[str]:
            mariadb(f"ALTER TABLE t {statement}")
            with connection.transaction():
                contracts = read_contracts(source, servers)
                return [step.title for step in follow_source(connection, "legacy", contracts, Announcement())]

        yield alter


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ("MODIFY state enum('b','c')", r"t\.state: was enum\('a','b'\) \(utf8mb4\), is enum\('b','c'\) \(utf8mb4\)"),
        ("MODIFY state enum('A','b')", r"t\.state"),
        ("MODIFY flags set('b','a')", r"t\.flags"),
        ("CONVERT TO CHARACTER SET latin1", r"varchar\(9\) \(utf8mb4\), is varchar\(9\) \(latin1\)"),
        ("MODIFY name char(9)", r"t\.name"),
        ("MODIFY note tinytext", r"t\.note"),
        ("MODIFY small tinyint", r"t\.small"),
        ("MODIFY code varbinary(4)", r"t\.code"),
        ("MODIFY at time(3)", r"t\.at"),
        ("MODIFY share double(10,2)", r"t\.share"),
    ],
)
def test_a_type_that_may_have_altered_values_is_refused(
    altered: Callable[[str], list[str]], statement: str, detail: str
) -> None:
    """MariaDB writes no event of a row, and most of them only where it is not strict."""
    with pytest.raises(FatalError, match=rf"TGT-110 .*{detail}"):
        altered(statement)


def test_a_type_that_holds_all_that_was_there_is_followed(altered: Callable[[str], list[str]]) -> None:
    assert (
        altered("""MODIFY state enum('c','b','a'), MODIFY flags set('a','x','b'), MODIFY code varbinary(16),
                      MODIFY note mediumtext, MODIFY at time(6) NULL, COMMENT 'reviewed'""")
        == []
    )
    assert altered("MODIFY small int, MODIFY name varchar(12) CHARACTER SET utf8mb4") == [
        f"widen column {schema}.t.{change}"
        for schema in ("legacy", "legacy_deleted")
        for change in ("small to integer", "name to character varying(12)")
    ]


KEY = "FOREIGN KEY (whole) REFERENCES whole (id)"
DROP_KEY = "ALTER TABLE piece DROP FOREIGN KEY of_whole"


@pytest.mark.parametrize(
    "statements",
    [
        DROP_KEY,
        f"ALTER TABLE piece ADD CONSTRAINT as_well {KEY} ON UPDATE CASCADE",
        f"{DROP_KEY}; ALTER TABLE piece ADD CONSTRAINT of_whole {KEY} ON DELETE SET NULL",
        f"{DROP_KEY}; ALTER TABLE piece ADD CONSTRAINT of_whole {KEY}",
    ],
    ids=["goes", "comes", "changes", "does nothing any more"],
)
def test_a_cascading_key_that_is_another_one_is_refused(
    mariadb: Run, mariadb_source: Describe, servers: dict[str, str], target: Target, statements: str
) -> None:
    source = mariadb_source("whole", "piece")
    mariadb("CREATE TABLE whole (id int PRIMARY KEY)")
    mariadb(f"CREATE TABLE piece (id int PRIMARY KEY, whole int, CONSTRAINT of_whole {KEY} ON DELETE CASCADE)")
    with connect(target, "test") as connection:
        with connection.transaction():
            put_in_force(connection, "legacy", read_contracts(source, servers))
        mariadb(f"ALTER TABLE piece ADD CONSTRAINT idle {KEY}")
        with connection.transaction():
            assert follow_source(connection, "legacy", read_contracts(source, servers), Announcement()) == ()
        mariadb(statements)
        with pytest.raises(FatalError, match=r"TGT-115 .*legacy\.piece: (of_whole|as_well)"), connection.transaction():
            follow_source(connection, "legacy", read_contracts(source, servers), Announcement())

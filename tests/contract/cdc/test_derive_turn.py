"""What a turn does beyond its result: what it leaves alone, what it survives, what it refuses."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from cdc.derive import stage, take
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.ddl import plan_target
from cdc.derive.held import Selection, queue_retry
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.old_value import forget
from cdc.derive.room import CHUNKS, ROOM
from cdc.derive.session import Work
from cdc.derive.turn import Version, run_turn
from cdc.errors import FatalError, TransientError
from cdc.evidence.rows import queue_rows
from transforms.domain import Domain
from transforms.errors import Refused
from transforms.mapping import Column, Input, Lookup, Mapping, Match, MirrorRef, Reference, Target

ITEM, MOVE = MirrorRef("src", "item"), MirrorRef("src", "move")
MIRRORS = """
CREATE SCHEMA src; CREATE SCHEMA src_deleted;
CREATE TABLE src.item (id int PRIMARY KEY, code text, name text, made date, _offset bigint, _source_ts timestamptz);
CREATE TABLE src.move (id int PRIMARY KEY, item int, amount text, _offset bigint, _source_ts timestamptz);
CREATE TABLE src_deleted.item (LIKE src.item INCLUDING ALL, _deleted_offset bigint, _deleted_ts timestamptz);
CREATE TABLE src_deleted.move (LIKE src.move INCLUDING ALL, _deleted_offset bigint, _deleted_ts timestamptz);
INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.src', 'src', 1);
"""


JOURNAL = """
INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) VALUES ('cdc.src', %s, %s, %s, 'u',
    (SELECT jsonb_build_object('id', id::text, 'code', code) FROM src.item WHERE %s = 'item' AND id = %s))
"""


def item_row(row):
    code, name, made = row
    if isinstance(made, str):
        raise Refused("DAT-101", "made")
    if name == "fails":
        raise ZeroDivisionError
    return (((code, name, made),),)


def move_row(row):
    number, amount, found, code = row
    if not found:
        raise Refused("REF-301", "item")
    return (((number, code, amount),),)


MAPPINGS = (
    Mapping(
        "items",
        ITEM,
        (),
        tuple(Input("", name) for name in ("code", "name", "made")),
        (
            Target(
                "out",
                "item",
                (Column("code", "text", True), Column("name", "varchar(10)", False), Column("made", "date", False)),
                ("code",),
                (),
                "delete",
            ),
        ),
        item_row,
    ),
    Mapping(
        "moves",
        MOVE,
        (Lookup("item", ITEM, (Match("id", "", "item"),), "REF-301"),),
        (Input("", "id"), Input("", "amount"), Input("item", None), Input("item", "code")),
        (
            Target(
                "out",
                "move",
                (Column("id", "int", True), Column("item", "text", True), Column("amount", "numeric(6,2)", False)),
                ("id",),
                (Reference(("item",), "out", "item", ("code",), True),),
                "delete",
            ),
        ),
        move_row,
    ),
)


class Bench:
    """A target with two mirrors, landed into by hand and derived from by the worker's turn."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.land = psycopg.connect(dsn, autocommit=True)
        self.land.execute(MIRRORS)
        self.mirrors = read_mirrors(self.land, mirror_refs(DOMAIN))
        for statement in plan_target(self.land, (DOMAIN,), self.mirrors):
            self.land.execute(statement.text)
        self.batch = 0
        self.open("one")

    def open(self, digest: str) -> None:
        self.derive = psycopg.connect(self.dsn, autocommit=True)
        self.plan = bind(DOMAIN, digest, self.mirrors)
        self.version = Version(digest, digest, "{}", (self.plan.name,), ("items", "moves"))
        open_session(self.derive, self.plan)
        self.epoch = take_lease(self.derive, self.plan)

    def change(self, *changes: tuple[str, int, str]) -> None:
        """Land one batch of (table, id, SQL)."""
        self.batch += 1
        with self.land.transaction():
            for table, number, text in changes:
                self.land.execute(JOURNAL, (self.batch, f"src.{table}", [str(number)], table, number))
                self.land.execute(text)
            self.land.execute("UPDATE cdc.position SET batch = %s", (self.batch,))

    def item(self, number: int, code: str, name: str = "a", made: str = "2024-01-01") -> None:
        text = f"INSERT INTO src.item VALUES ({number}, '{code}', '{name}', '{made}', 1)"
        self.change(
            ("item", number, f"{text} ON CONFLICT (id) DO UPDATE SET code = '{code}', name = '{name}', _offset = 2")
        )

    def move(self, number: int, item: int, amount: str = "1") -> None:
        self.change(("move", number, f"INSERT INTO src.move VALUES ({number}, {item}, '{amount}', 1)"))

    def turn(self):
        return run_turn(self.derive, self.plan, self.version, self.epoch)

    def rows(self, query: str) -> list[tuple]:
        return self.land.execute(query).fetchall()

    def held(self) -> list[tuple]:
        return self.rows("SELECT mapping, source_key, code FROM cdc.held ORDER BY 1, 2")


DOMAIN = Domain("out", MAPPINGS)


@pytest.fixture
def made(target_dsn: str) -> Iterator[Bench]:
    made = Bench(target_dsn)
    yield made
    made.land.close()
    made.derive.close()


VERSIONS = "SELECT id, xmin::text, ctid::text, xmax::text FROM out.move"


def test_a_parent_whose_values_stay_leaves_its_children_untouched(made: Bench) -> None:
    made.item(1, "A")
    made.move(1, 1)
    made.turn()
    before = made.rows(VERSIONS)
    made.item(1, "A", "other name")
    derived = made.turn()
    assert derived.taken == {"items": 1}
    assert made.rows("SELECT name FROM out.item") == [("other name",)]
    assert made.rows(VERSIONS) == before


def test_a_looked_up_row_that_changes_is_taken_with_those_that_look_it_up(made: Bench) -> None:
    made.item(1, "A")
    made.move(1, 1)
    made.turn()
    made.item(1, "B")
    assert made.turn().taken == {"items": 1, "moves": 1}
    assert made.rows("SELECT id, item FROM out.move") == [(1, "B")]


def test_old_values_that_may_be_a_persons_are_forgotten_when_all_have_seen_them(made: Bench) -> None:
    kept = "SELECT DISTINCT old ->> 'code' FROM cdc.journal_key WHERE old ? 'code'"
    made.item(1, "A")
    made.move(1, 1)
    made.turn()
    made.land.execute("INSERT INTO cdc.domain (name, dictionary) VALUES ('other', 'one')")
    made.land.execute("INSERT INTO cdc.watermark (domain, stream) VALUES ('other', 'cdc.src')")
    made.item(1, "B")
    made.turn()
    assert (forget(made.derive), made.rows(kept)) == (False, [("A",)])  # of no class
    made.land.execute("INSERT INTO cdc.mirror_class VALUES ('src.item', 'phi')")
    made.item(1, "C")
    made.turn()
    forget(made.derive)
    assert made.rows(f"{kept} ORDER BY 1") == [("A",), ("B",)]  # the other one has not
    made.land.execute("UPDATE cdc.watermark SET batch = 3 WHERE domain = 'other'")
    forget(made.derive)
    assert made.rows(kept) == [("B",)]
    made.land.execute("UPDATE cdc.watermark SET batch = 4 WHERE domain = 'other'")
    forget(made.derive)
    assert made.rows(kept) == []
    made.land.execute("DELETE FROM cdc.watermark WHERE domain = 'other'")

    # Whoever comes late takes all that may hang on it.
    made.move(2, 2)
    made.turn()
    made.land.execute("UPDATE cdc.watermark SET batch = 2")
    assert made.turn().taken == {"items": 1, "moves": 2}


def test_nothing_new_is_no_derivation(made: Bench) -> None:
    made.item(1, "A")
    assert made.turn() is not None
    assert made.turn() is None
    assert made.rows("SELECT derivation FROM cdc.domain") == [(1,)]


def ask_again(connection: psycopg.Connection, mapping: str, key: str) -> None:
    queued, _ = queue_retry(connection, Selection(mapping, None, [key]), None, Selection(mapping, None, ["***"]))
    on_record = connection.execute("SELECT DISTINCT effect -> 'key' FROM cdc.operator_action").fetchall()
    assert (queued, on_record) == (1, [(["***"],)])


def repair(connection: psycopg.Connection, mapping: str, key: str) -> None:
    queue_rows(connection, [(mapping, [key])])


@pytest.mark.parametrize("ask", [ask_again, repair])
def test_what_is_asked_for_while_a_turn_works_on_the_same_row_is_derived_after_it(
    made: Bench, monkeypatch: pytest.MonkeyPatch, ask: Callable[[psycopg.Connection, str, str], None]
) -> None:
    made.move(1, 1)
    made.turn()
    ask(made.land, "moves", "1")

    def mend(_: Work) -> None:
        monkeypatch.undo()  # the first turn is enough
        made.land.execute("INSERT INTO src.item VALUES (1, 'A', 'a', '2024-01-01', 1)")  # which no event tells of
        repair(made.land, "items", "1")
        ask(made.land, "moves", "1")

    monkeypatch.setattr(take, "CLAUSES", [*take.CLAUSES, mend])
    assert made.turn().taken == {"moves": 1}
    assert made.held() == [("moves", ["1"], "REF-301")]
    assert made.turn().taken == {"items": 1, "moves": 1}
    assert (made.held(), made.rows("SELECT item FROM out.move")) == ([], [("A",)])
    assert made.rows("SELECT FROM cdc.derive_queue") == []


def test_a_domain_waits_for_the_first_snapshot(made: Bench) -> None:
    made.land.execute("UPDATE cdc.position SET generations = 0")
    made.item(1, "A")
    assert made.turn() is None
    made.land.execute("UPDATE cdc.position SET generations = 1")
    assert made.turn().everything


def test_values_that_the_database_refuses_hold_their_rows_alone(made: Bench) -> None:
    made.item(1, "A")
    amounts = ["1", "1000000", "x", "2", "", "3"]
    for number, amount in enumerate(amounts):
        made.move(number, 1, amount)
    made.turn()
    assert made.rows("SELECT id, amount::text FROM out.move ORDER BY 1") == [(0, "1.00"), (3, "2.00"), (5, "3.00")]
    assert made.rows("SELECT source_key, code, detail FROM cdc.held ORDER BY 1") == [
        (["1"], "DRV-201", "SQLSTATE 22003"),
        (["2"], "DRV-201", "SQLSTATE 22P02"),
        (["4"], "DRV-201", "SQLSTATE 22P02"),
    ]


def test_a_required_value_that_the_mapping_left_empty_holds_its_row(made: Bench) -> None:
    made.change(("item", 1, "INSERT INTO src.item VALUES (1, NULL, 'a', NULL, 1)"))
    made.turn()
    assert made.held() == [("items", ["1"], "DRV-201")]


def test_a_rule_that_fails_holds_its_row_alone(made: Bench) -> None:
    made.item(1, "A", "fails")
    made.item(2, "B")
    made.turn()
    assert made.held() == [("items", ["1"], "DRV-202")]
    assert made.rows("SELECT code FROM out.item") == [("B",)]


@pytest.mark.parametrize("made_on", ["infinity", "-infinity", "0044-03-15 BC", "12024-01-01"])
def test_a_date_that_python_cannot_hold_reaches_the_mapping_as_text(made: Bench, made_on: str) -> None:
    made.item(1, "A", made=made_on)
    made.item(2, "B")
    made.turn()
    assert made.held() == [("items", ["1"], "DAT-101")]
    assert made.rows("SELECT code, made FROM out.item") == [("B", datetime.date(2024, 1, 1))]


def test_since_stays_as_long_as_the_code_does(made: Bench) -> None:
    made.move(1, 7)
    made.turn()
    since = made.rows("SELECT code, since FROM cdc.held")
    made.change(("move", 1, "UPDATE src.move SET amount = '2'"))
    made.turn()
    assert made.rows("SELECT code, since FROM cdc.held") == since
    made.item(7, "A")
    made.turn()
    assert made.held() == []


def test_another_dictionary_derives_everything_again(made: Bench) -> None:
    made.item(1, "A")
    made.move(1, 1)
    made.turn()
    made.derive.close()
    made.land.execute(
        "INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary) VALUES ('gone', '{1}', 'X', '', '')"
    )
    made.open("two")
    derived = made.turn()
    assert (derived.everything, derived.taken) == (True, {"items": 1, "moves": 1})
    assert made.rows("SELECT DISTINCT _dictionary, _derivation FROM out.move") == [("two", 2)]
    assert made.rows("SELECT digest FROM cdc.dictionary ORDER BY 1") == [("one",), ("two",)]
    assert made.held() == []


def test_a_worker_with_an_old_epoch_writes_nothing(made: Bench) -> None:
    made.item(1, "A")
    made.land.execute("UPDATE cdc.domain SET epoch = epoch + 1")
    with pytest.raises(TransientError, match="DRV-105"):
        made.turn()
    assert made.rows("SELECT * FROM out.item") == []


def test_a_key_that_the_database_refuses_ends_the_turn(made: Bench) -> None:
    made.land.execute("ALTER TABLE out.item ADD CONSTRAINT by_hand UNIQUE (name)")
    made.item(1, "A")
    made.turn()
    made.item(2, "B")
    with pytest.raises(FatalError, match=r"DRV-104.*out\.item by_hand"):
        made.turn()
    assert made.rows("SELECT code FROM out.item") == [("A",)]


def test_the_plan_is_empty_once_it_is_applied(made: Bench) -> None:
    assert plan_target(made.land, (DOMAIN,), made.mirrors) == ()


def test_a_changed_canonical_column_is_refused_with_its_name(made: Bench) -> None:
    made.item(1, "A")
    made.move(1, 1)
    made.turn()
    made.land.execute("ALTER TABLE out.move ALTER COLUMN amount TYPE numeric(8,2)")
    with pytest.raises(FatalError, match=r"DRV-103.*out\.move\.amount"):
        plan_target(made.land, (DOMAIN,), made.mirrors)


def test_a_mapping_that_reads_what_is_not_there_is_refused_with_every_place(made: Bench) -> None:
    made.land.execute("ALTER TABLE src.item DROP COLUMN code")
    with pytest.raises(
        FatalError, match=r"DRV-101.*items: mirror src\.item has no column code; moves: mirror src\.item"
    ):
        bind(DOMAIN, "x", read_mirrors(made.land, mirror_refs(DOMAIN)))


def test_a_turn_of_many_rows_reads_them_in_chunks(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    copy = stage._copy_rows
    monkeypatch.setattr(stage, "_copy_rows", lambda work, step, rows: (sizes.append(len(rows)), copy(work, step, rows)))
    made.land.execute("INSERT INTO src.item SELECT n, 'C' || n, 'a', NULL, n FROM generate_series(1, 7000) n")
    made.turn()
    assert sum(sizes) == 7000
    assert max(sizes) == stage.CHUNK
    assert made.rows("SELECT count(*) FROM out.item") == [(7000,)]


@pytest.mark.parametrize("count", [stage.FEW + 1, 7000])
def test_a_turn_waits_for_room_as_long_as_it_has_to(made: Bench, count: int) -> None:
    """Its transaction is not ended for being idle, however long others fill the room."""
    made.derive.execute("SET idle_in_transaction_session_timeout = '2s'")
    made.land.execute("INSERT INTO src.item SELECT n, 'C' || n, 'a', NULL, n FROM generate_series(1, %s) n", (count,))
    with ThreadPoolExecutor(1) as other, ExitStack() as full:
        for _ in range(CHUNKS):
            full.enter_context(ROOM.place(lambda: None))
        turn = other.submit(made.turn)
        with pytest.raises(TimeoutError):
            turn.result(4)
        full.close()
        turn.result(60)
    assert made.rows("SELECT count(*) FROM out.item") == [(count,)]

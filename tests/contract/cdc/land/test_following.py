"""Contracts and mirrors follow a source whose tables change while the stream runs."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.drift_policy import EVOLVING, DriftPolicy
from cdc.capture.source import Source as DescribedSource
from cdc.config import Land
from cdc.errors import CdcError, FatalError, TransientError
from cdc.land.contract.accept import Outcome, accept_contracts
from cdc.land.contract.drift import drift
from cdc.land.contract.in_force import put_in_force, read_contracts_in_force, renew_sessions
from cdc.land.contract.watch import SourceWatch
from cdc.land.position import take_over
from cdc.land.stream import StreamSource
from tests.contract.cdc.land.stage import DirectLanding, Stage
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR, column, item, pair
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire


class Source:
    """A live source: what its catalogue holds, or an error, and how often it was read."""

    def __init__(self, *contracts: Contract) -> None:
        self.answer: tuple[Contract, ...] | CdcError = contracts
        self.readings = 0

    def __call__(self) -> tuple[Contract, ...]:
        self.readings += 1
        if isinstance(self.answer, CdcError):
            raise self.answer
        return self.answer


def typed(contract: Contract, name: str, mirror_type: str) -> Contract:
    return with_columns(contract, **{name: dataclasses.replace(contract.column(name), mirror_type=mirror_type)})


def with_columns(contract: Contract, **columns: ColumnContract | None) -> Contract:
    """Return the contract with columns replaced, left out (None) or added behind."""
    named = {**{known.name: known for known in contract.columns}, **columns}
    return dataclasses.replace(contract, columns=tuple(found for found in named.values() if found is not None))


class Follower:
    """A stage whose one landing lives on from step to step, as in a worker."""

    def __init__(self, stage: Stage, wire: Wire, source: Source, drift: DriftPolicy = EVOLVING, **limits: Any) -> None:
        self.stage, self.wire, self.source = stage, wire, source
        self.noted: list[list[str]] = []
        self.is_kafka_away = False
        described = StreamSource(
            *("src", "cdc.src", wire.database, source, stage.captured), note_gap=self.note_gap, drift=drift
        )
        position = take_over(stage.connection, described.stream, described.name)
        self.landing = DirectLanding(described, stage.session, position, Land(**limits))
        self.next_offset = position.next_offset

    def note_gap(self, tables: Sequence[str]) -> None:
        if self.is_kafka_away:
            raise TransientError("STR-109", "x")
        self.noted.append(list(tables))

    def land(self) -> None:
        self.landing.feed(record for record in self.wire.records if record.offset >= self.next_offset)
        self.next_offset = self.wire.next_offset
        self.landing.flush()
        while self.landing.has_pending:
            self.landing.land_next()

    def watch(self) -> None:
        """Begin a reading if it is time, wait for it, take it."""
        self.landing.watch_source()
        for thread in threading.enumerate():
            if thread.name == "catalogue":
                thread.join()
        self.landing.watch_source()

    def upsert(self, *rows: dict[str, Any], operation: str = "insert") -> None:
        self.wire.begin()
        for row in rows:
            getattr(self.wire, operation)("item", "id", row)
        self.wire.end()

    def in_force(self) -> Contract:
        with self.stage.connection.transaction():
            return read_contracts_in_force(self.stage.connection, "src")[0]


@pytest.fixture
def follow(new_stage: Callable[..., Stage]) -> Callable[..., Follower]:
    def make(wire: Wire, *contracts: Contract, **more: Any) -> Follower:
        stage = new_stage(database=wire.database)
        return Follower(stage, wire, Source(*(contracts or CONTRACTS)), **more)

    return make


# -- types that get wider


def test_a_longer_value_widens_the_mirror_and_is_not_refused(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire())
    for number in range(8):  # often enough that statements are prepared
        follower.upsert(item(number))
        follower.upsert(
            {**item(number), "note": "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4", "name": "b"},
            operation="update",
        )
        follower.land()
    follower.source.answer = (typed(typed(ITEM, "name", "character varying(40)"), "id", "bigint"), PAIR)
    follower.upsert(
        {**item(7), "note": "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4", "name": "n" * 30}, operation="update"
    )
    follower.upsert(item(2**40, name="n" * 40))
    follower.land()
    assert follower.stage.query("SELECT id, name, note FROM src.item WHERE id > 6 ORDER BY id") == [
        (7, "n" * 30, "long"),
        (2**40, "n" * 40, "long"),
    ]
    assert follower.stage.query("SELECT count(*) FROM cdc.refused") == [(0,)]


def test_a_longer_key_widens_the_mirror_too(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire(), ITEM, typed(PAIR, "code", "text"))
    follower.wire.begin()
    follower.wire.insert("pair", "code,number", pair("c" * 30, 1))
    follower.wire.end()
    follower.land()
    assert follower.stage.query("SELECT code FROM src.pair") == [("c" * 30,)]


def test_what_the_source_did_not_widen_is_refused_and_the_source_is_asked_once(
    follow: Callable[..., Follower],
) -> None:
    follower = follow(PostgresWire())
    for number in (1, 2, 3):
        follower.upsert(item(number, name="n" * 21))
        follower.land()
    assert follower.stage.query("SELECT code FROM cdc.refused") == [("VAL-101",)] * 3
    assert follower.source.readings == 1


def test_sessions_that_derive_begin_again_when_a_type_changed(stage: Stage, target_dsn: str) -> None:
    wider = (typed(ITEM, "name", "text"),)
    with psycopg.connect(target_dsn, application_name="cdc derive trace", autocommit=True) as deriving:
        with stage.connection.transaction():
            added = put_in_force(stage.connection, "src", (with_columns(ITEM, grade=column("grade", "name")),))
        renew_sessions(stage.connection, added)
        stage.connection.commit()
        deriving.execute("SELECT 1")
        with stage.connection.transaction():
            widened = put_in_force(stage.connection, "src", wider)
        renew_sessions(stage.connection, widened)
        with pytest.raises(psycopg.OperationalError):
            deriving.execute("SELECT 1")


# -- what nothing in the stream tells of


def test_a_new_column_without_a_row_yet_is_found(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire())
    follower.upsert(item(1))
    follower.land()
    follower.source.answer = (with_columns(ITEM, grade=column("grade", "name", default="A")), PAIR)
    follower.watch()
    assert follower.stage.query("SELECT id, grade FROM src.item") == [(1, "A")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (typed(ITEM, "seen", "date"), "TGT-110"),
        (typed(ITEM, "qty", "numeric(8,2)"), "TGT-110"),
        (with_columns(ITEM, name=None, full_name=column("full_name", "name")), "TGT-113"),
        (dataclasses.replace(ITEM, key=("id", "name")), "TGT-111"),
    ],
)
def test_a_change_that_no_mirror_can_follow_stops_the_stream(
    follow: Callable[..., Follower], changed: Contract, code: str
) -> None:
    follower = follow(PostgresWire())
    follower.source.answer = (changed, PAIR)
    with pytest.raises(FatalError, match=code):
        follower.watch()
    assert follower.in_force() == ITEM


def test_a_refusal_of_the_catalogue_stops_the_stream(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire())
    follower.source.answer = FatalError("SRC-123", "cdc lacks public.item")
    with pytest.raises(FatalError, match="SRC-123"):
        follower.watch()


def test_a_table_that_left_the_publication_and_came_back_is_put_on_record(follow: Callable[..., Follower]) -> None:
    entered, again = (dataclasses.replace(ITEM, published=entry) for entry in (7, 8))
    follower = follow(PostgresWire(), catalogue_every_s=0)
    noted = follower.noted
    for answer in (entered, entered, again, again):
        follower.source.answer = (answer, PAIR)
        follower.watch()
    assert noted == [["public.item"]]
    assert follower.in_force() == again


def test_a_table_that_is_another_one_under_its_name_is_put_on_record(follow: Callable[..., Follower]) -> None:
    """A contract of before the catalogue's number was kept is no other table's."""
    first, second = (dataclasses.replace(ITEM, relation=number) for number in (16384, 16391))
    follower = follow(PostgresWire(), catalogue_every_s=0)
    for answer in (ITEM, first, first):
        follower.source.answer = (answer, PAIR)
        follower.watch()
    assert follower.noted == []
    assert follower.in_force() == first
    for _ in range(2):
        follower.source.answer = (second, PAIR)
        follower.watch()
    assert follower.noted == [["public.item"]]
    assert follower.in_force() == second


def test_a_gap_is_noted_before_it_is_forgotten(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire(), catalogue_every_s=0)
    follower.source.answer = (dataclasses.replace(ITEM, published=7), PAIR)
    follower.watch()
    follower.source.answer = (dataclasses.replace(ITEM, published=8), PAIR)
    follower.is_kafka_away = True
    with pytest.raises(TransientError, match="STR-109"):
        follower.watch()
    follower.is_kafka_away = False
    follower.watch()
    assert follower.noted == [["public.item"]]


def test_a_source_that_is_away_is_asked_again_and_landing_goes_on(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire(), catalogue_every_s=0)
    follower.source.answer = TransientError("SRC-110", "nobody there")
    follower.watch()
    follower.upsert(item(1))
    follower.land()
    assert follower.stage.query("SELECT id FROM src.item") == [(1,)]
    follower.source.answer = (typed(ITEM, "name", "text"), PAIR)
    follower.watch()
    follower.watch()
    assert follower.in_force().column("name").mirror_type == "text"


def test_a_mirror_that_somebody_reads_is_changed_later_and_landing_goes_on(
    follow: Callable[..., Follower], target_dsn: str
) -> None:
    follower = follow(PostgresWire(), catalogue_every_s=0)
    follower.source.answer = (typed(ITEM, "name", "text"), PAIR)
    with psycopg.connect(target_dsn) as reader:
        reader.execute("LOCK TABLE src.item IN ACCESS SHARE MODE")
        follower.watch()
        follower.upsert(item(1))
        follower.land()
        assert follower.stage.query("SELECT id FROM src.item") == [(1,)]
        assert follower.in_force() == ITEM
    follower.watch()
    follower.watch()
    assert follower.in_force().column("name").mirror_type == "text"


def test_a_reading_that_was_overtaken_is_forgotten() -> None:
    begun, answers = threading.Event(), threading.Event()

    def read() -> tuple[Contract, ...]:
        begun.set()
        answers.wait()
        return CONTRACTS

    watch = SourceWatch("cdc.src", read, every_s=1000)
    assert watch.take() is None
    begun.wait()
    watch.forget()
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "catalogue":
            thread.join()
    assert watch.take() is None


# -- what schema events tell


def ddl(follower: Follower, text: str, table: str = "item", **defaults: Any) -> None:
    wire = follower.wire
    assert isinstance(wire, MariaWire)
    wire.begin()
    wire.ddl(text, table, {**dict.fromkeys(item(1)), **defaults})
    wire.heartbeat()


def test_ddl_on_tables_that_are_not_captured_asks_the_source_nothing(follow: Callable[..., Follower]) -> None:
    follower = follow(MariaWire())
    for number in range(5):
        ddl(follower, f"CREATE TABLE tmp{number} (id int)", f"tmp{number}")
        follower.land()
    assert follower.source.readings == 0
    ddl(follower, "ALTER TABLE item ADD INDEX (name)")
    ddl(follower, "ALTER TABLE item ADD INDEX (qty)")
    follower.land()
    assert follower.source.readings == 1


def test_a_default_that_was_changed_before_the_worker_looked_is_not_guessed(follow: Callable[..., Follower]) -> None:
    follower = follow(MariaWire(), with_columns(ITEM, grade=column("grade", "name", default="B")), PAIR)
    follower.upsert(item(1))
    follower.land()
    ddl(follower, "ALTER TABLE item ADD grade varchar(20) DEFAULT 'A'", grade="A")
    ddl(follower, "ALTER TABLE item ALTER grade SET DEFAULT 'B'", grade="B")
    with pytest.raises(FatalError, match=r"TGT-112 .*src\.item\.grade"):
        follower.land()


def test_what_older_rows_hold_may_be_told_by_hand(follow: Callable[..., Follower]) -> None:
    graded = with_columns(ITEM, grade=column("grade", "name", default="B"))
    follower = follow(MariaWire(), graded, PAIR)
    follower.upsert(item(1))
    follower.land()
    ddl(follower, "ALTER TABLE item ADD grade varchar(20) DEFAULT 'A'", grade="A")
    ddl(follower, "ALTER TABLE item ALTER grade SET DEFAULT 'B'", grade="B")
    follower.upsert({**item(2), "grade": "B"})
    with pytest.raises(FatalError, match="TGT-112"):
        follower.land()
    stage = follower.stage
    with stage.connection.transaction():
        by_hand = with_columns(ITEM, grade=column("grade", "name", default="A"))
        put_in_force(stage.connection, "src", (by_hand, PAIR))
    Follower(stage, follower.wire, follower.source).land()
    assert stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "A"), (2, "B")]


def forbidding(contract: Contract, name: str) -> Contract:
    return with_columns(contract, **{name: dataclasses.replace(contract.column(name), nullable=False)})


def forbid_null(follower: Follower) -> None:
    assert isinstance(follower.wire, MariaWire)
    follower.wire.begin()
    text = "ALTER TABLE item MODIFY name varchar(20) NOT NULL"
    follower.wire.ddl(text, "item", dict.fromkeys(item(1)), required=("id", "name"))
    follower.wire.heartbeat()


def test_null_that_the_source_has_altered_without_an_event_stops_the_stream(follow: Callable[..., Follower]) -> None:
    """A server that is not strict has put '' there."""
    follower = follow(MariaWire())
    follower.source.answer = (forbidding(ITEM, "name"), PAIR)
    ddl(follower, "ALTER TABLE item ADD INDEX (qty)")  # the catalogue is ahead of the stream from here on
    follower.upsert(item(1, name=None))
    forbid_null(follower)
    follower.upsert(item(2))
    with pytest.raises(FatalError, match=r"TGT-110 .*src\.item\.name: has NULL"):
        follower.land()
    assert follower.stage.query("SELECT id, name FROM src.item") == [(1, None)]
    assert follower.in_force().column("name").nullable


def test_null_that_was_replaced_by_events_stops_nothing(follow: Callable[..., Follower]) -> None:
    follower = follow(MariaWire())
    follower.source.answer = (forbidding(ITEM, "name"), PAIR)
    follower.upsert(item(1, name=None))
    follower.upsert(item(1, name="-"), operation="update")
    forbid_null(follower)
    follower.upsert(item(2))
    follower.land()
    assert follower.stage.query("SELECT id, name FROM src.item ORDER BY id") == [(1, "-"), (2, "a")]
    assert not follower.in_force().column("name").nullable


def test_a_renamed_column_stops_the_stream(follow: Callable[..., Follower]) -> None:
    renamed = with_columns(ITEM, name=None, full_name=column("full_name", "name"))
    follower = follow(MariaWire(), renamed, PAIR)
    follower.wire.begin()
    assert isinstance(follower.wire, MariaWire)
    follower.wire.ddl(
        "ALTER TABLE item CHANGE name full_name varchar(20)", "item", {known.name: None for known in renamed.columns}
    )
    follower.wire.heartbeat()
    with pytest.raises(FatalError, match="TGT-113"):
        follower.land()


@pytest.mark.parametrize(
    "statement",
    [
        "RENAME TABLE item TO item_old, item_new TO item",
        "CREATE OR REPLACE TABLE Item LIKE pair",
        "DROP DATABASE public",
    ],
)
def test_a_table_that_is_another_one_now_stops_the_stream(follow: Callable[..., Follower], statement: str) -> None:
    """Of some of them the connector tells the text only."""
    follower = follow(MariaWire(), ITEM, PAIR)
    assert isinstance(follower.wire, MariaWire)
    follower.wire.begin()
    follower.wire.ddl(statement.replace("item", "other").replace("Item", "other").replace("public", "archive"))
    follower.wire.heartbeat()
    follower.land()
    follower.wire.begin()
    follower.wire.ddl(statement)
    follower.wire.heartbeat()
    with pytest.raises(FatalError, match=f"TGT-113.*{statement}"):
        follower.land()


def test_rows_after_a_drop_hold_nothing_in_the_dropped_column(follow: Callable[..., Follower]) -> None:
    graded = with_columns(ITEM, grade=column("grade", "name", default="A"))
    follower = follow(MariaWire(), graded, PAIR)
    ddl(follower, "ALTER TABLE item ADD grade varchar(20) DEFAULT 'A'", grade="A")
    follower.upsert({**item(1), "grade": "B"})
    follower.land()
    follower.source.answer = CONTRACTS
    ddl(follower, "ALTER TABLE item DROP grade")
    follower.upsert(item(2))
    follower.land()
    assert follower.stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "B"), (2, None)]


# -- what the connector file says of changes

GRADED = with_columns(ITEM, grade=column("grade", "name", default="A"))
WIDER = typed(ITEM, "name", "text")
HALT = dict.fromkeys(("column_added", "column_dropped", "type_widened"), "halt")
IGNORE = {"column_added": "ignore"}
ALTERED = "ALTER TABLE item ADD grade varchar(20) DEFAULT 'A'"


def accepted(follower: Follower, *live: Contract, with_ignored: bool = False, stopped: str = "") -> Outcome:
    """Accept what the source has, as `cdc drift accept` does once the worker is stopped."""
    described = DescribedSource(
        *("src", follower.wire.database, "h", "1", "d", "u", "p", "running", ()), drift=follower.landing.source.drift
    )
    connection = follower.stage.connection
    with connection.transaction():
        return accept_contracts(connection, described, live, with_ignored=with_ignored, stopped={stopped})


def again(follower: Follower) -> Follower:
    """Return the landing of a worker that was started again."""
    return Follower(follower.stage, follower.wire, follower.source, follower.landing.source.drift, catalogue_every_s=0)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (GRADED, r"src\.item\.grade: .* has come"),
        (with_columns(ITEM, note=None), r"src\.item\.note: text is gone"),
        (WIDER, r"src\.item\.name: character varying\(20\) -> "),
    ],
)
def test_landing_stops_where_the_file_says_so_and_goes_on_once_it_is_accepted(
    follow: Callable[..., Follower], changed: Contract, told: str
) -> None:
    follower = follow(PostgresWire(), drift=HALT)
    follower.upsert(item(1))
    follower.land()
    follower.source.answer = (changed, PAIR)
    with pytest.raises(FatalError, match=f"TGT-119 .*{told}"):
        follower.watch()
    assert follower.in_force() == ITEM
    assert accepted(follower, changed).by_snapshot == ()
    going_on = again(follower)
    going_on.watch()
    late = {known.name: item(2).get(known.name, "B") for known in changed.columns}
    going_on.upsert(late)
    going_on.land()
    stage = follower.stage
    assert stage.query("SELECT id FROM src.item ORDER BY id") == [(1,), (2,)]
    assert stage.query("SELECT count(*) FROM cdc.stale") == [(0,)]
    if changed is GRADED:
        assert stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "A"), (2, "B")]


def test_a_row_with_a_new_column_does_not_land_where_the_file_says_to_stop(follow: Callable[..., Follower]) -> None:
    follower = follow(PostgresWire(), drift=HALT)
    follower.source.answer = (GRADED, PAIR)
    follower.upsert({**item(1), "grade": "B"})
    with pytest.raises(FatalError, match=r"TGT-119 .*src\.item\.grade"):
        follower.land()
    assert follower.stage.query("SELECT count(*) FROM src.item") == [(0,)]


def test_what_an_event_tells_is_taken_as_the_event_has_it_once_it_is_accepted(
    follow: Callable[..., Follower],
) -> None:
    """The catalogue has a second column by then, of which nobody has accepted anything."""
    both = with_columns(GRADED, colour=column("colour", "name"))
    follower = follow(MariaWire(), drift=HALT)
    follower.upsert(item(1))
    follower.land()
    follower.source.answer = (GRADED, PAIR)
    ddl(follower, ALTERED, grade="A")
    follower.upsert({**item(2), "grade": "B"})
    with pytest.raises(FatalError, match=r"TGT-119 .*src\.item\.grade"):
        follower.land()
    outcome = accepted(follower, GRADED)
    assert (outcome.steps, outcome.by_snapshot, outcome.awaited) == ((), (), ("src.item.grade",))
    going_on = again(follower)
    going_on.source.answer = (both, PAIR)
    going_on.land()
    ddl(going_on, "ALTER TABLE item ADD colour varchar(20)", grade="A", colour=None)
    with pytest.raises(FatalError, match=r"TGT-119 .*src\.item\.colour"):
        going_on.land()
    assert follower.stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "A"), (2, "B")]
    assert going_on.in_force().accepted == ()
    assert follower.stage.query("SELECT count(*) FROM cdc.stale") == [(0,)]


@pytest.mark.parametrize("wire", [MariaWire(), PostgresWire()])
def test_a_column_is_ignored_until_it_is_taken_in(follow: Callable[..., Follower], wire: Wire) -> None:
    follower = follow(wire, GRADED, PAIR, drift=IGNORE)
    stage = follower.stage
    follower.upsert(item(1))
    follower.land()
    if isinstance(wire, MariaWire):
        ddl(follower, ALTERED, grade="A")
    follower.upsert({**item(2), "grade": "B"})
    follower.land()
    (ignored,) = follower.in_force().ignored
    assert ignored.name == "grade"
    assert [one.ignored_since for one in drift(follower.in_force(), GRADED, IGNORE)] == [ignored.since]
    with stage.connection.transaction():
        assert put_in_force(stage.connection, "src", (GRADED, PAIR)) == (), "a file does not take it in by the way"
    evolving = Follower(stage, wire, follower.source, catalogue_every_s=0)  # nor does another policy
    evolving.watch()
    evolving.upsert({**item(1), "grade": "C"}, operation="update")
    evolving.land()
    assert [row[0] for row in stage.query("SELECT id FROM src.item ORDER BY id")] == [1, 2]
    assert "grade" not in {known.name for known in evolving.in_force().columns}

    assert accepted(evolving, GRADED).by_snapshot == (), "nor what is accepted beside it"
    assert evolving.in_force().ignored == (ignored,)
    outcome = accepted(evolving, GRADED, with_ignored=True)
    assert outcome.by_snapshot == ("src.item",)
    assert stage.query("SELECT key FROM cdc.stale ORDER BY key") == [(["1"],), (["2"],)]
    assert (evolving.in_force().ignored, drift(evolving.in_force(), GRADED, IGNORE)) == ((), ())


def test_a_column_without_a_known_default_is_ignored_all_the_same(follow: Callable[..., Follower]) -> None:
    computed = dataclasses.replace(column("grade", "name"), computed_default=True)
    follower = follow(PostgresWire(), drift=IGNORE)
    follower.upsert(item(1))
    follower.land()
    follower.source.answer = (with_columns(ITEM, grade=computed), PAIR)
    follower.watch()
    assert [one.name for one in follower.in_force().ignored] == ["grade"]


def test_what_a_column_held_stays_beside_what_the_snapshot_brings(follow: Callable[..., Follower]) -> None:
    graded = with_columns(ITEM, grade=column("grade", "name", default="A"))
    follower = follow(PostgresWire())
    follower.upsert(item(1))
    follower.land()
    follower.source.answer = (graded, PAIR)
    follower.watch()  # rows of before have a default by now
    dated = with_columns(graded, grade=column("grade", "when"))
    follower.source.answer = (dated, PAIR)
    assert accepted(follower, dated, PAIR).by_snapshot == ("src.item",)
    going_on = again(follower)
    moment = 1_709_280_000_000_000
    for number, marker in ((1, "first"), (2, "last")):
        follower.wire.snapshot("item", "id", {**item(number), "grade": moment}, marker)
    going_on.land()
    query = "SELECT id, grade IS NOT NULL, grade_before_1 FROM src.item ORDER BY id"
    assert follower.stage.query(query) == [(1, True, "A"), (2, True, None)]
    assert follower.stage.query("SELECT count(*) FROM cdc.stale") == [(0,)]


def test_what_the_stream_alone_has_told_takes_a_snapshot(follow: Callable[..., Follower]) -> None:
    follower = follow(MariaWire())
    follower.upsert(item(1))
    follower.land()
    assert accepted(follower, WIDER).by_snapshot == ()
    assert accepted(follower, WIDER, stopped="src.item").by_snapshot == ("src.item",)
    assert follower.stage.query("SELECT key, code FROM cdc.stale") == [(["1"], "TGT-110")]


# -- LND-106: what cdc code says, done


@pytest.mark.parametrize("wire", [MariaWire(), PostgresWire()])
def test_a_column_that_came_and_went_lands_once_it_is_added_to_the_contract_by_hand(
    follow: Callable[..., Follower], wire: Wire
) -> None:
    follower = follow(wire)
    announces = isinstance(wire, MariaWire)
    if announces:
        ddl(follower, "ALTER TABLE item ADD grade varchar(20)", grade=None)
    follower.upsert({**item(1), "grade": "B"})
    if announces:
        ddl(follower, "ALTER TABLE item DROP grade")
    follower.upsert(item(2))
    with pytest.raises(FatalError, match=r"LND-106 .*src\.item\.grade"):
        follower.land()

    stage = follower.stage
    with stage.connection.transaction():
        put_in_force(stage.connection, "src", (with_columns(ITEM, grade=column("grade", "name")), PAIR))
    again = Follower(stage, wire, follower.source)
    again.land()
    again.watch()
    assert stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "B"), (2, None)]
    # The files as `cdc source contract` writes them again take nothing back.
    with stage.connection.transaction():
        assert put_in_force(stage.connection, "src", CONTRACTS) == ()
    assert again.in_force().dropped == ("grade",)

"""Whatever stands in a topic: it is understood, refused, or stops the stream with a code. Nothing else is ever raised.

An input that took longer than its size explains would end in the time limit of the test run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdc.change import UNCHANGED, Change, Record, Refusal
from cdc.errors import CdcError, FatalError, TransientError
from cdc.land.change.decode import TableDecoder, Truncation
from cdc.stream.assembler import Assembler, Limits
from cdc.stream.envelope import read_event
from cdc.stream.misfit import Misfit
from cdc.stream.schema_change import read_schema_changes
from cdc.stream.unit import Landed, State, Unit
from cdc.stream.value import decoder
from tests.corpus.corpus import GOOD, Case, Stream, contract
from tests.unit.cdc.stream.wire import PostgresWire

ENVELOPES = Path(__file__).resolve().parents[3] / "contract" / "envelopes"
DATABASES = {"erp": "mariadb", "mes": "postgresql"}
RECORDED = {
    source: [
        Record(line["offset"], *(None if line[part] is None else line[part].encode() for part in ("key", "value")))
        for line in map(json.loads, (ENVELOPES / f"{source}.jsonl").read_text().splitlines())
    ]
    for source in DATABASES
}
CONTRACT = contract()
T = TypeVar("T")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, 19782, 1_709_212_455_123_456, -62_135_596_800]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "1.50",
            "NAN",
            "1e9999",
            "P1Y",
            "00ff",
            "qwI=",
            "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4",
            "\x00",
            "24:00",
        ]
    ),
    st.sampled_from(
        ["2024-02-29T10:34:56Z", "-0044-03-15T00:00:00Z", "infinity", "51959025-a8d7-33f2-8c69-5b6414652e2b"]
    ),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def mutilated(draw: Any, texts: st.SearchStrategy[bytes]) -> bytes:
    """A record with some bytes cut out, doubled or replaced."""
    value = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(value)))
        length = draw(st.integers(0, 12))
        new = draw(st.sampled_from([b"", value[start : start + length] * 2]) | st.binary(max_size=4))
        value = value[:start] + new + value[start + length :]
    return value


def good_record() -> Record:
    wire = PostgresWire()
    wire.begin()
    wire.insert("specimen", "id", GOOD)
    return wire.records[-1]


def read(record: Record, database: str) -> None:
    """Do with a record what is done with it before it lands."""
    read_schema_changes(record)
    event = read_event(record, database, "src")
    if event.table == CONTRACT.source_table:
        for item in TableDecoder((CONTRACT,), database, frozenset).items(event):
            assert isinstance(item, Change | Refusal | Truncation)


def outcome(do: Callable[[], T]) -> T | CdcError:
    """Return what is returned, or the error of the service that is raised; no other one is caught."""
    try:
        return do()
    except (FatalError, TransientError) as error:
        return error


def is_read_or_refused(record: Record) -> None:
    for database in ("postgresql", "mariadb"):
        error = outcome(partial(read, record, database))
        assert error is None or error.code in {"STR-101", "LND-101", "LND-102", "LND-103"}


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(value: bytes) -> None:
    is_read_or_refused(Record(1, None, value))


@given(
    mutilated(st.sampled_from([good_record().value or b"", *(r.value or b"" for rs in RECORDED.values() for r in rs)])),
    st.none() | st.binary(max_size=30),
)
@settings(max_examples=500)
def test_mutilated_records(value: bytes, key: bytes | None) -> None:
    is_read_or_refused(Record(1, key, value, key))


ENTRIES = [
    "op",
    "before",
    "after",
    "source",
    "transaction",
    "status",
    "id",
    "event_count",
    "ts_ms",
    "ddl",
    "tableChanges",
]
PARTS = [
    "db",
    "schema",
    "table",
    "snapshot",
    "ts_us",
    "ts_ms",
    "lsn",
    "file",
    "pos",
    "row",
    "name",
    "id",
    "total_order",
]
PLAUSIBLE = st.sampled_from(["c", "u", "d", "r", "t", "m", "BEGIN", "END", "src", "public", "specimen", "last", "b.1"])


@given(
    st.dictionaries(
        st.sampled_from(ENTRIES),
        PLAUSIBLE | SCALARS | st.dictionaries(st.sampled_from(PARTS), PLAUSIBLE | SCALARS, max_size=6),
        max_size=6,
    )
)
@settings(max_examples=300)
def test_any_envelope(value: dict[str, Any]) -> None:
    is_read_or_refused(Record(1, None, json.dumps(value).encode()))


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, min_size=1, max_size=3), st.sampled_from("crud"))
@settings(max_examples=200)
def test_any_values(bad: dict[str, Any], op: str) -> None:
    good = good_record()
    document = json.loads(good.value or b"")
    document["op"] = op
    document["before"] = document["after"] = {**GOOD, **bad}
    is_read_or_refused(good._replace(value=json.dumps(document).encode()))


NAMES = [
    *{column.decoder for column in CONTRACT.columns},
    "array:decimal",
    "array:date",
    "array:uuid",
    "bit:1",
    "point",
]
NAMES += ["geometry", "hstore", "year", "duration_us", "tinyint1", "array:timestamp_us", "array:timestamptz_iso"]


@given(st.sampled_from(sorted(NAMES)), JSON)
@settings(max_examples=500)
def test_any_value_of_any_decoder(name: str, value: Any) -> None:
    try:
        decoded = decoder(name)(value)
    except Misfit:
        return
    assert decoded is UNCHANGED or type(decoded) in (str, int, bool)
    assert "\x00" not in str(decoded)


def fed(records: Iterable[Record], database: str, landed: Callable[[str], Landed | None], limits: Limits) -> list[Unit]:
    assembler = Assembler(database, State(None, 0), landed, limits)
    units = [unit for record in records for unit in assembler.feed(read_event(record, database))]
    return [*units, *assembler.flush()]


@st.composite
def shuffled(draw: Any) -> tuple[str, list[Record]]:
    """A recorded stream with records missing, doubled, moved and taken from elsewhere; offsets in order again."""
    source = draw(st.sampled_from(sorted(DATABASES)))
    records = list(RECORDED[source])
    start = draw(st.integers(0, len(records)))
    records = records[start : start + draw(st.integers(1, 80))]
    for _ in range(draw(st.integers(0, 5))):
        if not records:
            break
        at, to = (draw(st.integers(0, len(records) - 1)) for _ in range(2))
        kind = draw(st.sampled_from(["lose", "double", "move", "repeat", "borrow"]))
        if kind == "lose":
            records.pop(at)
        elif kind == "double":
            records.insert(at, records[at])
        elif kind == "move":
            records.insert(to, records.pop(at))
        elif kind == "repeat":
            records[to:to] = records[min(at, to) : max(at, to)]
        else:
            records.insert(at, draw(st.sampled_from(RECORDED[draw(st.sampled_from(sorted(DATABASES)))])))
    return DATABASES[source], [record._replace(offset=offset) for offset, record in enumerate(records)]


@given(
    shuffled(),
    st.sampled_from([None, Landed((1,)), Landed((2**62, 0, 0, 0))]),
    st.sampled_from([Limits(), Limits(3, 2000, 5, 4000)]),
)
@settings(max_examples=500)
def test_a_stream_in_disorder_is_whole_units_or_stops(
    stream: tuple[str, list[Record]], landed: Landed | None, limits: Limits
) -> None:
    database, records = stream
    units = outcome(lambda: fed(records, database, lambda _: landed, limits))
    if isinstance(units, CdcError):
        assert units.code in {"STR-101", "STR-102", "STR-103", "STR-104"}
        assert "offset" in units.detail
        return
    # Whatever was closed covers the stream from its first record on, each record once (a large one is read again).
    covered = [record.offset for unit in units if unit.counted is None for record in unit.records]
    if all(unit.counted is None for unit in units):
        assert covered == list(range(len(covered)))


@pytest.mark.parametrize("source", sorted(DATABASES))
@given(data=st.data())
@settings(max_examples=60)
def test_a_lost_row_is_always_noticed(source: str, data: Any) -> None:
    """Any row or END that is missing from a recorded stream stops it, unless nothing of its transaction is left."""
    database, records = DATABASES[source], RECORDED[source]
    rows = [
        n
        for n, r in enumerate(records)
        if read_event(r, database).transaction and read_event(r, database).op in tuple("cudt")
    ]
    lost = data.draw(st.sampled_from(rows))
    kept = [record for number, record in enumerate(records) if number != lost]
    event = read_event(records[lost], database)
    if event.op == "t" and database == "mariadb":
        return  # MariaDB sends no END for it: nothing says that there was one
    with pytest.raises(FatalError, match=r"STR-10[23]"):
        fed(kept, database, lambda _: None, Limits())


@given(st.sampled_from(sorted(GOOD)), JSON)
@example("note", "a\x00b")
def test_a_refused_value_does_not_harm_its_neighbours(column: str, value: Any) -> None:
    """The rows around a bad one are decoded as if it were not there."""
    if column == "id":
        return
    good = json.dumps(GOOD[column], ensure_ascii=False, separators=(",", ":"))
    case = Case("any", "refused", "", replace=((f'"{column}":{good}', f'"{column}":{json.dumps(value)}'),))
    try:
        stream = Stream(0, 700).build(case)
    except ValueError:
        return  # the same value
    units = outcome(lambda: fed(stream.records, "postgresql", lambda _: None, Limits()))
    if isinstance(units, CdcError):
        assert f"offset {stream.bad}" in units.detail
        return
    table = TableDecoder((CONTRACT,), "postgresql", frozenset)
    for event in (event for unit in units for event in unit.events):
        (item,) = table.items(event)
        assert item.offset == stream.bad or isinstance(item, Change)

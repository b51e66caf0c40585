from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cdc.capture.contract import Contract
from cdc.change import UNCHANGED, Change
from cdc.errors import FatalError, RowError
from cdc.stream.envelope import read_event
from cdc.stream.row import NewColumn, Outgrown, RowDecoder
from tests.contract.cdc.land.tables import ITEM, PAIR, item, pair
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire


def decoded(wire: Wire, contract: Contract) -> Change:
    """Decode the last record of a stream."""
    return RowDecoder(contract, wire.database).change(read_event(wire.records[-1], wire.database))


def inserted(row: dict[str, Any], contract: Contract = ITEM, wire: Wire | None = None) -> Change:
    wire = wire or PostgresWire()
    wire.insert("t", ",".join(contract.key), row)
    return decoded(wire, contract)


def test_a_row_is_read_by_its_contract() -> None:
    change = inserted(item(1, note="__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"))
    assert change.key == (1,)
    assert change.values == {"id": 1, "name": "a", "note": UNCHANGED, "qty": "1.50", "seen": "2024-03-01T08:00:00"}


def test_a_delete_needs_no_more_than_its_key() -> None:
    wire = PostgresWire()
    wire.delete("t", "id", {"id": 1, "name": None, "note": None, "qty": None, "seen": None})
    assert (decoded(wire, ITEM).key, decoded(wire, ITEM).values) == ((1,), {})


def test_a_key_change_knows_its_old_key() -> None:
    wire = PostgresWire()
    wire.change_key("t", "id", item(1), item(2))
    assert (decoded(wire, ITEM).key, decoded(wire, ITEM).old_key) == ((2,), (1,))


@pytest.mark.parametrize(("before", "old_key"), [(pair("A", 1), ("A", 1)), (pair("B", 1), None)])
def test_an_update_of_a_declared_key_shows_in_its_images(before: dict[str, Any], old_key: Any) -> None:
    wire = MariaWire()
    wire.update("t", "code,number", pair("B", 1), before=before)
    assert decoded(wire, PAIR).old_key == old_key


def test_an_insert_older_than_a_column_carries_its_default() -> None:
    wide = dataclasses.replace(
        ITEM, columns=(*ITEM.columns, dataclasses.replace(ITEM.columns[1], name="x", default="d"))
    )
    assert inserted(item(1), wide).values["x"] == "d"


def test_an_insert_younger_than_a_drop_carries_nothing_of_the_column() -> None:
    named = dataclasses.replace(ITEM.columns[1], name="x", default="d")
    wide = dataclasses.replace(ITEM, columns=(*ITEM.columns, named), dropped=("x",))
    assert inserted(item(1), wide).values["x"] is None
    assert inserted({**item(1), "x": "v"}, wide).values["x"] == "v"


def test_an_insert_older_than_a_column_whose_value_nobody_can_tell_is_refused() -> None:
    made = dataclasses.replace(ITEM.columns[1], name="made", computed_default=True)
    wide = dataclasses.replace(ITEM, columns=(*ITEM.columns, made))
    with pytest.raises(RowError, match=r"VAL-106 .*src\.item: made$"):
        inserted(item(1), wide)
    assert inserted({**item(1), "made": None}, wide).values["made"] is None


def test_an_update_that_lacks_a_column_says_nothing_of_it() -> None:
    wire = PostgresWire()
    wire.update("t", "id", {"id": 1, "name": "b"})
    assert decoded(wire, ITEM).values == {"id": 1, "name": "b"}


def test_a_column_that_is_not_in_the_contract_makes_the_stream_wait() -> None:
    with pytest.raises(NewColumn, match=r"LND-101 .*src\.item\.grade"):
        inserted({**item(1), "grade": "A"})


def test_an_omitted_column_is_skipped() -> None:
    contract = dataclasses.replace(ITEM, omitted=("total",))
    assert "total" not in inserted({**item(1), "total": 5}, contract, MariaWire()).values


GENERATED = dataclasses.replace(ITEM, omitted=("总计",))


@pytest.mark.parametrize(
    ("op", "before", "after"),
    [
        ("insert", None, {**item(1), "总计": None}),
        ("update", None, {**item(1), "总计": 5}),
        ("update", {**item(1), "总计": None}, item(1)),
        ("delete", {"id": 1, "name": None, "note": None, "qty": None, "seen": None, "总计": None}, None),
    ],
)
def test_a_generated_column_in_a_change_from_the_log_says_that_values_are_those_of_others(
    op: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    wire = PostgresWire()
    if op == "insert":
        wire.insert("t", "id", after or {})
    elif op == "update":
        wire.update("t", "id", after or {}, before=before)
    else:
        wire.delete("t", "id", before or {})
    decoder, event = RowDecoder(GENERATED, wire.database), read_event(wire.records[-1], wire.database)
    assert decoder.whole_change(event) is None
    with pytest.raises(FatalError, match=r"LND-112 .*src\.item, offset"):
        decoder.change(event)


def test_a_generated_column_that_a_snapshot_brings_is_skipped() -> None:
    wire = PostgresWire()
    wire.start_snapshot()
    wire.snapshot("t", "id", {**item(1), "总计": 5}, "last")
    decoder, event = RowDecoder(GENERATED, wire.database), read_event(wire.records[-1], wire.database)
    assert decoder.change(event).values == (decoder.whole_change(event) or decoder.change(event)).values
    assert "总计" not in decoder.change(event).values


def test_a_text_that_looks_like_a_generated_column_is_none() -> None:
    assert inserted(item(1, note='"总计":5'), GENERATED).values["note"] == '"总计":5'
    assert inserted(item(1, note='"总计"'), GENERATED).values["note"] == '"总计"'


@pytest.mark.parametrize("qty", ["1.234", "123456789.00", 1.5])
def test_a_value_that_does_not_fit_is_refused_without_being_repeated(qty: Any) -> None:
    with pytest.raises(RowError, match=r"VAL-101 .*src\.item\.qty$") as caught:
        inserted(item(1, qty=qty))
    assert str(qty) not in str(caught.value)


@pytest.mark.parametrize("row", [item(1, name="x" * 21), item(1, qty="123456789.00"), item(2**31)])
def test_a_contract_in_doubt_is_looked_at_before_what_is_too_wide_for_it_is_refused(row: dict[str, Any]) -> None:
    wire = PostgresWire()
    wire.insert("t", "id", row)
    with pytest.raises(Outgrown, match="LND-101"):
        RowDecoder(ITEM, wire.database, doubts=True).change(read_event(wire.records[-1], wire.database))
    wire.insert("t", "id", item(1, qty="much"))
    with pytest.raises(RowError, match="VAL-101"):
        RowDecoder(ITEM, wire.database, doubts=True).change(read_event(wire.records[-1], wire.database))


@pytest.mark.parametrize("key", ["1", None, 2**31, "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"])
def test_an_unreadable_key_stops_the_stream(key: Any) -> None:
    with pytest.raises(FatalError, match="LND-103"):
        inserted({**item(1), "id": key})


def test_mariadb_sends_a_zero_date_where_null_is_not_allowed_as_the_epoch() -> None:
    strict = dataclasses.replace(ITEM, columns=tuple(dataclasses.replace(c, nullable=False) for c in ITEM.columns))
    row = {**item(1), "seen": 0}
    assert inserted(row, strict).values["seen"] == "1970-01-01T00:00:00"
    with pytest.raises(RowError, match="VAL-102"):
        inserted(row, strict, MariaWire())

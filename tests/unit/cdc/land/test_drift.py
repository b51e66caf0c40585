"""A live catalogue against the contract in force: what is otherwise, whether landing stops, what accepting makes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cdc.capture.cascade import Cascade
from cdc.capture.contract import ColumnContract, Contract, Ignored
from cdc.errors import FatalError
from cdc.land.contract.drift import accept, drift
from cdc.land.contract.ignored import without_ignored


def column(name: str, **changes: Any) -> ColumnContract:
    plain = ColumnContract(name, "varchar(20)", "character varying(20)", "text", nullable=True)
    return dataclasses.replace(plain, **changes)


DAY = column("day", type="date", mirror_type="date", decoder="date")
MOMENT = column("day", type="datetime(6)", mirror_type="timestamp(6) without time zone", decoder="datetime")
KEY = column("id", type="int", mirror_type="integer", decoder="int")


def table(*columns: ColumnContract, **changes: Any) -> Contract:
    return dataclasses.replace(Contract("erp.t", "erp.t", ("id",), "primary", (KEY, *columns)), **changes)


A = column("a")
TOKEN = column("a", mirror_type="text", decoder="token:person")
WIDE = column("a", type="varchar(40)", mirror_type="character varying(40)")
CASCADE = Cascade("of_u", ("a",), "erp.u", ("id",), "CASCADE")


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (table(A), table(A), []),
        (table(), table(A), [("a", "varchar(20) has come", "")]),
        (table(A), table(), [("a", "varchar(20) is gone", "")]),
        (table(A), table(WIDE), [("a", "varchar(20) -> varchar(40)", "")]),
        (table(DAY), table(MOMENT), [("day", "date -> datetime(6)", "TGT-110")]),
        (table(WIDE), table(A), [("a", "varchar(40) -> varchar(20)", "TGT-110")]),
        (table(), table(column("a", computed_default=True)), [("a", "varchar(20) has come", "TGT-112")]),
        (
            table(A),
            table(column("b")),
            [("b", "varchar(20) has come", "TGT-113"), ("a", "varchar(20) is gone", "TGT-113")],
        ),
        (
            table(column("a", number=2)),
            table(column("b", number=3)),
            [("b", "varchar(20) has come", ""), ("a", "varchar(20) is gone", "")],
        ),
        (
            table(column("a", number=2)),
            table(column("a", number=3)),
            [("a", "varchar(20) was dropped, another one has come", "TGT-113")],
        ),
        (table(A), table(TOKEN), [("a", "kept by text, to be kept by token:person", "TGT-118")]),
        (table(TOKEN), table(TOKEN), []),
        (table(A, dropped=("a",)), table(A), [("a", "varchar(20) has come again", "TGT-113")]),
        (table(A), table(column("a", nullable=False)), [("a", "may not be NULL any more", "")]),
        (table(A), table(A, key=("a",)), [("", "key (id) -> (a)", "TGT-111")]),
        (table(A), table(A, cascades=(CASCADE,)), [("", "cascading foreign keys: of_u", "TGT-115")]),
        (table(A, relation=1), table(A, relation=2), [("", "another table under the old name", "TGT-113")]),
        (None, table(A), [("", "captured, and without a contract in force", "LND-102")]),
    ],
)
def test_what_is_otherwise_and_whether_landing_stops(
    before: Contract | None, now: Contract, told: list[tuple[str, str, str]]
) -> None:
    assert [(one.column, one.what, one.stops) for one in drift(before, now)] == told


def test_another_type_is_another_column_beside_the_old_one() -> None:
    accepted = accept(table(DAY, A), table(MOMENT, A), 7)
    assert accepted.renamed == (("day", "day_before_7"),)
    assert [each.name for each in accepted.contract.columns] == ["id", "day", "a"], "nothing that lands writes the old"
    assert accepted.contract.column("day") == MOMENT
    assert accepted.contract.dropped == ()
    assert drift(accepted.contract, table(MOMENT, A)) == ()


def test_what_has_room_stays_one_column() -> None:
    wide, narrow = column("a", type="enum('x','y')", decoder="enum"), column("a", type="enum('x')", decoder="enum")
    accepted = accept(table(wide), table(narrow), 7)
    assert (accepted.renamed, accepted.contract.column("a").type) == ((), "enum('x')")


def test_a_column_that_came_again_and_one_under_another_name() -> None:
    again = accept(table(A, dropped=("a",)), table(A), 7)
    assert (again.renamed, again.contract.dropped) == ((("a", "a_before_7"),), ())
    other = accept(table(A), table(column("b", computed_default=True)), 7)
    assert (other.renamed, other.contract.dropped) == ((), ("a",))
    assert not other.contract.column("b").computed_default, "the snapshot brings its values"


@pytest.mark.parametrize("name", ["n" * 63, "n" * 60, "\u6279\u53f7" * 10 + "a"])
def test_what_is_kept_aside_has_a_name_that_the_server_does_not_cut_off(name: str) -> None:
    asides = [aside(one, batch) for one in (name, name[:-1] + "x") for batch in (7, 123_456_789)]
    assert max(len(one.encode()) for one in asides) <= 63
    assert len(set(asides)) == 4
    assert all(one.endswith(("_before_7", "_before_123456789")) for one in asides)


def aside(name: str, batch: int) -> str:
    day, moment = (dataclasses.replace(one, name=name) for one in (DAY, MOMENT))
    ((_, kept),) = accept(table(day), table(moment), batch).renamed
    return kept


@pytest.mark.parametrize("now", [table(A, key=("a",)), dataclasses.replace(table(A), columns=(column("id"), A))])
def test_another_key_is_not_accepted(now: Contract) -> None:
    with pytest.raises(FatalError, match="TGT-111"):
        accept(table(A), now, 7)


@pytest.mark.parametrize(("before", "now"), [(A, TOKEN), (TOKEN, A)], ids=["to tokens", "to values"])
def test_values_do_not_come_to_stand_beside_tokens(before: ColumnContract, now: ColumnContract) -> None:
    with pytest.raises(FatalError, match=r"TGT-118.*erp\.t\.a"):
        accept(table(before), table(now), 7)


# -- what a connector file says of it

HALTING = {"column_added": "halt", "column_dropped": "halt", "type_widened": "halt"}
COMPUTED = column("a", computed_default=True)


@pytest.mark.parametrize(
    ("before", "now", "policy", "stops"),
    [
        (table(), table(A), HALTING, "TGT-119"),
        (table(A), table(), HALTING, "TGT-119"),
        (table(A), table(WIDE), HALTING, "TGT-119"),
        (table(A), table(), {"column_added": "halt"}, ""),
        (table(), table(A), {"column_added": "ignore"}, ""),
        (table(A), table(column("a", nullable=False)), HALTING, ""),
        # What nobody can follow stops, whatever the file says; a column that is not mirrored needs no values.
        (table(WIDE), table(A), {"type_widened": "evolve"}, "TGT-110"),
        (table(A, dropped=("a",)), table(A), {"column_added": "ignore"}, "TGT-113"),
        (table(), table(COMPUTED), HALTING, "TGT-112"),
        (table(), table(COMPUTED), {"column_added": "ignore"}, ""),
        (table(accepted=(("a", "varchar(20) has come"),)), table(A), HALTING, ""),
        (table(accepted=(("a", "varchar(10) has come"),)), table(A), HALTING, "TGT-119"),
    ],
)
def test_what_stops_landing_by_the_connector_file(
    before: Contract, now: Contract, policy: dict[str, str], stops: str
) -> None:
    assert [one.stops for one in drift(before, now, policy)] == [stops]


IGNORED = Ignored("b", "2026-01-02T03:04:05+00:00", 7, number=5)


def test_an_ignored_column_is_on_record_and_not_in_the_way() -> None:
    before = table(A, ignored=(IGNORED,))
    (one,) = drift(before, table(A, column("b", number=5)), HALTING)
    assert (one.column, one.what, one.stops, one.ignored_since) == ("b", "varchar(20), ignored", "", IGNORED.since)
    (one,) = drift(before, table(A))
    assert one.what == "gone by now, ignored"
    assert without_ignored(before, table(A, without=("b",))).ignored == (), "the connector file has taken it over"


@pytest.mark.parametrize(("number", "stops"), [(5, "TGT-112"), (None, "TGT-112"), (6, "")])
def test_a_new_column_may_be_an_ignored_one_under_another_name(number: int | None, stops: str) -> None:
    before = table(column("a", number=2), ignored=(IGNORED,))
    one, _ = drift(before, table(column("a", number=2), column("c", number=number)))
    assert (one.column, one.stops) == ("c", stops)


def test_a_column_that_took_the_name_of_an_ignored_one_is_not_lost() -> None:
    before = table(column("a", number=2), ignored=(IGNORED,))
    told = drift(before, table(column("b", number=2)), {"column_added": "ignore"})
    assert [(one.column, one.stops) for one in told] == [("b", "TGT-113"), ("a", "TGT-113")]

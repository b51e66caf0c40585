"""Schema events against a catalogue that is ahead of them."""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any

import pytest

from cdc.capture.contract import ColumnContract, Contract, Ignored
from cdc.errors import FatalError
from cdc.land.contract.announced import as_announced, newly_required
from cdc.land.contract.merge import merge
from cdc.stream.schema_change import AnnouncedColumn, SchemaChange


def column(name: str, **changes: Any) -> ColumnContract:
    plain = ColumnContract(name, "varchar(20)", "character varying(20)", "text", nullable=True)
    return dataclasses.replace(plain, **changes)


def table(*names: str | ColumnContract, **changes: Any) -> Contract:
    columns = tuple(column(name) if isinstance(name, str) else name for name in ("id", *names))
    return dataclasses.replace(Contract("erp.t", "erp.t", ("id",), "primary", columns), **changes)


_offsets = count()


def alter(kind: str = "ALTER", *, is_snapshot: bool = False, of: str = "erp.t", **defaults: str | None) -> SchemaChange:
    columns = tuple(
        AnnouncedColumn(name, default, nullable=True, generated=False)
        for name, default in {"id": None, **defaults}.items()
    )
    return SchemaChange(next(_offsets), kind, (of,), columns, is_snapshot)


def grown(in_force: Contract, catalogue: Contract, *changes: SchemaChange, awaited: str | None = None) -> Contract:
    before, wanted = as_announced(in_force, catalogue, changes, awaited)
    return merge(before, wanted, live=True)


def refused(in_force: Contract, catalogue: Contract, *changes: SchemaChange) -> str:
    with pytest.raises(FatalError) as caught:
        grown(in_force, catalogue, *changes)
    return caught.value.code


def held(contract: Contract, name: str) -> tuple[str | None, bool]:
    return contract.column(name).default, contract.column(name).computed_default


def test_a_new_column_has_the_default_of_its_event() -> None:
    catalogue = table(column("a", default="A"))
    assert held(grown(table(), catalogue, alter(a="A")), "a") == ("A", False)


@pytest.mark.parametrize("announced", [None, "B"])
def test_a_default_that_was_changed_since_is_nobodys_to_tell(announced: str | None) -> None:
    assert held(grown(table(), table(column("a", default="A")), alter(a=announced)), "a") == (None, True)


def test_only_the_event_that_brings_a_column_counts() -> None:
    catalogue = table(column("a", default="B"))
    assert held(grown(table(), catalogue, alter(a="A"), alter(a="B")), "a") == (None, True)


def requiring(change: SchemaChange) -> SchemaChange:
    assert change.columns is not None
    return dataclasses.replace(
        change, columns=tuple(dataclasses.replace(known, nullable=False) for known in change.columns)
    )


def test_null_is_forbidden_when_the_stream_says_so() -> None:
    zeros = column("day", decoder="date", zero_date_is_null=True)
    catalogue = table(column("a", nullable=False), dataclasses.replace(zeros, nullable=False, zero_date_is_null=False))
    ahead = grown(table("a", zeros), catalogue, alter(a=None, day=None))
    assert ahead.columns == table("a", zeros).columns
    change = requiring(alter(a=None, day=None))
    assert newly_required(ahead, "erp.t", [change]) == ("id", "a", "day")
    assert newly_required(ahead, "erp.other", [change]) == ()
    followed = grown(ahead, catalogue, change)
    assert [known.nullable for known in followed.columns[1:]] == [False, False]
    # What was taken before, and a snapshot, which brings all rows anew, tell nothing of the rows that are there.
    assert newly_required(followed, "erp.t", [change]) == ()
    assert newly_required(ahead, "erp.t", [requiring(alter(is_snapshot=True, a=None))]) == ()


def test_null_that_was_forbidden_for_a_while_is_noticed_though_the_catalogue_allows_it() -> None:
    assert newly_required(table("a"), "erp.t", [requiring(alter(a=None)), alter(a=None)]) == ("id", "a")


def test_a_column_comes_when_the_stream_says_so() -> None:
    catalogue = table(column("a", default="A"), column("b", default="B"))
    first = grown(table(), catalogue, alter(a="A"))
    assert ([known.name for known in first.columns], first.announced) == (["id", "a"], ("id", "a"))
    assert held(grown(first, catalogue, alter(a="A", b="B")), "b") == ("B", False)
    assert grown(first, catalogue, alter(of="erp.other", b="B")) == first


def test_events_of_a_batch_that_did_not_land_are_nothing_new() -> None:
    in_force, catalogue = table("a"), table()
    changes = (alter(a=None), alter(), alter())
    once = grown(in_force, catalogue, *changes)
    assert (once.dropped, once.announced_at) == (("a",), changes[-1].offset)
    assert grown(once, catalogue, *changes) == once


def test_a_column_goes_when_the_stream_says_so() -> None:
    in_force = table("a")
    still = grown(in_force, table(), alter(a=None))
    assert (still.columns, still.dropped, still.announced) == (in_force.columns, (), ("id", "a"))
    assert grown(still, table(), alter()).dropped == ("a",)
    assert grown(in_force, table(), alter()).dropped == ("a",)


def test_a_drop_and_an_addition_are_told_from_a_renaming_by_their_events() -> None:
    in_force, catalogue = table("a"), table("b")
    merged = grown(in_force, catalogue, alter(), alter(b=None))
    assert ([known.name for known in merged.columns], merged.dropped) == (["id", "b", "a"], ("a",))
    assert refused(in_force, catalogue, alter(b=None)) == "TGT-113"


def test_a_dropped_column_that_comes_again_is_refused() -> None:
    in_force = table("a")
    assert refused(in_force, in_force, alter(a=None), alter(), alter(a=None)) == "TGT-113"
    assert refused(grown(in_force, in_force, alter(a=None), alter()), in_force, alter(a=None)) == "TGT-113"


def test_a_contract_that_is_ahead_of_the_stream_loses_nothing_by_older_events() -> None:
    in_force = table(column("a", default="A"))
    begun = grown(in_force, in_force, alter("CREATE", is_snapshot=True, gone=None))
    assert (begun.columns, begun.dropped) == (in_force.columns, ())
    assert grown(begun, in_force, alter(), alter(a="A")).columns == in_force.columns


def test_a_table_that_was_dropped_is_refused_and_one_that_a_snapshot_announces_is_not() -> None:
    gone = SchemaChange(next(_offsets), "DROP", ("erp.t",), None, is_snapshot=False)
    assert refused(table(), table(), gone) == "TGT-113"
    again = dataclasses.replace(gone, is_snapshot=True)
    created = grown(table(), table(), again, alter("CREATE", is_snapshot=True))
    assert (created.columns, created.dropped, created.announced) == (table().columns, (), ("id",))


def test_a_column_that_no_event_brought_is_nobodys_to_tell() -> None:
    assert held(grown(table(), table(column("a", default="A")), awaited="a"), "a") == (None, True)


def test_generated_columns_are_no_new_ones() -> None:
    in_force = table(omitted=("total",))
    assert grown(in_force, in_force, alter(total=None)).columns == in_force.columns


def test_types_follow_the_catalogue_at_once() -> None:
    wide = column("a", type="varchar(40)", mirror_type="character varying(40)")
    assert grown(table("a"), table(wide)).column("a") == wide


def test_an_ignored_column_under_another_name_stops_as_any_other_does() -> None:
    ignoring = table("a", ignored=(Ignored("b", "2026-01-02T03:04:05+00:00", 0),), announced=("id", "a", "b"))
    followed = grown(ignoring, table("a", "b"), alter(a=None, b=None))
    assert ([known.name for known in followed.columns], followed.ignored) == (["id", "a"], ignoring.ignored)
    assert refused(followed, table("a", "c"), alter(a=None, c=None)) == "TGT-113"
    gone = grown(followed, table("a", "c"), alter(a=None), alter(a=None, c=None))
    assert [known.name for known in gone.columns] == ["id", "a", "c"]
    assert not gone.column("c").computed_default

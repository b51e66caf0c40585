"""When a waiver counts: for the refusal that it is about, and not for a row that does without."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cdc.derive.mirror import Mirror
from cdc.derive.outcome import evaluate
from cdc.derive.plan import Output, Step
from cdc.derive.waivable import making_row, tried
from cdc.derive.waived import Waived, Waiver, version_of
from transforms.errors import Refused
from transforms.mapping import WARNINGS, Column, Input, Mapping, MirrorRef, Target

KEY = "{1}"
COLUMNS = (Column("id", "integer", True), Column("country", "text", False), Column("phone", "text", False))


def normalise(row, instead=None):
    """Copy the row; a country or phone of `?` is refused, the country first."""
    values = dict(zip(("id", "country", "phone"), row, strict=True)) | (instead or {})
    for name, code in (("country", "COD-201"), ("phone", "TXT-101")):
        if values[name] == "?":
            raise Refused(code, name)
    return ((tuple(values.values()),),)


def test_a_rule_that_fails_on_a_row_is_a_refusal_for_who_asks_for_a_waiver() -> None:
    def waive(_values):
        return lambda _row: 1 // 0

    step = SimpleNamespace(mapping=SimpleNamespace(name="m", waive=waive))
    assert str(tried(making_row(step, ()), {"country": "CN"})) == str(Refused("DRV-202", "", "ZeroDivisionError"))


def staged(row, waiver: Waiver | None, *, warns: bool = False):
    """Return the values of the row that comes out, or what it is refused for."""
    columns = (*COLUMNS, Column(WARNINGS, "text[]", False)) if warns else COLUMNS

    def told(row, instead=None):
        return tuple(
            tuple((*each, ["OLD-W01 id"]) if warns else each for each in rows) for rows in normalise(row, instead)
        )

    mapping = Mapping(
        "m",
        MirrorRef("erp", "t"),
        (),
        tuple(Input("", column.name) for column in COLUMNS),
        (Target("trace", "t", columns, ("id",), (), "delete"),),
        told,
        waive=lambda values: lambda row: told(row, values),
    )
    step = Step(0, mapping, {}, (Output(0, "", "", mapping.targets[0], True, "", ""),))
    ((one,),) = evaluate(step, (KEY, 1, None, False, None, *row), {KEY: waiver} if waiver else {})
    return one[10:] if one[4] else one[5]


def about(code: str, field: str, *columns: tuple[str, str, str | None]) -> Waiver:
    return Waiver(7, code, field, tuple(Waived(*one) for one in columns))


COUNTRY = about("COD-201", "country", ("country", "COD-201", "DE"))


def test_a_refused_row_has_what_is_decided_and_says_so():
    assert staged((1, "?", "5"), None) == "COD-201"
    assert staged((1, "?", "5"), COUNTRY) == (1, "DE", "5", ["COD-201 country waiver 7"])
    assert staged((1, "?", "5"), COUNTRY, warns=True) == (1, "DE", "5", ["OLD-W01 id", "COD-201 country waiver 7"])
    both = about("COD-201", "country", ("country", "COD-201", "DE"), ("phone", "TXT-101", None))
    assert staged((1, "?", "?"), both) == (
        *(1, "DE", None),
        ["COD-201 country waiver 7", "TXT-101 phone waiver 7"],
    )


def test_a_row_that_is_not_refused_any_more_does_without():
    assert staged((1, "FR", "5"), COUNTRY) == (1, "FR", "5", None)
    assert staged((1, "FR", "5"), COUNTRY, warns=True) == (1, "FR", "5", ["OLD-W01 id"])


def test_a_row_that_is_refused_for_something_else_stays_so():
    assert staged((1, "FR", "?"), COUNTRY) == "TXT-101"
    assert staged((1, "?", "?"), COUNTRY) == "TXT-101"
    assert staged((1, "?", "?"), about("TXT-101", "phone", ("phone", "TXT-101", None))) == "COD-201"


@pytest.mark.parametrize("code", ["REF-301", "KEY-201", "DRV-201"])
def test_what_others_refuse_a_row_for_is_not_known_here_and_always_counts(code):
    assert staged((1, "FR", "5"), about(code, "country", ("country", code, "DE"))) == (
        *(1, "DE", "5"),
        [f"{code} country waiver 7"],
    )


def test_each_table_tells_of_its_own_columns_and_all_of_what_none_of_them_has():
    """A history has not all the tables of its row: what was decided on a column of another one is seen all the same."""
    waiver = about("COD-201", "country", ("country", "COD-201", "DE"), ("phone", "TXT-101", None))
    tables = [Target("trace", "t", columns, ("id",), (), "delete") for columns in (COLUMNS[:2], COLUMNS[:1])]
    country, phone = "COD-201 country waiver 7", "TXT-101 phone waiver 7"
    assert waiver.remarks(tables) == [[country, phone], [phone]]
    assert waiver.remarks(tables[1:]) == [[country, phone]]


@pytest.mark.parametrize("name", ["_version", "_op", "_valid_from", "_valid_to", "_old_key"])
def test_what_says_when_a_version_was_valid_is_none_of_its_values_and_of_a_row_it_is(name):
    mirrors = (Mirror(MirrorRef("erp", "t", versions=one), {}, ()) for one in (False, True))
    rows, versions = (version_of(Step(0, SimpleNamespace(), {"": one}, ()), "key") for one in mirrors)
    assert (f"'{name}'" in rows, f"'{name}'" in versions) == (False, True)
    assert "'_offset'" in rows
    assert "'_offset'" in versions

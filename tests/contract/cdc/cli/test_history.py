"""`cdc history` of mirror rows and of canonical rows: what is printed, and what is said where there is nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage


@pytest.mark.usefixtures("small")
def test_a_mirror_row_is_told_with_its_transactions(cdc: Cdc) -> None:
    done = cdc("history", "src.item", "1", "--json")
    (row,) = done.document
    assert (done.code, row["mirror"], row["key"]) == (0, "src.item", ["1"])
    first, second = row["changes"]
    assert (first["what"], second["what"]) == ("inserted", "updated")
    assert second["cells"] == [{"column": "name", "before": "first", "after": "second"}]
    assert second["offset"] > first["offset"]
    head, *lines = cdc("history", "src.item", "1").lines
    assert head[:5] == ["committed", "what", "column", "before", "after"]
    assert [line[1:5] for line in lines if line[2] == "name"][-1] == ["updated", "name", "first", "second"]


@pytest.mark.usefixtures("small")
def test_a_row_as_it_was(cdc: Cdc) -> None:
    first = cdc("history", "src.item", "1", "--json").document[0]["changes"][0]["committed_at"]
    before = (datetime.fromisoformat(first) - timedelta(microseconds=1)).isoformat()
    assert cdc("history", "src.item", "1", "--as-of", before, "--json").document[0]["row"] is None
    printed = cdc("history", "src.item", "1").lines[1][0]
    for moment in (first, printed):  # as it is printed
        then = cdc("history", "src.item", "1", "--as-of", moment, "--json").document[0]["row"]
        assert (then["name"], datetime.fromisoformat(moment)) == ("first", datetime.fromisoformat(first))
    lines = cdc("history", "src.item", "1", "--as-of", "2100-01-01").lines
    assert ["name", "second"] in lines


@pytest.fixture
def thing(small: Stage) -> Stage:
    """The canonical row that the row of the fixture makes."""
    with small.connection.transaction():
        small.connection.execute(
            "CREATE SCHEMA trace; CREATE TABLE trace.thing (material_id text, _mapping text, _source_key text[])"
        )
        small.connection.execute("INSERT INTO trace.thing VALUES ('T-1', 'src.item', '{1}')")
    return small


@pytest.mark.usefixtures("thing")
def test_a_canonical_row_is_told_by_its_source_rows_replayed_through_their_mapping(cdc: Cdc) -> None:
    done = cdc("history", "trace.thing", "T-1", "--json")
    assert done.code == 0, done.err
    (told,) = done.document
    assert [change["what"] for change in told["changes"]] == ["inserted", "updated"]
    assert (told["canonical"]["table"], told["canonical"]["mapping"]) == ("trace.thing", "src.item")
    made = [(one["outcome"], [row["remark"] for row in one["rows"]]) for one in told["canonical"]["changes"]]
    assert made == [("row", ["first"]), ("row", ["second"])]
    lines = cdc("history", "trace.thing", "T-1").lines
    assert ["remark", "first", "second"] in [line[2:5] for line in lines if len(line) > 4]


@pytest.mark.usefixtures("thing")
def test_a_canonical_row_as_it_was(cdc: Cdc) -> None:
    changes = cdc("history", "trace.thing", "T-1", "--json").document[0]["changes"]
    (then,) = cdc("history", "trace.thing", "T-1", "--as-of", "2100-01-01", "--json").document
    was = then["canonical"]["was"]
    assert (was["outcome"], was["row"]["material_id"], was["row"]["remark"]) == ("row", "T-1", "second")
    assert ["remark", "second"] in cdc("history", "trace.thing", "T-1", "--as-of", "2100-01-01").lines
    before = changes[0]["committed_at"][:19] + "Z"  # the commit was later in this second
    (then,) = cdc("history", "trace.thing", "T-1", "--as-of", before, "--json").document
    assert then["canonical"]["was"] == {"outcome": "not there", "row": None}


@pytest.mark.usefixtures("thing")
def test_what_is_looked_up_is_said_to_be_as_it_is_now(cdc: Cdc, tmp_path: Path) -> None:
    assert cdc("history", "trace.thing", "T-1").err == ""
    mapping = tmp_path / "dictionary" / "mappings" / "src.item.yaml"
    lookup = "lookups:\n  other: {table: src.item, match: other.id = id, columns: {id: integer, name: text}}\ntarget:"
    text = mapping.read_text().replace("target:", lookup).replace("remark: name", "remark: other.name")
    mapping.write_text(text.replace("in: {id: 1, name: a}", "in: {id: 1}, lookups: {other: {id: 1, name: a}}"))
    done = cdc("history", "trace.thing", "T-1", "--as-of", "2100-01-01")
    assert "What is looked up in src.item is as it is now" in done.err
    (then,) = cdc("history", "trace.thing", "T-1", "--json").document
    assert then["canonical"]["looked_up"] == ["src.item"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("src.item", "77"), 3, "The journal has no change of src.item 77."),
        (("src.item", "1", "2"), 1, "EVD-103"),
        (("trace.nothing", "1"), 1, "neither a mirror nor a canonical table"),
        (("src.item", "1", "--as-of", "yesterday"), 2, "yesterday"),
    ],
)
def test_what_is_not_there_is_said(cdc: Cdc, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = cdc("history", *arguments)
    assert (done.code, told in done.err) == (code, True), done.err

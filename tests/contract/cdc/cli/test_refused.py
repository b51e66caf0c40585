"""`cdc refused`: what is listed, and that the bytes are those that came."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import PostgresWire


@pytest.fixture
def landed(target_dsn: str, config: Path) -> Iterator[tuple[Stage, PostgresWire]]:
    """Three changes: one that lands, one that does not, one that does not and is healed."""
    wire = PostgresWire()
    for number, name in ((1, "right"), (2, "NUL \0"), (3, "NUL \0"), (3, "right")):
        wire.begin()
        wire.insert("item", "id", item(number, name))
        wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        yield stage, wire


@pytest.mark.usefixtures("landed")
def test_refused_changes_are_listed_the_latest_first(cdc: Cdc) -> None:
    done = cdc("refused", "list", "--json")
    assert done.code == 0, done.err
    assert done.document["total"] == 2
    assert [(one["mirror"], one["key"], one["stale"]) for one in done.document["refused"]] == [
        ("src.item", ["3"], False),
        ("src.item", ["2"], True),
    ]
    assert [one["key"] for one in cdc("refused", "list", "--stale", "--json").document["refused"]] == [["2"]]
    assert cdc("refused", "list", "--code", "VAL-999", "--json").document["total"] == 0
    (line,) = cdc("refused", "list", "--limit", "1").lines[1:]
    assert line[2:4] == ["src.item", "3"]


@pytest.mark.usefixtures("landed")
def test_what_was_refused_alike_is_one_group(cdc: Cdc) -> None:
    (group,) = cdc("refused", "list", "--group", "--json").document["groups"]
    assert (group["mirror"], group["changes"], group["stale"]) == ("src.item", 2, 1)


def test_the_record_is_the_one_that_came(cdc: Cdc, landed: tuple[Stage, PostgresWire]) -> None:
    _, wire = landed
    offset = cdc("refused", "list", "--stale", "--json").document["refused"][0]["offset"]
    (record,) = [one for one in wire.records if one.offset == offset]
    looking = "--reveal", "--reason", "its bytes"
    shown = cdc("refused", "show", "cdc.src", str(offset), *looking, "--json").document
    assert b64decode(shown["record_value"]) == record.value
    assert b64decode(shown["record_key"]) == record.key
    assert cdc("refused", "show", "cdc.src", str(offset), *looking, "--raw").out.encode() == record.value
    assert cdc("refused", "show", "cdc.src", str(offset), "--raw").code == 2
    told = cdc("refused", "show", "cdc.src", str(offset), *looking)
    assert shown["code"] in told.out
    assert "\0" not in told.out


@pytest.mark.usefixtures("landed")
def test_an_offset_at_which_nothing_was_refused(cdc: Cdc) -> None:
    done = cdc("refused", "show", "cdc.src", "1")
    assert (done.code, "was refused" in done.err) == (3, True)

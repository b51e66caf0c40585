"""`cdc drift`: a source that changed where its connector file says to stop, or to ignore it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.cli import source
from cdc.config import Target
from cdc.errors import FatalError
from cdc.land.contract import accept
from cdc.land.contract.in_force import follow_source
from cdc.observe.stopping import note_stop
from cdc.store.connection import connect
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.small import SOURCE
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, PAIR, column

GRADED = dataclasses.replace(ITEM, columns=(*ITEM.columns, column("grade", "name", default="A")))
WHY = ("--reason", "reviewed")


@pytest.fixture
def changed(small: Stage, config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The connector file of a source that has a new column, of which nobody lands anything."""
    monkeypatch.setattr("cdc.cli.drift.read_contracts", lambda *_: (GRADED, PAIR))
    small.connection.close()
    return config.parent / "connector-configs" / "src.yaml"


def test_what_the_file_stops_is_accepted_without_a_snapshot(changed: Path, cdc: Cdc, target: Target) -> None:
    changed.write_text(SOURCE + "drift: {column_added: halt}\n")
    shown = cdc("drift", "show", "--json")
    (one,) = shown.document
    assert (shown.code, one["column"], one["stops"]) == (4, "grade", "TGT-119")
    assert (one["kind"], one["policy"]) == ("column_added", "halt")
    assert ["src.item", "grade", "character varying(20) has come", "TGT-119", "0"] in cdc("drift", "show").lines
    assert "Nothing was done" in cdc("drift", "accept", "src", *WHY, "--dry-run").err
    done = cdc("drift", "accept", "src", *WHY)
    assert "add column src.item.grade" in done.out
    assert "No new snapshot is needed" in done.err
    assert cdc("drift", "show").code == 0
    with connect(target, "test") as connection:
        assert connection.execute("SELECT id, grade FROM src.item").fetchall() == [(1, "A")]
        assert connection.execute("SELECT count(*) FROM cdc.stale").fetchall() == [(0,)]


def test_an_ignored_column_is_shown_and_taken_in_by_the_name_of_its_table(
    changed: Path, cdc: Cdc, target: Target
) -> None:
    policy = {"column_added": "ignore"}
    changed.write_text(SOURCE + "drift: {column_added: ignore}\n")
    assert cdc("drift", "show").lines[1][3:] == ["ignores", "0"]
    with connect(target, "test") as connection, connection.transaction():
        assert follow_source(connection, "src", (GRADED, PAIR), None, policy) == ()
    shown = cdc("drift", "show", "--json")
    (one,) = shown.document
    assert (shown.code, one["column"], one["stops"]) == (3, "grade", "")
    assert cdc("drift", "show").lines[1][3:] == [f"ignored since {one['ignored_since']}", "0"]
    told = cdc("status", "--json").document["ignored"]
    assert told == [{"mirror": "src.item", "column": "grade", "since": one["ignored_since"]}]
    assert ["src.item", "grade", one["ignored_since"]] in cdc("status").lines

    assert "No new snapshot is needed" in cdc("drift", "accept", "src", *WHY).err
    assert cdc("drift", "show").code == 3
    done = cdc("drift", "accept", "src", "item", *WHY, "--json")
    assert done.document["by_snapshot"] == ["src.item"]
    assert cdc("drift", "show").code == 0
    with connect(target, "test") as connection:
        assert connection.execute("SELECT key FROM cdc.stale").fetchall() == [(["1"],)]


def test_nobody_lands_while_it_is_accepted_and_files_follow_what_is_in_force(
    changed: Path, cdc: Cdc, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies between has files of before, which `cdc source contract` brings up; others stay as reviewed."""
    rated = dataclasses.replace(PAIR, columns=(*PAIR.columns, column("rate", "name")))
    monkeypatch.setattr("cdc.cli.drift.read_contracts", lambda *_: (GRADED, rated))
    seen: list[object] = []

    def accept_contracts(*arguments: Any, **options: Any) -> Any:
        with connect(target, "test") as other, pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT FROM cdc.position FOR UPDATE NOWAIT")
        return accept.accept_contracts(*arguments, **options)

    def write_some(*arguments: Any) -> None:
        with connect(target, "test") as other:
            seen.extend(other.execute("SELECT grade FROM src.item").fetchall())
        source.write_some(*arguments)

    files = changed.parent / "contracts" / "src"
    source.write_files(files, (ITEM, PAIR))
    monkeypatch.setattr("cdc.cli.drift.accept_contracts", accept_contracts)
    monkeypatch.setattr("cdc.cli.drift.write_some", write_some)
    done = cdc("drift", "accept", "src", "item", *WHY, "--json")
    assert (done.code, done.document["files"], seen) == (0, ["item.yaml"], [("A",)])
    assert "grade" in (files / "item.yaml").read_text()
    assert "rate" not in (files / "pair.yaml").read_text()


def test_what_only_the_stream_tells_takes_a_snapshot(
    changed: Path, cdc: Cdc, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue of a table that was swapped for another one of the same columns is what it was."""
    monkeypatch.setattr("cdc.cli.drift.read_contracts", lambda *_: (ITEM, PAIR))
    note_stop(target, "land", FatalError("TGT-113", "cdc.src: src.item: RENAME TABLE item TO old, new TO item"))
    done = cdc("drift", "accept", "src", *WHY)
    assert "a new snapshot has to bring the rows of src.item" in done.out.splitlines()
    assert "cdc stream resnapshot src" in done.err


def test_what_hangs_on_a_change_is_told_with_the_patches_of_contract_and_mapping(
    changed: Path, cdc: Cdc, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = tuple(column("name", "int") if each.name == "name" else each for each in ITEM.columns)
    monkeypatch.setattr("cdc.cli.drift.read_contracts", lambda *_: (dataclasses.replace(ITEM, columns=counted), PAIR))
    source.write_files(changed.parent / "contracts" / "src", (ITEM, PAIR))
    mapping = "mappings/src.item.yaml"
    told = f"{mapping} reads name as text, it is integer now"
    (one,) = cdc("drift", "show", "--json").document
    assert (one["stops"], one["canonical"], one["mappings"]) == ("TGT-110", ["trace.thing.remark"], [told])
    assert sorted(one["patch"]) == ["contracts/src/item.yaml", mapping]
    assert "+source: {table: src.item, columns: {id: integer, name: integer}}" in one["patch"][mapping]
    printed = cdc("drift", "accept", "src", *WHY, "--dry-run").out.splitlines()
    assert {told, "src.item.name makes trace.thing.remark", *one["patch"][mapping].splitlines()} <= {*printed}
    document = cdc("drift", "accept", "src", *WHY, "--json").document
    assert (document["canonical"], document["mappings"], document["files"]) == (
        ["trace.thing.remark"],
        [told],
        ["item.yaml"],
    )
    assert document["patch"][mapping] == one["patch"][mapping]
    assert "+" in document["patch"]["item.yaml"]
    assert any("_before_" in step["statement"] for step in document["steps"])

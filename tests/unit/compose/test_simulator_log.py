"""The simulator's log: valid lines, running numbers, and what earlier runs are known by."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from compose.simulator.error import SimulatorError
from compose.simulator.log import LogWriter, read_past
from compose.simulator.plan import Settings, run
from compose.simulator.seed import seed

SETTINGS = Settings(seconds=20, rate=50, seed=5, quiet=((10.0, 19.0),))


@pytest.fixture(scope="module")
def text() -> str:
    """A whole run."""
    file = io.StringIO()
    log = LogWriter(file, 0)
    start = seed()
    for source in ("erp", "mes"):
        log.installed(source, start.bad(source))
    log.begin(SETTINGS)
    for transaction in run(start.world, SETTINGS):
        log.note(transaction)
    log.end(stopped=False)
    return file.getvalue()


@pytest.fixture(scope="module")
def entries(text: str) -> list[dict[str, Any]]:
    """Its lines."""
    return [json.loads(line) for line in text.splitlines()]


def transactions(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in entries if "source" in entry]


def test_numbers_run_without_gaps(entries: list[dict[str, Any]]) -> None:
    assert [entry["seq"] for entry in transactions(entries)] == list(range(1, SETTINGS.steps + 3))


def test_every_transaction_names_source_action_clock_and_rows(entries: list[dict[str, Any]]) -> None:
    for entry in transactions(entries)[2:]:
        assert entry["source"] in {"erp", "mes"}
        assert entry["action"]
        assert entry["committed_at"] > 0
        bulk = entry["action"] == "bulk update"
        assert sum(entry["tables"].values()) == (20_000 if bulk else len(entry["rows"]))
        for mirror, operation, key in entry["rows"]:
            assert mirror.startswith(entry["source"] + ".")
            assert operation in {"c", "u", "d"}
            assert all(isinstance(part, str) for part in key)


def test_keys_and_images_are_text(entries: list[dict[str, Any]]) -> None:
    deleted = [image for entry in transactions(entries) for image in entry.get("deleted", ())]
    assert deleted
    assert all(isinstance(value, str | None) for _, image in deleted for value in image.values())


def test_every_row_that_goes_leaves_its_image(entries: list[dict[str, Any]]) -> None:
    for entry in transactions(entries):
        gone = [mirror for mirror, operation, _ in entry.get("rows", ()) if operation == "d"]
        assert gone == [mirror for mirror, _ in entry.get("deleted", ())]


def test_what_was_rolled_back_is_marked_and_announces_nothing(entries: list[dict[str, Any]]) -> None:
    given_up = [entry for entry in transactions(entries) if "rolled back" in entry["action"]]
    assert given_up
    assert all(entry["rolled_back"] is True for entry in given_up)
    assert not [entry for entry in given_up if entry.keys() & {"probe", "bad", "healed", "deleted"}]


def test_seeded_bad_rows_are_named_first(entries: list[dict[str, Any]]) -> None:
    first, second = transactions(entries)[:2]
    assert (first["action"], second["action"]) == ("installed", "installed")
    assert first["bad"]
    assert second["bad"]


def test_the_summary_counts_what_the_lines_say(entries: list[dict[str, Any]]) -> None:
    summary = entries[-1]["summary"]
    lines = transactions(entries)[2:]
    assert summary["transactions"] == SETTINGS.steps == sum(summary["actions"].values())
    assert summary["probe"] == sum(len(line.get("probe", ())) for line in lines)
    assert summary["bad"] == sum(summary["codes"].values()) == sum(len(line.get("bad", ())) for line in lines)
    assert summary["rolled_back"] == sum(line.get("rolled_back", False) for line in lines)


def test_a_past_run_is_known_by_settings_and_length(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text, encoding="utf-8")
    past = read_past(path)
    assert [(run.settings, run.steps) for run in past.runs] == [(SETTINGS, SETTINGS.steps)]
    assert past.seq == SETTINGS.steps + 2


def test_no_log_and_an_empty_log_tell_of_no_run(tmp_path: Path) -> None:
    assert read_past(tmp_path / "none.jsonl").runs == []
    (tmp_path / "empty.jsonl").touch()
    assert read_past(tmp_path / "empty.jsonl").seq == 0


def test_a_run_that_was_killed_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(text.splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(SimulatorError, match="did not end in order"):
        read_past(path)


def test_a_line_that_was_cut_off_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text[:-20], encoding="utf-8")
    with pytest.raises(SimulatorError, match=r"log\.jsonl:1004 is no log line"):
        read_past(path)

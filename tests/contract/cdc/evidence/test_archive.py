"""Months that leave the target: nothing is lost whoever dies when, and the files need no program of ours."""

from __future__ import annotations

import ast
import gzip
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.change import Record
from cdc.errors import FatalError, TransientError
from cdc.evidence.archive import month
from cdc.evidence.archive.month import archive_month, closed_months, prune_keys
from cdc.evidence.archive.retention import Retention
from cdc.evidence.archive.verify import read_frames
from cdc.evidence.chain import walk
from cdc.land.journal import read_batch, read_last_record
from cdc.protect.seal import Opener
from compose.local.env import REPO
from tests.contract.cdc.evidence.months import PAST, Months
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS
from tests.owner import disarm
from tests.unit.cdc.stream.wire import PostgresWire

STREAM = "cdc.src"
RANDOM_KILLS = 5
KEEP = Retention(1)
POINTS = ("E2", "E3", "E4", "E5", "E6", "E7")


@pytest.fixture
def stage(target_dsn: str) -> Iterator[Stage]:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        yield stage


@pytest.fixture
def months(stage: Stage) -> Months:
    return Months(stage)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def archive(stage: Stage, folder: Path, retention: Retention = KEEP) -> None:
    with psycopg.connect(stage.connection.info.dsn, password=stage.connection.info.password, autocommit=True) as other:
        for closed in closed_months(other, retention):
            archive_month(Opener(other, stage.session.protection), closed, retention, folder, None, lambda *_: None)
            prune_keys(other)


def state(stage: Stage, folder: Path) -> dict[str, Any]:
    """Return all that must not depend on how often the command was killed."""
    return {
        "files": {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")},
        "archive": stage.query("SELECT to_jsonb(a) - 'archived_at' FROM cdc.archive a ORDER BY last_batch"),
        "journal": stage.query("SELECT batch, chunk, chain FROM cdc.journal ORDER BY batch"),
        "keys": stage.query("SELECT batch, mirror, key, op FROM cdc.journal_key ORDER BY batch"),
        "months": stage.query("SELECT name FROM cdc.journal_month ORDER BY to_at"),
        "actions": stage.query("SELECT action, object FROM cdc.operator_action ORDER BY id"),
    }


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program that stands beside the files, without anything of ours: isolated, from elsewhere."""
    command = (sys.executable, "-I", "-S", str(folder / "verify.py"), *arguments)
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def test_what_left_the_target_is_in_files_byte_for_byte(stage: Stage, months: Months, folder: Path) -> None:
    archive(stage, folder)
    found = []
    for name in PAST:
        with gzip.open(folder / f"{STREAM}_{name}.gz") as file:
            found += [Record(one.offset, one.key, one.value, one.old_key) for one in read_frames(file)]
    assert found == months.records[: len(found)]
    assert len(found) == sum(records for (records,) in stage.query("SELECT records FROM cdc.archive"))
    assert stage.query("SELECT min(batch) FROM cdc.journal") == [(5,)]
    assert stage.query("SELECT DISTINCT batch FROM cdc.journal_key") == [(5,)]
    assert stage.query("SELECT to_regclass('cdc.journal_2026_01')") == [(None,)]


def test_the_chain_goes_on_behind_the_archive(stage: Stage, months: Months, folder: Path) -> None:
    before = walk(stage.session.opener(), STREAM)
    archive(stage, folder)
    after = walk(stage.session.opener(), STREAM)
    assert after.fault is None
    assert after.head == before.head
    assert 0 < after.archived < after.head.offset
    months.update(2, "later")
    assert walk(stage.session.opener(), STREAM).fault is None


def test_files_are_verified_without_this_program(stage: Stage, months: Months, folder: Path, tmp_path: Path) -> None:
    archive(stage, folder)
    done = alone(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("holds") == len(PAST)
    printed = [
        json.loads(line) for line in alone(folder, "--print", str(folder / f"{STREAM}_2026_01.gz")).stdout.splitlines()
    ]
    assert [one["offset"] for one in printed] == [one.offset for one in months.records[: len(printed)]]
    assert printed[1]["value"] == (months.records[1].value or b"").decode()
    head = {"stream": STREAM, "offset": printed[-1]["offset"] + 1, "head": "00" * 32, "time": ""}
    (tmp_path / "heads").write_text(json.dumps(head))
    assert "an anchor has another head" in alone(folder, "--anchor", str(tmp_path / "heads")).stderr
    (tmp_path / "heads").write_text(json.dumps(head | {"offset": printed[1]["offset"], "stream": "other"}) + "\n{")
    assert "heads:2: is no anchor" in alone(folder, "--anchor", str(tmp_path / "heads")).stderr
    ast.parse((folder / "verify.py").read_text(), feature_version=(3, 8))


def test_the_program_says_what_it_has_not_seen(stage: Stage, months: Months, folder: Path, tmp_path: Path) -> None:
    """No files at all, anchors behind them or of a stream without any, a manifest that is none, a torn file."""
    archive(stage, folder)
    heads = [
        {"stream": STREAM, "offset": 1000, "head": "00" * 32},
        {"stream": "cdc.other", "offset": 5, "head": "00" * 32},
    ]
    (tmp_path / "heads").write_text("\n".join(map(json.dumps, heads)))
    done = alone(folder, "--anchor", str(tmp_path / "heads"))
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (
        0,
        [
            f"{STREAM}: 1 anchors stand behind its files, from offset 1000 on: not looked at",
            "cdc.other: there are anchors, and no files",
        ],
    )
    first = json.loads((folder / f"{STREAM}_2026_02.json").read_text())["first_offset"]
    (tmp_path / "heads").write_text(json.dumps(heads[0] | {"offset": first}))
    assert "where no record ends" in alone(folder, "--anchor", str(tmp_path / "heads")).stderr
    fault = walk(stage.session.opener(), STREAM, {first: b"\0" * 32}).fault
    assert fault is not None
    assert "where no record ends" in fault.what
    torn = tmp_path / "torn.gz"
    torn.write_bytes((folder / f"{STREAM}_2026_01.gz").read_bytes()[:-20])
    printed = alone(folder, "--print", str(torn))
    assert (printed.returncode, "Traceback" in printed.stderr, "cannot be read" in printed.stderr) == (1, False, True)
    (folder / f"{STREAM}_2026_02.json").write_text('{"format": "cdc-journal-archive-1"}')
    assert "is no manifest" in alone(folder).stderr
    (tmp_path / "empty").mkdir()
    empty = alone(folder, str(tmp_path / "empty"))
    assert (empty.returncode, "there is no archive here" in empty.stderr) == (1, True)


def test_only_months_that_are_over_for_long_enough_leave(stage: Stage, months: Months, folder: Path) -> None:
    with stage.connection.transaction():
        ((age,),) = stage.query(
            "SELECT 12 * extract(year FROM a)::int + extract(month FROM a)::int"
            " FROM age(date_trunc('month', now()), timestamptz '2026-02-01 00:00Z') a"
        )
    archive(stage, folder, Retention(age + 1))
    archive(stage, folder, Retention(1, {"device_life_15y": age + 1}, {STREAM: ("device_life_15y",)}))
    with stage.connection.transaction():
        (first, *_) = closed_months(stage.connection, KEEP)
    with pytest.raises(FatalError, match=r"EVD-124 .*2026_01"):
        archive_month(stage.session.opener(), first, Retention(age + 1), folder, None, lambda *_: None)
    assert stage.query("SELECT month FROM cdc.archive") == []
    archive(stage, folder, Retention(age, {"device_life_15y": age + 1}, {"cdc.other": ("device_life_15y",)}))
    assert stage.query("SELECT month FROM cdc.archive") == [("journal_2026_01",)]


@pytest.mark.parametrize("schema", ["cdc", "cdc_shadow"])
def test_nothing_leaves_above_a_watermark(stage: Stage, months: Months, folder: Path, schema: str) -> None:
    with stage.connection.transaction():
        stage.connection.execute(f"INSERT INTO {schema}.domain (name) VALUES ('d')".encode())
        stage.connection.execute(f"INSERT INTO {schema}.watermark VALUES ('d', %s, 3)".encode(), (STREAM,))
    with pytest.raises(FatalError, match=r"EVD-108 .*2026_02.*derived is 3"):
        archive(stage, folder)
    assert stage.query("SELECT month FROM cdc.archive") == [("journal_2026_01",)]
    assert stage.query("SELECT min(batch) FROM cdc.journal") == [(3,)]


def test_a_clock_that_was_set_back_is_noticed(stage: Stage, months: Months, folder: Path) -> None:
    with months.in_month("2026_01"):
        months.update(2, "earlier")
    with pytest.raises(FatalError, match=r"EVD-108 .*batch 6 of cdc.src landed in it, and 3 after it"):
        archive(stage, folder)
    assert stage.query("SELECT FROM cdc.archive") == []


def test_a_chain_that_does_not_hold_stays_where_it_is(stage: Stage, months: Months, folder: Path) -> None:
    disarm(stage.connection)
    with stage.connection.transaction():
        stage.connection.execute("UPDATE cdc.journal SET chain = '' WHERE batch = 2")
    with pytest.raises(FatalError, match=r"EVD-101 .*batch 2"):
        archive(stage, folder)
    assert stage.query("SELECT FROM cdc.archive") == []


def test_a_file_of_another_journal_is_not_overwritten(stage: Stage, months: Months, folder: Path) -> None:
    file = folder / f"{STREAM}_2026_01.gz"
    file.write_bytes(b"another one")
    with pytest.raises(FatalError, match=r"EVD-110"):
        archive(stage, folder)
    assert file.read_bytes() == b"another one"
    with pytest.raises(FatalError, match=r"EVD-110"):
        archive(stage, folder / "nowhere")
    assert stage.query("SELECT count(*) FROM cdc.journal") == [(5,)]


def test_who_reads_the_journal_is_not_cut_off_and_landing_waits_for_seconds_only(
    stage: Stage, months: Months, folder: Path
) -> None:
    with stage.connection.transaction():
        stage.connection.execute("SELECT FROM cdc.journal")
        with pytest.raises(TransientError, match="TGT-120"):
            archive(stage, folder)
    archive(stage, folder)
    assert len(stage.query("SELECT FROM cdc.archive")) == 2


def test_what_is_added_meanwhile_keeps_the_month(
    stage: Stage, months: Months, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(place: str) -> None:
        if place == "E4":
            with months.in_month("2026_01"), stage.connection.transaction():
                stage.connection.execute("INSERT INTO cdc.journal VALUES ('cdc.other', 1, 0, 1, 1, '', '')")

    monkeypatch.setattr(month, "crash_point", add)
    with pytest.raises(FatalError, match=r"EVD-108 .*changed while"):
        archive(stage, folder)
    assert stage.query("SELECT FROM cdc.archive") == []
    assert stage.query("SELECT min(batch) FROM cdc.journal WHERE stream = %s", STREAM) == [(1,)]


@pytest.fixture
def whole(target_dsn: str, tmp_path: Path) -> dict[str, Any]:
    """What an archive comes to that nobody interrupts."""
    folder = tmp_path / "whole"
    folder.mkdir()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        Months(stage)
        archive(stage, folder)
        return state(stage, folder)


def killed(target_dsn: str, folder: Path, where: str = "never", point: str | None = None) -> str:
    """Archive in a process; return what it printed, nothing if it was killed as it should."""
    command = [sys.executable, "-m", "tests.contract.cdc.evidence.archive_process", target_dsn, str(folder), where]
    env = {"CDC_CRASH": point} if point else {}
    done = subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout


def test_whoever_is_killed_at_any_point_or_line_leaves_what_the_next_run_finishes(
    target_dsn: str, make_target_anew: Callable[[], None], folder: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    make_target_anew()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        Months(stage)
        for point in POINTS:
            assert killed(target_dsn, folder, point=f"{point}:1") == "", point
        assert len(stage.query("SELECT FROM cdc.archive")) == 1
        killed(target_dsn, folder)
        assert state(stage, folder) == whole
    counting = tmp_path / "counting"
    counting.mkdir()
    make_target_anew()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        Months(stage)
        total = int(killed(target_dsn, counting))
    places = random.Random("archive")
    again = tmp_path / "again"
    again.mkdir()
    make_target_anew()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        Months(stage)
        for line in sorted(places.randint(1, total // 2) for _ in range(RANDOM_KILLS)):
            killed(target_dsn, again, str(line))
            assert walk(stage.session.opener(), STREAM).fault is None  # what left is on record, what did not is there
        killed(target_dsn, again)
        assert state(stage, again) == whole


def test_what_reads_the_journal_knows_that_it_is_archived(stage: Stage, months: Months, folder: Path) -> None:
    archive(stage, folder)
    with pytest.raises(FatalError, match=r"EVD-107"):
        list(read_batch(stage.session.opener(), STREAM, 2))
    assert list(read_batch(stage.session.opener(), STREAM, 99)) == []


def test_the_last_record_of_a_stream_that_ended_is_still_known(stage: Stage, target_dsn: str, folder: Path) -> None:
    months = Months.__new__(Months)
    months.stage, months.wire = stage, PostgresWire()
    months._make("2026_01")
    with months.in_month("2026_01"):
        months.insert(1)
    archive(stage, folder)
    position = stage.position
    assert read_last_record(stage.session.opener(), STREAM, position.batch, position.next_offset) == months.records[-1]
    assert walk(stage.session.opener(), STREAM).fault is None


def test_an_archive_on_record_that_does_not_follow_is_found(stage: Stage, months: Months, folder: Path) -> None:
    archive(stage, folder)
    disarm(stage.connection)
    with stage.connection.transaction():
        stage.connection.execute("DELETE FROM cdc.archive WHERE first_batch = 1")
    fault = walk(stage.session.opener(), STREAM).fault
    assert fault is not None
    assert (fault.batch, "does not follow" in fault.what) == (3, True)


def test_anchors_inside_the_archive_are_met_where_it_ends(stage: Stage, months: Months, folder: Path) -> None:
    heads = dict(stage.query("SELECT next_offset, chain FROM cdc.journal"))
    archive(stage, folder)
    verdict = walk(stage.session.opener(), STREAM, heads)
    assert (verdict.fault, verdict.anchors) == (None, 3)  # the ends of both months, and what is in the journal
    ((end,),) = stage.query("SELECT max(next_offset) FROM cdc.archive")
    fault = walk(stage.session.opener(), STREAM, {**heads, end: b"\0" * 32}).fault
    assert fault is not None
    assert "where its archive" in fault.what

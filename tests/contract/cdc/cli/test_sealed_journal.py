"""A journal with personal records: sealed, read by whoever has the key, and by nobody once that is shredded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.errors import FatalError
from cdc.land import journal
from cdc.land.journal import pack, read_last_record
from cdc.land.lane import last_landed
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.small import FILES, SOURCE
from tests.contract.cdc.evidence.months import PAST, Months
from tests.contract.cdc.evidence.test_archive import alone
from tests.contract.cdc.land.stage import REPO, Stage
from tests.contract.cdc.land.tables import CONTRACTS, item, pair
from tests.owner import disarm
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire

STREAM = "cdc.src"
PERSONAL = b"February"
"""What the rows are updated to in February."""


@pytest.fixture
def stage(target_dsn: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A target where items are personal and pairs are not; settings with a master key and an archive."""
    monkeypatch.setenv("MASTER", "master" * 8)
    for name, text in {
        "connector-configs/src.yaml": SOURCE,
        **{f"dictionary/{n}": t for n, t in FILES.items()},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "archive").mkdir()
    text = config.read_text().replace(str(REPO / "connector-configs"), str(tmp_path / "connector-configs"))
    text = text.replace("folders: {", f"folders: {{dictionary: {tmp_path / 'dictionary'}, ")
    text += f"archive: {{folder: {tmp_path / 'archive'}, keep_months: 1}}\n"
    config.write_text(text + 'protection: {keys: {m1: "${env:MASTER}"}, current: m1}\n')
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        settings = load(config)
        apply_target(settings)
        stage.do(
            "INSERT INTO cdc.mirror_class VALUES ('src.item', 'personal'), ('src.pair', 'internal')"
            " ON CONFLICT (mirror) DO UPDATE SET class = excluded.class"
        )
        stage.session.protection = settings.protection
        yield stage


@pytest.fixture
def months(stage: Stage) -> Months:
    return Months(stage)


def shred(cdc: Cdc, stage: Stage) -> None:
    ((month,),) = stage.query("SELECT to_char(max(month), 'YYYY-MM') FROM cdc.data_key")
    done = cdc("protect", "shred", "personal", month, "--reason", "erasure 9", "--yes")
    assert done.code == 0, done.err


def test_it_is_sealed_and_every_command_reads_it(cdc: Cdc, months: Months, config: Path) -> None:
    stage = months.stage
    chunks = stage.query("SELECT chunk, data_key FROM cdc.journal")
    assert {key for _, key in chunks} == {1}
    assert not any(bytes(chunk).startswith(b"\x28\xb5\x2f\xfd") for chunk, _ in chunks)  # none is what zstd makes
    verified = cdc("audit", "verify", "--json")
    (stream,) = verified.document["streams"]
    assert (verified.code, stream["fault"], stream["shredded"], stream["records"]) == (0, None, 0, len(months.records))
    (row,) = cdc("history", "src.item", "1", "--json").document
    assert [change["what"] for change in row["changes"]] == ["inserted", "updated", "updated"]
    assert not any(change["shredded"] for change in row["changes"])
    explained = cdc("explain", "src.item", "1", "--json")
    assert (explained.code, explained.document["event"]["proof"]["holds"]) == (0, True)
    (mirror, _) = cdc("audit", "mirrors", "src", "--json").document["mirrors"]
    assert (mirror["proven"], mirror["shredded"], mirror["faults"]) == (2, 0, 0)
    assert cdc("protect", "keys", "--json").document["keys"][0]["records"] == len(months.records)
    months.stage.do("UPDATE src.item SET name = 'by hand' WHERE id = 1")
    limited = cdc("stream", "repair", "src", "--reason", "test", "--json", "--limit", "1")
    assert (limited.code, limited.document[0]["done"], "stopped at the limit" in limited.err) == (4, "written", True)
    assert cdc("stream", "repair", "src", "--reason", "test", "--json").document == []
    config.write_text(config.read_text().partition("protection:")[0])
    for command in (("audit", "verify"), ("history", "src.item", "1"), ("explain", "src.item", "1")):
        done = cdc(*command)
        assert (done.code, "PRT-103" in done.err) == (1, True), command


def test_a_chunk_has_the_key_of_the_most_sensitive_class_in_it(stage: Stage) -> None:
    wire = PostgresWire()
    query = (
        "SELECT k.class FROM cdc.journal j LEFT JOIN cdc.data_key k ON k.id = j.data_key ORDER BY batch DESC LIMIT 1"
    )
    classes = {"internal": None, "phi": "phi", "confidential": "personal"}  # of pairs, in one chunk with an item or not
    for number, (name, wanted) in enumerate(classes.items()):
        stage.do(f"UPDATE cdc.mirror_class SET class = '{name}' WHERE mirror = 'src.pair'")
        wire.begin()
        wire.insert("pair", "code,number", pair("a", number))
        if number:
            wire.insert("item", "id", item(number))
        wire.end()
        stage.land(wire.records)
        assert stage.query(query) == [(wanted,)]
    stage.do("DELETE FROM cdc.mirror_class")
    wire.begin()
    wire.insert("item", "id", item(9))
    wire.end()
    stage.land(wire.records)
    assert stage.query(query) == [("unclassed",)]
    wire.begin()
    wire.end()  # a transaction without rows tells of nobody
    stage.land(wire.records)
    assert stage.query(query) == [(None,)]


def test_of_several_chunks_of_a_batch_each_has_its_own_key(
    cdc: Cdc, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHUNK_BYTES", 1)  # a chunk for each record
    wire = PostgresWire()
    wire.begin()
    wire.insert("pair", "code,number", pair("a", 1))
    wire.insert("item", "id", item(1))
    wire.end()
    stage.land(wire.records)
    query = "SELECT data_key IS NOT NULL FROM cdc.journal ORDER BY first_offset"
    assert [sealed for (sealed,) in stage.query(query)] == [False, False, True, False]
    shred(cdc, stage)
    done = cdc("audit", "verify", "--json")
    assert (done.code, done.document["streams"][0]["shredded"]) == (0, 1)
    told = cdc("history", "src.pair", "a", "1", "--json")  # its batch has lost something, which may be of it or not
    (row,) = told.document
    assert (told.code, [(one["what"][:8], one["shredded"]) for one in row["changes"]]) == (
        4,
        [("inserted", False), ("shredded", True)],
    )


def test_bytes_that_were_changed_or_moved_do_not_open(cdc: Cdc, months: Months) -> None:
    disarm(months.stage.connection)
    months.stage.do("UPDATE cdc.journal j SET chunk = o.chunk FROM cdc.journal o WHERE j.batch = 3 AND o.batch = 4")
    done = cdc("audit", "verify", "--json")
    fault = done.document["streams"][0]["fault"]
    assert (done.code, fault["batch"], "PRT-104" in fault["what"]) == (3, 3, True)


def test_what_is_shredded_is_said_and_all_else_goes_on(cdc: Cdc, months: Months) -> None:
    stage, count = months.stage, len(months.records)
    assert last_landed(stage.session, stage.position) == months.records[-1]
    heads = cdc("audit", "heads").out
    shred(cdc, stage)
    done = cdc("audit", "verify", "--json")
    (stream,) = done.document["streams"]
    assert (done.code, stream["fault"], stream["shredded"], stream["records"]) == (0, None, count, count)
    (lost,) = stream["lost"]
    assert (lost["records"], lost["next_offset"], "shredded on" in lost["why"]) == (count, stream["offset"], True)
    assert "PRT-107" in cdc("audit", "verify").err
    assert cdc("ledger", "check", STREAM).code == 0
    assert cdc("audit", "heads").out.split('"time"')[0] == heads.split('"time"')[0]

    told = cdc("history", "src.item", "1")
    assert (told.code, "PRT-107" in told.err, "shredded on" in told.out) == (4, True, True)
    then = cdc("history", "src.item", "1", "--as-of", "2100-01-01")
    assert (then.code, "PRT-107" in then.err) == (4, True)
    explained = cdc("explain", "src.item", "1")
    assert (explained.code, "shredded on" in explained.out, "PRT-107" in explained.out) == (4, True, True)
    (mirror, _) = cdc("audit", "mirrors", "src", "--json").document["mirrors"]
    assert (mirror["rows"], mirror["proven"], mirror["shredded"], mirror["faults"]) == (2, 0, 2, 0)
    assert last_landed(stage.session, stage.position) is None  # a worker goes on without
    stage.do("UPDATE src.item SET name = 'by hand' WHERE id = 2")  # nobody can say that it is wrong
    assert cdc("stream", "repair", "src", "--reason", "test", "--json").document == []

    # What lands from now on has another key, and its chain goes on from the head that stands behind what is lost.
    months.insert(3)
    assert (cdc("audit", "verify").code, cdc("explain", "src.item", "3").code) == (0, 0)
    done = cdc("history", "src.item", "3", "--json")
    assert (done.code, [one["what"] for one in done.document[0]["changes"]]) == (0, ["inserted"])


def test_a_head_that_stands_behind_what_is_lost_is_held_against_all_that_is_not(cdc: Cdc, months: Months) -> None:
    shred(cdc, months.stage)
    disarm(months.stage.connection)
    months.stage.do("UPDATE cdc.journal SET chain = sha256('other') WHERE batch = 5")
    fault = cdc("audit", "verify", "--json").document["streams"][0]["fault"]
    assert fault["what"] == "the position has another head"
    months.insert(3)
    fault = cdc("audit", "verify", "--json").document["streams"][0]["fault"]
    assert (fault["batch"], "another head" in fault["what"]) == (6, True)


def test_anchors_are_met_behind_what_is_lost_and_passed_over_within(cdc: Cdc, months: Months, tmp_path: Path) -> None:
    ((offset, head),) = months.stage.query("SELECT next_offset, chain FROM cdc.journal WHERE batch = 2")
    anchor, file = {"stream": STREAM, "offset": offset, "head": bytes(head).hex(), "time": ""}, tmp_path / "heads"
    shred(cdc, months.stage)
    file.write_text(json.dumps(anchor))
    done = cdc("audit", "verify", "--anchor", str(file), "--json")
    assert (done.code, done.document["streams"][0]["anchors"]) == (0, 1)
    file.write_text(json.dumps({**anchor, "head": "00" * 32}))
    assert cdc("audit", "verify", "--anchor", str(file)).code == 3
    file.write_text(json.dumps({**anchor, "head": "00" * 32, "offset": offset - 1}))
    done = cdc("audit", "verify", "--anchor", str(file), "--json")
    assert (done.code, done.document["streams"][0]["anchors"]) == (0, 0)


def test_nothing_is_shredded_under_a_legal_hold(cdc: Cdc, months: Months) -> None:
    ((month,),) = months.stage.query("SELECT to_char(max(month), 'YYYY-MM') FROM cdc.data_key")
    assert cdc("protect", "hold", "--class", "personal", "--reason", "case 12").code == 0
    done = cdc("protect", "shred", "personal", month, "--reason", "erasure 9", "--yes")
    assert (done.code, "PRT-102" in done.err) == (5, True)
    (stream,) = cdc("audit", "verify", "--json").document["streams"]
    assert stream["shredded"] == 0


def test_a_transaction_that_comes_again_is_recognised_by_its_digest_alone(cdc: Cdc, stage: Stage) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.end()
    stage.land(wire.records)
    shred(cdc, stage)
    wire.repeat(0, 4)  # the whole of it
    stage.land(wire.records)
    assert stage.query("SELECT sum(landed), sum(replayed) FROM cdc.batch") == [(2, 2)]
    wire.log_from += 2**32 * 32  # an id that has come round: the log says so, no event is asked for
    wire.begin(str(wire.number))
    wire.insert("item", "id", item(3))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT count(*) FROM src.item") == [(3,)]
    shred(cdc, stage)
    wire.begin(str(wire.number))
    wire.insert("item", "id", item(3, "other"))
    wire.end()
    with pytest.raises(FatalError, match="PRT-107"):
        stage.land(wire.records)


def test_a_part_that_comes_again_is_sealed_and_stops_the_stream_once_nobody_can_compare_it(
    cdc: Cdc, stage: Stage
) -> None:
    stage.database = "mariadb"
    wire = MariaWire()
    transaction = wire.begin()
    for number in (1, 2, 3):
        wire.insert("item", "id", item(number))
    wire.end()

    stage.land(wire.records)
    wire.repeat(3, 4)  # its tail alone
    stage.land(wire.records)
    assert stage.query("SELECT data_key FROM cdc.journal ORDER BY batch") == [(1,), (1,)]
    shred(cdc, stage)
    wire.begin(transaction)
    wire.repeat(2, 3)
    wire.end(count=2)
    with pytest.raises(FatalError, match="PRT-107"):
        stage.land(wire.records)


def test_a_month_leaves_sealed(cdc: Cdc, months: Months, tmp_path: Path) -> None:
    stage, folder = months.stage, tmp_path / "archive"
    heads = stage.query("SELECT next_offset, chain FROM cdc.journal ORDER BY batch")
    done = cdc("journal", "archive", "--json")
    assert done.code == 0, done.err
    files = done.document["files"]
    assert [(one["format"], one["sealed"], one["data_keys"]) for one in files] == [
        ("cdc-journal-archive-2", one["records"], [1]) for one in files
    ]
    for name in PAST:
        assert PERSONAL not in gzip.decompress((folder / f"{STREAM}_{name}.gz").read_bytes())
    assert PERSONAL not in bytes(stage.query("SELECT string_agg(last_record, '') FROM cdc.archive")[0][0])

    anchors = tmp_path / "heads"
    lines = [{"stream": STREAM, "offset": offset, "head": bytes(head).hex(), "time": ""} for offset, head in heads]
    anchors.write_text("\n".join(map(json.dumps, [*lines, {**lines[0], "offset": lines[0]["offset"] - 1}])))
    told = alone(folder, "--anchor", str(anchors))
    assert told.returncode == 0, told.stderr
    assert "6 records, 6 of them sealed, up to offset 7, 2 anchors, holds" in told.stdout
    anchors.write_text(json.dumps({**lines[0], "head": "00" * 32}))
    assert "an anchor has another head" in alone(folder, "--anchor", str(anchors)).stderr
    printed = [
        json.loads(line) for line in alone(folder, "--print", str(folder / f"{STREAM}_2026_01.gz")).stdout.splitlines()
    ]
    assert [one["sealed"]["data_key"] for one in printed] == [1, 1]

    found = cdc("journal", "verify", "--json")
    assert (found.code, [one["shredded"] for one in found.document["files"]]) == (0, [0, 0])
    shred(cdc, stage)
    found = cdc("journal", "verify", "--json")
    assert (found.code, [one["shredded"] for one in found.document["files"]]) == (0, [one["records"] for one in files])
    assert cdc("audit", "verify").code == 0


def test_the_last_record_of_a_stream_that_ended_is_sealed_with_its_month(cdc: Cdc, stage: Stage) -> None:
    months = Months.__new__(Months)
    months.stage, months.wire = stage, PostgresWire()
    months._make("2026_01")
    with months.in_month("2026_01"):
        months.insert(1)
    assert cdc("journal", "archive").code == 0
    place = (STREAM, stage.position.batch, stage.position.next_offset)
    assert stage.query("SELECT last_record FROM cdc.archive") != [(pack(months.records[-1:]),)]
    assert read_last_record(stage.session.opener(), *place) == months.records[-1]
    shred(cdc, stage)
    with pytest.raises(FatalError, match="PRT-107"):
        read_last_record(stage.session.opener(), *place)


def test_a_month_that_nobody_can_read_leaves_as_it_is(cdc: Cdc, months: Months, tmp_path: Path) -> None:
    shred(cdc, months.stage)
    assert cdc("journal", "archive").code == 0
    assert alone(tmp_path / "archive").returncode == 0
    assert (cdc("journal", "verify").code, cdc("audit", "verify").code) == (0, 0)
    assert months.stage.query("SELECT DISTINCT last_record, data_key FROM cdc.archive") == [(b"", 1)]

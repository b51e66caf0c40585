"""`cdc journal archive` and `verify`, and what other commands say of what has left the target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.derive.active import put_first, read_dictionary
from cdc.evidence.archive.month import require_alone
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.small import FILES, SOURCE
from tests.contract.cdc.evidence.months import Months
from tests.contract.cdc.land.stage import REPO, Stage
from tests.contract.cdc.land.tables import CONTRACTS

STREAM = "cdc.src"


@pytest.fixture
def months(target_dsn: str, config: Path, tmp_path: Path) -> Iterator[Months]:
    """A stream over three months; the settings name its source, a dictionary, and a folder of an archive."""
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "connector-configs" / "src.yaml").write_text(SOURCE)
    for name, text in FILES.items():
        path = tmp_path / "dictionary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    text = config.read_text().replace(str(REPO / "connector-configs"), str(tmp_path / "connector-configs"))
    text = text.replace("folders: {", f"folders: {{dictionary: {tmp_path / 'dictionary'}, ")
    config.write_text(f"{text}archive: {{folder: {tmp_path / 'archive'}, keep_months: 1}}\n")
    (tmp_path / "archive").mkdir()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        yield Months(stage)


def test_what_would_leave_is_shown_and_then_leaves(cdc: Cdc, months: Months, tmp_path: Path) -> None:
    shown = cdc("journal", "archive", "--dry-run", "--json").document
    assert [one["name"] for one in shown["months"]] == ["journal_2026_01", "journal_2026_02"]
    assert (shown["files"], list((tmp_path / "archive").iterdir())) == ([], [])
    done = cdc("journal", "archive", "--json")
    assert done.code == 0, done.err
    assert [one["file"] for one in done.document["files"]] == [f"{STREAM}_2026_01.gz", f"{STREAM}_2026_02.gz"]
    assert done.document["pruned"] == 4
    assert cdc("journal", "archive", "--json").document == {"months": [], "files": [], "pruned": 0}
    assert cdc("journal", "verify").code == 0
    stream = cdc("audit", "verify", "--json").document["streams"][0]
    assert (stream["fault"], stream["batches"]) == (None, 1)
    assert stream["archived"] == done.document["files"][-1]["next_offset"]
    assert cdc("ledger", "check", STREAM).code == 0
    ((effect,),) = months.stage.query("SELECT effect -> 0 ->> 'file' FROM cdc.operator_action ORDER BY id LIMIT 1")
    assert effect == f"{STREAM}_2026_01.gz"


def test_one_command_archives_at_a_time(cdc: Cdc, months: Months) -> None:
    with months.stage.connection.transaction():
        require_alone(months.stage.connection)
    refused = cdc("journal", "archive")
    assert (refused.code, "TGT-120" in refused.err) == (1, True)
    assert cdc("journal", "archive", "--dry-run", "--json").document["months"] != []
    assert cdc("journal", "verify").err == "Nothing has been archived yet.\n"


@pytest.mark.parametrize("how", ["a byte", "gone", "rewritten with its manifest"])
def test_a_file_that_is_not_what_left_is_named(cdc: Cdc, months: Months, tmp_path: Path, how: str) -> None:
    cdc("journal", "archive")
    file = tmp_path / "archive" / f"{STREAM}_2026_02.gz"
    if how == "a byte":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif how == "gone":
        file.unlink()
    else:
        manifest = file.with_name(f"{STREAM}_2026_02.json")
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"head": "00" * 32, "sha256": "00" * 32}))
    done = cdc("journal", "verify", "--json")
    assert done.code == 3
    first, second = done.document["files"]
    assert (first["fault"], "2026_02" in second["fault"]) == (None, True)
    assert "EVD-109" in cdc("journal", "verify").err


def test_anchors_are_met_inside_the_archive(cdc: Cdc, months: Months, tmp_path: Path) -> None:
    heads = months.stage.query("SELECT next_offset, chain FROM cdc.journal ORDER BY batch")
    file = tmp_path / "heads.jsonl"
    lines = [{"stream": STREAM, "offset": offset, "head": bytes(head).hex(), "time": ""} for offset, head in heads]
    file.write_text("\n".join(map(json.dumps, lines)))
    cdc("journal", "archive")
    found = cdc("journal", "verify", "--anchor", str(file), "--json").document
    assert [one["anchors"] for one in found["files"]] == [2, 2]
    assert (found["signatures"], found["bare"]) == ("none", [])
    file.write_text(json.dumps({**lines[0], "head": "00" * 32}))
    assert cdc("journal", "verify", "--anchor", str(file)).code == 3
    file.write_text(json.dumps({**lines[0], "stream": "cdc.other"}))
    bare = cdc("journal", "verify", "--anchor", str(file))
    assert (bare.code, f"No head of {STREAM} is there" in bare.err) == (4, True)


def test_the_manifests_are_signed_where_there_is_a_key(cdc: Cdc, months: Months, config: Path, tmp_path: Path) -> None:
    from cdc.approval import read_public_key  # noqa: PLC0415 - needs cryptography

    cdc("dictionary", "keygen", str(tmp_path / "key"))
    config.write_text(f"{config.read_text()}anchors: {{key: {tmp_path}/key, file: {tmp_path}/heads, topic: heads}}\n")
    assert cdc("journal", "archive").code == 0
    key = read_public_key(tmp_path / "key.pub")
    assert key is not None
    manifest = tmp_path / "archive" / f"{STREAM}_2026_01.json"
    key.verify(manifest.with_name(f"{manifest.name}.sig").read_bytes(), manifest.read_bytes())


def test_a_history_says_that_there_may_be_more_of_it(cdc: Cdc, months: Months) -> None:
    whole = cdc("history", "src.item", "1", "--json").document[0]
    assert (len(whole["changes"]), whole["archived"]) == (3, None)
    cdc("journal", "archive")
    done = cdc("history", "src.item", "1", "--json")
    (row,) = done.document
    assert (done.code, "EVD-107" in done.err, f"{STREAM}_2026_02.gz" in done.err) == (4, True, True)
    assert [one["offset"] for one in row["changes"]] == [whole["changes"][-1]["offset"]]
    assert row["archived"]["batch"] == 4
    other = cdc("history", "src.item", "2")  # nothing of it is left: that is not to be taken for none
    assert (other.code, "EVD-107" in other.err) == (4, True)
    for moment in ("2026-01-20", "2100-01-01"):
        then = cdc("history", "src.item", "1", "--as-of", moment)
        assert (then.code, "EVD-107" in then.err) == (1, True)


def test_a_row_that_came_after_the_archive_is_known_whole(cdc: Cdc, months: Months) -> None:
    cdc("journal", "archive")
    months.insert(9)
    assert ["id", "9"] in cdc("history", "src.item", "9", "--as-of", "2100-01-01").lines


def test_the_event_behind_the_archive_has_its_proof(cdc: Cdc, months: Months, config: Path) -> None:
    apply_target(load(config))
    cdc("journal", "archive")
    done = cdc("explain", "src.item", "1", "--json")
    assert (done.code, done.document["event"]["proof"]["holds"]) == (0, True)
    assert f"{STREAM}_2026_02.gz (EVD-107)" in cdc("explain", "src.item", "2").out


def test_mirrors_are_held_against_what_the_journal_still_has(cdc: Cdc, months: Months) -> None:
    cdc("journal", "archive")
    done = cdc("audit", "mirrors", "src", "--json")
    (found,) = [one for one in done.document["mirrors"] if one["mirror"] == "src.item"]
    assert (done.code, found) == (
        0,
        {"mirror": "src.item", "rows": 2, "proven": 1, "partly": 0, "archived": 1, "shredded": 0, "faults": 0},
    )
    with months.stage.connection.transaction():
        months.stage.connection.execute("UPDATE src.item SET name = 'by hand' WHERE id = 1")
    assert cdc("audit", "mirrors", "src").code == 3


def test_a_month_stays_as_long_as_the_settings_say(cdc: Cdc, months: Months, config: Path) -> None:
    config.write_text(config.read_text().replace("keep_months: 1", "keep_months: 600"))
    assert cdc("journal", "archive", "--json").document == {"months": [], "files": [], "pruned": 0}
    refused = cdc("journal", "archive", "--keep", "599")
    assert (refused.code, "EVD-124" in refused.err) == (5, True)
    config.write_text(config.read_text().replace("keep_months: 600", "keep_months: 1"))
    assert cdc("journal", "archive", "--keep", "600", "--json").document["months"] == []


FIELD = (
    "fields: {remark: {label: {zh: 备注, en: Remark}, definition: d, type: string(2000), owner: o, example: x,"
    " retention: device_life_15y}}"
)


def test_it_stays_longer_where_a_class_of_retention_is_made_of_it(
    cdc: Cdc, months: Months, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "dictionary" / "fields.yaml").write_text(FIELD, encoding="utf-8")
    config.write_text(
        config.read_text().replace("keep_months: 1", "keep_months: 1, keep_months_by_class: {device_life_15y: 600}")
    )
    settings = load(config)
    with months.stage.connection.transaction():
        put_first(months.stage.connection, settings, read_dictionary(settings))
    assert cdc("journal", "archive", "--json").document["months"] == []
    config.write_text(config.read_text().replace("device_life_15y: 600", "device_life_15y: 2"))
    assert cdc("journal", "archive", "--json").document["files"][0]["retention"] == ["device_life_15y"]


def test_an_archive_needs_a_folder(cdc: Cdc, months: Months, config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text().replace(f"folder: {tmp_path / 'archive'}, ", ""))
    done = cdc("journal", "archive")
    assert (done.code, "EVD-110" in done.err) == (1, True)
    assert cdc("journal", "archive", "--folder", str(tmp_path / "archive")).code == 0

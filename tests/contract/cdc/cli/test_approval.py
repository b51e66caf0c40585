"""Who derives by a dictionary that is not approved is refused, with what is missing; a trial says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cdc.cli.context import without_approval
from cdc.config import Target, load
from cdc.derive.active import dictionary_in_force
from cdc.errors import FatalError
from cdc.store.connection import connect
from tests.contract.cdc.cli.conftest import Cdc

HEADER = 'dictionary: plant\nversion: "1"\nstatus: approved\nauthor: zhang\nextends: med-device-core\n'


@pytest.fixture
def plant(config: Path, cdc: Cdc) -> Path:
    """A deployment that asks for an approval by li, who has not signed, of what zhang wrote."""
    folder = config.parent
    (folder / "dictionary").mkdir()
    (folder / "dictionary" / "dictionary.yaml").write_text(HEADER)
    text = config.read_text().replace("folders: {", "folders: {dictionary: dictionary, ")
    signers = "{li: {role: quality, key: li.pub}, zhang: {role: author, key: zhang.pub}}"
    asked = f"approval: {{roles: [quality], signers: {signers}}}"
    config.write_text(text.replace("approval: {required: false}", asked))
    assert cdc("dictionary", "keygen", str(folder / "li")).code == 0
    return folder


def tables(target: Target) -> int:
    with connect(target, "test") as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname IN ('trace', 'cdc', 'erp')"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.usefixtures("empty_target")
def test_an_unapproved_version_prepares_no_target(plant: Path, cdc: Cdc, target: Target) -> None:
    refused = cdc("target", "apply")
    assert (refused.code, refused.out) == (5, "")
    assert "DRV-108 this version of the dictionary is not approved: plant 1 (" in refused.err
    assert "no valid review or approval by role quality" in refused.err
    assert "cdc dictionary sign" in refused.err
    assert tables(target) == 0


def test_an_approved_version_does(plant: Path, cdc: Cdc, target: Target) -> None:
    assert cdc("dictionary", "sign", "--key", str(plant / "li"), "--signer", "li").code == 0
    applied = cdc("target", "apply", "--json")
    assert applied.code == 0
    # The steps are recorded with who has applied them.
    assert "record dictionary plant 1, approved by li (quality)" in applied.document["steps"]
    assert tables(target) > 0
    (plant / "dictionary" / "errors.yaml").write_text(
        "NEW-101: {kind: row, label: {zh: z, en: t}, cause: c, action: a, owner: o}\n"
    )
    assert cdc("target", "apply").code == 5


def test_a_trial_does_without(plant: Path, cdc: Cdc, target: Target) -> None:
    applied = cdc("target", "apply", "--dev", "--json")
    assert applied.code == 0
    assert "record dictionary plant 1, not approved" in applied.document["steps"]
    assert tables(target) > 0


@pytest.mark.parametrize("command", ["derive", "run"])
def test_a_trial_runs_without(plant: Path, cdc: Cdc, command: str) -> None:
    assert cdc("target", "apply", "--dev").code == 0
    with (plant / "log").open("wb") as log:
        running = subprocess.Popen((sys.executable, "-m", "cdc", command, "--dev"), stderr=log)
    try:
        # Kafka is away, which is no matter to who derives.
        while '"domain_opened"' not in (plant / "log").read_text():
            assert running.poll() is None, (plant / "log").read_text()
            time.sleep(0.1)
    finally:
        running.terminate()
        ended = running.wait(60)
    assert ended == 0, (plant / "log").read_text()


@pytest.mark.parametrize("command", ["derive", "run"])
def test_nothing_runs_by_an_unapproved_version(plant: Path, cdc: Cdc, command: str) -> None:
    assert cdc("target", "apply", "--dev").code == 0
    ended = subprocess.run(
        (sys.executable, "-m", "cdc", command), capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert ended.returncode == 5
    assert "DRV-108" in ended.stderr
    assert "--dev" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_check_names_it_and_looks_at_the_target_nevertheless(plant: Path, cdc: Cdc) -> None:
    assert cdc("target", "apply", "--dev").code == 0
    found = {(one["area"], one["object"]): one["code"] for one in cdc("check", "--json").document["findings"]}
    assert found["dictionary", "approval"] == "DRV-108"
    assert found["target", "tables"] is None
    assert cdc("dictionary", "sign", "--key", str(plant / "li"), "--signer", "li").code == 0
    found = {(one["area"], one["object"]): one["code"] for one in cdc("check", "--json").document["findings"]}
    assert found["dictionary", "approval"] is None


def test_a_version_that_the_target_has_kept_is_compared_by_its_digest(plant: Path, cdc: Cdc) -> None:
    before = cdc("dictionary", "check", "--json").document["digest"]
    assert cdc("target", "apply", "--dev").code == 0
    assert cdc("dictionary", "diff", before[:8]).code == 0
    label = "{label: {zh: 注, en: Note}, definition: d, type: string(40), owner: plant, example: n}"
    (plant / "dictionary" / "fields.yaml").write_text(f"fields:\n  part_note: {label}\n")
    found = cdc("dictionary", "diff", before[:8], "--json")
    assert found.code == 3
    assert [(one["name"], one["what"]) for one in found.document["changes"]] == [("part_note", "added")]
    assert cdc("dictionary", "diff", "0123456789abcdef").code == 2


def test_a_shell_completes_canonical_columns(cdc: Cdc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CDC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "cdc dictionary explain material_lot.m")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert cdc().out.split() == ["material_lot.manufacture_date", "material_lot.material_id"]
    monkeypatch.setenv("CDC_CONFIG", "nowhere.yaml")
    assert cdc().out.split() == []


def test_what_is_in_force_stays_approved_by_the_signatures_that_the_target_has_kept(
    plant: Path, cdc: Cdc, target: Target
) -> None:
    assert cdc("dictionary", "sign", "--key", str(plant / "li"), "--signer", "li").code == 0
    assert cdc("target", "apply").code == 0
    assert cdc("dictionary", "activate", "--json").document["state"] == "first"
    # Somebody works on the next version; the signatures of this one are put away.
    (plant / "dictionary" / "dictionary.yaml").write_text(HEADER.replace('"1"', '"2"'))
    for file in (plant / "dictionary" / "signatures").iterdir():
        file.unlink()
    refused = cdc("dictionary", "activate", "--yes")
    assert (refused.code, "DRV-108" in refused.err) == (5, True)
    read = load(plant / "cdc.yaml")
    with connect(target, "test") as connection:
        assert dictionary_in_force(connection, read).version == "1"
        connection.execute("UPDATE cdc.dictionary SET signatures = '{}'")
        with pytest.raises(FatalError, match="DRV-108"):
            dictionary_in_force(connection, read)
        connection.execute("UPDATE cdc.dictionary SET content = replace(content, 'plant', 'plans')")
        with pytest.raises(FatalError, match="DRV-111"):
            dictionary_in_force(connection, read)
        connection.rollback()


def test_content_that_somebody_edited_is_put_back_by_the_folder_of_that_version(
    plant: Path, cdc: Cdc, target: Target
) -> None:
    assert cdc("target", "apply", "--dev").code == 0
    assert cdc("dictionary", "activate", "--dev", "--json").document["state"] == "first"
    read = without_approval(load(plant / "cdc.yaml"))
    with connect(target, "test") as connection:
        connection.execute("UPDATE cdc.dictionary SET content = replace(content, 'plant', 'plans')")
        connection.commit()
        with pytest.raises(FatalError, match="DRV-111"):
            dictionary_in_force(connection, read)
        steps = cdc("target", "apply", "--dev", "--json").document["steps"]
        assert "record dictionary plant 1, not approved" in steps
        assert dictionary_in_force(connection, read).name == "plant"

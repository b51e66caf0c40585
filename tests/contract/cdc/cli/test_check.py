from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdc.config import Target
from cdc.store.connection import connect

Cdc = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("empty_target")


def by_place(document: Any) -> dict[tuple[str, str], Any]:
    return {(finding["area"], finding["object"]): finding for finding in document["findings"]}


def is_prepared(target: Target) -> bool:
    with connect(target, "test") as connection:
        row = connection.execute("SELECT to_regnamespace('cdc'), to_regnamespace('trace')").fetchone()
    return row != (None, None)


def test_everything_is_checked_and_every_fault_is_reported_with_what_to_do(cdc: Cdc, target: Target) -> None:
    checked = cdc("check", "--json")
    found = by_place(checked.document)
    place = f"{target.host}:{target.port}/{target.database}"
    assert {key: finding["code"] for key, finding in found.items() if key[0] != "connector files"} == {
        ("settings", ""): None,
        ("contracts", "erp"): None,
        ("contracts", "mes"): None,
        ("dictionary", ""): None,
        ("dictionary", "mappings"): None,
        ("dictionary", "approval"): None,
        ("target", place): None,
        ("target", "tables"): "TGT-109",
        ("source", "erp"): "SRC-110",
        ("source", "mes"): "SRC-110",
        ("kafka", "127.0.0.1:9"): "STR-109",
        ("connect", "http://127.0.0.1:9"): "CON-101",
    }
    assert "cdc target apply" in found["target", "tables"]["action"]
    assert not checked.document["ok"]
    assert checked.code == 1
    assert "secret-of-source" not in checked.out + checked.err
    assert not is_prepared(target), "the check has written something"


def test_tables_that_somebody_dropped_are_named(cdc: Cdc, target: Target) -> None:
    cdc("target", "apply")
    with connect(target, "test") as connection:
        connection.execute("DROP TABLE mes.mes_label; DROP TABLE trace.party CASCADE")
    missing = by_place(cdc("check", "--json").document)["target", "tables"]
    assert missing["code"] == "TGT-109"
    assert missing["detail"].startswith("create table mes.mes_label; create table trace.party")


def test_a_wrong_password_is_one_clear_message(cdc: Cdc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET_PASSWORD", "wrong-secret")
    checked = cdc("check", "--json")
    findings = [finding for finding in checked.document["findings"] if finding["area"] == "target"]
    assert [finding["code"] for finding in findings] == ["TGT-102"]
    assert "authentication failed" in findings[0]["detail"]
    assert "wrong-secret" not in checked.out + checked.err


def test_settings_that_are_not_usable_end_the_check_with_all_their_faults(cdc: Cdc, config: Path) -> None:
    config.write_text(config.read_text().replace("port:", "prot:").replace("kafka:", "kefka:"))
    checked = cdc("check")
    assert checked.code == 2
    assert checked.lines[1][:3] == ["settings", "", "CFG-101"]
    for fault in ("target.prot is not a setting", "target.port is missing", "kefka is not a setting"):
        assert fault in checked.err


def test_faults_of_files_are_all_found_at_once(cdc: Cdc, config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    contracts = folder / "contracts" / "shop"
    contracts.mkdir(parents=True)
    (folder / "shop.yaml").write_text(
        'kind: mariadb\nhost: h\nport: "1"\ndatabase: d\nuser: u\npassword: "${env:X}"\ntables: [orders]\n'
    )
    config.write_text(config.read_text().replace(config.read_text().split("connector_configs: ")[1], f"{folder}}}\n"))
    found = by_place(cdc("check", "--json").document)
    assert (found["contracts", "shop"]["code"], found["contracts", "shop"]["detail"]) == ("LND-102", "d.orders")
    assert found["dictionary", "mappings"]["code"] == "DRV-101"
    (folder / "shop.yaml").write_text("kind: dbase\n")
    checked = cdc("check")
    assert checked.code == 2
    assert "kind is none of" in checked.err
    assert "tables is missing" in checked.err


@pytest.mark.parametrize("command", ["land", "derive", "run"])
def test_a_service_whose_login_is_refused_ends_with_the_code_and_no_secret(
    config: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("TARGET_PASSWORD", "wrong-secret")
    ended = subprocess.run(
        (sys.executable, "-m", "cdc", command), capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert ended.returncode == 1
    assert "TGT-102 target database refuses the login" in ended.stderr
    assert "next:" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "wrong-secret" not in ended.stderr


@pytest.mark.parametrize("command", ["land", "derive"])
def test_a_worker_on_a_target_that_was_not_prepared_says_what_to_do(config: Path, command: str) -> None:
    ended = subprocess.run(
        (sys.executable, "-m", "cdc", command), capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert ended.returncode == 1
    assert "cdc target apply" in ended.stderr
    assert "Traceback" not in ended.stderr

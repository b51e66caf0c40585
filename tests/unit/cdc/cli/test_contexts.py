from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdc.cli.context import Invocation
from cdc.cli.main import execute

SETTINGS = """\
target: {host: 127.0.0.1, port: 1, database: NAME, user: u, password: '${env:CDC_NAME_PASSWORD}'}
kafka: {bootstrap: '127.0.0.1:1'}
connect: {url: 'http://127.0.0.1:1'}
folders: {connector_configs: NAME}
"""
SOURCE = "kind: mariadb\nhost: 127.0.0.1\nport: 1\ndatabase: d\nuser: u\npassword: '${env:P}'\ntables: [t]\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two contexts, `prod` with source `erp` and `test` with source `mes`; the password of `test` is not known here."""
    for name, source in (("prod", "erp"), ("test", "mes")):
        (tmp_path / f"{name}.yaml").write_text(SETTINGS.replace("NAME", name))
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{source}.yaml").write_text(SOURCE)
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path))
    monkeypatch.setenv("CDC_prod_PASSWORD", "p")
    monkeypatch.delenv("CDC_CONTEXT", raising=False)
    return tmp_path


def test_contexts_are_listed_with_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["context", "list", "--json", "--context", "prod"]) == 0
    prod, test = json.loads(capsys.readouterr().out)
    assert prod == {
        "context": "prod",
        "is_current": True,
        "file": str(folder / "prod.yaml"),
        "connect": "http://127.0.0.1:1",
        "target": "127.0.0.1:1/prod",
        "fault": None,
    }
    assert (test["context"], test["is_current"], test["connect"]) == ("test", False, None)
    assert "CDC_test_PASSWORD" in test["fault"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--context", "prod", "connectors", "reload", "erp"],
        ["connectors", "--context", "prod", "reload", "erp"],
        ["connectors", "reload", "erp", "--context", "prod"],
        ["--context", "test", "connectors", "reload", "erp", "--context=prod"],
        ["connectors", "offsets", "reset", "erp", "--reason", "r", "--context", "prod"],
    ],
)
def test_a_context_stands_anywhere_and_is_said_before_anything_is_done(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(arguments) == 1  # nobody says yes
    said = capsys.readouterr().err
    assert said.startswith("Context prod: Kafka Connect http://127.0.0.1:1, target 127.0.0.1:1/prod\n")


@pytest.mark.parametrize(
    "command",
    [
        "target apply --dev",
        "drift accept erp --reason why",
        "stream resnapshot erp --reason why --yes",
        "stream rewind erp --reason why",
        "stream repair erp --reason why",
        "dictionary discard",
        "held retry --all",
        "held approve 1",
        "journal archive --folder archive",
        "protect shred personal 2026-03 --reason why",
        "protect hold --reason why",
        "protect release 1 --reason why",
    ],
)
def test_whatever_is_put_on_record_of_a_target_is_done_in_a_context_that_is_said(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("P", "p")
    assert execute([*command.split(), "--context", "prod"]) == 1  # nobody says yes, or is there
    said = capsys.readouterr().err
    assert said.startswith("Context prod: Kafka Connect http://127.0.0.1:1, target 127.0.0.1:1/prod\n"), said


def test_of_a_single_file_nothing_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--config", str(folder / "prod.yaml"), "connectors", "reload", "erp"]) == 1
    assert "Context" not in capsys.readouterr().err


def test_a_context_that_is_not_there_is_a_matter_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["connectors", "plan", "--context", "prd"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is no context prd (in " in said.err
    assert ": prod, test)" in said.err


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("cdc --context t", ["test"]),
        ("cdc connectors plan --context ", ["prod", "test"]),
        ("cdc --context prod connectors plan ", ["erp"]),
        ("cdc --context test connectors lint ", ["mes"]),
    ],
)
def test_a_shell_completes_contexts_and_by_them(
    words: str, completed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDC_test_PASSWORD", "p")
    monkeypatch.setenv("_CDC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    execute([])
    assert capsys.readouterr().out.split() == completed


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (Invocation(), ()),
        (Invocation(Path("a"), "prod"), ("--config", "a", "--context", "prod")),
        (Invocation(None, "prod"), ("--context", "prod")),
    ],
)
def test_workers_get_the_same_settings(given: Invocation, options: tuple[str, ...]) -> None:
    assert given.options == options

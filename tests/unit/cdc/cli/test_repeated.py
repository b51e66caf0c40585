"""A command that is named in words is one of the same deployment: who copies it acts where he was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Never

import pytest

from cdc.cli.main import execute
from cdc.cli.repeated import of_deployment, repeat, repeating
from cdc.errors import FatalError, catalogue
from tests.unit.cdc.cli.test_contexts import folder
from tests.unit.test_commands_in_texts import commands, parse

__all__ = ["folder"]


def away(*_: object, **__: object) -> Never:
    """Answer as a target that nobody has prepared."""
    raise FatalError("TGT-109")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("connectors plan erp", "cdc --context prod source contract SOURCE"),
        ("connectors lint", "cdc --context prod target apply"),
        ("connectors render prod/erp.yaml", "`cdc --context prod connectors render erp`"),
        ("audit heads", "cdc --context prod target apply"),
        ("stream rewind erp --reason why", "cdc --context prod target apply"),
        ("dictionary check nowhere", "`cdc --context prod code CODE`"),
        ("held list", "cdc --context prod target apply"),
        ("held retry --all --dictionary 2", "`cdc --context prod dictionary activate 2`"),
        ("code TGT-109", "cdc --context prod target apply"),
        ("runbook show TGT-109", "\n   cdc --context prod target apply"),
    ],
)
def test_a_command_that_is_said_has_the_context_that_was_given(
    command: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("psycopg.connect", away)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "500")
    execute([*command.split(), "--context", "prod"])
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    execute(["--context", "prod", *command.split()])
    assert "".join(capsys.readouterr()) == printed.out + printed.err


def test_what_was_given_before_is_not_of_the_next_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(["code", "TGT-109", "--context", "prod"])
    monkeypatch.setenv("CDC_CONTEXT", "prod")  # stands for the command that is copied, too
    capsys.readouterr()
    execute(["code", "TGT-109"])
    assert "`cdc target apply`" in capsys.readouterr().out
    file = folder / "prod.yaml"
    execute(["--config", str(file), "code", "TGT-109"])
    assert f"`cdc --config {file} target apply`" in capsys.readouterr().out
    execute(["code", "TGT-109", "--json", "--context", "prod"])
    assert "`cdc target apply`" in json.loads(capsys.readouterr().out)["action"]  # of the catalogue, as it stands there


@pytest.mark.parametrize(
    ("words", "repeated_words"),
    [
        ("next: cdc connectors apply erp", "next: cdc --context 'a b' connectors apply erp"),
        ("run `cdc run`, then `cdc status`", "run `cdc --context 'a b' run`, then `cdc --context 'a b' status`"),
        ("SRC-123 x: cdc lacks public.item", "SRC-123 x: cdc lacks public.item"),  # a publication
        ("TGT-101 y: cdc at 127.0.0.1", "TGT-101 y: cdc at 127.0.0.1"),
    ],
)
def test_only_commands_are_taken_for_commands(words: str, repeated_words: str) -> None:
    assert of_deployment(words) == words
    with repeating():
        repeat("--context", "a b")
        assert of_deployment(words) == repeated_words
        assert of_deployment(repeated_words) == repeated_words
    assert of_deployment(words) == words


def test_every_command_in_the_catalogue_can_be_copied() -> None:
    with repeating():
        repeat("--context", "prod")
        repeat("--config", "there")
        said = [of_deployment(f"{entry.cause} {entry.action}") for entry in catalogue().values()]
    found = {command for words in said for command, _ in commands(words)}
    assert len(found) > 20
    for command in found:
        assert command == "cdc" or command.startswith("cdc --config there --context prod ")
        parse(command, named=True)

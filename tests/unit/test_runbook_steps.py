"""What tests that follow a runbook take out of its page."""

from __future__ import annotations

from tests.integration.runbook import commands


def test_a_step_has_its_own_commands_in_their_order() -> None:
    assert commands("STR-107", "Act", 2) == ['cdc stream rewind SOURCE --reason "why"', "cdc run"]
    assert commands("STR-107", "Act", 3) == ['cdc stream resnapshot SOURCE --reason "why"', "cdc run"]


def test_what_a_dba_runs_in_the_source_is_no_command() -> None:
    assert commands("SRC-121", "Act", 1) == []
    assert commands("SRC-121", "Act", 3)[-1] == "cdc run"


def test_a_page_without_steps_is_one() -> None:
    assert commands("CON-186", "Act") == ["cdc connectors snapshot SOURCE TABLE --watch"]
    assert commands("SRC-120", "Verify") == ["cdc source contract SOURCE --check", "cdc status"]

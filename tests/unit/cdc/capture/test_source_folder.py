"""Connector files that change while somebody goes on for months."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cdc.capture.source_folder import SourceFolder
from cdc.errors import FatalError
from tests.unit.cdc.capture.test_source import GOOD

PAUSED = GOOD + "state: paused\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "mes.yaml").write_text(GOOD)
    return tmp_path


def test_what_a_file_comes_to_say_is_read_and_nothing_else(files: Path) -> None:
    folder = SourceFolder(files)
    first = folder.read()
    (files / "erp.yaml").write_text(PAUSED)
    assert {name: source.state for name, source in folder.read().items()} == {"mes": "running", "erp": "paused"}
    assert folder.read()["mes"] is first["mes"]  # not read again
    (files / "erp.yaml").write_text(GOOD)
    (files / "mes.yaml").unlink()
    assert {name: source.state for name, source in folder.read().items()} == {"erp": "running"}


def test_a_file_with_faults_stays_what_it_was_and_is_told_once(files: Path) -> None:
    folder = SourceFolder(files)
    with capture_logs() as logs:
        for wrong in ("kind: ]", "kind: ]]", ""):
            (files / "mes.yaml").write_text(wrong)
            (files / "new.yaml").write_text(wrong)
            assert [source.state for source in folder.read().values()] == ["running"]
    assert [entry["faults"] for entry in logs] == [["mes.yaml:1: is not YAML"], ["new.yaml:1: is not YAML"]]
    (files / "mes.yaml").write_text(PAUSED)
    assert folder.read()["mes"].state == "paused"
    with capture_logs() as logs:
        (files / "mes.yaml").write_text("kind: ]")
        folder.read()
    assert len(logs) == 1


def test_a_watch_does_not_begin_with_files_that_have_faults(files: Path) -> None:
    (files / "new.yaml").write_text("kind: ]")
    with pytest.raises(FatalError, match="SRC-101"):
        SourceFolder(files)

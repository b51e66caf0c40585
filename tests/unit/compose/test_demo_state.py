from __future__ import annotations

import shutil
from pathlib import Path

from compose.demo.state import State


def test_only_data_that_compared_clean_is_gone_on_with(tmp_path: Path) -> None:
    state = State(tmp_path)
    (tmp_path / "data" / "erp").mkdir(parents=True)
    assert state.runs() == 0
    state.write("running", 0)
    state.log.write_text("")
    assert state.runs() == 0
    state.write("different", 1)
    assert state.runs() == 0
    state.write("clean", 1)
    assert state.runs() == 1


def test_a_run_whose_log_is_gone_is_not_gone_on_with(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.write("clean", 1)
    assert state.runs() == 0


def test_forgetting_removes_data_and_memory_but_not_the_jars(tmp_path: Path) -> None:
    state = State(tmp_path)
    (tmp_path / "data" / "erp").mkdir(parents=True)
    (tmp_path / "jars").mkdir()
    state.write("clean", 1)
    assert state.has_data
    state.forget()
    assert not state.has_data
    assert state.runs() == 0
    assert (tmp_path / "jars").exists()


def test_data_that_somebody_has_removed_are_not_gone_on_with(tmp_path: Path) -> None:
    state = State(tmp_path)
    (tmp_path / "data" / "kafka").mkdir(parents=True)
    state.write("clean", 2)
    state.log.touch()
    assert state.runs() == 2
    shutil.rmtree(tmp_path / "data")
    assert state.runs() == 0

from __future__ import annotations

from pathlib import Path

import pytest

from compose.demo.alone import only_run
from compose.local.daemon import StackError


def test_a_second_run_on_the_same_data_is_refused(tmp_path: Path) -> None:
    env = {"CDC_LOCAL": str(tmp_path)}
    with only_run(env), pytest.raises(StackError, match="Another run of the demo goes on"), only_run(env):
        pass
    with only_run(env), only_run({"CDC_LOCAL": str(tmp_path / "other")}):
        pass

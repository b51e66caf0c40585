"""The files of `cdc source contract`, where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from cdc.cli.source import write_files


def test_a_folder_that_cannot_be_made_is_named_as_a_matter_of_usage(tmp_path: Path) -> None:
    (tmp_path / "contracts").write_text("a file where a folder has to be")
    with pytest.raises(typer.BadParameter, match="contracts cannot be written"):
        write_files(tmp_path / "contracts", ())

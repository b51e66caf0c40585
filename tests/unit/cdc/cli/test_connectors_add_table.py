"""`cdc connectors add-table`: what it writes, where it can."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from cdc.capture.onboard.add import Addition
from cdc.cli.connectors.add_table import _write
from tests.unit.cdc.capture.signals import source


@pytest.mark.parametrize("is_missing", [True, False])
def test_what_cannot_be_written_is_named_as_a_matter_of_usage(tmp_path: Path, *, is_missing: bool) -> None:
    contracts, file = tmp_path / "contracts" / "mes", tmp_path / "away" / "mes.yaml"
    if not is_missing:
        (tmp_path / "contracts").write_text("a file where a folder has to be")
    named = file if is_missing else contracts
    with pytest.raises(typer.BadParameter, match=f"{named} cannot be written"):
        _write(contracts, file, Addition(source("lot"), "", (), (), ()))

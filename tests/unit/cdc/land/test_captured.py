from __future__ import annotations

from pathlib import Path

import pytest

from cdc.errors import FatalError
from cdc.land.worker import captured_mirrors

FILE = """
kind: postgresql
host: localhost
port: 5432
database: d
user: u
password: ${env:SECRET}
tables:
"""


def test_what_is_captured_is_what_the_connector_file_names_now(tmp_path: Path) -> None:
    file = tmp_path / "mes.yaml"
    file.write_text(f"{FILE}  - public.lot\n  - table: other.Stock\n    key: [a]\n")
    assert captured_mirrors("mes", tmp_path) == {"mes.lot", "mes.Stock"}
    file.write_text(f"{FILE}  - public.lot\n")
    assert captured_mirrors("mes", tmp_path) == {"mes.lot"}
    file.unlink()
    with pytest.raises(FatalError, match="SRC-103"):
        captured_mirrors("mes", tmp_path)

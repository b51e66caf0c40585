"""What a shell completes, asked as bash asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cdc.cli.main import execute

SETTINGS = """\
target: {host: 127.0.0.1, port: 1, database: d, user: u, password: '${env:HOME}'}
kafka: {bootstrap: '127.0.0.1:1'}
connect: {url: 'http://127.0.0.1:1'}
folders: {connector_configs: files}
"""
MES = """\
kind: postgresql
host: 127.0.0.1
port: 5432
database: mes
user: u
password: '${env:HOME}'
tables: [public.lot, {table: public.label, key: [a]}, qc.limits]
exclude: [public.log, public.tmp_*]
"""
Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """A source with tables, two whose files have faults, and the packaged dictionary."""
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mes.yaml").write_text(MES)
    for name in ("mrp", "erp"):
        (tmp_path / "files" / f"{name}.yaml").write_text("kind: [\n")
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("_CDC_COMPLETE", "complete_bash")

    def words(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        execute([])
        return capsys.readouterr().out.split()

    return words


@pytest.mark.parametrize(
    "command",
    [
        *("connectors lint", "connectors render", "connectors plan", "connectors status", "connectors pause"),
        *("connectors reload", "connectors remove", "connectors add-table", "connectors offsets show"),
        *("connectors snapshot", "source contract", "drift show", "drift accept", "stream repair"),
        *("audit mirrors", "dictionary scaffold"),
    ],
)
def test_sources_whatever_is_wrong_in_their_files(complete: Complete, command: str) -> None:
    assert complete(f"cdc {command} m") == ["mes", "mrp"]


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("connectors plan mes m", ["mrp"]),
        ("connectors snapshot mes ", ["public.lot", "public.label", "qc.limits"]),
        ("connectors snapshot mes public.lot public.l", ["public.label"]),
        ("connectors snapshot mrp ", []),
        ("connectors snapshot wms ", []),
        ("connectors add-table mes ", ["public.log"]),
        ("drift accept mes l", ["lot", "label", "limits"]),
        ("connectors init new --kind m", ["mariadb", "mysql"]),
        ("code con-18", [f"con-18{digit}" for digit in range(8)]),
        ("code L01", ["L01"]),
        ("code UDI-101", ["UDI-101"]),
        ("held retry --code CON-1", []),
        ("held retry --code UDI-101", ["UDI-101"]),
        ("held show mes.mes_s", ["mes.mes_sn"]),
        ("held retry --mapping mes.mes_s", ["mes.mes_sn"]),
    ],
)
def test_names_that_belong_to_what_stands_before(complete: Complete, line: str, completed: list[str]) -> None:
    assert complete(f"cdc {line}") == completed


@pytest.mark.parametrize("line", ["connectors plan m", "connectors snapshot mes p", "held show m"])
def test_nothing_where_the_settings_cannot_be_read(
    complete: Complete, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDC_CONFIG", "nowhere.yaml")
    assert complete(f"cdc {line}") == []


def test_sources_of_a_folder_without_settings(
    complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDC_CONFIG")
    assert complete(f"cdc connectors lint --folder {tmp_path / 'files'} e") == ["erp"]

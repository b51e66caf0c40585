"""A steward changes a synonym, a unit's factor, a label and a length, in four places of the files, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.cli.main import execute
from cdc.config import Target
from cdc.store.connection import connect
from transforms.load import PACKAGED

Cdc = Callable[..., Any]
CHANGES = (
    ("codesets/lot_status.yaml", '{system: mes, code: "OK", to: RELEASED}', '{system: mes, code: "OK", to: BLOCKED}'),
    ("units.yaml", 'factor: "254/10000"', 'factor: "1/40"'),
    ("fields.yaml", "label: {zh: 生产批号, en: Lot number}", "label: {zh: 生产批号, en: Number of the batch}"),
    ("fields.yaml", "type: string(12)", "type: string(24)"),
)
# What examples expect is written by hand: the tests follow when somebody has looked.
EXPECTED = (
    ("mappings/mes.mes_lot.yaml", "status: RELEASED", "status: BLOCKED"),
    ("mappings/mes.mes_wo.yaml", "line_code: L123456789012", "line_code: L123456789012345678901234"),
    ("mappings/mes.mes_insp_h.yaml", "measured_length: \"25.400000\"", "measured_length: \"25.000000\""),
)  # fmt: skip


def change(folder: Path, changes: tuple[tuple[str, str, str], ...]) -> None:
    for file, old, new in changes:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def label(connection: psycopg.Connection[Any], table: str, column: str) -> str:
    query = "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE (attrelid, attname) = (%s::regclass, %s)"
    return connection.execute(query, (table, column)).fetchall()[0][0]


@pytest.fixture
def folders(config: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The dictionary as it is in force, and a copy for the steward, which the settings name."""
    before, after = (Path(shutil.copytree(PACKAGED, tmp_path / name)) for name in ("before", "after"))
    config.write_text(config.read_text().replace("folders: {", f"folders: {{dictionary: {after}, "))
    return before, after


def test_transform_target_page_and_tests_follow(
    cdc: Cdc, folders: tuple[Path, Path], target: Target, tmp_path: Path
) -> None:
    before, after = folders
    assert cdc("target", "apply").code == 0
    pages = [tmp_path / "before.html", tmp_path / "after.html"]
    assert execute(("dictionary", "doc", str(before), "--output", str(pages[0]))) == 0
    change(after, CHANGES)

    # what changed, and where it shows
    said = {(line[1], line[2]): line[3] for line in cdc("dictionary", "diff", str(before), str(after)).lines[1:]}
    assert "trace.material_lot.status" in said["lot_status", "synonym mes 'OK' RELEASED -> BLOCKED"]
    assert "trace.test_result.measured_length" in said["INH", "factor 254/10000 -> 1/40"]
    assert ("lot_number", "label en `Lot number` -> `Number of the batch`") in said

    # the transform is another one: examples say so
    tried = cdc("dictionary", "test", "--json")
    assert tried.code != 0
    assert {failure["mapping"]: failure["diff"] for failure in tried.document["failures"]} == {
        "mes.mes_insp_h": ["trace.test_result: measured_length is Decimal('25.000000'), expected Decimal('25.400000')"],
        "mes.mes_lot": ["status is 'BLOCKED', expected 'RELEASED'"],
        "mes.mes_wo": ["gave a row, expected TXT-101"],
    }
    change(after, EXPECTED)
    assert cdc("dictionary", "test", "--json").document["failed"] == 0

    # the target's tables follow
    steps = [line["step"] for line in cdc("target", "plan", "--json").document["steps"]]
    assert any(step.startswith("create table trace.job_order anew") for step in steps)
    assert not any("material_lot anew" in step for step in steps)
    assert "label columns of trace.material_lot: lot_number, lot_number_raw" in steps
    assert cdc("target", "apply").code == 0
    with connect(target, "test") as connection:
        query = (
            "SELECT atttypmod - 4 FROM pg_attribute WHERE attrelid = 'trace.job_order'::regclass AND attname = 'line'"
        )
        assert connection.execute(query).fetchall() == [(24,)]
        assert label(connection, "trace.material_lot", "lot_number") == "Number of the batch / 生产批号"
        assert label(connection, "trace.job_order", "line") == "Line / 产线"

    # and so does the page
    assert execute(("dictionary", "doc", "--output", str(pages[1]))) == 0
    old, new = (page.read_text(encoding="utf-8") for page in pages)
    for told in ("Number of the batch", "string(24)", "1/40"):
        assert told in new
        assert told not in old

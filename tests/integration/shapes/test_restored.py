"""A source whose server comes back with the data of an earlier time: its folder, copied as it stood still, put back."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import accounts_hold, begun, stopped


@pytest.mark.slow  # two servers stop and start, the service as well
@pytest.mark.parametrize(("name", "server"), [("yard", "mes"), ("shed", "erp")])
def test_a_source_that_was_restored(fresh: Shapes, stack: Stack, tmp_path: Path, name: str, server: str) -> None:
    """What it did before is in the mirrors, and is not there any more; what it does now has the ids of before."""
    begun(fresh)
    side = fresh.sides[name]
    with fresh.running():
        side.run("INSERT INTO one VALUES (2, 2)")
        fresh.check(f"{name}.one")
    copied(stack, server, tmp_path)
    with fresh.running():
        side.run(*(f"INSERT INTO one VALUES ({number}, {number})" for number in range(10, 60)))
        fresh.check(f"{name}.one")
    put_back(stack, server, tmp_path)
    side.run("INSERT INTO one VALUES (3, 3)", "UPDATE one SET n = 7 WHERE id = 2")
    said = stopped(fresh)
    assert "STR-123 " in said
    assert f"cdc.{name}: its log ends at" in said
    assert fresh.query(f"SELECT count(*) FROM {name}.one") == [(52,)], "nothing was mixed with what it does now"
    operator = Operator(fresh, {"SOURCE": name})
    fresh.write(dataclasses.replace(side, more=("state: stopped",)))
    operator.act("STR-123", 1)
    fresh.write(side)
    with operator.doing("STR-123", 4):
        fresh.until(f"SELECT generations FROM cdc.position WHERE source = '{name}'", [(2,)])
        fresh.check(f"{name}.one", f"{name}.dated")
        operator.verify("STR-123")
    assert side.rows("one") == [(1, 1), (2, 7), (3, 3)]
    assert fresh.query("SELECT code FROM cdc.gap ORDER BY found_at") == [("STR-123",), ("STR-121",)]
    accounts_hold(fresh)


def copied(stack: Stack, server: str, folder: Path) -> None:
    """Copy the data of a server that is stopped for it."""
    stack.stop((server,))
    copy(stack.services()[server].folder, folder / "copy")
    stack.start((server,))


def put_back(stack: Stack, server: str, folder: Path) -> None:
    """Give a server back the data of the copy."""
    stack.stop((server,))
    shutil.rmtree(stack.services()[server].folder)
    copy(folder / "copy", stack.services()[server].folder)
    stack.start((server,))


def copy(folder: Path, to: Path) -> None:
    """Copy a folder with its owners."""
    subprocess.run(("cp", "-a", str(folder), str(to)), check=True)

"""A command that is killed, between whichever two of its steps: the same command, given again, completes it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from tests.integration.runbook import Operator
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import accounts_hold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a command has up to a dozen steps

SIGKILLED = -9
WHOLE = ("mill.item", "mill.lot")


def add_table(mill: Shapes, number: int) -> list[str]:
    """A table that no command has added yet, published."""
    mill.sides["mill"].run(
        f"CREATE TABLE added_{number} (id int PRIMARY KEY, n int)",
        f"INSERT INTO added_{number} SELECT n, n FROM generate_series(1, 50) n",
        f"ALTER PUBLICATION cdc ADD TABLE added_{number}",
    )
    return ["connectors", "add-table", "mill", f"public.added_{number}", "--apply"]


def apply_plan(mill: Shapes, number: int) -> list[str]:
    """A plan by which the connector forgets its place; of the slots before, the DBA drops what the plans named."""
    drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND slot_name ="
    mill.sides["mill"].run(f"{drop} 'mill_{number - 2}'")
    mill.write(dataclasses.replace(mill.sides["mill"], more=(f"settings: {{slot.name: mill_{number}}}",)))
    file = str(mill.deployment.folder / f"plan-{number}.json")
    mill.deployment.cdc("connectors", "plan", "mill", "--out", file, exit_code=3)
    return ["connectors", "apply", file]


def snapshot(_: Shapes, __: int) -> list[str]:
    return ["connectors", "snapshot", "mill", "public.lot", "--watch"]


def reload(_: Shapes, __: int) -> list[str]:
    return ["connectors", "reload", "mill", "--yes"]


def resnapshot(_: Shapes, __: int) -> list[str]:
    return ["stream", "resnapshot", "mill", "--reason", "a test", "--yes"]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("prepare", [snapshot, add_table, apply_plan, reload, resnapshot])
def test_it_is_killed_behind_each_of_its_steps(
    mill: Shapes, operator: Operator, prepare: Callable[[Shapes, int], list[str]]
) -> None:
    side = mill.sides["mill"]
    for number in count(1):
        command = prepare(mill, number)
        side.run("UPDATE item SET n = n + 1 WHERE id < 9", "DELETE FROM lot WHERE id = (SELECT min(id) FROM lot)")
        first = given(mill, number, command)
        if first.returncode == 0:
            break
        assert first.returncode == SIGKILLED, first.stdout
        again = given(mill, 0, command)
        assert again.returncode == 0, f"behind step {number}: {again.stdout}"
    assert number > 2, "it has steps"
    added = [f"mill.added_{one}" for one in range(1, number + 1) if prepare is add_table]
    mill.sides["mill"] = dataclasses.replace(side, tables=(*side.tables, *(one.partition(".")[2] for one in added)))
    with mill.running():
        operator.verify("CON-115")
        mill.check(*WHOLE, *added)
    accounts_hold(mill)


@pytest.mark.timeout(600)
def test_what_was_left_unfinished_is_finished_as_the_page_says(mill: Shapes, operator: Operator) -> None:
    """Nobody watches: `apply` waits for an author who may be alive, and does it."""
    mill.sides["mill"].run("DELETE FROM lot WHERE id = (SELECT max(id) FROM lot)")
    before = mill.query("SELECT generations FROM cdc.position")[0][0]
    number = 3  # it has forgotten its place and lost its slot
    assert given(mill, number, reload(mill, 0)).returncode == SIGKILLED
    assert '"code": "CON-115"' in mill.status()
    operator.act("CON-115", 2)
    with mill.running():
        mill.until("SELECT generations FROM cdc.position", [(before + 1,)])
        mill.check(*WHOLE)
        operator.verify("CON-115")


def given(mill: Shapes, number: int, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Give a command that is killed behind one of its steps (0: behind none)."""
    return subprocess.run(
        (sys.executable, "-m", "tests.integration.connectors.killed", str(number), "2", *command),
        env=mill.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=240,
    )

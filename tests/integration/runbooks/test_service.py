"""What the service stands on (settings, target, brokers) is away, or not as it has to be: the page has it go on."""

from __future__ import annotations

import dataclasses

import pytest

from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.runbooks.test_sources import stopped_by
from tests.integration.service import start
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import stopped
from tests.integration.stream_faults.worker import await_event, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # some twenty seconds each on an idle machine

WHOLE = ("mill.item", "mill.lot")


def test_settings_that_are_not_usable(mill: Shapes, operator: Operator) -> None:
    file, log = mill.deployment.folder / "cdc.yaml", mill.deployment.folder / "refused.log"
    text = file.read_text()
    file.write_text(text.replace("kafka: {bootstrap:", "kafka: {boostrap:"))
    refused = start(mill.env, log, "run")
    assert refused.wait(60) == 2
    assert "CFG-101" in log.read_text()
    file.write_text(text)
    with mill.running():
        changed(mill)
        operator.verify("CFG-101")


def test_the_target_refuses_the_login(mill: Shapes, operator: Operator) -> None:
    env = {**mill.deployment.env, "CDC_TARGET_PASSWORD": "another"}
    other = dataclasses.replace(mill, deployment=dataclasses.replace(mill.deployment, env=env))
    assert "TGT-102 " in stopped(other)
    with operator.doing("TGT-102", 4):
        changed(mill)
        operator.verify("TGT-102")


@pytest.mark.parametrize(("service", "code"), [("target", "TGT-101"), ("kafka", "STR-109")])
def test_what_everything_goes_through_is_away(
    mill: Shapes, stack: Stack, operator: Operator, service: str, code: str
) -> None:
    """There is nothing to do but to bring it back: nobody is started again."""
    log = mill.deployment.folder / "run.log"
    with mill.running():
        mill.check("mill.item")
        known = len(events(log))
        stack.stop([service])
        await_event(log, lambda event: code in str(event), since=known)
        stack.start([service])
        changed(mill)
        operator.verify(code)


def test_the_target_is_not_prepared(mill: Shapes, operator: Operator) -> None:
    """It is another one, and empty: all that the topics have lands there."""
    mill.empty_target()
    assert "TGT-109 " in stopped(mill)
    with operator.doing("TGT-109", 2, 3):
        changed(mill)
        operator.verify("TGT-109")


def test_a_change_at_which_the_file_says_to_stop(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    mill.write(dataclasses.replace(side, more=("drift: {column_added: halt}",)))
    assert "TGT-119 " in stopped_by(mill, "ALTER TABLE lot ADD COLUMN grade text")
    side.run("UPDATE lot SET grade = 'A' WHERE id = 12")
    with operator.doing("TGT-119", 1):
        changed(mill)
        operator.verify("TGT-119")
    mill.write(side)


def test_a_table_without_a_contract(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    side.run(
        "CREATE TABLE later (id int PRIMARY KEY, n int)",
        "INSERT INTO later VALUES (1, 1), (2, 2)",
        "ALTER PUBLICATION cdc ADD TABLE later",
    )
    mill.sides["mill"] = dataclasses.replace(side, tables=(*side.tables, "later"))
    mill.write(mill.sides["mill"])
    assert "LND-102" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=1)
    operator.act("LND-102", 1)
    with operator.doing("LND-102", 2):
        mill.deployment.cdc("connectors", "apply", "mill")
        mill.until("SELECT count(*) FROM mill.later", [(2,)])
        mill.check("mill.later", *WHOLE)
        operator.verify("LND-102")


def changed(mill: Shapes) -> None:
    """Change the source, with rows that go, and compare."""
    mill.sides["mill"].run(
        "UPDATE item SET n = n + 1 WHERE id = 1", "DELETE FROM lot WHERE id = (SELECT min(id) FROM lot)"
    )
    mill.check(*WHOLE)

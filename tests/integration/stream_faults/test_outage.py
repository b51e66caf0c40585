"""Kafka and the target go away and come back: the workers say so, wait, and go on; nothing is lost, nothing exits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose.local.stack import Stack
from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import await_event, events, landing

CHILDREN = ["land", "derive", "watch"]


@pytest.fixture(autouse=True)
def _all_services_come_back(stack: Stack, deployment: Deployment) -> Iterator[None]:
    """Before the deployment is cleared away, also when a test has failed half-way."""
    yield
    stack.start()


@contextmanager
def service(deployment: Deployment, source: Source) -> Iterator[Path]:
    """Run `cdc run` and let it replicate a snapshot; no child may have ended until the block does. Yields its log."""
    log = deployment.folder / "run.log"
    source.snapshot()
    source.send()
    with deployment.running():
        await_derived(deployment, source)
        yield log
        assert [event["child"] for event in events(log) if event["event"] == "child_started"] == CHILDREN
        assert not {"child_died", "child_failed"} & {event["event"] for event in events(log)}


def await_derived(deployment: Deployment, source: Source) -> None:
    """Wait until all that was sent has landed, and is derived."""
    with deployment.target() as target:
        source.await_landed(target)
        names = [(name,) for _, name in source.rows]
        eventually(target, "SELECT part_id FROM trace.part ORDER BY _source_key[1]::int", names)


def await_warning(log: Path, worker: str, code: str) -> None:
    await_event(
        log, lambda event: (event.get("worker"), event.get("code"), event["level"]) == (worker, code, "warning")
    )


def test_the_broker_goes_away(stack: Stack, deployment: Deployment, north: Source, south: Source) -> None:
    with service(deployment, north) as log:
        stack.stop(["kafka"])
        # Who starts meanwhile waits as well, and ends when it is told to.
        with landing(deployment) as early, landing(deployment) as impatient:
            await_warning(impatient.log, "land", "STR-109")
            assert impatient.stop() == 0
            for heard in (log, early.log):
                await_warning(heard, "land", "STR-109")
            stack.start(["kafka"])
            await_event(early.log, lambda event: event["event"] == "stream_opened")
            for source in (north, south):
                source.send_commits(10)
            await_derived(deployment, north)
            with deployment.target() as target:
                south.await_landed(target)
            assert early.stop() == 0


@pytest.mark.parametrize("crash", [False, True], ids=["stops", "crashes"])
def test_the_target_goes_away(stack: Stack, deployment: Deployment, north: Source, crash: bool) -> None:
    with service(deployment, north) as log:
        daemon = stack.services()["target"].daemon()
        (daemon.kill if crash else daemon.stop)()
        north.send_commits(10)
        for worker in ("land", "derive"):
            await_warning(log, worker, "TGT-101")
        stack.start(["target"])
        north.send_commits(10)
        await_derived(deployment, north)

"""One cell of the matrix: streams, a target, workers to which something happens, and what must hold afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.beside import beside
from tests.faults.accounts import audit, require_in_order
from tests.faults.judge import Judge
from tests.faults.observer import Observer
from tests.faults.picture import take
from tests.faults.topic import Topic
from tests.faults.worker import Worker, until
from tests.integration.service import Deployment

# A name in the consumer group: the successor of a killed worker does not wait for its session to time out.
MEMBER = ("--member", "one")


@dataclass
class Cell:
    """Its workers are killed at the end, whatever has become of them."""

    deployment: Deployment
    topics: Mapping[str, Topic]
    dictionary: Path
    workers: list[Worker] = field(default_factory=list)

    def begin(self) -> None:
        self.judge = Judge(self.topics, self.dictionary)
        self.observer = Observer(self.deployment, self.judge, self.topics)
        self.observer.__enter__()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.observer.__exit__()

    def land(self, *arguments: str, **options: Any) -> Worker:
        """Start a land worker; without arguments it has the name of the one before."""
        return self._start("land", *(arguments or MEMBER), **options)

    def derive(self, **options: Any) -> Worker:
        """Start a derive worker."""
        return self._start("derive", **options)

    def _start(self, *arguments: str, **options: Any) -> Worker:
        worker = Worker(self.deployment, *arguments, **options)
        self.workers.append(worker)
        return worker

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the target."""
        with self.deployment.target() as target:
            return target.execute(text.encode(), parameters).fetchall()

    def positions(self) -> dict[str, int]:
        """Return how far the streams have landed."""
        return dict(self.query("SELECT stream, next_offset FROM cdc.position"))  # type: ignore[arg-type]

    def owners(self) -> dict[str, int]:
        """Return which process owns which stream."""
        return dict(self.query("SELECT stream, split_part(owner, ':', 2)::int FROM cdc.position"))  # type: ignore[arg-type]

    def has_landed(self, batches: int) -> bool:
        """Whether a stream has as many batches."""
        return bool(self.query("SELECT FROM cdc.batch GROUP BY stream HAVING max(batch) >= %s", batches))

    @contextmanager
    def retries(self) -> Iterator[None]:
        """Ask for rows to be derived again, all the time."""

        def ask(enough: threading.Event) -> None:
            while not enough.wait(0.05):
                # It may be away, or take no writes.
                with suppress(psycopg.OperationalError, psycopg.InternalError), self.deployment.target() as target:
                    while not enough.wait(0.05):
                        target.execute(
                            "INSERT INTO cdc.derive_queue (mapping, reason, actor)"
                            " VALUES ('north.lot', 'retry', 'tests')"
                        )

        with beside(ask):
            yield

    def state(self) -> str:
        """Return all that a worker could have moved."""
        with self.deployment.target() as target:
            return take(target, self.topics)

    def ends(self) -> dict[str, int]:
        """Return how far they are sent."""
        return {topic.name: topic.offsets[-1] + 1 for topic in self.topics.values()}

    def is_done(self) -> bool:
        """Whether all that was sent has landed and is derived."""
        try:
            derived = dict(
                self.query("SELECT w.stream, b.next_offset FROM cdc.watermark w JOIN cdc.batch b USING (stream, batch)")
            )
            return self.positions() == self.ends() == self.ends() | derived and len(derived) == 2  # type: ignore[operator]
        except psycopg.OperationalError:
            return False

    def require_recovery(self, *workers: Worker, timeout_s: float = 60) -> None:
        """Wait until all has landed and is derived, then stop the workers and judge everything.

        None of them may have ended meanwhile: there is no operator here.
        """
        until(lambda: self.is_done() or any(worker.process.poll() is not None for worker in workers), "done", timeout_s)
        for worker in workers:
            assert worker.process.poll() is None, worker.said()
            worker.stop()
        self.observer.require_nothing_wrong()
        require_in_order(self.deployment, self.judge)

    def require_found(self, said: str, *workers: Worker, timeout_s: float = 60) -> None:
        """Wait until the onlooker says something, or all has landed and been derived and the audit says it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not self._has_seen(said) and not self.is_done():
            time.sleep(0.05)
        for worker in workers:
            worker.kill()
        findings = [*self.observer.faults, *audit(self.deployment, self.judge)]
        assert any(said in finding for finding in findings), "\n".join(findings[:20]) or "nothing is found"

    def _has_seen(self, said: str) -> bool:
        return any(said in fault for fault in self.observer.faults)

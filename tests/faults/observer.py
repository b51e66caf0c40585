"""An onlooker that takes pictures of the target all the time and judges each: nothing may be wrong at any instant."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.faults.judge import Judge
from tests.faults.picture import Picture, read, take
from tests.integration.service import Deployment

_EVERY_S = 0.03


@dataclass
class Observer:
    """A thread with a connection of its own; it connects again when the target was away. `pictures` differ."""

    deployment: Deployment
    judge: Judge
    sources: Iterable[str]
    faults: list[str] = field(default_factory=list)
    pictures: int = 0
    _last: str = ""
    _seen: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Observer:
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def require_nothing_wrong(self) -> None:
        """Nothing was wrong in any picture, and there were some."""
        assert not self.faults, "\n".join(self.faults[:20])
        assert self.pictures > 0

    def _run(self) -> None:
        while not self._enough.is_set():
            try:
                with self.deployment.target() as connection:
                    while not self._enough.wait(_EVERY_S):
                        text = take(connection, self.sources)
                        if text != self._last:
                            self._judge(read(text, self.sources))
                        self._last = text
            except psycopg.OperationalError:
                self._enough.wait(_EVERY_S)

    def _judge(self, picture: Picture) -> None:
        self.pictures += 1
        self.faults += [*self.judge.mirrors(picture), *self.judge.canonical(picture), *self._regressions(picture)]

    def _regressions(self, picture: Picture) -> Iterable[str]:
        """Positions, epochs and watermarks only grow."""
        now = {
            (stream, name): row[name]
            for stream, row in picture.positions.items()
            for name in ("next_offset", "batch", "epoch", "generations")
        }
        now |= {(stream, "watermark"): offset for stream, offset in picture.watermarks.items()}
        for key, value in self._seen.items():
            if now.get(key, -1) < value:
                yield f"{key} went back from {value} to {now.get(key)}"
        self._seen = now

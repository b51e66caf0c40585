from __future__ import annotations

from concurrent.futures import Future
from typing import Any, cast

from cdc.land.lane import Lane


class Writer:
    """Is given jobs and does none of them."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def submit(self, job: Any, *_: object) -> Future[object]:
        self.given.append(job.__name__)
        return Future()


class Landing:
    """A stream with a row that waits, whose source's catalogue was read just now."""

    reader: Any

    def __init__(self) -> None:
        self.reader = self

    has_pending, is_full, end = True, False, None

    def flush(self) -> None: ...

    def take(self) -> str:
        self.has_pending = False
        return "a batch"

    def hold_against_source(self) -> None:
        """It is where it was."""

    def take_reading(self) -> str:
        return "a catalogue"

    def follow(self, _reading: str) -> None: ...

    def land(self, _prepared: str) -> None: ...


def test_rows_do_not_wait_for_a_mirror_that_has_to_grow_and_is_in_use() -> None:
    writer, landing = Writer(), Landing()
    lane = Lane(cast(Any, None), cast(Any, writer), cast(Any, landing))
    lane.follow()
    lane.submit(drained=True)
    lane.follow()  # the first one is not done: a second one would keep the writer busy for good
    assert writer.given == ["follow", "land"]

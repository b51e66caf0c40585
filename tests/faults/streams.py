"""The streams of a session: written once per seed, and used by as many cells as want them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.history import History
from tests.faults.topic import Topic

TRANSACTIONS = 130
# More than the four batches of `small.yaml` that a worker holds of one transaction.
LARGE_ROWS = 120


@dataclass
class Streams:
    """The topics are named after the sources: those of one seed at a time are there."""

    bootstrap: str
    _seed: int | None = None
    _topics: dict[str, Topic] = field(default_factory=dict)

    def written(self, seed: int) -> dict[str, Topic]:
        """Return the whole streams of both sources that are derived from."""
        if seed != self._seed:
            for topic in self.begin(seed, ("north", "south")).values():
                topic.fill()
            self._seed = seed
        return self._topics

    def begin(self, seed: int, sources: tuple[str, ...]) -> dict[str, Topic]:
        """Return streams of which nothing is written yet."""
        self._seed, self._topics = None, {}
        for source in sources:
            history = History(source, seed)
            history.play(TRANSACTIONS, large=LARGE_ROWS)
            self._topics[source] = Topic(history, self.bootstrap)
            self._topics[source].make()
        return self._topics

"""The plan of a run: which transaction comes next. No database, no clock; the same for the same seed and history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from compose.simulator.deck import AWKWARD, ORDINARY, Action
from compose.simulator.error import SimulatorError
from compose.simulator.faults import FAULTS, Fault, bad_row
from compose.simulator.heavy import column_added_in_erp, column_added_in_mes, old_year_updated
from compose.simulator.transaction import Transaction
from compose.simulator.world import World

# Of all rows that are written.
BAD_SHARE: Final = 0.01
HEAVY: Final[tuple[Action, ...]] = (old_year_updated, column_added_in_erp, column_added_in_mes)

# Where in a gap between quiet windows: early, so that what piles up is gone before the next window.
_PLACES: Final = (0.04, 0.08, 0.12)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked for; with the history on the same data it says all that the run will do."""

    seconds: float
    rate: float
    seed: int
    quiet: tuple[tuple[float, float], ...] = ()

    @property
    def steps(self) -> int:
        """How many transactions."""
        return round(self.seconds * self.rate)

    def heavy_steps(self) -> dict[int, Action]:
        """Place the heavy actions into the long gaps between quiet windows.

        Raises SimulatorError if there is none.
        """
        gaps = [gap for gap in self._gaps() if (gap[1] - gap[0]) * self.rate * _PLACES[0] >= 1]
        longest = max((end - start for start, end in gaps), default=0.0)
        if not longest:
            raise SimulatorError("No time outside quiet windows for a bulk update and DDL: make the run longer.")
        placed: dict[int, Action] = {}
        for start, end in gaps:
            if end - start >= longest / 2:
                moments = (start + place * (end - start) for place in _PLACES)
                placed.update({round(at * self.rate) + 1: action for at, action in zip(moments, HEAVY, strict=True)})
        return placed

    def _gaps(self) -> Iterator[tuple[float, float]]:
        begin = 0.0
        for start, end in sorted(self.quiet):
            if start > begin:
                yield begin, start
            begin = max(begin, end)
        if begin < self.seconds:
            yield begin, self.seconds


class Planner:
    """Draws transactions and lets the world take them in."""

    def __init__(self, world: World, deck: Mapping[Action, int]) -> None:
        self.world = world
        self._cards = [action for action, count in deck.items() for _ in range(count)]
        self._deck: list[Action] = []
        self._postponed: list[Action] = []
        self._faults: list[Fault] = []
        self.rows = 0
        self.bad = 0

    def next(self, heavy: Action | None = None) -> Transaction:
        """Plan one transaction."""
        self.world.tick()
        transaction = (heavy and heavy(self.world)) or self._due() or self._fault() or self._draw()
        self.rows += 0 if transaction.rolls_back else transaction.row_count
        self.bad += len(transaction.bad)
        return transaction

    def _due(self) -> Transaction | None:
        """Do what has come due; what has no transaction takes no step."""
        while (deed := self.world.due()) is not None:
            transaction = deed(self.world)
            if transaction is not None:
                return transaction
        return None

    def _fault(self) -> Transaction | None:
        if self.bad >= self.rows * BAD_SHARE:
            return None
        if not self._faults:
            self._faults = self.world.rng.sample(FAULTS, len(FAULTS))
        return bad_row(self.world, self._faults.pop())

    def _draw(self) -> Transaction:
        """Take cards until one can be played; those that cannot yet go back into the next deck."""
        for _ in range(10 * len(self._cards)):
            if not self._deck:
                self._deck = self.world.rng.sample(self._cards, len(self._cards))
            transaction = self._deck.pop()(self.world)
            if transaction is not None:
                return transaction
        raise SimulatorError("No action can be played: the seeded data are not those of this program.")


def history(world: World, steps: int) -> Iterator[Transaction]:
    """Yield what happened before anybody looked."""
    planner = Planner(world, ORDINARY)
    for _ in range(steps):
        yield planner.next()


def run(world: World, settings: Settings) -> Iterator[Transaction]:
    """Yield the transactions of a run on top of the history that the world has seen."""
    world.rng = Random(f"{settings.seed}/{world.step}")
    planner = Planner(world, {**ORDINARY, **AWKWARD})
    heavy = settings.heavy_steps()
    for step in range(1, settings.steps + 1):
        yield planner.next(heavy.get(step))


def kinds_of(transactions: Iterator[Transaction]) -> Counter[str]:
    """Count the kinds of action."""
    return Counter(transaction.action for transaction in transactions)

"""The ways through the expressions of a dictionary, and which of them rows have taken.

Only who tries examples asks for it: otherwise nothing of it is in the code of a mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transforms.errors import Place
from transforms.expression.code import Code, write


@dataclass(frozen=True, slots=True)
class Branch:
    """One way: `told` is what leads to it, as it is written."""

    place: Place
    told: str


class Branches:
    """All ways that were compiled."""

    def __init__(self) -> None:
        self._known: dict[Branch, bool] = {}

    def mark(self, place: Place, told: str, code: Code) -> Code:
        """Return a code that tells when it was worked out."""
        return write("({0}(), {1})[1]", self._taker(Branch(place, told)), code)

    def mark_outcomes(self, place: Place, told: str, code: Code) -> Code:
        """Return a condition that tells whether it held."""
        held, failed = (self._taker(Branch(place, f"{told} {outcome}")) for outcome in ("holds", "does not hold"))
        return write("{1}() or True if {0} is True else {2}() or False", code, held, failed)

    def untaken(self) -> Iterator[Branch]:
        """Yield the ways that no row has taken, in the order in which they are written."""
        yield from (branch for branch, taken in self._known.items() if not taken)

    def _taker(self, branch: Branch) -> Callable[[], None]:
        self._known.setdefault(branch, False)

        def take() -> None:
            self._known[branch] = True

        return take

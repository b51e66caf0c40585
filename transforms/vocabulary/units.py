"""The unit table: reading it, finding a unit by the names of a source system, exact conversion."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from fractions import Fraction

from transforms import refusal
from transforms.errors import Refused
from transforms.model import Unit
from transforms.value.number import Number
from transforms.value.text import BLANKS

PACKAGING = "packaging"


class UnitNames:
    """The units as one source system calls them, by alias or unit code, without regard to case and blanks around."""

    def __init__(self, units: Map[str, Unit], aliases: Map[str, str]) -> None:
        named = {code: units[code] for code in units} | {alias: units[code] for alias, code in aliases.items()}
        self._names = {fold_name(name): unit for name, unit in named.items()}
        self._scales: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}

    def find(self, name: str) -> Unit | None:
        """Return the unit of that name, None if there is none."""
        return self._names.get(fold_name(name))

    def code(self, name: str) -> str:
        """Return the unit's code; refuse an unknown name."""
        return self._unit(name).code

    def convert(
        self, value: Number, source: str | None, target: str | None, content: Callable[[], Number | None] | None = None
    ) -> Number:
        """Return `value`, which is in `source`, in `target`: a Fraction, or as it is where nothing is converted.

        `content` says how many of `target` one `source` holds, where one of them is packaging (None: nobody knows).
        """
        if source == target and source is not None:
            self._unit(source)
            return value
        return self._convert(value, self._unit(source), self._unit(target), content)

    def _convert(
        self, value: Number, source: Unit, target: Unit, content: Callable[[], Number | None] | None
    ) -> Number:
        if source is target:
            return value
        if content is not None and (source.factor is None or target.factor is None):
            held = content()
            if held is not None and held > 0:
                return Fraction(value) * Fraction(held)
        pair = (source.code, target.code)
        if pair not in self._scales:
            self._scales[pair] = _scale(source, target)
        factor, shift = self._scales[pair]
        return Fraction(value) * factor + shift

    def _unit(self, name: str | None) -> Unit:
        unit = None if name is None else self.find(name)
        if unit is None:
            raise Refused(refusal.UNIT_UNKNOWN, detail="no unit of this name in the unit table")
        return unit


def fold_name(name: str) -> str:
    """Return a unit's name as names are compared."""
    return name.strip(BLANKS).upper()


def _scale(source: Unit, target: Unit) -> tuple[Fraction, Fraction]:
    """Return factor and shift between two units: what has another zero is shifted, too."""
    if source.factor is None or target.factor is None:
        raise Refused(refusal.UNIT_PACKAGING, detail=f"how much of {target.code} one {source.code} holds is not known")
    if source.dimension != target.dimension:
        raise Refused(
            refusal.UNIT_DIMENSION, detail=f"{source.code} is {source.dimension}, {target.code} is {target.dimension}"
        )
    factor = source.factor / target.factor
    return factor, source.offset * factor - target.offset

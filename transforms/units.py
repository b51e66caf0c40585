"""The unit table: reading it, finding a unit by the names of a source system, exact conversion."""

from __future__ import annotations

from collections.abc import Mapping as Map
from decimal import Decimal
from fractions import Fraction

from transforms import refusal
from transforms.errors import Refused
from transforms.model import Unit
from transforms.text import BLANKS

PACKAGING = "packaging"


class UnitNames:
    """The units as one source system calls them, by alias or unit code, without regard to case and blanks around."""

    def __init__(self, units: Map[str, Unit], aliases: Map[str, str]) -> None:
        named = {code: units[code] for code in units} | {alias: units[code] for alias, code in aliases.items()}
        self._names = {fold_name(name): unit for name, unit in named.items()}
        self._factors: dict[tuple[str, str], Fraction] = {}

    def find(self, name: str) -> Unit | None:
        """Return the unit of that name, None if there is none."""
        return self._names.get(fold_name(name))

    def code(self, name: str) -> str:
        """Return the unit's code; refuse an unknown name."""
        return self._unit(name).code

    def convert(self, value: int | Decimal | Fraction, source: str | None, target: str | None) -> object:
        """Return `value`, which is in `source`, in `target`: a Fraction, or as it is where nothing is converted."""
        if source == target and source is not None:
            self._unit(source)
            return value
        return self._convert(value, self._unit(source), self._unit(target))

    def _convert(self, value: int | Decimal | Fraction, source: Unit, target: Unit) -> object:
        if source is target:
            return value
        pair = (source.code, target.code)
        if pair not in self._factors:
            self._factors[pair] = _factor(source, target)
        return Fraction(value) * self._factors[pair]

    def _unit(self, name: str | None) -> Unit:
        unit = None if name is None else self.find(name)
        if unit is None:
            raise Refused(refusal.UNIT_UNKNOWN, detail="no unit of this name in the unit table")
        return unit


def fold_name(name: str) -> str:
    """Return a unit's name as names are compared."""
    return name.strip(BLANKS).upper()


def _factor(source: Unit, target: Unit) -> Fraction:
    if source.factor is None or target.factor is None:
        raise Refused(refusal.UNIT_PACKAGING, detail=f"how much of {target.code} one {source.code} holds is not fixed")
    if source.dimension != target.dimension:
        raise Refused(
            refusal.UNIT_DIMENSION, detail=f"{source.code} is {source.dimension}, {target.code} is {target.dimension}"
        )
    return source.factor / target.factor

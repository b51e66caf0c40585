"""What a source calls units: finding one by its name, exact conversion between two."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from decimal import Decimal
from fractions import Fraction
from functools import partial

from transforms import refusal
from transforms.errors import Refused
from transforms.model import Unit
from transforms.value.number import Number, multiply, to_decimal
from transforms.value.text import BLANKS

PACKAGING = "packaging"
REMEMBERED = 4096
Scale = Callable[[Number], Number]


class UnitNames:
    """The units as one source system calls them, by alias or unit code, without regard to case and blanks around."""

    def __init__(self, units: Map[str, Unit], aliases: Map[str, str]) -> None:
        named = {code: units[code] for code in units} | {alias: units[code] for alias, code in aliases.items()}
        self.known = tuple(named)
        self._names = {fold_name(name): unit for name, unit in named.items()}
        self._scales: dict[tuple[str | None, str | None], Scale] = {}

    def find(self, name: str) -> Unit | None:
        """Return the unit of that name, None if there is none."""
        return self._names.get(fold_name(name))

    def code(self, name: str) -> str:
        """Return the unit's code; refuse an unknown name."""
        return self._unit(name).code

    def convert(
        self, value: Number, source: str | None, target: str | None, content: Callable[[], Number | None] | None = None
    ) -> Number:
        """Return `value`, which is in `source`, in `target`, exactly; of what is counted only whole numbers (UOM-203).

        `content` says how many of `target` one `source` holds, where one of them is packaging (None: nobody knows).
        """
        scale = self._scales.get((source, target)) or self._find_scale(source, target)
        if scale is not None:
            return scale(value)
        held = content() if content else None
        if held is None or held <= 0:
            raise Refused(refusal.UNIT_PACKAGING, detail=f"how much of {target} one {source} holds is not known")
        amount = Fraction(value) * Fraction(held)
        return _whole(self._unit(target), amount) if self._unit(target).counted else amount

    def _find_scale(self, source: str | None, target: str | None) -> Scale | None:
        """Return what converts between the units of these names, None where one of them is packaging."""
        one, other = self._unit(source), self._unit(target)
        scale = _same if one is other else _scale(one, other)
        if scale is not None and other.counted:
            scale = partial(_counted, other, scale)
        if scale is not None:
            if len(self._scales) == REMEMBERED:
                self._scales.clear()  # names are the source's: nobody says how many there are
            self._scales[source, target] = scale
        return scale

    def _unit(self, name: str | None) -> Unit:
        unit = None if name is None else self.find(name)
        if unit is None:
            raise Refused(refusal.UNIT_UNKNOWN, detail="no unit of this name in the unit table")
        return unit


def fold_name(name: str) -> str:
    """Return a unit's name as names are compared."""
    return name.strip(BLANKS).upper()


def _same(value: Number) -> Number:
    return value


def _counted(unit: Unit, scale: Scale, value: Number) -> Number:
    return _whole(unit, scale(value))


def _whole(unit: Unit, amount: Number) -> Number:
    """Return an amount of what is counted; half a piece is none, and rounding it would hide that (UOM-203)."""
    if amount != (amount.to_integral_value() if isinstance(amount, Decimal) else int(amount)):
        raise Refused(refusal.UNIT_DIMENSION, detail=f"{unit.code} is counted, and this is not a whole number of them")
    return amount


def _scale(source: Unit, target: Unit) -> Scale | None:
    """Return what converts from one unit to another: by a factor; what has another zero is shifted, too."""
    if source.factor is None or target.factor is None:
        return None
    if source.dimension != target.dimension:
        raise Refused(
            refusal.UNIT_DIMENSION, detail=f"{source.code} is {source.dimension}, {target.code} is {target.dimension}"
        )
    factor = source.factor / target.factor
    shift = source.offset * factor - target.offset
    return partial(_shifted, factor, shift) if shift else _by(factor)


def _shifted(factor: Fraction, shift: Fraction, value: Number) -> Fraction:
    return Fraction(value) * factor + shift


def _by(factor: Fraction) -> Scale:
    try:
        decimal = to_decimal(factor)
    except ArithmeticError:
        return partial(_shifted, factor, Fraction(0))

    def scale(value: Number) -> Number:
        # Decimals are five times as fast as fractions; what is too long for them is not refused here.
        try:
            return multiply(value, decimal)
        except ArithmeticError:
            return Fraction(value) * factor

    return scale

"""What the language gives: the one place that knows how an expression is compiled and run."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tests.contract.transforms.oracle.subject import COLUMNS, Row
from transforms.errors import Fault, Faults, Place, Refused
from transforms.expression import Scope, compile_expression
from transforms.expression.code import function_of
from transforms.model import Label, Unit
from transforms.reading.inputs import Inputs
from transforms.vocabulary.unit_names import UnitNames
from transforms.yaml.document import Scalar

_PLACE = Place("rule.yaml")
_LENGTHS = {"MTR": Fraction(1), "MMT": Fraction(1, 1000), "INH": Fraction(254, 10000)}
_UNITS = {code: Unit(code, code, "length", Label(code, code), factor) for code, factor in _LENGTHS.items()}


def compiled(text: str) -> tuple[Callable[[Row], object] | None, list[Fault]]:
    """Return the function from a row to the expression's value, or why the dictionary would be refused."""
    faults, inputs = Faults(), Inputs()
    inputs.declare("", "erp.rows", {name: (kind, _PLACE) for name, (kind, _) in COLUMNS.items()})
    scope = Scope(inputs.resolve, inputs.known, UnitNames(_UNITS, {}))
    term = compile_expression(Scalar(text, _PLACE, plain=False, inner=None), scope, faults)
    if term is None:
        return None, faults.found
    function = function_of(term.code)
    return lambda row: function([row[used.column or ""] for used in inputs.used], {}), []


def outcome(function: Callable[[Row], object], row: Row) -> tuple[object, str | None]:
    """Return the value, or the code with which the row would be held."""
    try:
        return function(row), None
    except Refused as refused:
        return None, refused.code
    except ArithmeticError:
        return None, "NUM-101"

"""Types of canonical fields: as written, as PostgreSQL has them, and the step that makes a value fit or refuses it.

| type           | PostgreSQL               | accepts                                        |
|----------------|--------------------------|------------------------------------------------|
| string(n)      | character varying(n)     | text of at most n characters                   |
| integer        | integer                  | whole numbers of 32 bits                       |
| decimal(p,s)   | numeric(p,s)             | numbers that need no rounding (or `rounding`)  |
| boolean        | boolean                  | truth values, or codes of a TRUE/FALSE code set|
| date           | date                     | dates                                          |
| datetime       | timestamp with time zone | instants                                       |
| code           | text                     | source codes of the field's code set           |
| unit           | character varying(3)     | unit names of the source                       |
| gtin           | character varying(14)    | GTIN-8, -12, -13, -14                          |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from transforms import refusal
from transforms.errors import Refused
from transforms.expression.cast import to_integer
from transforms.expression.code import Function, Inline
from transforms.model import Field, FieldType
from transforms.udi import is_device_identifier
from transforms.value import number
from transforms.value.gs1 import is_character_set_82
from transforms.value.kind import NUMBERS, Kind

Step = Function

_FORM = re.compile(r"(?P<kind>[a-z]+)(\((?P<size>[0-9]{1,5})(,(?P<scale>[0-9]{1,2}))?\))?")
_SIZES = {"string": 1, "decimal": 2}
_PLAIN = {
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp with time zone",
    "code": "text",
    "unit": "character varying(3)",
    "gtin": "character varying(14)",
}
KINDS = (*_SIZES, *_PLAIN)
_WRITTEN = ("", r"\([1-9][0-9]{0,4}\)", r"\(([1-9][0-9]?|100),[0-9]{1,2}\)")
TYPE_FORM = "|".join(kind + _WRITTEN[_SIZES.get(kind, 0)] for kind in KINDS)
"""What a type looks like, as a regular expression; `parse_type` knows more of its sizes."""

# Which results of an expression a field of each type takes; what a code set translates is listed in CODED.
ACCEPTED: dict[str, tuple[Kind, ...]] = {
    "string": (Kind.TEXT,),
    "integer": NUMBERS,
    "decimal": NUMBERS,
    "boolean": (Kind.BOOLEAN,),
    "date": (Kind.DATE,),
    "datetime": (Kind.INSTANT,),
    "code": (Kind.TEXT,),
    "unit": (Kind.TEXT,),
    "gtin": (Kind.TEXT,),
}
CODED = (Kind.TEXT, Kind.INTEGER)

# Field checks by name: the test, and what the row is told.
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "gs1_cset82": (is_character_set_82, "has a character that GS1 does not allow in a lot or serial number"),
    "udi_di": (is_device_identifier, "is the UDI-DI of no issuing agency"),
}


def parse_type(text: str) -> FieldType | None:
    """Return the type written as `string(20)`, None if there is none such."""
    form = _FORM.fullmatch(text)
    if form is None or form["kind"] not in KINDS:
        return None
    sizes = [int(size) for size in (form["size"], form["scale"]) if size is not None]
    if len(sizes) != _SIZES.get(form["kind"], 0) or 0 in sizes[:1] or sizes[1:] > sizes[:1]:
        return None
    if form["kind"] == "decimal" and sizes[0] > number.DIGITS:
        return None  # no value has more of them, though PostgreSQL takes 1000
    return FieldType(form["kind"], *sizes)


def postgresql_type(field_type: FieldType) -> str:
    """Return the column type as PostgreSQL prints it."""
    if field_type.kind == "string":
        return f"character varying({field_type.size})"
    if field_type.kind == "decimal":
        return f"numeric({field_type.size},{field_type.scale})"
    return _PLAIN[field_type.kind]


def result_kind(field_type: FieldType) -> Kind:
    """Return the kind of the field's canonical values, as row checks see them."""
    return {"integer": Kind.INTEGER, "decimal": Kind.DECIMAL}.get(field_type.kind, ACCEPTED[field_type.kind][0])


def fitting_step(field: Field) -> tuple[Step | None, frozenset[str]]:
    """Return what makes a value fit the field's type or refuses it, and the codes it refuses with."""
    kind, size = field.type.kind, field.type.size
    if kind == "string" and size is not None:
        code = refusal_code(field, refusal.TEXT)
        return _length_step(size, code), frozenset({code})
    code = refusal_code(field, refusal.NUMBER)
    if kind == "integer":
        return _integer_step(code), frozenset({code})
    if kind == "decimal":
        return _decimal_step(field, code), frozenset({code})
    return None, frozenset()


def check_step(field: Field, name: str) -> tuple[Step, str]:
    """Return the step of one of the field's checks, and its code."""
    test, told = CHECKS[name]
    code = field.on_error.get(name) or refusal_code(field, refusal.TEXT)

    def check(value: Any) -> Any:
        if not test(value):
            raise Refused(code, detail=told)
        return value

    return check, code


def refusal_code(field: Field, otherwise: str) -> str:
    """Return the code of a value that does not fit the field."""
    return field.on_error.get("default", otherwise)


def _length_step(size: int, code: str) -> Step:
    def refuse(_: str) -> NoReturn:
        raise Refused(code, detail=f"longer than {size} characters")

    return Inline("{0} if len({0}) <= {1} else {2}({0})", size, refuse)


def _decimal_step(field: Field, code: str) -> Step:
    precision, scale, rounding = field.type.size or 0, field.type.scale or 0, field.rounding

    def fit(value: Any) -> Decimal:
        try:
            return number.to_scale(value, precision, scale, rounding)
        except ArithmeticError:
            raise _no_fit(code) from None

    return fit


def _integer_step(code: str) -> Step:
    def fit(value: Any) -> int:
        try:
            return to_integer(value, 32)
        except ArithmeticError:
            raise _no_fit(code) from None

    return fit


def _no_fit(code: str) -> Refused:
    return Refused(code, detail="does not fit, or would have to be rounded")

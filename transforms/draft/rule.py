"""Expressions by which a column of a source may become a value of a field: what their types leave open."""

from __future__ import annotations

from collections.abc import Mapping as Map

from transforms.draft.table import SourceColumn, written
from transforms.model import Field

_TEXTS = ("text", "char")
_NUMBERS = ("integer", "decimal", "double")


def rules_for(field: Field, column: SourceColumn, zone: str, alias: str = "", unit: str = "") -> tuple[str, ...]:
    """Return the expressions to be tried, the most likely one first; () where there is none.

    `zone` is that of the source's clocks, `alias` the look-up whose column it is, `unit` an expression of the unit in
    which a quantity is stated.
    """
    value = f"{alias}.{written(column.name)}" if alias else written(column.name)
    kind, wanted = column.declared, field.type.kind
    if field.code_set:
        return (value,) if kind in (*_TEXTS, "integer") else ()
    if field.unit:
        return (f"TO_UNIT({value}, {unit}, '{field.unit}')",) if unit and kind in _NUMBERS else ()
    if wanted in ("integer", "decimal"):
        return _number(value, kind, field)
    forms: Map[str, Map[str, tuple[str, ...]]] = {
        "string": {
            "integer": (f"CAST({value} AS TEXT)",),
            "uuid": (value,),
            **dict.fromkeys(_TEXTS, (f"CLEAN({value})",)),
        },
        "boolean": {"boolean": (value,), "bit": (value,)},
        "date": {
            "date": (value,),
            "timestamp": (f"DATE_OF({value})",),
            **dict.fromkeys(_TEXTS, (f"CAST(CLEAN({value}) AS DATE)",)),
        },
        "datetime": {
            "timestamptz": (value,),
            "timestamp": (f"AT_ZONE({value}, '{zone}')",),
            "date": (f"AT_ZONE(CAST({value} AS TIMESTAMP), '{zone}')",),
        },
        "unit": dict.fromkeys(_TEXTS, (value,)),
        "gtin": dict.fromkeys(_TEXTS, (f"CLEAN({value})", f"UDI_DI({value})")),
    }
    return forms.get(wanted, {}).get(kind or "", ())


def _number(value: str, kind: str | None, field: Field) -> tuple[str, ...]:
    if kind in _NUMBERS:
        return (value,)
    if kind not in _TEXTS:
        return ()
    size = f"DECIMAL({field.type.size},{field.type.scale})" if field.type.kind == "decimal" else "INT"
    return (f"CAST(CLEAN({value}) AS {size})",)

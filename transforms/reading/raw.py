"""What the source said, beside the columns whose field keeps it (`keep_raw`): a column `<column>_raw`.

It holds the text that the expression began with, before anything that only changes texts (CLEAN, UPPER, RECODE, ...),
where the canonical value is another text, or none; NULL where the value is just what the source said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from transforms.errors import Faults, Refused
from transforms.expression.code import Code, Expression, Memo, function_of, write
from transforms.mapping import RAW, Column
from transforms.model import Field, Label
from transforms.normalise import ColumnPlan, value_of
from transforms.yaml.document import Scalar
from transforms.yaml.name import NAME


def raw_label(label: Label) -> Label:
    """Return what the raw column of a column with that label is called."""
    zh, en = (
        text and f"{text}{more}" for text, more in ((label.zh, "（源系统原文）"), (label.en, ", as the source has it"))
    )
    return Label(zh, en)


def raw_columns(described: Iterable[tuple[Column, Field]]) -> tuple[Column, ...]:
    """Return the raw columns that stand beside those columns."""
    return tuple(
        Column(
            column.name + RAW, "text", False, label=str(raw_label(field.label)), field=field.name, raw_of=column.name
        )
        for column, field in described
        if field.keep_raw
    )


def check_raw(names: Iterable[Scalar], raws: Iterable[Column], faults: Faults) -> None:
    """Find columns that stand where a raw column has to, and those whose raw column would have too long a name."""
    declared = {name.text: name for name in names}
    for raw in raws:
        if raw.name in declared:
            message = f"`{raw.name}` is the raw text of `{raw.raw_of}`, whose field keeps it; take another name"
            faults.add(declared[raw.name].place, "DIC-112", message)
        elif not NAME.fits(raw.name):
            faults.add(declared[raw.raw_of].place, "DIC-105", f"`{raw.name}`, its raw text: {NAME.told}, 58 at most")


def raw_plan(name: str, place: int, said: Code, field: Field) -> ColumnPlan:
    """Return how a raw column gets its value: what was said for the value at `place`, if that is another one."""
    # Of a value that was refused and tolerated nobody may be able to tell what it would have been made of.
    text = write("{0}(row, memo)", _as_far_as_told(function_of(said))) if field.tolerate else said
    return ColumnPlan(name, write("None if ({t} := {0}) == {1} else {t}", text, value_of(place)), (), required=False)


def _as_far_as_told(work_out: Expression) -> Callable[[Sequence[Any], Memo], Any]:
    def said(row: Sequence[Any], memo: Memo) -> Any:
        try:
            return work_out(row, memo)
        except (Refused, ArithmeticError):
            return None

    return said

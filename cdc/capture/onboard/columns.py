"""Columns that cannot travel: each is left out with its reason, or takes its table with it if it identifies rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdc.capture.onboard.decision import Decision, Name, written
from cdc.capture.source import is_object_name
from cdc.columns import RESERVED_NAMES, is_name
from cdc.errors import FatalError

Row = Mapping[str, Any]


def unable(rows: Iterable[Row], check: Callable[[Row], object]) -> dict[str, FatalError]:
    """Return the columns that `check` refuses, or whose names no mirror can have, with what was raised."""
    found: dict[str, FatalError] = {}
    for row in rows:
        try:
            check_name(row["name"])
            if not row["computed"]:
                check(row)
        except FatalError as error:
            found[row["name"]] = error
    return found


def check_name(name: str) -> None:
    """Raise SRC-204 for a name that no column of a mirror can have."""
    if not is_name(name) or name in RESERVED_NAMES:
        raise FatalError("SRC-204", f"column {name!r}")


def without(table: Name, refused: Mapping[str, FatalError]) -> tuple[Decision, ...]:
    """Return the decisions by which columns are left out.

    Raises SRC-204 if the connector cannot be told of one: a comma in its name, say.
    """
    for name, error in refused.items():
        if not is_object_name(name):
            raise FatalError("SRC-204", f"column {name!r} cannot be named under without ({error.code})")
    return tuple(
        Decision(written(table), f"without {name}", error.detail, error.code) for name, error in refused.items()
    )

"""Values of source columns, and how the databases print them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

Value = str | int | Decimal | datetime | date | bool | None
# Which type a column has is known by its name; naming it again at each use would say nothing new.
Key = tuple[Any, ...]
Row = dict[str, Any]

# What the ERP writes for "no date". MariaDB stores it, the log delivers it as NULL.
ZERO_DATETIME: Final = "0000-00-00 00:00:00"
ZERO_DATE: Final = "0000-00-00"
_ZERO: Final = frozenset({ZERO_DATETIME, ZERO_DATE})

# Every character that Chinese and western systems store as a blank.
_BLANKS: Final = " \u3000"


def clean(value: Value) -> str:
    """Return a code as the applications' users see it: without the padding."""
    return str(value).strip(_BLANKS)


def printed(kind: str, size: int, value: Value) -> str | None:
    """Return a value as its database prints it. `size` is a decimal's scale, a padded text's length."""
    if value is None or value in _ZERO:
        return None
    match value:
        case bool():
            return "t" if value else "f"
        case str():
            return value.ljust(size) if kind == "padded" else value
        case Decimal():
            return f"{value:.{size}f}"
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case int():
            return f"{value:.{size}f}" if kind == "decimal" else str(value)


def _moment(value: datetime) -> str:
    zone = "+00" if value.tzinfo else ""
    moment = value.astimezone(UTC) if value.tzinfo else value
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}{zone}"

"""Values of examples as the page shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from transforms.value.moment import find_zone

Show = Callable[[object], str | None]


def shower(time_zone: str) -> Show:
    """Return the function from a value to its text, None for NULL; instants are shown by the clocks of a zone."""
    zone = find_zone(time_zone) or UTC

    def show(value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Decimal) and value.is_finite():
            return f"{value:f}"
        if isinstance(value, datetime):
            return (value.astimezone(zone) if value.tzinfo else value).isoformat(" ")
        if isinstance(value, list):
            return "; ".join(map(str, value))
        return value.isoformat() if isinstance(value, date) else str(value)

    return show

"""What tests of labels share: the parts that a label has."""

from __future__ import annotations

from transforms.udi import LabelDate, parse_udi

PARTS = (
    *("di", "level", "lot", "serial", "made", "expiry", "expiry_time", "valid_until", "software"),
    *("sterilisation_lot", "quantity", "link"),
)


def parts_of(text: str, event_year: int = 2026) -> dict[str, object]:
    """Return the parts that are there, dates as of `event_year`."""
    udi = parse_udi(text)
    found = ((name, getattr(udi, name)) for name in PARTS)
    return {
        name: value.on(event_year) if isinstance(value, LabelDate) else value
        for name, value in found
        if value is not None
    }

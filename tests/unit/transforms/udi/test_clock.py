"""No label's meaning depends on the clock: biip has one that does, and it is never asked."""

from __future__ import annotations

import biip.gs1_element_strings
import pytest

from tests.unit.transforms.udi.parts import parts_of
from transforms.udi import parse_udi


def test_the_library_s_century_is_never_used(monkeypatch):
    def clock(_: int) -> int:
        raise AssertionError("the century of a label was taken from the clock")

    monkeypatch.setattr(biip.gs1_element_strings, "_get_century", clock)
    parse_udi.cache_clear()
    with pytest.raises(AssertionError):
        biip.gs1_element_strings.GS1ElementString.extract("17270200")
    text = "01069012345678921727020011760101"
    assert {event: str(parts_of(text, event)["made"]) for event in (2025, 2026, 2076, 2126)} == {
        2025: "1976-01-01",
        2026: "2076-01-01",
        2076: "2076-01-01",
        2126: "2176-01-01",
    }

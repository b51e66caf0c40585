"""The demo's proof of a unit's way: it fails if either end, or any step between them, is missing."""

from __future__ import annotations

from typing import Any

import pytest

from compose.demo.proof import missing_of

UP = [
    ("party", "received", "lot"),
    ("lot", "went into", "serial"),
    ("job order", "made by", "serial"),
    ("lot", "made as", "serial"),
]
DOWN = [("serial", "inspected", "inspection"), ("serial", "shipped", "shipment"), ("shipment", "to", "party")]


def traced(without: tuple[str, str, str] | None = None) -> dict[str, Any]:
    """A trace as `--json` has it, as far as the proof reads it."""
    return {
        way: [
            {"up": {"kind": up}, "what": what, "down": {"kind": down}}
            for up, what, down in steps
            if without != (up, what, down)
        ]
        for way, steps in (("up", UP), ("down", DOWN))
    }


def test_a_whole_way_has_all_steps() -> None:
    assert missing_of(traced()) == []


@pytest.mark.parametrize("step", [step for step in (*UP, *DOWN) if step != ("lot", "made as", "serial")])
def test_a_step_that_is_missing_is_named(step: tuple[str, str, str]) -> None:
    """Without its supplier a unit still has a party, its customer, and the other way round."""
    assert missing_of(traced(step)) == [" ".join(step)]

"""The expected duration of an initial load rests on what a bench measured."""

from __future__ import annotations

import re

from cdc.capture.onboard.decision import Found
from cdc.capture.onboard.duration import load_of, measured
from compose.local.env import REPO


def test_the_figures_are_those_that_the_page_of_benches_has() -> None:
    line = next(
        line for line in (REPO / "tests" / "bench" / "README.md").read_text().splitlines() if measured().command in line
    )
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", line)]
    found = measured()
    assert {found.rows, found.captured_s, found.landed_s} <= set(numbers)


def test_a_load_counts_what_has_statistics_and_says_what_has_none() -> None:
    load = load_of([Found(("", "a"), 1001, 10), Found(("", "b")), Found(("", "c"), 0, 0)], rows_per_s=100)
    assert (load.tables, load.rows, load.bytes, load.unknown, load.expected_s) == (3, 1001, 10, 1, 11)
    assert load_of([]).measured_by == measured().command

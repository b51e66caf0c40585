"""The tests that the texts name as standing behind something are there, under these names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdc import runbook

REPO = Path(__file__).parents[2]
# How the text spells the folder: as it is, from tests/, or by the words that it introduces.
SHORT = {"shapes/": "integration/shapes/", "land/": "contract/cdc/land/"}
PAGES = {
    REPO / "tests" / "README.md": REPO / "tests",
    REPO / "tests" / "guarantees.md": REPO / "tests",
    REPO / "tests" / "faults" / "README.md": REPO / "tests" / "faults",
}
_NAMED = re.compile(r"`([\w/]*test_\w+\.py)((?:::\w+)?)`|`::(\w+)`")


def named(page: Path) -> list[tuple[Path, str]]:
    """Return the files that a page names, each with a test of it or an empty name."""
    found: list[tuple[Path, str]] = []
    for file, test, other in _NAMED.findall(page.read_text(encoding="utf-8")):
        if other:
            found.append((found[-1][0], other))
            continue
        short = next((short for short in SHORT if file.startswith(short)), "")
        found.append((PAGES[page] / (SHORT.get(short, "") + file.removeprefix(short)), test.removeprefix("::")))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_they_are_there(page: Path) -> None:
    tests = named(page)
    assert len(tests) > 3
    assert [str(file) for file, _ in tests if not file.is_file()] == []
    missing = [(file.name, test) for file, test in tests if f"def {test}(" not in file.read_text() and test]
    assert missing == []


_CODE = re.compile(r"([A-Z]{3}-)(\d{3})(?: to [A-Z]{3}-(\d{3}))?")


def test_the_pages_that_are_followed_are_those_that_are_listed() -> None:
    """By `act`, `doing` and `verify`; of a code that is a parameter, its string in the file of the test."""
    text = (REPO / "tests" / "README.md").read_text(encoding="utf-8")
    rows = text.partition("## Runbooks, followed\n")[2].partition("\n## ")[0]
    listed = {
        f"{prefix}{number}"
        for prefix, first, last in _CODE.findall(rows)
        for number in range(int(first), int(last or first) + 1)
    }
    tests = [path.read_text(encoding="utf-8") for path in (REPO / "tests").rglob("test_*.py")]
    following = [test for test in tests if "from tests.integration.runbook import Operator" in test]
    done = {code for test in following for code in re.findall(r'\b(?:act|doing|verify)\("([A-Z]{3}-\d{3})"', test)}
    named = {code for test in following for code in re.findall(r'"([A-Z]{3}-\d{3}) ?"', test)}
    assert done <= listed <= {code for code in named if runbook.has_page(code)}

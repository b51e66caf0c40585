"""The tests that the texts name as standing behind something are there, under these names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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

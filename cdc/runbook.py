"""The runbooks (`runbooks/*.md`): a page for each code that stops something, and stories, which are told by symptom.

They stand beside the package, in the repository as in an installation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cdc.errors import catalogue

FOLDER: Final = Path(__file__).resolve().parents[1] / "runbooks"
PARTS: Final = ("Meaning", "Impact", "Confirm", "Act", "Verify")
NOTHING: Final = "nothing"
STOPS: Final = MappingProxyType(
    {
        "service": "`cdc run` ends, does not start, or all its workers wait",
        "stream": "a stream waits, or its source is not captured; derivation goes on",
        "command": "nothing but the command that ends with it",
        NOTHING: "nothing",
    }
)
"""What stands still while a code lasts (`stops` of cdc/codes.yaml), in words."""
STORIES: Final = MappingProxyType(
    {
        "APP": "not-starting",
        "CFG": "not-starting",
        "OBS": "not-starting",
        "SRC": "not-starting",
        "CON": "connector-failed",
        "STR": "stream-stopped",
        "LND": "stream-stopped",
        "VAL": "refused-change",
        "DRV": "derivation-stopped",
        "EVD": "evidence-broken",
        "PRT": "protected-data",
        "TGT": "target-unreachable",
    }
)
"""The story of codes by how they begin, for those without a page of their own; runbooks/README.md has the same."""
_OF_A_ROW: Final = "held-rows"
_OF_A_FINDING: Final = "source-not-ready"
_FOUND: Final = ("refuse", "warn", "note")
# Those of the folder that are about the pages.
_INDEXES: Final = frozenset({"README", "codes"})


@dataclass(frozen=True, slots=True)
class Page:
    """A runbook: `name` is the code, or the name of a story; `parts` are its five parts, by their headings."""

    name: str
    title: str
    text: str
    parts: dict[str, str]


def has_page(code: str) -> bool:
    """Tell whether a code has a page of its own: it stops something."""
    entry = catalogue().get(code)
    return entry is not None and entry.stops not in (None, NOTHING)


def page_name(code: str) -> str:
    """Return the name of the page that a code of either catalogue is dealt with on."""
    if has_page(code):
        return code
    entry = catalogue().get(code)
    if entry is not None and entry.kind in _FOUND:
        return _OF_A_FINDING
    story = None if entry is None else STORIES[code[:3]]
    # Of a row that derivation refuses: in whichever catalogue, it is held.
    return _OF_A_ROW if story is None or (entry is not None and entry.kind == "row" and code[:3] == "DRV") else story


def names() -> list[str]:
    """Return the names of all pages: stories, then codes."""
    return sorted((path.stem for path in FOLDER.glob("*.md") if path.stem not in _INDEXES), key=_rank)


@cache
def read(name: str) -> Page:
    """Return a page. `name` is one of `names`."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    heading = text.partition("\n")[0].removeprefix("# ").removeprefix(f"{name}: ")
    found = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return Page(name, heading, text, {part: body.strip() for part, body in zip(found[::2], found[1::2], strict=True)})


def _rank(name: str) -> tuple[bool, str]:
    return name.isupper(), name

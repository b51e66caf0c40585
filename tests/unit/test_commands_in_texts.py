"""What the texts tell people to type is parsed by the real command line: runbooks, README, both code catalogues."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from cdc.cli.main import app
from cdc.errors import catalogue
from compose.local.env import REPO
from transforms.load import load

PAGES = sorted((REPO / "runbooks").glob("*.md"))
ALL_PAGES = [
    *(REPO / name for name in ("README.md", "transforms/README.md", "compose/README.md", "tests/README.md")),
    *(page for folder in ("runbooks", "connector-configs", "cdc") for page in sorted((REPO / folder).rglob("*.md"))),
    *(REPO / "tests" / name for name in ("guarantees.md", "bench/README.md", "faults/README.md")),
]
RUNBOOKS = [page for page in PAGES if page.stem not in {"README", "codes"}]
STORIES = [page for page in RUNBOOKS if not page.stem.isupper()]
SECTIONS = ["Meaning", "Impact", "Confirm", "Act", "Verify"]


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """Yield every `cdc ...` in backticks (prose: True) and every line of a block that begins with it (False)."""
    yield from ((command, True) for command in re.findall(r"`(cdc(?: [^`]*)?)`", text))
    yield from ((line.strip(), False) for line in text.splitlines() if re.match(r"\s*(\$ )?cdc ", line))


def texts() -> Iterator[tuple[str, str]]:
    for page in ALL_PAGES:
        yield page.name, page.read_text(encoding="utf-8")
    yield from ((code, f"{entry.cause} {entry.action}") for code, entry in catalogue().items())
    yield from ((code, f"{entry.cause} {entry.action}") for code, entry in load().errors.items())


def places() -> dict[tuple[str, bool], list[str]]:
    """Return each command once, with the places that it stands in."""
    found: dict[tuple[str, bool], list[str]] = {}
    for name, text in texts():
        for each in commands(text):
            found.setdefault(each, []).append(name)
    return found


COMMANDS = sorted((command, prose, ", ".join(dict.fromkeys(names))) for (command, prose), names in places().items())


@cache
def program() -> Any:
    return typer.main.get_command(app)


@cache
def known_codes() -> frozenset[str]:
    return frozenset(catalogue()) | frozenset(load().errors)


def parse(command: str, *, named: bool = False) -> None:
    """Parse a command line as far as its last word, and run nothing. `named`: prose that may leave arguments out."""
    words = shlex.split(command.removeprefix("$ "), comments=True)[1:]
    current = program()
    try:
        parent = current.make_context("cdc", words or ["--help"], resilient_parsing=not words)
    except typer.Exit:
        assert command == "cdc --version"  # done with that
        return
    while hasattr(current, "get_command") and (rest := [*parent._protected_args, *parent.args]):
        name, current, words = current.resolve_command(parent, rest)
        # `cdc held` or `cdc source contract` in prose is a name, not to be typed as it is.
        parent = current.make_context(name, words, parent=parent, resilient_parsing=named and not words)


@pytest.mark.parametrize(("command", "prose", "where"), COMMANDS, ids=[command for command, *_ in COMMANDS])
def test_a_command_in_a_text_exists(command: str, where: str, *, prose: bool) -> None:
    try:
        parse(command, named=prose)
    except Exception as error:
        error.add_note(f"in {where}")
        raise


def test_the_texts_hold_the_commands_that_they_are_about() -> None:
    found = {command for command, *_ in COMMANDS}
    assert {"cdc run", "cdc status", "cdc check", "cdc target apply", "cdc held list"} <= found


@pytest.mark.parametrize(
    "wrong", ["cdc statos", "cdc held list --mappin x", "cdc code", "cdc target", "cdc source contract", "cdc run x"]
)
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    # A noun alone shows its help instead of a message.
    with pytest.raises(Exception, match=r"^$" if wrong == "cdc target" else r"No such|Missing|unexpected"):
        parse(wrong)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_has_its_five_parts_in_order(page: Path) -> None:
    assert re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) == SECTIONS


def test_every_runbook_and_every_prefix_of_a_code_is_in_the_index() -> None:
    index = (REPO / "runbooks" / "README.md").read_text(encoding="utf-8")
    assert {"codes.md", *(page.name for page in STORIES)} == set(re.findall(r"\]\((\S+\.md)\)", index))
    prefixes = set(re.findall(r"^\| ([A-Z]{3}) \|", index, re.MULTILINE))
    assert prefixes == {code[:3] for code in catalogue()}


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target, place in re.findall(r"\]\(([^\s):#]*)(?:#([^\s)]+))?\)", page.read_text(encoding="utf-8")):
        named = page.parent / target if target else page
        assert named.exists(), target
        assert not place or place in places_of(named), f"{target}#{place}"


def places_of(page: Path) -> set[str]:
    """Return the names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_codes_in_pages_exist(page: Path) -> None:
    assert set(re.findall(r"(?<!-)\b[A-Z]{3}-\d{3}\b", page.read_text(encoding="utf-8"))) <= known_codes()

"""One catalogue: every code that is raised stands in it, every code in it is raised, and every command in it exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc.errors import CdcError, FatalError, TransientError, catalogue
from compose.local.env import REPO
from transforms.load import load

CODE = re.compile(r"[A-Z]{3}-\d{3}")


def constants(path: Path) -> Iterator[str]:
    """Yield the string constants of a module that are codes and nothing else."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


def raised() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted((REPO / "cdc").rglob("*.py")):
        for code in constants(path):
            found.setdefault(code, set()).add(str(path.relative_to(REPO)))
    return found


def test_every_code_that_is_raised_stands_in_a_catalogue() -> None:
    known = catalogue().keys() | load().errors.keys()
    assert {code: places for code, places in raised().items() if code not in known} == {}


def test_every_code_of_the_catalogue_is_raised_somewhere() -> None:
    assert sorted(catalogue().keys() - raised().keys()) == []


def test_no_code_stands_in_both_catalogues() -> None:
    assert sorted(catalogue().keys() & load().errors.keys()) == []


def test_no_code_has_two_entries() -> None:
    text = (REPO / "cdc" / "codes.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^([A-Z]{3}-\d{3}):", text, re.MULTILINE) == list(catalogue())


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.code)
def test_an_entry_says_what_why_and_what_to_do(entry: object) -> None:
    code, kind, title, cause, action = (getattr(entry, name) for name in ("code", "kind", "title", "cause", "action"))
    assert CODE.fullmatch(code)
    assert kind in {"transient", "row", "fatal", "refuse", "warn", "note"}
    assert title
    assert title[0].islower() or title.split()[0] in {"Kafka", "InnoDB", "SQL"}
    assert not title.endswith(".")
    assert cause.endswith(".")
    assert action.endswith(".")


def test_an_error_is_raised_with_a_code_of_its_kind_only() -> None:
    assert TransientError("TGT-101", "here").code == "TGT-101"
    with pytest.raises(KeyError):
        FatalError("TGT-999")
    with pytest.raises(ValueError, match="catalogued as transient"):
        FatalError("TGT-101")


def test_advice_names_what_happened_why_and_what_to_do() -> None:
    error = FatalError("TGT-102", "cdc@db")
    assert isinstance(error, CdcError)
    what, why, then = error.advice().splitlines()
    assert what == "TGT-102 target database refuses the login: cdc@db"
    assert why.startswith("  cause: ")
    assert then.startswith("  next:  ")

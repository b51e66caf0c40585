"""What holds for all tests: none of them is about time, a dictionary's file is parsed once by a process, and which
failed is noted for whoever named a file for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import settings

from transforms.errors import Fault, Faults
from transforms.yaml import folder
from transforms.yaml.document import Node, parse_document

# On a busy machine an example takes as long as it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Each failed test and why, in a line, into the file that FAILED_TESTS names, if it does."""
    file = os.environ.get("FAILED_TESTS")
    if not file or hasattr(config, "workerinput"):  # what a worker found is reported by the process that started it
        return
    with Path(file).open("a", encoding="utf-8") as noted:
        for report in (*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")):
            noted.write(f"{report.nodeid}: {_why(report)}\n")


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    why = str(crash.message) if crash else report.longreprtext
    return " ".join(why.split())[:500]


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> Iterator[None]:
    """Hundreds of tests load the packaged dictionary: a third of a second each time, most of it parsing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "parse_document", _remembered)
        yield


def _remembered(file: str, text: str, faults: Faults) -> Node | None:
    node, found = _parse(file, text)
    for fault in found:
        faults.add(fault.place, fault.code, fault.message)
    return node


@lru_cache(maxsize=1000)
def _parse(file: str, text: str) -> tuple[Node | None, list[Fault]]:
    faults = Faults()
    return parse_document(file, text, faults), faults.found

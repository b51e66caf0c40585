"""What holds for all tests: none of them is about time, and a dictionary's file is parsed once by a process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from hypothesis import settings

from transforms.errors import Fault, Faults
from transforms.yaml import folder
from transforms.yaml.document import Node, parse_document

# On a busy machine an example takes as long as it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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

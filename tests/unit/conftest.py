"""What unit tests share: the packaged dictionary is parsed once, which is most of a load; no log of before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import structlog

from transforms.errors import Faults
from transforms.load import PACKAGED
from transforms.yaml import folder
from transforms.yaml.document import Node, parse_document


@pytest.fixture(autouse=True)
def _nothing_is_logged_to_where_another_test_listened() -> Iterator[None]:
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _packaged_files_are_parsed_once() -> Iterator[None]:
    packaged = {path.read_text(encoding="utf-8") for path in PACKAGED.rglob("*.yaml")}

    @cache
    def parsed(file: str, text: str) -> Node | None:
        return parse_document(file, text, Faults())  # they have no faults: tests of the packaged dictionary say so

    def parse(file: str, text: str, faults: Faults) -> Node | None:
        return parsed(file, text) if text in packaged else parse_document(file, text, faults)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "parse_document", parse)
        yield

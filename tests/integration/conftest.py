"""All five services for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.local.stack import Stack
from tests.stack import fresh_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All five services, empty."""
    with fresh_stack() as stack:
        yield stack

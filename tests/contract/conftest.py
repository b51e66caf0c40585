"""A throw-away PostgreSQL target for tests that need nothing else of the stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.local.throwaway import throwaway_target


@pytest.fixture(scope="session")
def target_dsn() -> Iterator[str]:
    """Connection string of the owner of an empty database; the server is this session's own."""
    with throwaway_target() as dsn:
        yield dsn

"""Connect and both sources beside broker and target, for the tests of this folder; a deployment for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.local.stack import Stack
from tests.faults.capture.deployment import Captured


@pytest.fixture(scope="module")
def whole_stack(stack: Stack) -> Iterator[Stack]:
    """All five services. Connect and the sources are stopped afterwards: the other tests have no use for them."""
    stack.start()
    yield stack
    stack.stop(["connect", "erp", "mes"])


@pytest.fixture
def captured(whole_stack: Stack, tmp_path: Path) -> Iterator[Captured]:
    """Two sources with rows in them, and a target; the connectors are not started yet."""
    captured = Captured(tmp_path, whole_stack)
    captured.make()
    yield captured
    whole_stack.start()  # a test may have failed half-way
    captured.clear()

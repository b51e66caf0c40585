from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS


@pytest.fixture
def new_stage(target_dsn: str) -> Iterator[Callable[..., Stage]]:
    """Make stages one after the other; each starts from an empty target."""
    with ExitStack() as stack:

        def make(source: str = "src", contracts: Any = CONTRACTS, database: str = "postgresql", **more: Any) -> Stage:
            stack.close()
            stage = Stage(target_dsn, source, contracts, database, **more)
            stack.callback(stage.connection.close)
            return stage

        yield make


@pytest.fixture
def stage(new_stage: Callable[..., Stage]) -> Stage:
    return new_stage()

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS


@pytest.fixture
def new_stage(target_dsn: str, make_target_anew: Callable[[], None]) -> Iterator[Callable[..., Stage]]:
    """Make stages one after the other; each starts from a target in which nothing has landed."""
    made: list[Stage] = []

    def make(source: str = "src", contracts: Any = CONTRACTS, database: str = "postgresql", **more: Any) -> Stage:
        if made:
            made.pop().close()
            make_target_anew()
        made.append(Stage(target_dsn, source, contracts, database, **more))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(new_stage: Callable[..., Stage]) -> Stage:
    return new_stage()

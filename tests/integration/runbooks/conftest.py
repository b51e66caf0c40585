"""One source, `mill` (PostgreSQL), with its connector and its mirrors, for all drills of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.shapes.conftest import fresh  # noqa: F401 - a fixture
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side

TABLES = ("mark", "item", "lot")


@pytest.fixture(scope="module")
def mill(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shapes]:
    """The deployment, up to its first snapshot; the service does not run."""
    side = Side("mill", "postgresql", TABLES, process_environment(stack.env))
    made = make_deployment(tmp_path_factory.mktemp("mill"), stack, "mill", side)
    side.run(
        "CREATE TABLE mark (id int PRIMARY KEY, text varchar(99))",
        "CREATE TABLE item (id int PRIMARY KEY, n int)",
        "CREATE TABLE lot (id int PRIMARY KEY, n int)",
        "INSERT INTO mark VALUES (1, 'none')",
        "INSERT INTO item SELECT n, n FROM generate_series(1, 20) n",
        "INSERT INTO lot SELECT n, n FROM generate_series(1, 20) n",
        f"CREATE PUBLICATION cdc FOR TABLE {', '.join(TABLES)}",
    )
    made.deployment.cdc("source", "contract", "mill")
    made.deployment.cdc("connectors", "apply")
    made.deployment.cdc("target", "apply")
    with made.running():
        made.check("mill.item")
    yield made
    clear(made)


@pytest.fixture
def operator(mill: Shapes) -> Operator:
    """Who follows the pages there."""
    return Operator(mill, {"SOURCE": "mill"})

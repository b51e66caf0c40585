"""One deployment of two sources for all shapes: their first snapshot, `cdc run` all the time, one comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.integration.shapes.tables import APART, DEPOT, FRESH, HALL, SNAPSHOT, VERSIONED


@pytest.fixture(scope="package")
def shapes(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shapes]:
    """The deployment, up to its first snapshot; it must run to the end without a failure."""
    folder = tmp_path_factory.mktemp("shapes")
    hall = Side("hall", "postgresql", tuple(HALL), process_environment(stack.env))
    depot = Side("depot", "mariadb", tuple(DEPOT), process_environment(stack.env))
    made = make_deployment(folder, stack, "shapes", hall, depot, with_mappings=True)
    for side, tables in ((hall, HALL), (depot, DEPOT)):
        side.run(*(f"CREATE TABLE {name} ({columns})" for name, columns in tables.items()), *SNAPSHOT)
    hall.run(*(f"ALTER TABLE {table} ALTER text SET STORAGE EXTERNAL" for table in APART))
    hall.run(f"CREATE PUBLICATION cdc FOR TABLE {', '.join(HALL)}")
    made.apply(hall.name, depot.name)
    made.keep_versions(VERSIONED)
    with made.running():
        made.until("SELECT count(*) FROM cdc.position WHERE generations > 0", [(2,)])
        yield made
    clear(made)


@pytest.fixture
def fresh(stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    """A deployment of a test's own: `yard` (PostgreSQL) and `shed` (MariaDB), with tables; no connector yet."""
    env = process_environment(stack.env)
    yard, shed = Side("yard", "postgresql", tuple(FRESH), env), Side("shed", "mariadb", tuple(FRESH), env)
    made = make_deployment(tmp_path, stack, "fresh", yard, shed)
    for side in (yard, shed):
        side.run(*(f"CREATE TABLE {name} ({columns})" for name, columns in FRESH.items()), SNAPSHOT[0])
    yard.run(f"CREATE PUBLICATION cdc FOR TABLE {', '.join(FRESH)}")
    yield made
    clear(made)

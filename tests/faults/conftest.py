"""A broker, a target and streams that are written once per session; each cell lands them into a target of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.faults.cell import Cell
from tests.faults.picture import WITNESS
from tests.faults.streams import Streams
from tests.faults.tables import write_deployment
from tests.faults.topic import Topic
from tests.integration.service import Deployment, connect
from tests.stack import fresh_stack

_number = itertools.count()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Broker and target; tests that need more start it."""
    with fresh_stack(["kafka", "target"]) as stack:
        yield stack


@pytest.fixture(scope="session")
def prepared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Deployment]:
    """Deployments by name of their settings, each with a target database that cells get copies of."""
    folder = tmp_path_factory.mktemp("faults")
    write_deployment(folder)

    @cache
    def prepare(settings: str) -> Deployment:
        database = f"faultless_{settings}"
        own = {"CDC_CONFIG": str(folder / f"{settings}.yaml"), "CDC_TARGET_DATABASE": database, "CDC_GROUP": "none"}
        deployment = Deployment(folder, process_environment(stack.env | own))
        administer(deployment, f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database} OWNER cdc")
        deployment.cdc("target", "apply")
        with deployment.target() as target:
            target.execute(WITNESS)
        return deployment

    return prepare


@pytest.fixture(scope="session")
def streams(stack: Stack) -> Streams:
    """The streams of the session."""
    return Streams(stack.env["CDC_KAFKA"])


@pytest.fixture
def new_cell(prepared: Callable[[str], Deployment], streams: Streams, tmp_path: Path) -> Iterator[Callable[..., Cell]]:
    """Makes a cell: a fresh target, a consumer group of its own, an observer."""
    made: list[Cell] = []

    def make(settings: str = "small", *, seed: int = 1, topics: dict[str, Topic] | None = None, **changes: str) -> Cell:
        deployment = prepared(settings)
        template, database = deployment.env["CDC_TARGET_DATABASE"], f"cell_{next(_number)}"
        folder = tmp_path / database
        folder.mkdir()
        own = {"CDC_TARGET_DATABASE": database, "CDC_GROUP": f"{tmp_path.name}-{database}", **changes}
        env = {**deployment.env, **own}
        administer(deployment, f"CREATE DATABASE {database} TEMPLATE {template} OWNER cdc")
        cell = Cell(Deployment(folder, env), topics or streams.written(seed), deployment.folder / "dictionary")
        made.append(cell)
        cell.begin()
        return cell

    yield make
    for cell in made:
        cell.end()
        administer(cell.deployment, f"DROP DATABASE {cell.deployment.env['CDC_TARGET_DATABASE']} WITH (FORCE)")


def administer(deployment: Deployment, *statements: str) -> None:
    """Run statements as the target's superuser."""
    with connect({**deployment.env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as connection:
        for statement in statements:
            connection.execute(statement.encode())

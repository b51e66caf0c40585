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
from tests.faults.history import History
from tests.faults.picture import WITNESS
from tests.faults.tables import write_deployment
from tests.faults.topic import Topic
from tests.integration.service import Deployment, connect
from tests.stack import fresh_stack

TRANSACTIONS = 130
# More than the four batches of `small.yaml` that a worker holds of one transaction.
LARGE_ROWS = 120

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
def written(stack: Stack) -> Callable[[int], dict[str, Topic]]:
    """The streams of a seed, written when they are asked for first; those of another seed are gone then."""
    current: dict[int, dict[str, Topic]] = {}

    def write(seed: int) -> dict[str, Topic]:
        if seed not in current:
            current.clear()
            current[seed] = {source: _written(stack, source, seed) for source in ("north", "south")}
        return current[seed]

    return write


def _written(stack: Stack, source: str, seed: int) -> Topic:
    history = History(source, seed)
    history.play(TRANSACTIONS, large=LARGE_ROWS)
    topic = Topic(history, stack.env["CDC_KAFKA"])
    topic.make()
    topic.fill()
    return topic


@pytest.fixture
def new_cell(
    prepared: Callable[[str], Deployment], written: Callable[[int], dict[str, Topic]], tmp_path: Path
) -> Iterator[Callable[..., Cell]]:
    """Makes a cell: a fresh target, a consumer group of its own, an observer."""
    made: list[Cell] = []

    def make(settings: str = "small", *, seed: int = 1, topics: dict[str, Topic] | None = None) -> Cell:
        deployment = prepared(settings)
        template, database = deployment.env["CDC_TARGET_DATABASE"], f"cell_{next(_number)}"
        folder = tmp_path / database
        folder.mkdir()
        env = {**deployment.env, "CDC_TARGET_DATABASE": database, "CDC_GROUP": f"{tmp_path.name}-{database}"}
        administer(deployment, f"CREATE DATABASE {database} TEMPLATE {template} OWNER cdc")
        cell = Cell(Deployment(folder, env), topics or written(seed), deployment.folder / "dictionary")
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

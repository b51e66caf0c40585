"""The secured stack of the tests in this folder, with a deployment that has two sources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.local.env import environment
from compose.local.stack import Stack
from tests.integration.tls.plant import Plant
from tests.integration.tls.stack import SecuredStack, secured_stack

# Beside the plain stack's, which empties its own folder.
_FOLDER = Path(f"{os.environ.get('CDC_TEST_LOCAL') or Path(__file__).resolve().parents[3] / '.local' / 'test'}-tls")


@pytest.fixture(scope="package")
def secured() -> Iterator[SecuredStack]:
    """All five services, nothing open."""
    jars = {"CDC_JARS": os.environ["CDC_JARS"]} if "CDC_JARS" in os.environ else {}
    Stack(environment({"CDC_LOCAL": str(_FOLDER), **jars})).stop()  # what a killed session has left
    shutil.rmtree(_FOLDER, ignore_errors=True)
    with secured_stack(_FOLDER, jars) as stack:
        yield stack


@pytest.fixture(scope="package")
def plant(secured: SecuredStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The deployment; its connectors run and its target is prepared."""
    plant = Plant.make(secured, tmp_path_factory.mktemp("tls"))
    for name in ("books", "plant"):
        plant.deployment.cdc("source", "contract", name)
    plant.deployment.cdc("connectors", "apply")
    plant.deployment.cdc("target", "apply")
    yield plant
    for connection in (plant.books, plant.plant, plant.target):
        connection.close()

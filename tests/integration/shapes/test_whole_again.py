"""Everything once more: an empty target reads both streams from their first record on and has the same in the end."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from tests.integration.service import Deployment
from tests.integration.shapes.shapes import Shapes

CANONICAL = ("SELECT piece_id, part_id FROM trace.piece ORDER BY 1", "SELECT part_id FROM trace.part ORDER BY 1")


def test_streams_that_are_read_from_their_first_record_on(shapes: Shapes, tmp_path: Path) -> None:
    """After whatever the tests before have done to them."""
    folder = tmp_path / "again"
    shutil.copytree(shapes.deployment.folder, folder)
    env = {**shapes.env, "CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": "again", "CDC_GROUP": "again"}
    again = dataclasses.replace(shapes, deployment=Deployment(folder, env), _processes=[])
    again.empty_target()
    for name in shapes.sides:
        again.deployment.cdc("source", "contract", name)
    again.deployment.cdc("target", "apply")
    try:
        with again.running():
            again.check(*(f"{name}.{table}" for name, side in shapes.sides.items() for table in side.tables))
            for query in CANONICAL:
                again.until(query, shapes.query(query))
    finally:
        again.drop_target()

"""Contract, connectors, target and landing with every connection encrypted, verified and authorised."""

from __future__ import annotations

from tests.integration.service import eventually
from tests.integration.tls.plant import Plant


def test_rows_arrive(plant: Plant) -> None:
    assert "All is well" in plant.deployment.cdc("check")
    target = plant.target
    with plant.deployment.running():
        for name in ("books", "plant"):
            eventually(target, f"SELECT id, name FROM {name}.item ORDER BY id", [(1, "part 1")])
            plant.insert(name, 2)
            eventually(target, f"SELECT id, name FROM {name}.item ORDER BY id", [(1, "part 1"), (2, "part 2")])
    plant.deployment.cdc("connectors", "status")

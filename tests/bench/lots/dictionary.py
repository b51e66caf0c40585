"""The packaged dictionary with the mapping of lots alone: once, or for many tables, each with one of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from transforms.load import PACKAGED

OWN = {"mes.mes_lot": "trace.material_lot"}
"""Mirror and canonical table of the demo's lots."""


def write_dictionary(folder: Path, tables: Mapping[str, str] = OWN) -> None:
    """Write it in place of a folder: `tables` are canonical tables by mirror, none of them folded."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PACKAGED, folder)
    lots = yaml.safe_load((folder / "mappings" / "mes.mes_lot.yaml").read_text())
    target = _without_order(lots["target"])
    examples = [_alone(each) for each in lots["examples"]]
    for part in ("folds", "mappings"):
        shutil.rmtree(folder / part)
    (folder / "mappings").mkdir()
    for mirror, table in tables.items():
        mapping = lots | {
            "mapping": mirror,
            "source": lots["source"] | {"table": mirror},
            "target": target | {"table": table},
            "examples": examples,
        }
        text = yaml.safe_dump(mapping, allow_unicode=True, sort_keys=False)
        (folder / "mappings" / f"{mirror}.yaml").write_text(text)


def _alone(example: dict[str, object]) -> dict[str, object]:
    """Return an example of a row of its own; what becomes of the row later is no matter here."""
    kept = {key: value for key, value in example.items() if key != "then"}
    return kept | {"out": _without_order(kept["out"])} if "out" in kept else kept  # type: ignore[arg-type]


def _without_order(entries: dict[str, object]) -> dict[str, object]:
    """Return what is said of a row of its own and not of a contribution to a fold."""
    return {key: value for key, value in entries.items() if key != "order"}

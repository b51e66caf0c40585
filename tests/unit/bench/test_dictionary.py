from __future__ import annotations

from pathlib import Path

from tests.bench.lots.dictionary import OWN, write_dictionary
from transforms.load import load


def test_what_is_measured_with_is_a_dictionary(tmp_path: Path) -> None:
    many = {f"mes.lot_{number:02}": f"trace.material_lot_{number:02}" for number in range(1, 4)}
    for place, tables in enumerate((OWN, many)):
        write_dictionary(tmp_path / str(place), tables)
        loaded = load(tmp_path / str(place))
        assert {str(mapping.source): str(*mapping.targets) for mapping in loaded.mappings} == tables
        assert not loaded.folds

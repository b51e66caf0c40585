from __future__ import annotations

from cdc.evidence.archive.retention import Retention, classes_of_streams
from compose.local.env import REPO
from transforms.load import load


def test_a_stream_is_of_the_classes_of_the_fields_that_are_made_of_it() -> None:
    dictionary = load(REPO / "tests" / "unit" / "transforms" / "every_key")
    assert dictionary.fields["part_id"].retention == "device_life_15y"
    assert classes_of_streams(dictionary) == {"cdc.erp": ("device_life_15y",)}


def test_the_longest_class_of_a_stream_keeps_it() -> None:
    months = {"device_life_2y": 1, "device_life_10y": 24, "device_life_15y": 36}
    retention = Retention(
        12, months, {"cdc.erp": ("device_life_10y", "device_life_2y"), "cdc.mes": ("device_life_2y",)}
    )
    assert [retention.keeps(stream) for stream in ("cdc.erp", "cdc.mes", "cdc.wms")] == [24, 12, 12]

from __future__ import annotations

import pytest

from cdc.errors import FatalError
from cdc.land.gap import streams_named


@pytest.mark.parametrize(
    ("detail", "streams"),
    [
        ("cdc.mes offset 4711", ["cdc.mes"]),
        ("cdc.mes2 offset 4711", ["cdc.mes2"]),
        ("cdc.erp offset 1, cdc.mes2 offset 2", ["cdc.mes2", "cdc.erp"]),
        ("cdc.mes: checksum of the batch at offset 3", ["cdc.mes"]),
        ("cdc.mes", ["cdc.mes"]),
        ("OffsetOutOfRangeError", []),
    ],
)
def test_a_gap_is_put_on_record_of_the_streams_that_are_named(detail: str, streams: list[str]) -> None:
    assert streams_named(["cdc.mes", "cdc.mes2", "cdc.erp"], FatalError("STR-106", detail)) == streams

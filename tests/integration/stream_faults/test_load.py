"""An initial load that is under way, interrupted and gone on with, as `cdc status` shows it."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing


def loads(deployment: Deployment) -> list[dict[str, Any]]:
    said = deployment.cdc("status", "--json", exit_code=4)
    document = json.JSONDecoder().raw_decode(said)[0]
    return [
        {**load, "tables": [(t["mirror"], t["state"], t["rows"]) for t in load["tables"]]} for load in document["loads"]
    ]


def test_a_load_goes_on_where_it_was_and_is_no_longer_shown_at_its_end(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection
) -> None:
    with landing(deployment):
        north.read(("first", *["true"] * 29))
        eventually(target, "SELECT count(*) FROM north.item", [(30,)])
        (load,) = loads(deployment)
    assert (load["stream"], load["rows"]) == ("cdc.north", 30)
    assert load["tables"] == [("north.item", "loading", 30), ("north.scroll", "waiting", 0)]
    # The source exists as a stream only: nobody says how many rows there are.
    assert (load["estimated_rows"], load["eta_s"]) == (None, None)
    assert load["rows_per_s"] > 0
    with landing(deployment):
        north.read(["true"] * 10)
        eventually(target, "SELECT count(*) FROM north.item", [(40,)])
        (load,) = loads(deployment)
        assert load["rows"] == 40
        north.read(["last"])
        eventually(target, "SELECT generations FROM cdc.position WHERE source = 'north'", [(1,)])
        assert loads(deployment) == []

"""Preflight beside the real Kafka Connect: what a connector has made is its own, what is left of it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.connector import render
from cdc.capture.preflight.connect import ask_connect
from tests.integration.connectors.deployment import Sources

# Its account is the administrator, which may do everything.
_ATTENTION = 4
_REFUSED = 5


def _found(sources: Sources, exit_code: int) -> list[dict[str, Any]]:
    printed = sources.cdc("connectors", "preflight", "plant", "--json", exit_code=exit_code)
    (report,) = json.loads(printed)["sources"]
    assert report["rows"] == {"public.parent": 1, "public.child": 1}
    findings: list[dict[str, Any]] = [found for found in report["findings"] if found["code"] != "SRC-304"]
    return findings


@pytest.mark.slow  # every day: unit/cdc/capture/preflight/test_rules.py
def test_the_slot_of_its_own_connector_is_no_fault_and_that_of_none_is(sources: Sources) -> None:
    assert _found(sources, _ATTENTION) == []
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: len(records) >= 2)
    assert _found(sources, _ATTENTION) == []
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect:
        wanted = render(sources.source("plant"), Kafka(sources.env["CDC_KAFKA"]), {})
        assert ask_connect(connect, wanted).is_applied
        (other,) = ask_connect(connect, {**wanted, "database.dbname": "mes"}).findings
        assert (other.code, other.what) == ("SRC-315", "plant: database.dbname")
        connect.remove("plant")
    (left,) = _found(sources, _REFUSED)
    assert (left["code"], left["what"]) == ("SRC-309", "cdc_plant of plant, not in use")
    sources.plant.execute(left["statement"].encode())
    assert _found(sources, _ATTENTION) == []

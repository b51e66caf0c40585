"""`cdc explain` of rows that have landed and been derived by the real worker."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.observe import log
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.test_derive_worker import Worker, wait_until
from tests.owner import disarm


@pytest.fixture
def derived(small: Stage, config: Path) -> Iterator[Stage]:
    log.configure("error")
    settings = load(config)
    with small.connection.transaction():
        small.connection.execute("UPDATE cdc.position SET generations = 1")
    apply_target(settings)
    worker = Worker(settings)
    wait_until(lambda: small.query("SELECT FROM trace.thing") != [])
    yield small
    worker.stop.set()
    Worker.running.clear()


def test_a_canonical_row_leads_to_event_rule_and_proof(cdc: Cdc, derived: Stage) -> None:
    done = cdc("explain", "trace.thing", "T-1", "--json")
    assert done.code == 0, done.err
    told = done.document
    assert told["values"] == {"material_id": "T-1", "remark": "second"}
    assert told["dictionary"]["in_force"] is True
    (part,) = told["parts"]
    assert (part["mapping"], part["source"], part["source_key"]) == ("src.item", "src.item", ["1"])
    rules = {rule["column"]: (rule["rule"], rule["before"], rule["after"]) for rule in part["rules"]}
    assert rules == {
        "material_id": ("CONCAT('T-', id)", {"src.item.id": "1"}, "T-1"),
        "remark": ("name", {"src.item.name": "second"}, "second"),
    }
    event = part["event"]
    change = cdc("history", "src.item", "1", "--json").document[0]["changes"][-1]
    for name in ("offset", "transaction", "position", "committed_at", "landed_at", "digest", "batch"):
        assert event[name] == change[name], name
    assert event["proof"]["holds"] is True
    assert event["proof"]["head"] == cdc("audit", "heads").out.split('"head":"')[1].split('"')[0]
    text = cdc("explain", "trace.thing", "T-1").out
    assert "CONCAT('T-', id)" in text
    assert "holds" in text


def test_a_mirror_row_leads_to_its_event(cdc: Cdc, derived: Stage) -> None:
    done = cdc("explain", "src.item", "1", "--json")
    assert (done.code, done.document["values"]["name"]) == (0, "second")
    assert done.document["event"]["operation"] == "u"
    assert "offset" in cdc("explain", "src.item", "1").out


def test_an_event_that_was_changed_has_no_proof(cdc: Cdc, derived: Stage) -> None:
    disarm(derived.connection)
    with derived.connection.transaction():
        derived.connection.execute("UPDATE cdc.journal SET chain = '\\x00' WHERE batch = 1")
    done = cdc("explain", "trace.thing", "T-1", "--json")
    assert (done.code, done.document["parts"][0]["event"]["proof"]["holds"]) == (3, False)
    assert "DOES NOT HOLD" in cdc("explain", "src.item", "1").out


@pytest.mark.parametrize("command", ["explain", "history"])
def test_no_transaction_waits_for_a_dictionary_that_takes_long_to_load(
    cdc: Cdc, derived: Stage, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The target ends one that waits for 3 seconds; a dictionary of 300 mappings takes more."""

    def slow(real: Callable[..., Any]) -> Callable[..., Any]:
        def load_slowly(connection: psycopg.Connection, *arguments: Any) -> Any:
            loaded = real(connection, *arguments)
            assert connection.info.transaction_status is TransactionStatus.IDLE
            return loaded

        return load_slowly

    for place in (f"{command}.dictionary_in_force", "reveal.dictionary_for_reading"):
        module = importlib.import_module(f"cdc.cli.{place.partition('.')[0]}")
        name = place.partition(".")[2]
        monkeypatch.setattr(module, name, slow(getattr(module, name)))
    assert cdc(command, "trace.thing", "T-1").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("trace.thing", "T-9"), 3, "There is no row T-9 in trace.thing."),
        (("src.item", "9"), 3, "There is no row 9 in src.item."),
        (("src.item", "x"), 3, "There is no row x in src.item."),
        (("trace.nothing", "1"), 1, "EVD-113"),
        (("src.nothing", "1"), 1, "EVD-103"),
        (("trace.thing", "1", "2"), 1, "EVD-103"),
    ],
)
def test_what_is_not_there_is_said(cdc: Cdc, derived: Stage, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = cdc("explain", *arguments)
    assert (done.code, told in done.err) == (code, True), done.err

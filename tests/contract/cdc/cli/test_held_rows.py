"""`cdc held show` and `retry`: what a held row is, what would come of it, and what asking once more heals."""

from __future__ import annotations

import pytest

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.test_derive_worker import Worker, wait_until

MAPPING = "erp.t_Organization"
# What somebody did to the mirror by hand, which no event tells of: only asking again heals it.
MENDED = 'UPDATE erp."t_Organization" SET "FCountry" = NULL WHERE "FItemID" = 2'


def test_what_is_held_is_grouped_and_shown_with_its_source_row(cdc: Cdc, running: Deployment) -> None:
    running.land_of("英国", 3)
    wait_until(lambda: held(running) == [("2", "COD-201"), ("3", "COD-201")])
    (group,) = cdc("held", "list", "--group", "--json").document["groups"]
    assert (group["mapping"], group["code"], group["rows"], group["example"]) == (MAPPING, "COD-201", 2, ["2"])
    (line,) = cdc("held", "list", "--group").lines[1:]
    assert line[:3] == ["2", MAPPING, "COD-201"]

    # and one of them
    done = cdc("held", "show", MAPPING, "2", "--json")
    assert done.code == 0, done.err
    shown = done.document
    assert (shown["held"]["code"], shown["row"]["FNumber"], shown["row"]["FCountry"]) == ("COD-201", "C2", "英国")
    assert shown["waiting"] == shown["waits_for"] == []
    assert ["FNumber", "C2"] in cdc("held", "show", MAPPING, "2").lines
    nothing = cdc("held", "show", MAPPING, "1")
    assert (nothing.code, "is not held" in nothing.err) == (3, True)
    assert cdc("held", "show", "erp.nothing", "1").code == 3


def test_a_dry_run_prints_the_rows_that_a_retry_then_heals(cdc: Cdc, running: Deployment) -> None:
    running.sources.connection.execute(MENDED)
    done = cdc("held", "retry", "--mapping", MAPPING, "--dry-run", "--json")
    assert done.code == 0, done.err
    changes = {change["table"]: change for change in done.document["changes"]}
    assert changes["cdc.held"]["before"]["code"] == "COD-201"
    assert changes["cdc.held"]["after"] is None
    assert changes["trace.party"]["after"]["party_id"] == "C2"
    assert changes["trace.party"]["before"] is None
    assert (held(running), running.parties()) == ([("2", "COD-201")], [("C1", None)])
    lines = cdc("held", "retry", "--all", "--dry-run").lines
    assert [line[5] for line in lines if line[3] == "party_id"][-1] == "C2"
    assert running.rows("SELECT action FROM cdc.operator_action WHERE action = 'held retry'") == []

    # without it, it is done and on record
    done = cdc("held", "retry", "--code", "cod-201", "--reason", "mirror mended", "--json")
    assert (done.code, done.document) == (0, {"selected": 1, "queued": 1, "derived": True, "held": 0})
    assert (held(running), running.parties()) == ([], [("C1", None), ("C2", None)])
    query = "SELECT reason, effect ->> 'rows', actor LIKE session_user || ' %' FROM cdc.operator_action"
    assert running.rows(f"{query} WHERE action = 'held retry'") == [("mirror mended", "1", True)]
    again = cdc("held", "retry", "--code", "cod-201", "--json")
    assert (again.code, again.document["queued"]) == (0, 0)


def test_another_version_is_rehearsed_before_it_is_in_force(cdc: Cdc, running: Deployment) -> None:
    running.know_country("英国", "US")
    running.land_of("法国", 3)
    wait_until(lambda: held(running) == [("2", "COD-201"), ("3", "COD-201")])
    rehearse = ("held", "retry", "--code", "COD-201", "--dictionary", str(running.dictionary))
    done = cdc(*rehearse, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert (done.document["selected"], done.document["heals"]) == (2, 1)
    after = {change["table"]: change["after"] for change in done.document["changes"]}
    assert after["cdc.held"] is None
    assert (after["trace.party"]["party_id"], after["trace.party"]["country"]) == ("C2", "US")
    assert running.parties() == [("C1", None)]
    told = cdc(*rehearse)
    assert (told.code, "--dry-run" in told.err) == (2, True)
    assert len(running.rows("SELECT FROM cdc.dictionary")) == 1

    running.edit("fields.yaml", "string(255)", "string(254)")
    done = cdc(*rehearse, "--dry-run")
    assert (done.code, "DRV-135" in done.err) == (1, True), done.err
    assert cdc("held", "retry", "--all", "--dry-run", "--dictionary", "0000").code == 1


def test_a_dry_run_ends_at_its_limit(cdc: Cdc, running: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million held rows no more is kept than is shown: neither their keys nor what would change."""
    monkeypatch.setattr("cdc.cli.retry._PORTION", 1)
    for number in (3, 4, 5):
        running.land_of("法国", number)
    wait_until(lambda: [key for key, _ in held(running)] == ["2", "3", "4", "5"])
    running.sources.connection.execute(MENDED.replace("= 2", "IN (2, 4, 5)"))
    dry_run = ("held", "retry", "--all", "--dry-run")
    whole = cdc(*dry_run, "--json").document
    assert [whole[name] for name in ("selected", "rehearsed", "whole", "heals")] == [4, 4, True, 3]
    first = cdc(*dry_run, "--limit", "1", "--json").document
    assert [first[name] for name in ("selected", "rehearsed", "whole")] == [4, 1, False]
    assert first["changes"] == whole["changes"][:1]
    assert "Of 4 that are held: it ended at --limit." in cdc(*dry_run, "--limit", "1").err
    assert cdc("held", "retry", "--all", "--limit", "1").code == 2


def test_what_is_in_the_queue_is_not_queued_twice(cdc: Cdc, running: Deployment) -> None:
    with running.sources.connection.transaction():
        # The worker's turn waits for the mirror, so that the queue stays as it is.
        running.sources.connection.execute('LOCK TABLE erp."t_Organization" IN ACCESS EXCLUSIVE MODE')
        first = cdc("held", "retry", "--mapping", MAPPING, "--key", "2", "--wait", "0", "--json")
        again = ("held", "retry", "--mapping", MAPPING, "--key", "2", "--wait", "0")
        second, told = cdc(*again, "--json"), cdc(*again)
    assert (first.code, first.document["queued"], first.document["derived"]) == (6, 1, False)
    assert (second.code, second.document["queued"], second.document["derived"]) == (first.code, 0, False)
    assert "1 rows are in the queue (1 were there before) and have not been derived yet" in told.err
    wait_until(lambda: running.rows("SELECT FROM cdc.derive_queue") == [])
    assert held(running) == [("2", "COD-201")]


def test_what_is_queued_of_others_is_not_waited_for_and_of_a_mapping_that_is_gone_goes(
    cdc: Cdc, deployed: Deployment
) -> None:
    connection = deployed.sources.connection
    queue = "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES ('erp.gone', '{1}', 'retry', '')"
    connection.execute(queue)
    Worker(deployed.settings)
    wait_until(lambda: held(deployed) == [("2", "COD-201")])
    assert deployed.rows("SELECT FROM cdc.derive_queue") == []
    connection.execute(queue)  # of a domain whose worker stands still
    done = cdc("held", "retry", "--mapping", MAPPING, "--json")
    assert (done.code, done.document["derived"]) == (0, True)
    assert deployed.rows("SELECT mapping FROM cdc.derive_queue") == [("erp.gone",)]


def test_all_has_to_be_said(cdc: Cdc, deployed: Deployment) -> None:
    assert cdc("held", "retry").code == 2
    assert cdc("held", "retry", "--key", "2", "--all").code == 2

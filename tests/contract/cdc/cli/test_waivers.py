"""`cdc held waive`, `approve` and `withdraw`: a row that is let go by two persons, and what becomes of that."""

from __future__ import annotations

import psycopg
import pytest

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.test_derive_worker import wait_until

MAPPING = "erp.t_Organization"
HELD = [("2", "COD-201")]
WHY = ("--reason", "lives in Britain, says sales")
WAIVE = ("held", "waive", MAPPING, "2", *WHY, "--value", "country=DE")


def states(cdc: Cdc) -> list[tuple[str, str | None]]:
    return [(one["state"], one["because"]) for one in cdc("held", "waivers", "--json").document["waivers"]]


def test_a_row_is_let_go_by_two_persons_for_as_long_as_it_is_what_it_was(
    cdc: Cdc, running: Deployment, persons: dict[str, Cdc], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = persons["alice"], persons["bob"]
    asked = alice(*WAIVE, "--json")
    assert (asked.code, asked.document["changed"]) == (0, True), asked.err
    waiver = asked.document["waiver"]
    assert (waiver["requested_by"], waiver["state"], waiver["columns"]) == (
        *("alice", "open"),
        [{"column": "country", "code": "COD-201", "value": "DE"}],
    )
    number = str(waiver["id"])
    assert alice(*WAIVE, "--json").document["changed"] is False
    # The same by reference: what is personal does not stand in a list of processes.
    monkeypatch.setenv("DECIDED", "DE")
    assert alice(*WAIVE[:-1], "country=${env:DECIDED}", "--json").document["changed"] is False
    assert alice(*WAIVE[:-1], "country=${env:NOTHING}").code == 2
    other = alice(*WAIVE[:-2], "--without", "country")
    assert (other.code, "DRV-132" in other.err) == (5, True)

    # Who asked does not approve, whatever he says to the database.
    own = alice("held", "approve", number)
    assert (own.code, "DRV-133" in own.err) == (5, True)
    place = running.settings.target
    with psycopg.connect(
        host=place.host, port=place.port, dbname=place.database, user="alice", password="alice", autocommit=True
    ) as raw:
        for statement in ("approved_at = now()", "approved_by = 'bob', approved_at = now()"):
            with pytest.raises(psycopg.errors.CheckViolation, match="another_person_approves"):
                raw.execute(f"UPDATE cdc.waiver SET {statement}".encode())
        for statement in ("UPDATE cdc.waiver SET requested_by = 'bob'", "DELETE FROM cdc.waiver"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement.encode())
        raw.execute("BEGIN")
        raw.execute(
            "INSERT INTO cdc.waiver (mapping, source_key, code, field, columns, codes, given, version, dictionary,"
            " reason, requested_by, requested_at) SELECT mapping, '{7}', code, field, columns, codes, given, version,"
            " dictionary, reason, 'bob', now() FROM cdc.waiver"
        )
        assert raw.execute("SELECT requested_by FROM cdc.waiver WHERE source_key = '{7}'").fetchall() == [("alice",)]
        raw.execute("ROLLBACK")
    assert (held(running), running.parties()) == (HELD, [("C1", None)])

    done = bob("held", "approve", number, "--json")
    assert (done.code, done.document["derived"], done.document["held"]) == (0, True, False), done.err
    assert (held(running), running.parties()) == ([], [("C1", None), ("C2", "DE")])
    told = f"{MAPPING} COD-201 country waiver {number}"
    assert running.rows("SELECT _warnings FROM trace.party ORDER BY party_id") == [(None,), ([told],)]
    assert cdc("explain", "trace.party", "C2", "--json").document["warnings"] == [told]
    assert f"warning: {told}" in cdc("explain", "trace.party", "C2").out
    assert cdc("audit", "rows", "trace.party").code == 0
    assert bob("held", "approve", number, "--json").document["changed"] is False
    assert alice(*WAIVE, "--json").document["changed"] is False
    actions = "SELECT action, split_part(actor, ' ', 1), effect ->> 'waiver' FROM cdc.operator_action"
    actions += " WHERE action LIKE 'held %' ORDER BY id"
    assert running.rows(actions) == [("held waive", "alice", number), ("held approve", "bob", number)]
    # What was decided may be personal: it is in the waiver alone.
    effect = "SELECT DISTINCT effect - 'state' - 'waiver' FROM cdc.operator_action WHERE action LIKE 'held %'"
    assert running.rows(effect) == [({"columns": ["country"]},)]

    # The source row changes: the waiver is of another one.
    running.sources.change(2, "法国")
    wait_until(lambda: held(running) == HELD)
    assert running.parties() == [("C1", None)]
    assert states(cdc) == [("void", "the source row has changed")]
    running.sources.change(2, "英国")
    wait_until(lambda: held(running) == [])

    done = alice("held", "withdraw", number, "--reason", "it was Ireland", "--json")
    assert (done.code, done.document["held"]) == (0, True)
    assert (held(running), running.parties()) == (HELD, [("C1", None)])
    assert alice("held", "withdraw", number, "--json").document["changed"] is False
    late = bob("held", "approve", number)
    assert (late.code, "alice has withdrawn it" in late.err) == (5, True)
    assert states(cdc) == [("void", "alice has withdrawn it")]
    assert cdc("audit", "rows", "trace.party").code == 0


IMPOSSIBLE = [
    (("2", "--value", "country=GB"), "this is no value of the field `country`"),
    (("2", "--value", "nation=DE"), "no table of the mapping has such a column"),
    (("2", "--without", "name"), "it cannot be left out"),
    (("2", "--value", "country=DE", "--value", "phone=1"), "phone is not what the row is refused for"),
    (("2", "--value", "phone=1"), "the row would be refused even so: COD-201 country"),
    (("1", "--value", "country=DE"), "is not held"),
    (("x", "--value", "country=DE"), "is not in its mirror"),
]


def test_what_the_refused_row_cannot_have_is_not_asked_for(cdc: Cdc, running: Deployment) -> None:
    for words, told in IMPOSSIBLE:
        done = cdc("held", "waive", MAPPING, *words, "--reason", "why")
        assert (done.code, "DRV-131" in done.err, told in done.err) == (5, True, True), done.err
    assert running.rows("SELECT FROM cdc.waiver") == []
    assert running.rows("SELECT FROM cdc.operator_action WHERE action LIKE 'held %'") == []


def test_a_waiver_of_a_mapping_that_is_gone_is_withdrawn_and_nobody_is_waited_for(
    cdc: Cdc, running: Deployment, persons: dict[str, Cdc]
) -> None:
    running.sources.connection.execute(
        "INSERT INTO cdc.waiver (mapping, source_key, code, field, columns, codes, given, version, dictionary, reason)"
        " SELECT 'erp.gone', '{7}', 'COD-201', 'x', '{x}', '{COD-201}', '{secret}', '', digest, 'why' FROM cdc.active"
    )
    place = running.settings.target
    with psycopg.connect(
        host=place.host, port=place.port, dbname=place.database, user="bob", password="bob", autocommit=True
    ) as raw:
        raw.execute("UPDATE cdc.waiver SET approved_at = now()")
    told = cdc("held", "waivers", "--json")
    assert [(one["source_key"], one["columns"][0]["value"]) for one in told.document["waivers"]] == [(["***"], "***")]
    done = persons["alice"]("held", "withdraw", str(told.document["waivers"][0]["id"]), "--json")
    assert (done.code, done.document["derived"]) == (0, True), done.err
    assert running.rows("SELECT FROM cdc.derive_queue") == []


def test_usage(cdc: Cdc) -> None:
    for words in ((), ("--value", "country"), ("--value", "a=1", "--without", "a")):
        assert cdc("held", "waive", MAPPING, "2", "--reason", "why", *words).code == 2
    assert cdc("held", "waivers", "--state", "some").code == 2


def test_another_dictionary_voids_it_also_where_it_changes_nothing_and_back(
    cdc: Cdc, running: Deployment, persons: dict[str, Cdc]
) -> None:
    number = str(persons["alice"](*WAIVE, "--json").document["waiver"]["id"])
    assert persons["bob"]("held", "approve", number).code == 0
    running.edit("dictionary.yaml", "\nversion: ", "\n# another one\nversion: ")
    running.sources.connection.execute(
        "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES ('erp.gone', '{1}', 'retry', '')"
    )
    running.edit("fields.yaml", "Country of the party.", "Country in which the party has its seat.")
    done = cdc("dictionary", "activate", "--yes")
    assert done.code == 0, done.err
    wait_until(lambda: held(running) == HELD)
    assert (running.parties(), states(cdc)) == ([("C1", None)], [("void", "another dictionary is in force")])
    assert running.rows("SELECT FROM cdc.derive_queue WHERE mapping = 'erp.gone'") == []
    done = cdc("dictionary", "rollback", "--yes")
    assert done.code == 0, done.err
    wait_until(lambda: held(running) == [])
    assert (running.parties(), states(cdc)) == ([("C1", None), ("C2", "DE")], [("in force", None)])

    # Tables that are built anew come out so, too.
    running.know_country("西班牙", "JP")
    done = cdc("dictionary", "activate", "--yes", "--json")
    assert done.code == 0, done.err
    assert [one["after"] for one in done.document["difference"]["held"]] == [1]
    assert held(running) == HELD
    assert cdc("dictionary", "discard").code == 0
    done = cdc("dictionary", "rollback", "--yes", "--json")
    assert [one["after"] for one in done.document["difference"]["held"]] == [0], done.err
    assert (running.parties(), held(running)) == ([("C1", None), ("C2", "DE")], [])
    assert cdc("audit", "rows", "trace.party").code == 0

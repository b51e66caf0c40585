"""`cdc held waive`, `approve` and `withdraw`: a row that is let go by two persons, and what becomes of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.observe import log
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.contract.cdc.test_derive_worker import Worker, wait_until
from tests.unit.cdc.stream.wire import PostgresWire

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
    # What was decided may be personal, and so may be the key: they are in the waiver alone.
    effect = "SELECT DISTINCT object, effect - 'state' - 'waiver' FROM cdc.operator_action WHERE action LIKE 'held %'"
    assert running.rows(effect) == [(MAPPING, {"columns": ["country"]})]

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


def test_what_a_waiver_gives_is_sealed_and_its_row_is_held_again_when_the_key_is_shredded(
    sealing: None, cdc: Cdc, running: Deployment, persons: dict[str, Cdc], config: Path
) -> None:
    alice, bob = persons["alice"], persons["bob"]
    asked = alice(*WAIVE, "--json")
    assert asked.document["waiver"]["columns"][0]["value"] == "DE", asked.err
    number = str(asked.document["waiver"]["id"])
    ((given, sealed),) = running.rows("SELECT given, sealed FROM cdc.waiver")
    assert (given, b"DE" in bytes(sealed)) == (None, False)
    assert alice(*WAIVE, "--json").document["changed"] is False
    assert bob("held", "approve", number).code == 0
    assert running.parties() == [("C1", None), ("C2", "DE")]
    assert cdc("audit", "rows", "trace.party").code == 0

    # Bytes of another row do not open here.
    copied = "INSERT INTO cdc.waiver (mapping, source_key, code, field, columns, codes, sealed, data_key, version,"
    copied += " dictionary, reason) SELECT mapping, '{7}', code, field, columns, codes, sealed, data_key, version,"
    running.sources.connection.execute(f"{copied} dictionary, reason FROM cdc.waiver".encode())
    other = cdc("held", "waivers", "--json").document["waivers"][0]
    assert (other["source_key"], other["columns"][0]["value"]) == (["7"], None)

    (key,) = cdc("protect", "keys", "--json").document["keys"]
    assert (key["sensitivity"], key["waivers"]) == ("personal", 2)
    assert cdc("protect", "shred", "personal", key["month"][:7], "--reason", "erasure 9", "--yes").code == 0
    wait_until(lambda: held(running) == HELD)
    assert running.parties() == [("C1", None)]
    ((state, because),) = states(cdc)[1:]
    assert (state, "what it gives was shredded on" in str(because)) == ("void", True)
    assert cdc("audit", "rows", "trace.party").code == 0
    again = alice(*WAIVE)
    assert (again.code, "DRV-132" in again.err) == (5, True)
    assert alice("held", "withdraw", number).code == 0

    # Who has no master key adds nothing in the clear to what is sealed.
    text = config.read_text()
    config.write_text(text.partition("protection:")[0])
    blind = alice(*WAIVE)
    assert (blind.code, "PRT-103" in blind.err) == (1, True)
    config.write_text(text)
    number = str(alice(*WAIVE, "--json").document["waiver"]["id"])

    # Whoever lists waivers, or withdraws one, has not to read what it gives; who approves it has.
    config.write_text(text.partition("protection:")[0])
    listed = alice("held", "waivers", "--json").document["waivers"]
    assert (listed[0]["state"], listed[0]["columns"][0]["value"]) == ("open", None)
    assert bob("held", "approve", number).code == 1
    assert alice("held", "withdraw", number).code == 0

    # A master key that the workers may lack seals nothing: landing would stop at a data key of it.
    config.write_text(
        text.replace('"${env:MASTER}"}, current: m1', '"${env:MASTER}", m2: "${env:MASTER}"}, current: m2')
    )
    ahead = alice(*WAIVE)
    assert (ahead.code, "protection.current is m2" in ahead.err) == (1, True), ahead.err


def test_usage(cdc: Cdc) -> None:
    for words in ((), ("--value", "country"), ("--value", "a=1", "--without", "a")):
        assert cdc("held", "waive", MAPPING, "2", "--reason", "why", *words).code == 2
    assert cdc("held", "waivers", "--state", "some").code == 2


def test_another_dictionary_voids_it_also_where_it_changes_nothing_and_back(
    sealing: None, cdc: Cdc, running: Deployment, persons: dict[str, Cdc]
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


LOTS = """mapping: src.item
version: "1"
source: {table: src.item, columns: {id: integer, name: text}}
target:
  table: trace.thing
  history: trace.thing_history
  key: [material_id]
  columns: {material_id: "CONCAT('T-', id)", lot_number: name}
examples:
  - {name: one, in: {id: 1, name: L1}, out: {material_id: T-1, lot_number: L1}}
"""
VERSIONS = "src.item.history"


class Lots:
    """A row whose versions are kept; its name is a lot. A worker derives it."""

    def __init__(self, stage: Stage, config: Path) -> None:
        self.stage, self.settings = stage, load(config)
        stage.do("UPDATE cdc.position SET generations = 1")
        apply_target(self.settings)
        self.worker = Worker(self.settings)
        self.wire = PostgresWire()
        self.wire.next_offset, self.wire.number = stage.position.next_offset, 800

    def change(self, name: str) -> str:
        """Change the name by a commit, and return which version that is."""
        version = self.wire.next_offset
        self.wire.begin()
        self.wire.update("item", "id", item(1, name))
        self.wire.end()
        self.stage.land(self.wire.records)
        return str(version)

    def read_again(self, name: str) -> str:
        """Have a snapshot find that name, and return which version that is."""
        self.wire.start_snapshot()
        version = self.wire.snapshot("item", "id", item(1, name), "last")
        self.stage.land(self.wire.records)
        return str(version)

    def begin_again(self) -> None:
        """Derive everything from what landing keeps, by another worker."""
        self.end()
        self.stage.do("DELETE FROM trace.thing; DELETE FROM trace.thing_history; DELETE FROM cdc.held")
        self.stage.do("UPDATE cdc.domain SET dictionary = NULL")
        self.worker = Worker(self.settings)

    def end(self) -> None:
        self.worker.stop.set()
        self.stage.do("NOTIFY cdc_landed")
        self.worker.thread.join()
        Worker.running.clear()

    def versions(self) -> list[tuple]:
        return self.stage.query(
            "SELECT lot_number, lot_number_raw, valid_from, valid_to, _warnings FROM trace.thing_history"
            " ORDER BY _version"
        )

    def held(self) -> list[tuple[str, ...]]:
        """Return the key of each held row and version, versions behind rows."""
        found = self.stage.query("SELECT source_key FROM cdc.held WHERE code = 'LOT-101' ORDER BY source_key")
        return [tuple(key) for (key,) in found]

    def holds(self, *keys: tuple[str, ...]) -> None:
        wait_until(lambda: self.held() == [*keys])


@pytest.fixture
def lots(small: Stage, config: Path) -> Iterator[Lots]:
    log.configure("error")
    (config.parent / "dictionary" / "mappings" / "src.item.yaml").write_text(LOTS)
    lots = Lots(small, config)
    yield lots
    lots.end()


def test_a_version_of_a_history_is_let_go_by_two_persons_and_no_other_version_of_the_row_is(
    cdc: Cdc, lots: Lots, persons: dict[str, Cdc]
) -> None:
    alice, bob = persons["alice"], persons["bob"]
    version = lots.change("B 2")
    lots.holds(("1",), ("1", version))
    waive = ("held", "waive", VERSIONS, "1", version, "--reason", "why", "--value", "lot_number=B2", "--json")
    asked = alice(*waive)
    assert (asked.code, asked.document["waiver"]["source_key"]) == (0, ["1", version]), asked.err
    number = str(asked.document["waiver"]["id"])
    own = alice("held", "approve", number)
    assert (own.code, "DRV-133" in own.err) == (5, True)
    done = bob("held", "approve", number, "--json")
    assert (done.code, done.document["derived"], done.document["held"]) == (0, True, False), done.err
    # The row itself is another one, and nobody has decided of that.
    lots.holds(("1",))

    # The version ends: its row says the same.
    lots.change("C3")
    lots.holds()
    told = f"LOT-101 lot_number waiver {number}"
    (began,), (ended,) = lots.stage.query("SELECT _valid_from FROM src_change.item WHERE _op = 'u' ORDER BY _version")
    intervals = [
        ("second", None, None, began, None),
        ("B2", "B 2", began, ended, [told]),
        ("C3", None, ended, None, None),
    ]
    assert lots.versions() == intervals
    explained = cdc("explain", "trace.thing_history", "T-1", version, "--json")
    assert (explained.code, explained.document["warnings"]) == (0, [told]), explained.err
    assert (alice(*waive).document["changed"], bob("held", "approve", number, "--json").document["changed"]) == (
        False,
        False,
    )

    # The source row is once more what it was then, and a snapshot finds another one: those are other versions.
    others = [("1", lots.change("B 2")), ("1", lots.read_again("B 4"))]
    lots.holds(("1",), *others)
    derived = lots.versions()
    assert [row[0] for row in derived] == ["second", "B2", "C3"]
    lots.begin_again()
    lots.holds(("1",), *others)
    assert lots.versions() == derived
    assert cdc("audit", "rows", "trace.thing_history").code == 0

    # The version itself is no more what it was. Landing writes it once: this was done by hand.
    lots.stage.do(f"UPDATE src_change.item SET name = 'B 3' WHERE _version = {version}")
    lots.stage.do(
        "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
        f" VALUES ('{VERSIONS}', '{{1,{version}}}', 'audit', '')"
    )
    lots.stage.do("NOTIFY cdc_landed")
    lots.holds(("1",), *sorted([("1", version), *others]))
    assert states(cdc) == [("void", "the version has changed")]


def test_what_a_version_cannot_have_is_not_asked_for(cdc: Cdc, lots: Lots) -> None:
    version = lots.change("B 2")
    lots.holds(("1",), ("1", version))
    value = ("--value", "lot_number=B2")
    refused(cdc, version, *value, "--value", "_version=1", told="_version: no table of the mapping has such a column")
    refused(cdc, version, "--value", "lot_number=B 2", told="this is no value of the field `lot_number`")
    refused(cdc, f"{version}0", *value, told="is not in its mirror")
    # Nobody knows any more what it was, and the worker has not seen that yet.
    lots.stage.do(f"UPDATE src_change.item SET _op = 's', _valid_to = now() WHERE _version = {version}")
    refused(cdc, version, *value, told="is not in its mirror")
    assert lots.stage.query("SELECT FROM cdc.waiver") == []


def refused(cdc: Cdc, *words: str, told: str) -> None:
    done = cdc("held", "waive", VERSIONS, "1", *words, "--reason", "why")
    assert (done.code, "DRV-131" in done.err, told in done.err) == (5, True, True), done.err


def test_another_dictionary_voids_that_of_a_version_until_it_is_rolled_back(
    sealing: None, cdc: Cdc, lots: Lots, persons: dict[str, Cdc], config: Path
) -> None:
    version = lots.change("B 2")
    lots.holds(("1",), ("1", version))
    asked = persons["alice"](
        *("held", "waive", VERSIONS, "1", version, "--reason", "why", "--value", "lot_number=B2", "--json")
    )
    assert persons["bob"]("held", "approve", str(asked.document["waiver"]["id"])).code == 0
    # Versions are of the class of their rows, of which nothing is sealed here.
    assert lots.stage.query("SELECT given FROM cdc.waiver") == [(["B2"],)]
    derived = lots.versions()
    assert derived[-1][0] == "B2"
    mapping = config.parent / "dictionary" / "mappings" / "src.item.yaml"
    mapping.write_text(LOTS.replace("CONCAT('T-', id)", "CONCAT('U-', id)").replace("T-1", "U-1"))
    done = cdc("dictionary", "activate", "--yes")
    assert done.code == 0, done.err
    lots.holds(("1",), ("1", version))
    assert states(cdc) == [("void", "another dictionary is in force")]
    # The tables are built anew, beside the worker, and come out so.
    assert cdc("dictionary", "discard").code == 0
    done = cdc("dictionary", "rollback", "--yes", "--json")
    assert done.code == 0, done.err
    counted = {one["mapping"]: (one["before"], one["after"]) for one in done.document["difference"]["held"]}
    assert counted == {VERSIONS: (1, 0)}
    lots.holds(("1",))
    assert lots.versions() == derived

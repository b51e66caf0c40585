"""`cdc held waive` of what a fold lacks: two persons decide it, and it holds while the same is contributed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc.cli.target import apply_target
from cdc.config import Settings, load
from cdc.observe import log
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.test_derive_worker import Sources, Worker, wait_until

MATERIAL, LOT = "trace.material", "trace.material_lot"
WHY = ("--reason", "the ERP has it next week")
WAIVE = ("held", "waive", MATERIAL, "M2", *WHY, "--value", "name=植入式输注泵")
# A material that only the factory knows, and a lot of it, which is of a job order that nobody knows. A unit of another
# lot that nobody knows, with a status that means nothing.
LAND = """
INSERT INTO mes.mes_item (item_id, item_no, item_name, spec, updated_at, _offset) VALUES
    (1, 'M2', '输注泵', 'P-20', '2026-04-12T10:00:00Z', 1), (2, 'M9', NULL, NULL, '2026-04-12T10:00:00Z', 2);
INSERT INTO mes.mes_lot (lot_id, item_no, lot_no, wo_no, qty, status, _offset) VALUES (1, 'M2', 'L1', 'W9', 5, 'OK', 3);
INSERT INTO mes.mes_sn (sn, item_no, lot_no, status, rework_count, _offset) VALUES ('SN1', 'M2', 'L7', '??', 0, 4)
"""
LACKING = [(MATERIAL, ["M2"], "REQ-101", "name"), (MATERIAL, ["M9"], "REQ-101", "name")]
NO_MATERIAL, NO_ORDER = ((LOT, ["M2", "L1"], "REF-301", name) for name in ("material_id", "job_order_id"))
DELETE = """
WITH gone AS (DELETE FROM mes.mes_item WHERE item_id = 1 RETURNING *)
INSERT INTO mes_deleted.mes_item SELECT gone.*, 9, NULL FROM gone
"""


class Factory(Sources):
    """A target with that material, and a worker that has derived it."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        super().__init__(dsn)
        apply_target(settings)
        self.connection.execute(LAND.encode())
        self.close_snapshots()
        self.worker = Worker(settings)
        wait_until(lambda: self.held() == [*LACKING, NO_MATERIAL])

    def change_item(self, number: int, statement: str, op: str = "u") -> None:
        self.batch += 1
        with self.connection.transaction():
            self.connection.execute(statement.encode())
            self.connection.execute(
                "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
                " VALUES ('cdc.mes', %s, 'mes.mes_item', %s, %s)",
                (self.batch, [str(number)], op),
            )
            self.connection.execute("UPDATE cdc.position SET batch = %s WHERE stream = 'cdc.mes'", (self.batch,))
            self.connection.execute("NOTIFY cdc_landed")

    def rows(self, query: str) -> list[tuple]:
        return self.connection.execute(query.encode(), prepare=False).fetchall()

    def held(self) -> list[tuple]:
        """Return what is held of folds."""
        return self.rows(
            "SELECT mapping, source_key, code, field FROM cdc.held WHERE mapping LIKE 'trace.%' ORDER BY 1, 2"
        )

    def materials(self) -> list[tuple]:
        return self.rows("SELECT material_id, name, specification, _warnings FROM trace.material ORDER BY 1")


@pytest.fixture
def factory(config: Path, dictionary: Path, target_dsn: str) -> Iterator[Factory]:
    log.configure("error")
    found = Factory(load(config), target_dsn)
    yield found
    Worker.running.remove(found.worker)
    found.worker.end(found)
    found.connection.close()


@pytest.fixture
def personal_names(dictionary: Path, sealing: None) -> None:
    """A dictionary by which a material's name is personal, which is sealed."""
    path = dictionary / "fields.yaml"
    fields = path.read_text()
    path.write_text(
        fields.replace(
            "    owner: quality.master-data\n", "    owner: quality.master-data\n    sensitivity: personal\n", 1
        )
    )


def approved(persons: dict[str, Cdc], *words: str) -> str:
    """Have one person ask for a waiver and another one approve it; return its number."""
    asked = persons["alice"](*words, "--json")
    assert asked.code == 0, asked.err
    number = str(asked.document["waiver"]["id"])
    done = persons["bob"]("held", "approve", number, "--json")
    assert (done.code, done.document["derived"], done.document["held"]) == (0, True, False), done.err
    return number


IMPOSSIBLE = [
    ((MATERIAL, "M2", "--value", "material_id=M3"), "it is of the key"),
    ((MATERIAL, "M2", "--value", "specification=y"), "the row would be refused even so: REQ-101 name"),
    ((MATERIAL, "M2", "--value", "name=x", "--without", "udi_di"), "udi_di is not what the row is refused for"),
    ((MATERIAL, "M7", "--value", "name=x"), "has no contribution"),
    (
        (LOT, "M2", "L1", "--without", "quantity"),
        "quantity is not what the row is refused for, but REF-301 material_id",
    ),
]


def test_what_a_fold_lacks_is_decided_by_two_persons_while_the_same_is_contributed(
    cdc: Cdc, factory: Factory, persons: dict[str, Cdc]
) -> None:
    for words, told in IMPOSSIBLE:
        done = cdc("held", "waive", *words, *WHY)
        assert (done.code, "DRV-131" in done.err, told in done.err) == (5, True, True), done.err

    # One person does not do it, the same command twice has one effect, and nothing comes of it before it is approved.
    asked = persons["alice"](*WAIVE, "--json")
    assert (asked.code, asked.document["waiver"]["columns"]) == (
        *(0,),
        [{"column": "name", "code": "REQ-101", "value": "植入式输注泵"}],
    ), asked.err
    number = str(asked.document["waiver"]["id"])
    assert persons["alice"](*WAIVE, "--json").document["changed"] is False
    own = persons["alice"]("held", "approve", number)
    assert (own.code, "DRV-133" in own.err) == (5, True)
    assert (factory.held(), factory.materials()) == ([*LACKING, NO_MATERIAL], [])

    assert approved(persons, *WAIVE) == number
    told = f"{MATERIAL} REQ-101 name waiver {number}"
    there = [("M2", "植入式输注泵", "P-20", [told])]
    assert factory.materials() == there
    assert persons["bob"]("held", "approve", number, "--json").document["changed"] is False
    actions = "SELECT action, object FROM cdc.operator_action WHERE action LIKE 'held %' ORDER BY id"
    assert factory.rows(actions) == [("held waive", MATERIAL), ("held approve", MATERIAL)]

    # What is said otherwise is on record, on the row itself and for who asks why.
    explained = cdc("explain", MATERIAL, "M2", "--json").document
    assert explained["warnings"] == [told]
    assert [(one["column"], one["mapping"], one["value"]) for one in explained["conflicts"]] == [
        ("name", "mes.mes_item", "输注泵")
    ]
    assert f"warning: {told}" in cdc("explain", MATERIAL, "M2").out

    # Its lot has it now, and waits for a job order: without that it is let go as well.
    wait_until(lambda: factory.held() == [*LACKING[1:], NO_ORDER])
    lot = approved(persons, "held", "waive", LOT, "M2", "L1", *WHY, "--without", "job_order_id")
    assert factory.rows("SELECT lot_number, job_order_id, quantity::int, _warnings FROM trace.material_lot") == [
        ("L1", None, 5, [f"{LOT} REF-301 job_order_id waiver {lot}"])
    ]
    # A row that is refused, and would wait for another one if it were not, is let go by one decision, too.
    unit = ("held", "waive", "mes.mes_sn", "SN1", *WHY, "--value", "status=IN_PROCESS")
    vain = cdc(*unit, "--without", "station")
    assert (vain.code, "station is not what the row is refused for" in vain.err) == (5, True), vain.err
    number_of_unit = approved(persons, *unit, "--value", "lot_number=L1")
    assert factory.rows("SELECT serial_number, lot_number, status, _warnings FROM trace.serial_unit") == [
        (
            *("SN1", "L1", "IN_PROCESS"),
            [f"REF-301 lot_number waiver {number_of_unit}", f"COD-201 status waiver {number_of_unit}"],
        )
    ]
    for table in (MATERIAL, LOT):
        assert cdc("audit", "rows", table).code == 0

    # A contribution changes; another one comes; it goes again, to another material; the one that there was goes.
    is_held, is_let_go = ([*each, *LACKING[1:]] for each in (LACKING[:1], ()))
    for statement, key, held in (
        ("UPDATE mes.mes_item SET spec = 'P-21' WHERE item_id = 1", 1, is_held),
        ("UPDATE mes.mes_item SET spec = 'P-20' WHERE item_id = 1", 1, is_let_go),
        ("UPDATE mes.mes_item SET item_no = 'M2' WHERE item_id = 2", 2, LACKING[:1]),
        ("UPDATE mes.mes_item SET item_no = 'M9' WHERE item_id = 2", 2, is_let_go),
        (DELETE, 1, is_held),
    ):
        factory.change_item(key, statement, "d" if statement is DELETE else "u")
        wait_until(lambda held=held: [one for one in factory.held() if one[0] == MATERIAL] == held)
        assert factory.materials() == ([] if LACKING[0] in held else there)
    states = {str(one["id"]): one["because"] for one in cdc("held", "waivers", "--json").document["waivers"]}
    assert states == {number: "what is contributed has changed", lot: None, number_of_unit: None}
    late = persons["bob"]("held", "approve", number)
    assert (late.code, "what is contributed has changed" in late.err) == (5, True)


def test_it_is_sealed_another_dictionary_voids_it_and_what_is_built_by_its_own_has_it(
    personal_names: None, cdc: Cdc, dictionary: Path, factory: Factory, persons: dict[str, Cdc]
) -> None:
    number = approved(persons, *WAIVE)
    there = factory.materials()
    assert [row[1] for row in there] == ["植入式输注泵"]
    # Of the mirrors that have a part in it, that of units by a look-up, the most sensitive counts.
    classes = "SELECT k.class, w.given, position('植入'::bytea IN w.sealed) FROM cdc.waiver w JOIN cdc.data_key k"
    assert factory.rows(f"{classes} ON k.id = w.data_key") == [("personal", None, 0)]
    fold = dictionary / "folds" / "trace.material.yaml"
    fold.write_text(fold.read_text().replace("  base_uom: owner erp", "  base_uom: first"))
    done = cdc("dictionary", "activate", "--yes")
    assert done.code == 0, done.err
    wait_until(lambda: factory.held() == [*LACKING, NO_MATERIAL])
    assert factory.materials() == []
    assert [one["because"] for one in cdc("held", "waivers", "--json").document["waivers"]] == [
        "another dictionary is in force"
    ]

    assert cdc("dictionary", "discard").code == 0
    done = cdc("dictionary", "rollback", "--yes", "--json")  # there is nothing left of it: its tables are built anew
    assert [one for one in done.document["difference"]["held"] if one["mapping"] == MATERIAL] == [
        {"mapping": MATERIAL, "code": "REQ-101", "before": 2, "after": 1}
    ], done.err
    wait_until(lambda: factory.held() == [*LACKING[1:], NO_ORDER])
    assert factory.materials() == there
    assert cdc("audit", "rows", MATERIAL).code == 0

    # Nobody can read any more what it gives: it is as if it had never been.
    (key,) = (one for one in cdc("protect", "keys", "--json").document["keys"] if one["waivers"])
    assert cdc("protect", "shred", "personal", key["month"][:7], "--reason", "erasure 9", "--yes").code == 0
    wait_until(lambda: factory.held() == [*LACKING, NO_MATERIAL])
    assert factory.materials() == []
    (waiver,) = cdc("held", "waivers", "--json").document["waivers"]
    assert (waiver["state"], "what it gives was shredded" in waiver["because"]) == ("void", True)
    assert cdc("audit", "rows", MATERIAL).code == 0

    done = persons["alice"]("held", "withdraw", number, "--json")
    assert (done.code, done.document["held"]) == (0, True)

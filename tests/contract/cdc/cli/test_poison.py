"""A row that poisons others: a lot that the dictionary refuses, and the fifty units that are made of it.

Only they are held. Once the lot is mended, by its source or by the dictionary, the tables are what they are where
nothing was ever wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdc.cli.target import apply_target
from cdc.config import Settings, Target, load
from cdc.observe import log
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.test_derive_worker import Sources, Worker, wait_until
from tests.contract.databases import Databases
from transforms.load import PACKAGED

LOTS, UNITS_OF_A_LOT, POISONED = 8, 50, 3
WRONG, RIGHT, MEANT = "??", "OK", "RELEASED"
LAND = """
BEGIN;
INSERT INTO erp."t_MeasureUnit" ("FItemID", "FName", _offset) VALUES (1, '个', 1);
INSERT INTO erp."t_ICItem" ("FItemID", "FNumber", "FName", "FUnitID", "FISKFPeriod", "FBatchManager", "FIsSnManage",
    "FDeleted", _offset) VALUES (1, 'M1', 'pump', 1, 0, 1, 1, 0, 2);
INSERT INTO mes.mes_lot (lot_id, item_no, lot_no, qty, status, _offset)
    SELECT n, 'M1', 'L' || n, 50, CASE n WHEN {poisoned} THEN '{status}' ELSE 'OK' END, n
    FROM generate_series(0, {lots} - 1) n;
INSERT INTO mes.mes_sn (sn, item_no, lot_no, status, station, rework_count, produced_at, _offset)
    SELECT 'SN' || n, 'M1', 'L' || n / {units}, 'OK', 'ST-07', 0, '2026-04-12T10:15:00+08:00', n
    FROM generate_series(0, {lots} * {units} - 1) n;
INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.erp', 'erp', 1), ('cdc.mes', 'mes', 1);
COMMIT
"""
MEND = """
BEGIN; UPDATE mes.mes_lot SET status = 'OK' WHERE lot_id = 3;
INSERT INTO cdc.journal_key (stream, batch, mirror, key, op) VALUES ('cdc.mes', 1, 'mes.mes_lot', '{3}', 'u');
UPDATE cdc.position SET batch = 1 WHERE stream = 'cdc.mes'; NOTIFY cdc_landed; COMMIT
"""
# How a row was derived, and when, is not what it says.
_ASIDE = ("_dictionary", "_derivation", "_derived_at")
UNITS = [f"SN{number}" for number in range(POISONED * UNITS_OF_A_LOT, (POISONED + 1) * UNITS_OF_A_LOT)]


class Factory(Sources):
    """A target with lots and their units, one lot with a status of its own, and a worker that derives it."""

    def __init__(self, settings: Settings, dsn: str, status: str) -> None:
        super().__init__(dsn)
        apply_target(settings)
        text = LAND.format(poisoned=POISONED, status=status, lots=LOTS, units=UNITS_OF_A_LOT)
        self.connection.execute(text.encode())
        self.worker = Worker(settings)

    def held(self) -> list[tuple]:
        return self.connection.execute("SELECT mapping, source_key[1], code FROM cdc.held ORDER BY 1, 2").fetchall()

    def count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        return 0 if row is None else int(row[0])

    def is_derived(self) -> bool:
        missing = self.connection.execute("SELECT FROM cdc.domain WHERE dictionary IS NULL").rowcount
        return not missing and self.count("trace.serial_unit") > 0

    def is_whole(self) -> bool:
        return self.held() == [] and self.count("trace.serial_unit") == LOTS * UNITS_OF_A_LOT

    def tables(self) -> dict[str, list[str]]:
        """Return what consumers read."""
        names = self.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'trace'").fetchall()
        return {
            name: [
                str(row)
                for (row,) in self.connection.execute(
                    f"SELECT to_jsonb(c) - %s::text[] FROM trace.{name} c ORDER BY 1".encode(), (list(_ASIDE),)
                ).fetchall()
            ]
            for (name,) in names
        }


@contextmanager
def factory(settings: Settings, dsn: str, status: str) -> Iterator[Factory]:
    log.configure("error")
    found = Factory(settings, dsn, status)
    try:
        wait_until(found.is_derived)
        yield found
    finally:
        Worker.running.remove(found.worker)
        found.worker.end(found)
        found.connection.close()


@pytest.fixture(scope="module")
def clean(databases: Databases) -> Callable[[Settings], dict]:
    """What the tables are where nothing was ever wrong."""
    known: list[dict] = []

    def tables(like: Settings) -> dict:
        if not known:
            dsn = databases.migrated("poison_clean")
            folders = dataclasses.replace(like.folders, dictionary=PACKAGED)
            settings = dataclasses.replace(
                like, target=dataclasses.replace(like.target, database="poison_clean"), folders=folders
            )
            with factory(settings, dsn, RIGHT) as found:
                wait_until(found.is_whole)
                known.append(found.tables())
        return known[0]

    return tables


@pytest.fixture
def poisoned(config: Path, dictionary: Path, target: Target, target_dsn: str) -> Iterator[Factory]:
    with factory(load(config), target_dsn, WRONG) as found:
        assert found.held() == [("mes.mes_lot", "3", "COD-201"), *(("mes.mes_sn", sn, "REF-301") for sn in UNITS)]
        assert found.count("trace.serial_unit") == (LOTS - 1) * UNITS_OF_A_LOT
        assert found.count("trace.material_lot") == LOTS - 1
        yield found


def test_only_the_closure_is_held_and_the_source_heals_all_of_it(
    config: Path, poisoned: Factory, clean: Callable[[Settings], dict], persons: dict[str, Cdc]
) -> None:
    # One of the units is let go meanwhile, with another lot: it waits for its own no more, until that is withdrawn.
    waive = ("held", "waive", "mes.mes_sn", UNITS[0], "--reason", "built with the lot before", "--value")
    wrong = persons["alice"](*waive, "station=ST-01")
    assert (wrong.code, "station is not what the row is refused for, but REF-301" in wrong.err) == (5, True), wrong.err
    asked = persons["alice"](*waive, "lot_number=L0", "--json")
    assert asked.code == 0, asked.err
    number = str(asked.document["waiver"]["id"])
    assert persons["bob"]("held", "approve", number, "--json").document["held"] is False
    let_go = f"SELECT lot_number, _warnings FROM trace.serial_unit WHERE serial_number = '{UNITS[0]}'"
    told = [("L0", [f"REF-301 lot_number waiver {number}"])]
    assert poisoned.connection.execute(let_go.encode()).fetchall() == told
    poisoned.connection.execute(MEND.encode())
    wait_until(poisoned.is_whole)
    assert poisoned.connection.execute(let_go.encode()).fetchall() == told
    assert persons["alice"]("held", "withdraw", number).code == 0
    assert poisoned.tables() == clean(load(config))


def test_the_dictionary_heals_all_of_it(
    cdc: Cdc, config: Path, dictionary: Path, poisoned: Factory, clean: Callable[[Settings], dict]
) -> None:
    file = dictionary / "codesets" / "lot_status.yaml"
    more = f'synonyms:\n  - {{system: mes, code: "{WRONG}", to: {MEANT}}}\n'
    file.write_text(file.read_text().replace("synonyms:\n", more, 1))
    done = cdc("dictionary", "activate", "--yes")
    assert done.code == 0, done.err
    wait_until(poisoned.is_whole)
    assert poisoned.tables() == clean(load(config))

"""Landing and deriving look at as many rows as have changed, however many there are: no statement reads a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cdc.cli.target import apply_target
from cdc.config import Target
from cdc.derive.turn import _CHANGES, run_turn
from cdc.derive.write import _hold, _keep
from cdc.store.connection import connect
from compose.local.postgres import PostgresServer
from tests.bench.bench_derive import FILL, open_units, settings_for
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.contract.explained import Read, explain_all, reads
from tests.unit.cdc.stream.wire import PostgresWire

ROWS = 30_000
UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
# A statement may meet a row more than once: as what it was, what it is, and what refers to it.
TIMES = 4
SOME = 300
"""Rows of small tables, and what a page more or less makes."""
CHANGED = """
WITH new AS (SELECT %s::bigint AS batch, %s::int AS first, %s::int AS last),
unit AS (SELECT n, batch FROM new, generate_series(first, last) n),
moved AS (INSERT INTO mes.mes_sn (sn, item_no, lot_no, status, station, rework_count, produced_at, _offset)
    SELECT 'SN' || n, 'M' || n / 100 %% 100, 'L' || n / 100, 'OK', 'ST-07', batch, '2026-04-12T10:15:00+08:00', n
    FROM unit
    ON CONFLICT (sn) DO UPDATE SET rework_count = excluded.rework_count),
noted AS (INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)
    SELECT 'cdc.mes', batch, 'mes.mes_sn', ARRAY['SN' || n], 'u' FROM unit)
UPDATE cdc.position SET batch = new.batch FROM new WHERE stream = 'cdc.mes'
"""

# Lots get another number, and their own again: what refers to them is held, and released.
LOTS_RENAMED = """
WITH new AS (SELECT %s::bigint AS batch, %s::int AS lots),
renamed AS (UPDATE mes.mes_lot SET lot_no = CASE WHEN lot_no LIKE 'X%%' THEN substr(lot_no, 2) ELSE 'X' || lot_no END
    FROM new WHERE lot_id < lots),
noted AS (INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)
    SELECT 'cdc.mes', batch, 'mes.mes_lot', ARRAY[n::text], 'u' FROM new, generate_series(0, lots - 1) n)
UPDATE cdc.position SET batch = new.batch FROM new WHERE stream = 'cdc.mes'
"""
# Units get another number: one key goes, another one comes.
UNITS_RENAMED = """
WITH new AS (SELECT %s::bigint AS batch, %s::int AS units),
unit AS (SELECT batch, repeat('T', (batch - 1)::int) || 'SN' || n AS sn FROM new, generate_series(0, units - 1) n),
renamed AS (UPDATE mes.mes_sn SET sn = 'T' || unit.sn FROM unit WHERE mes_sn.sn = unit.sn),
noted AS (INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)
    SELECT 'cdc.mes', batch, 'mes.mes_sn', ARRAY[sn], 'd' FROM unit
    UNION ALL SELECT 'cdc.mes', batch, 'mes.mes_sn', ARRAY['T' || sn], 'u' FROM unit)
UPDATE cdc.position SET batch = new.batch FROM new WHERE stream = 'cdc.mes'
"""

Turns = Callable[..., list[tuple[str, Read]]]


def seem_huge(connection: psycopg.Connection, schemas: tuple[str, ...]) -> None:
    """Let the planner believe that the large tables of the schemas have ten million rows."""
    large = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text = ANY (%s)"
        " AND relkind = 'r' AND pg_relation_size(oid) > 100000",
        (list(schemas),),
    ).fetchall()
    for (table,) in large:
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
        connection.execute(
            "UPDATE pg_class SET reltuples = 10000000, relpages = pg_relation_size(oid) / 8192"
            " WHERE oid = %s::regclass",
            (table,),
        )


def require_proportion(found: list[tuple[str, Read]], changed: int) -> None:
    assert found
    for statement, read in found:
        for table, rows in read.items():
            if not table.startswith("pg_temp"):
                assert rows <= TIMES * changed + SOME, f"{rows:.0f} rows of {table} for {changed}: {statement[:1000]}"


def admin_of(server: PostgresServer, target: Target) -> psycopg.Connection:
    server = dataclasses.replace(server, database=target.database)
    return psycopg.connect(server.dsn(server.superuser), autocommit=True)


def wire_of(transactions: int, changed: int) -> PostgresWire:
    """Every third row is updated but for its long value, every third deleted and every third inserted, and back."""
    wire = PostgresWire()
    for turn in range(transactions):
        wire.begin()
        for number in range(0, changed, 3):
            wire.update("item", "id", item(1 + number, name=str(turn), note=UNCHANGED))
            there, absent = (2 + number, ROWS + 1 + number)[:: -1 if turn % 2 else 1]
            wire.delete("item", "id", {"id": there})
            wire.insert("item", "id", item(absent))
        wire.end()
    return wire


@pytest.mark.parametrize("changed", [9, 6000])
def test_landing_looks_at_what_changed(
    changed: int, target: Target, target_dsn: str, target_server: PostgresServer
) -> None:
    explain_all(target_server, target.database)
    stage = Stage(target_dsn, "src", CONTRACTS)
    values = "'a', 'long', 1.5, '2024-01-01 00:00:00'"
    with admin_of(target_server, target) as admin:
        admin.execute(f"INSERT INTO src.item SELECT n, {values}, n FROM generate_series(1, {ROWS}) n".encode())
        admin.execute(
            f"INSERT INTO src_deleted.item SELECT n, {values}, n, NULL, n"
            f" FROM generate_series({ROWS + 1}, {2 * ROWS}) n".encode()
        )
        admin.execute("ANALYZE")
        seem_huge(admin, ("src", "src_deleted"))
    with reads(stage.connection) as found:
        # From the sixth time on the server may keep a plan.
        stage.land_units(wire_of(8, changed).records, lambda: True)
    require_proportion(found, changed)
    stage.connection.close()


def test_a_mirror_that_grew_since_a_plan_was_made_is_not_read_as_a_whole(
    target: Target, target_dsn: str, target_server: PostgresServer
) -> None:
    explain_all(target_server, target.database)
    stage = Stage(target_dsn, "src", CONTRACTS)
    wire, landed = PostgresWire(), 0
    for _ in range(16):
        wire.begin()
        for number in range(landed, landed + 500):
            wire.insert("item", "id", item(2 * number))
            wire.insert("item", "id", item(2 * number + 1))
            if landed:
                wire.update("item", "id", item(2 * number - 999, name="b", note=UNCHANGED))
            if number % 2 == 0:
                wire.delete("item", "id", {"id": number})
        wire.end()
        landed += 500
    with reads(stage.connection) as found:
        stage.land_units(wire.records, lambda: True)
    require_proportion(found, 1500)
    stage.connection.close()


class Deriving:
    """A session that derives serial units of the packaged dictionary: they look up their item, refer to their lot."""

    def __init__(self, server: PostgresServer, target: Target) -> None:
        settings = settings_for(dataclasses.replace(server, database=target.database))
        apply_target(settings)
        self.land, self.derive = connect(target, "land"), connect(target, "derive")
        self.land.autocommit = self.derive.autocommit = True
        self.plan, self.version, self.epoch = open_units(settings, self.derive)

    def fill(self, rows: int) -> None:
        psycopg.ClientCursor(self.land).execute(FILL.encode(), {"rows": rows, "lots": ROWS // 10})

    def change(self, batch: int, first: int, rows: int) -> None:
        """Land a batch of so many units, from the one with the number `first` on."""
        self.land.execute(CHANGED.encode(), (batch, first, first + rows - 1))

    def turn(self) -> None:
        assert run_turn(self.derive, self.plan, self.version, self.epoch)

    def units(self, rework_count: int) -> int:
        query = "SELECT count(*) FROM trace.serial_unit WHERE rework_count = %s"
        return self.land.execute(query, (rework_count,)).fetchall()[0][0]


@pytest.fixture
def deriving(target: Target, target_server: PostgresServer) -> Iterator[Deriving]:
    explain_all(target_server, target.database)
    made = Deriving(target_server, target)
    with made.land, made.derive:
        yield made


@pytest.fixture
def turns(deriving: Deriving, target: Target, target_server: PostgresServer) -> Turns:
    """Eight turns, one for each batch that a step lands, beside tables that seem huge; what they read is returned."""
    deriving.fill(ROWS)
    deriving.turn()

    def run(land: Callable[[int], object], look: Callable[[int], None] = lambda _: None) -> list[tuple[str, Read]]:
        with admin_of(target_server, target) as admin, reads(deriving.derive) as found:
            for batch in range(1, 9):
                land(batch)
                seem_huge(admin, ("mes", "erp", "trace", "trace_held", "trace_contribution"))
                deriving.turn()
                look(batch)
        return found

    return run


@pytest.mark.parametrize("changed", [9, 6000])
def test_deriving_looks_at_what_changed(changed: int, deriving: Deriving, turns: Turns) -> None:
    found = turns(lambda batch: deriving.change(batch, 1, changed))
    assert deriving.units(8) == changed
    require_proportion(found, changed)


@pytest.mark.parametrize("lots", [3, 60])
def test_deriving_looks_at_what_hangs_on_a_changed_key(lots: int, deriving: Deriving, turns: Turns) -> None:
    def look(batch: int) -> None:
        assert deriving.units(0) == ROWS - batch % 2 * 100 * lots

    found = turns(lambda batch: deriving.land.execute(LOTS_RENAMED.encode(), (batch, lots)), look)
    require_proportion(found, 101 * lots)


@pytest.mark.parametrize("units", [9, pytest.param(6000, marks=pytest.mark.slow)])
def test_deriving_looks_at_keys_that_come_and_go(units: int, deriving: Deriving, turns: Turns) -> None:
    found = turns(lambda batch: deriving.land.execute(UNITS_RENAMED.encode(), (batch, units)))
    assert deriving.units(0) == ROWS
    assert deriving.land.execute(
        "SELECT count(*) FROM trace.serial_unit WHERE serial_number LIKE 'TTTTTTTTSN%'"
    ).fetchone() == (units,)
    require_proportion(found, 2 * units)


def test_a_table_that_grew_since_it_was_analyzed_is_not_taken_for_a_small_one(deriving: Deriving) -> None:
    """The server's own analyzer comes by once a minute; until then much can be derived."""
    deriving.fill(1)
    deriving.turn()
    for batch in range(1, 5):
        deriving.change(batch, 1 + 5000 * batch, 5000)
        deriving.turn()
    for batch in range(5, 9):
        deriving.change(batch, 10_000, 900)  # of the same rows: what is changed is much, what comes out is little
    with reads(deriving.derive) as found:
        deriving.turn()
    assert deriving.units(8) == 900
    require_proportion(found, 4 * 900)


MANY_HELD = """
WITH row AS (SELECT ARRAY['XX' || n] AS key FROM generate_series(1, 20000) n),
held AS (INSERT INTO cdc.held (mapping, source_key, code, detail, waits_for, waits_key, dictionary)
    SELECT 'mes.mes_sn', key, 'REF-301', '', 'trace.material_lot', key || key, '' FROM row)
INSERT INTO cdc.stale (mirror, key, code, stream, "offset") SELECT 'mes.mes_sn', key, 'VAL-101', 'cdc.mes', 1 FROM row;
ANALYZE cdc.held, cdc.stale
"""


@pytest.mark.parametrize("changed", [9, pytest.param(6000, marks=pytest.mark.slow)])
def test_deriving_looks_at_no_held_or_stale_row_that_has_nothing_to_do_with_it(
    changed: int, deriving: Deriving, turns: Turns
) -> None:
    deriving.land.execute(MANY_HELD.encode())
    found = turns(lambda batch: deriving.change(batch, 1, changed))
    assert deriving.units(8) == changed
    require_proportion(found, changed)


MANY_CHANGES = """
INSERT INTO cdc.changed_key (batch, mirror, op, hashes, keys)
SELECT n, cdc.changed_mirror_id(CASE WHEN m < 11 THEN 'cdc.mes' ELSE 'cdc.erp' END, 'mirror ' || m), 'u', ARRAY[n],
    ARRAY['{SN1}']
FROM generate_series(1, 4000) n, generate_series(0, 20) m WHERE hashint4(n * 100 + m) % 2 = 0
"""


def test_deriving_looks_at_no_change_that_is_derived(deriving: Deriving) -> None:
    """Two streams have landed a batch each, and many before."""
    session = deriving.land
    session.execute(MANY_CHANGES.encode())
    session.execute("ANALYZE cdc.changed_key")
    session.execute('CREATE TEMP TABLE changed (mirror text, key text[], op "char", old jsonb)')
    spans = [["cdc.mes", "cdc.erp"], [3999, 3999], [4000, 4000]]
    with reads(session) as found:
        session.execute(_CHANGES, (*spans, [f"mirror {number}" for number in range(21)]))
    assert any("cdc.changed_key" in read for _, read in found)
    require_proportion(found, 21)


def test_rows_that_are_held_are_not_looked_for_among_those_that_are_just_written(deriving: Deriving) -> None:
    """No scan tells how many rows of its own statement it passes over: there must be none."""
    plan = deriving.plan
    written = [(fill.held, _keep(plan, fill)) for fill in plan.fills]
    written += [(plan.steps[0].codes, _hold(plan, origin)) for origin in plan.origins]
    for table, statement in written:
        name = table.rpartition(".")[2].strip('"')
        lines = deriving.derive.execute(b"EXPLAIN " + statement).fetchall()
        assert [line for (line,) in lines if f" on {name}" in line and "Insert on" not in line] == [], table

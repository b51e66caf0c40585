"""A first derivation beside a plain INSERT ... SELECT of the same rows, and what it takes; then turns of one row each.

    python -m tests.bench.bench_derive [--rows 100000] [--turns 1000]

Rows are serial units of the packaged dictionary, a hundred to a material lot, in a throw-away target. The ratio of both
speeds in one run is what can be compared between machines. Turns of one row must not get slower as a session gets old.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import psycopg

from cdc.cli.target import apply_target
from cdc.config import Approval, Connect, Derive, Folders, Kafka, Settings, Target
from cdc.derive.active import read_dictionary
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.plan import Plan
from cdc.derive.session import Connection
from cdc.derive.turn import Version, run_turn
from cdc.reference import Secret
from cdc.store.connection import connect
from compose.local.env import REPO
from compose.local.postgres import PostgresServer
from compose.local.throwaway import throwaway_target
from transforms.load import PACKAGED

FILL = """
INSERT INTO erp."t_MeasureUnit" ("FItemID", "FName", _offset) VALUES (1, '个', 1);
INSERT INTO erp."t_ICItem" ("FItemID", "FNumber", "FName", "FUnitID", "FISKFPeriod", "FBatchManager", "FIsSnManage",
    "FDeleted", _offset) SELECT n, 'M' || n, 'pump', 1, 0, 1, 1, 0, n FROM generate_series(0, 99) n;
INSERT INTO mes.mes_lot (lot_id, item_no, lot_no, qty, status, _offset)
    SELECT n, 'M' || n %% 100, 'L' || n, 100, 'OK', n FROM generate_series(0, %(lots)s) n;
INSERT INTO mes.mes_sn (sn, item_no, lot_no, status, station, rework_count, produced_at, _offset)
    SELECT 'SN' || n, 'M' || n / 100 %% 100, 'L' || n / 100, 'OK', 'ST-07', 0, '2026-04-12T10:15:00+08:00', n
    FROM generate_series(0, %(rows)s - 1) n;
INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.erp', 'erp', 1), ('cdc.mes', 'mes', 1);
ANALYZE
"""
# The same values into a table with the same indexes: what the database alone needs.
PLAIN = """
INSERT INTO public.plain (serial_number, material_id, lot_number, job_order_id, status, station, rework_count,
    produced_at, _mapping, _source_key, _source_offset, _source_ts, _deleted, _dictionary, _derivation, _derived_at)
    SELECT sn, rtrim(item_no), lot_no, wo_no, 'ACCEPTED', station, rework_count, produced_at,
    'mes.mes_sn', ARRAY[sn], _offset, _source_ts, false, 'digest', 1, now() FROM mes.mes_sn
"""
CHANGE = """
BEGIN; UPDATE mes.mes_sn SET rework_count = rework_count + 1 WHERE sn = 'SN{place}';
INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)
    VALUES ('cdc.mes', {batch}, 'mes.mes_sn', '{{SN{place}}}', 'u');
UPDATE cdc.position SET batch = {batch} WHERE stream = 'cdc.mes'; COMMIT
"""


def settings_for(server: PostgresServer) -> Settings:
    """Return settings for the throw-away target with the packaged dictionary."""
    owner = server.owner
    target = Target("127.0.0.1", server.port, server.database, owner.user, Secret(owner.password))
    folders = Folders(REPO / "connector-configs", PACKAGED)
    kafka, worker, unsigned = Kafka("127.0.0.1:9"), Connect("http://127.0.0.1:9"), Approval(required=False)
    return Settings(target, kafka, worker, folders, derive=Derive(1000), approval=unsigned)


def open_units(settings: Settings, derive: Connection) -> tuple[Plan, Version, int]:
    """Let a session derive the domain of serial units in a target that was applied; return plan, version and epoch."""
    dictionary = read_dictionary(settings)
    domain = next(each for each in dictionary.domains() if any(m.name == "mes.mes_sn" for m in each.mappings))
    plan = bind(domain, dictionary.digest, read_mirrors(derive, mirror_refs(domain)))
    open_session(derive, plan)
    return plan, Version.of(dictionary), take_lease(derive, plan) or 0


def peak_mib(pid: str = "self") -> float:
    """Return the largest resident memory that a process has had."""
    if pid == "self":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def seconds_of(connection: psycopg.Connection, statement: str) -> float:
    """Execute a statement and return how long it took."""
    start = time.monotonic()
    connection.execute(statement.encode())
    return time.monotonic() - start


def small_turns(land: psycopg.Connection, derive: Connection, plan: Plan, epoch: int, turns: int) -> list[float]:
    """Derive changes of one row each; return the seconds of every turn."""
    version, spent = Version(plan.digest, "1", "{}", (), ()), []
    for batch in range(1, turns + 1):
        land.execute(CHANGE.format(place=batch * 7 % 5000, batch=batch).encode())
        start = time.monotonic()
        run_turn(derive, plan, version, epoch)
        spent.append(time.monotonic() - start)
        run_turn(derive, plan, version, epoch)  # as the worker does: there is nothing more
    return spent


def run(settings: Settings, rows: int, turns: int) -> None:
    """Measure in an empty target and print."""
    apply_target(settings)
    with connect(settings.target, "bench") as land, connect(settings.target, "cdc derive bench") as derive:
        land.autocommit = derive.autocommit = True
        psycopg.ClientCursor(land).execute(FILL.encode(), {"rows": rows, "lots": rows // 100})
        plan, version, epoch = open_units(settings, derive)
        before = peak_mib()
        start = time.monotonic()
        derived = run_turn(derive, plan, version, epoch)
        spent = time.monotonic() - start
        memory, backend = peak_mib(), peak_mib(str(derive.info.backend_pid))
        found = land.execute("SELECT count(*) FROM trace.serial_unit").fetchone()
        assert derived is not None
        assert found == (rows,)
        land.execute("CREATE TABLE public.plain (LIKE trace.serial_unit INCLUDING ALL)")
        plain = seconds_of(land, PLAIN)
        print(f"first derivation {rows:,} rows {spent:.1f} s, {rows / spent:,.0f} rows/s")  # noqa: T201
        print(f"plain INSERT ... SELECT {plain:.1f} s, ratio {plain / spent:.3f}")  # noqa: T201
        print(f"worker {memory:.0f} MiB at most, {memory - before:.0f} more than before; backend {backend:.0f} MiB")  # noqa: T201
        if turns:
            times = small_turns(land, derive, plan, epoch, turns)
            tenth = max(len(times) // 10, 1)
            first, last = sorted(times[tenth : 2 * tenth])[tenth // 2], sorted(times[-tenth:])[tenth // 2]
            print(f"turns of one row {first * 1000:.1f} ms, at the end {last * 1000:.1f}, ratio {last / first:.2f}")  # noqa: T201


def main() -> None:
    """Start a target, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=1_000)
    arguments = parser.parse_args()
    with throwaway_target() as server:
        run(settings_for(server), arguments.rows, arguments.turns)


if __name__ == "__main__":
    main()

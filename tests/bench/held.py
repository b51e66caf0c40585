"""What bad rows cost the good ones: a first derivation with 1 % of them, and turns beside very many held rows.

    python -m tests.bench.held [--rows 100000] [--held 1000000] [--turns 300]

Rows are serial units of the packaged dictionary; a bad one has a status that the code set does not know (COD-201). Each
ratio is of two speeds of one run: derivation with bad rows by one without (aim 0.8), turns of a hundred changes beside
the held rows by turns without (aim 0.8). The last line is JSON: `bad_ratio`, `held_ratio`, `held`.
"""

from __future__ import annotations

import argparse
import json
import time
from statistics import median

import psycopg

from cdc.cli.target import apply_target
from cdc.config import Settings
from cdc.derive.plan import Plan
from cdc.derive.session import Connection
from cdc.derive.turn import Version, run_turn
from cdc.store.connection import connect
from compose.local.throwaway import throwaway_target
from tests.bench.bench_derive import FILL, open_units, settings_for

BAD = """UPDATE mes.mes_sn SET status = '??' WHERE substr(sn, 3)::int %% 100 = 0"""
HELD = """
INSERT INTO mes.mes_sn (sn, item_no, lot_no, status, station, rework_count, produced_at, _offset)
    SELECT 'XX' || n, 'M1', 'L1', '??', 'ST-07', 0, '2026-04-12T10:15:00+08:00', n FROM generate_series(1, %(held)s) n;
ANALYZE mes.mes_sn
"""
TOUCH = """
BEGIN; UPDATE mes.mes_sn SET rework_count = rework_count + 1 WHERE sn = ANY (%(keys)s);
INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)
    SELECT 'cdc.mes', %(batch)s, 'mes.mes_sn', ARRAY[sn], 'u' FROM unnest(%(keys)s::text[]) sn;
UPDATE cdc.position SET batch = %(batch)s WHERE stream = 'cdc.mes'; COMMIT
"""
CHANGES = 100


def first_derivation(settings: Settings, rows: int, more: str) -> float:
    """Return the rows per second of a first derivation of mirrors that have been filled, and changed by `more`."""
    apply_target(settings)
    with connect(settings.target, "bench") as land, connect(settings.target, "cdc derive bench") as derive:
        land.autocommit = derive.autocommit = True
        client = psycopg.ClientCursor(land)
        client.execute(FILL.encode(), {"rows": rows, "lots": rows // 100})
        if more:
            client.execute(more.encode(), {})
        plan, version, epoch = open_units(settings, derive)
        began = time.monotonic()
        assert run_turn(derive, plan, version, epoch) is not None
        return rows / (time.monotonic() - began)


def turn_seconds(land: psycopg.Connection, derive: Connection, plan: Plan, epoch: int, batches: range) -> float:
    """Return the median seconds of turns that change a hundred good rows each."""
    version, spent = Version(plan.digest, "1", "{}", (), ()), []
    client = psycopg.ClientCursor(land)
    for batch in batches:
        keys = [f"SN{(batch * CHANGES + place) % 5000}" for place in range(CHANGES)]
        client.execute(TOUCH.encode(), {"keys": keys, "batch": batch})
        began = time.monotonic()
        run_turn(derive, plan, version, epoch)
        spent.append(time.monotonic() - began)
    return median(spent)


def beside_held(settings: Settings, rows: int, held: int, turns: int) -> tuple[float, int]:
    """Return the speed of turns beside held rows by that of turns without, and how many are held."""
    apply_target(settings)
    with connect(settings.target, "bench") as land, connect(settings.target, "cdc derive bench") as derive:
        land.autocommit = derive.autocommit = True
        client = psycopg.ClientCursor(land)
        client.execute(FILL.encode(), {"rows": rows, "lots": rows // 100})
        plan, version, epoch = open_units(settings, derive)
        run_turn(derive, plan, version, epoch)
        before = turn_seconds(land, derive, plan, epoch, range(1, turns))
        client.execute(HELD.encode(), {"held": held})
        land.execute("UPDATE cdc.domain SET dictionary = 'another'")  # all of it is derived anew, the bad rows too
        run_turn(derive, plan, version, epoch)
        found = land.execute("SELECT count(*) FROM cdc.held").fetchone()
        return before / turn_seconds(land, derive, plan, epoch, range(turns, 2 * turns)), int(found[0]) if found else 0


def main() -> None:
    """Measure each in an empty target of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--held", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=300)
    asked = parser.parse_args()
    speeds = []
    for more in ("", BAD):
        with throwaway_target() as server:
            speeds.append(first_derivation(settings_for(server), asked.rows, more))
    clean, bad = speeds
    print(f"first derivation {clean:,.0f} rows/s; with 1 % bad rows {bad:,.0f} rows/s")  # noqa: T201
    with throwaway_target() as server:
        ratio, held = beside_held(settings_for(server), asked.rows, asked.held, asked.turns)
    print(json.dumps({"bad_ratio": round(bad / clean, 3), "held_ratio": round(ratio, 3), "held": held}))  # noqa: T201


if __name__ == "__main__":
    main()

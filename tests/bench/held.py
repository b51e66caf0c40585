"""What bad rows cost the good ones: a first derivation with 1 % of them, and turns beside very many held rows.

    python -m tests.bench.held [--rows 100000] [--held 1000000] [--turns 300] [--times 3]

Rows are serial units of the packaged dictionary; a bad one has a status that the code set does not know (COD-201). Each
ratio is of two speeds: derivation with bad rows by one without (aim 0.8), turns of a hundred changes beside the held
rows by turns without (aim 0.8). What else the machine does meets both alike: derivations take turns, and the fastest of
each counts; turns are made in two targets, ten here and ten there. The last line is JSON: `bad_ratio`, `held_ratio`,
`held`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from contextlib import ExitStack
from statistics import median

import psycopg

from cdc.cli.target import apply_target
from cdc.derive.session import Connection
from cdc.derive.turn import run_turn
from cdc.store.connection import connect
from compose.local.postgres import PostgresServer
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
BLOCK = 10
"""Turns in one target, before it is the other one's turn."""


def first_derivation(rows: int, more: str) -> float:
    """Return the rows per second of a first derivation of mirrors that have been filled, and changed by `more`."""
    with throwaway_target() as server, Line(server, rows, more) as line:
        return rows / line.derived_s


class Line:
    """A target of its own with so many units, changed by `more` and derived, and who lands and derives there."""

    def __init__(self, server: PostgresServer, rows: int, more: str = "") -> None:
        settings = settings_for(server)
        apply_target(settings)
        self._open = ExitStack()
        self.land = self._open.enter_context(connect(settings.target, "bench"))
        self.derive: Connection = self._open.enter_context(connect(settings.target, "cdc derive bench"))
        self.land.autocommit = self.derive.autocommit = True
        self.client, self.batch = psycopg.ClientCursor(self.land), 0
        self.client.execute(FILL.encode(), {"rows": rows, "lots": rows // 100})
        if more:
            self.client.execute(more.encode(), {})
        self.plan, self.version, self.epoch = open_units(settings, self.derive)
        self.derived_s = self.turn()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def turn(self) -> float:
        """Derive what there is; return the seconds."""
        began = time.monotonic()
        if run_turn(self.derive, self.plan, self.version, self.epoch) is None:
            raise RuntimeError("there was nothing to derive")
        return time.monotonic() - began

    def hold(self, held: int) -> int:
        """Derive so many bad rows as well; return how many are held."""
        self.client.execute(HELD.encode(), {"held": held})
        self.land.execute("UPDATE cdc.domain SET dictionary = 'another'")  # all of it is derived anew, the bad rows too
        self.turn()
        self.land.execute("SET statement_timeout = 0")
        self.land.execute("VACUUM ANALYZE")  # which the server would do by itself, in the middle of what is measured
        found = self.land.execute("SELECT count(*) FROM cdc.held").fetchone()
        return int(found[0]) if found else 0

    def turns(self) -> list[float]:
        """Change a hundred good rows, a few times; return the seconds of each derivation."""
        spent = []
        for _ in range(BLOCK):
            self.batch += 1
            keys = [f"SN{(self.batch * CHANGES + place) % 5000}" for place in range(CHANGES)]
            self.client.execute(TOUCH.encode(), {"keys": keys, "batch": self.batch})
            spent.append(self.turn())
        return spent


def another(server: PostgresServer) -> PostgresServer:
    """Return the same server with another database, which is empty."""
    made = dataclasses.replace(server, database="beside")
    with psycopg.connect(server.dsn(server.superuser), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE beside OWNER {server.owner.user}".encode())
    return made


def beside_held(rows: int, held: int, turns: int) -> tuple[float, float, int]:
    """Return the median seconds of a turn without held rows and beside them, and how many there are."""
    with throwaway_target() as server, Line(server, rows) as clean, Line(another(server), rows) as full:
        count = full.hold(held)
        without, beside = [], []
        for _ in range(0, turns, BLOCK):
            without += clean.turns()
            beside += full.turns()
        return median(without), median(beside), count


def main() -> None:
    """Measure each in empty targets of their own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--held", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    speeds = [[first_derivation(asked.rows, more) for more in ("", BAD)] for _ in range(asked.times)]
    clean, bad = (max(each) for each in zip(*speeds, strict=True))
    print(f"first derivation {clean:,.0f} rows/s; with 1 % bad rows {bad:,.0f} rows/s", flush=True)  # noqa: T201
    without, beside, held = beside_held(asked.rows, asked.held, asked.turns)
    print(f"a turn of {CHANGES} changes {1000 * without:.1f} ms; beside {held:,} held rows {1000 * beside:.1f} ms")  # noqa: T201
    print(json.dumps({"bad_ratio": round(bad / clean, 3), "held_ratio": round(without / beside, 3), "held": held}))  # noqa: T201


if __name__ == "__main__":
    main()

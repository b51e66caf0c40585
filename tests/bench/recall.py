"""How long the extract for an advisory notice takes: a lot that is in very many units.

    python -m tests.bench.recall [--edges 100000]

A lot of screws is in units that were made, labelled and shipped, each. The last line is JSON: `edges` that were walked,
`units` that are told with who has them, `seconds` (aim: 5 for 100,000 edges), by the fastest of three.
"""

from __future__ import annotations

import argparse
import json
import time

import psycopg

from cdc.evidence.genealogy import Genealogy
from cdc.evidence.recall import read_holdings
from cdc.store.connection import connect
from cdc.store.migrate import migrate
from compose.local.throwaway import throwaway_target
from tests.bench.bench_derive import settings_for
from tests.contract.cdc.evidence.genealogy import TABLES

_OF_A_UNIT = 4
"""Edges: what went into it, its label, its shipment, and to whom."""
FILL = """
INSERT INTO trace.serial_unit
    SELECT 'U' || n, 'PUMP', NULL, NULL, '2026-01-03+00', STAMP FROM generate_series(1, UNITS) n;
INSERT INTO trace.material_actual
    SELECT 'B' || n, 'U' || n, 'SCREW', 'L1', '2026-01-02+00', STAMP FROM generate_series(1, UNITS) n;
INSERT INTO trace.udi_label
    SELECT 'L' || n, 'U' || n, '(01)06901234000177(21)U' || n, '06901234000177', '2026-01-05+00', STAMP
    FROM generate_series(1, UNITS) n;
INSERT INTO trace.shipment
    SELECT 'X' || n, 'C-' || n % 2 + 1, 'PUMP', NULL, 'U' || n, '2026-01-06+00', STAMP FROM generate_series(1, UNITS) n;
ANALYZE;
"""
_STAMP = "'erp.some', ARRAY[n::text], n, '2026-01-09+00', false"


def main() -> None:
    """Fill the tables, take the extract three times, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=100_000)
    asked = parser.parse_args()
    fill = FILL.replace("STAMP", _STAMP).replace("UNITS", str(asked.edges // _OF_A_UNIT))
    with throwaway_target() as server, connect(settings_for(server).target, "bench") as connection:
        migrate(connection)
        connection.execute(TABLES.encode())
        connection.execute(fill.encode())
        told = [extract(connection) for _ in range(3)]
    edges, units, _ = told[0]
    print(json.dumps({"edges": edges, "units": units, "seconds": round(min(one[2] for one in told), 2)}))  # noqa: T201


def extract(connection: psycopg.Connection) -> tuple[int, int, float]:
    """Return the edges, the units, and how long the units took."""
    genealogy = Genealogy(connection)
    lots = genealogy.lots("L1", "SCREW")
    edges = sum(1 for _ in genealogy.walk(lots, "down"))
    began = time.monotonic()
    units = sum(1 for _ in read_holdings(connection, genealogy, lots))
    return edges, units, time.monotonic() - began


if __name__ == "__main__":
    main()

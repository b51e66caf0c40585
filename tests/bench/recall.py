"""How long the extract for an advisory notice takes: a lot that is in very many units.

    python -m tests.bench.recall [--edges 100000] [--others 1000000]

A lot of screws is in units that were made, labelled and shipped, each; beside them stand movements and shipments of
other lots, as many of each as `--others`. The last line is JSON: `edges` that were walked, `units` that are told with
who has them, `seconds` that it took to find the lot and tell them (aim: 5 for 100,000 edges), by the fastest of three.
"""

from __future__ import annotations

import argparse
import json
import time

import psycopg

from cdc.evidence.genealogy import Genealogy
from cdc.evidence.recall import read_holdings
from cdc.evidence.snapshot import snapshot
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
INSERT INTO trace.stock_movement
    SELECT 'M-' || n, 'SALES_ISSUE', '2026-01-05+00', 'M' || n % 500, 'O' || n % 20000, NULL, NULL, STAMP
    FROM generate_series(1, OTHERS) n;
INSERT INTO trace.shipment
    SELECT 'O' || n, 'C-2', 'M' || n % 500, 'O' || n % 20000, NULL, '2026-01-06+00', STAMP
    FROM generate_series(1, OTHERS) n;
CREATE INDEX ON trace.stock_movement (material_id);
CREATE INDEX ON trace.shipment (material_id);
CREATE INDEX ON trace.shipment (serial_number);
ANALYZE;
"""
"""The indexes are those that a target has of its references."""
_STAMP = "'erp.some', ARRAY[n::text], n, '2026-01-09+00', false"


def main() -> None:
    """Fill the tables, take the extract three times, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=100_000)
    parser.add_argument("--others", type=int, default=1_000_000)
    asked = parser.parse_args()
    fill = FILL.replace("STAMP", _STAMP).replace("UNITS", str(asked.edges // _OF_A_UNIT))
    fill = fill.replace("OTHERS", str(asked.others))
    with throwaway_target() as server, connect(settings_for(server).target, "bench") as connection:
        migrate(connection)
        connection.execute(TABLES.encode())
        connection.execute(fill.encode())
        connection.commit()
        with snapshot(connection):
            told = [extract(connection) for _ in range(3)]
    edges, units, _ = told[0]
    print(json.dumps({"edges": edges, "units": units, "seconds": round(min(one[2] for one in told), 2)}))  # noqa: T201


def extract(connection: psycopg.Connection) -> tuple[int, int, float]:
    """Return the edges, the units, and how long it took to find the lot and tell the units."""
    began = time.monotonic()
    genealogy = Genealogy(connection)
    lots = [lot for lot in genealogy.lots("L1") if lot.key[0] == "SCREW"]
    units = sum(1 for _ in read_holdings(connection, genealogy, lots))
    seconds = time.monotonic() - began
    return sum(1 for _ in genealogy.walk(lots, "down")), units, seconds


if __name__ == "__main__":
    main()

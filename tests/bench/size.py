"""Drain the same changes into small tables and into huge ones, all of whose rows they may touch.

    python -m tests.bench.size [--rows 10000000] [--changes 400000] [--uniform] [--durable]

Mirror and canonical table are filled beforehand, by SQL, with 100,000 rows and then with as many as asked. Half of the
changes insert, half update one of the 100,000 newest rows: people work on what is new. With --uniform any row may be
updated, and what is measured is the memory of the machine more than anything else. The target has 4 GB of shared
buffers, as a server for tables of that size has. The last line is JSON; `ratio` is the speed with the huge tables by
that with the small ones, `cpu_ratio` the same of processor time, in one run.
"""

from __future__ import annotations

import argparse
import json
import time

from tests.bench.drain import drain, say
from tests.bench.lots.plant import DURABLE, DURABLE_HELP, Deployment, Plant, plant
from tests.bench.lots.stream import Lots, Writer
from transforms.load import load

SMALL = 100_000
# As rows of `tests.bench.lots.stream` come out; their own values differ, so that every update is one.
_MIRROR = """
INSERT INTO mes.mes_lot (lot_id, item_no, lot_no, wo_no, mfg_date, exp_date, qty, status, _offset)
SELECT n, format('02.%%s.%%s', lpad((n %% 99)::text, 2, '0'), lpad((n %% 997)::text, 3, '0')),
    '26A' || lpad(n::text, 7, '0'), 'WO26' || n %% 9999, date '2026-02-16' + n %% 365, date '2028-02-16' + n %% 365,
    n %% 900, 'Q', 0 FROM generate_series(1, %(rows)s::int) n
"""
_CANONICAL = """
INSERT INTO trace.material_lot (material_id, lot_number, job_order_id, manufacture_date, expiry_date, quantity, status,
    _mapping, _source_key, _source_offset, _deleted, _dictionary, _derivation, _derived_at)
SELECT rtrim(item_no), lot_no, wo_no, mfg_date, exp_date, qty, 'QUARANTINE', 'mes.mes_lot', ARRAY[lot_id::text], 0,
    false, %(digest)s, 0, now() FROM mes.mes_lot
"""


def fill(deployment: Deployment, rows: int) -> None:
    """Make the tables as if so many lots had been landed and derived."""
    began = time.monotonic()
    digest = load(deployment.folder / "dictionary").digest
    with deployment.connect() as connection:
        connection.execute(_MIRROR.encode(), {"rows": rows})
        connection.execute(_CANONICAL.encode(), {"digest": digest})
        connection.execute("INSERT INTO cdc.domain (name, dictionary) VALUES ('material_lot', %s)", (digest,))
        connection.execute("VACUUM ANALYZE")
    with deployment.connect_as_superuser() as connection:
        connection.execute("CHECKPOINT")  # or what was filled is written beside what is measured
    say(f"  {rows:,} rows in mirror and canonical table after {time.monotonic() - began:.0f} s")


def measure(place: Plant, rows: int, changes: int, recent: int) -> tuple[float, float]:
    """Land and derive changes beside so many rows; return the seconds, and the seconds of processor time."""
    say(f"{rows:,} rows:")
    deployment = place.deployment(f"bench_{rows}")
    fill(deployment, rows)
    lots = Lots(count=rows, recent=recent)
    writer = Writer(place.env["CDC_KAFKA"])
    writer.snapshot(lots)
    for _ in writer.stream(lots, changes):
        pass
    writer.close()
    drained = drain(deployment, changes, ("land", "derive"))
    say(f"  {drained.seconds:.1f} s, {changes / drained.seconds:,.0f} changes/s")
    return drained.seconds, drained.cpu_s


def main() -> None:
    """Measure twice and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--changes", type=int, default=400_000)
    parser.add_argument("--uniform", action="store_true", help="update any row, not only the newest")
    parser.add_argument("--durable", action="store_true", help=DURABLE_HELP)
    arguments = parser.parse_args()
    rows, changes = arguments.rows, arguments.changes
    with plant(shared_buffers="4GB", **(DURABLE if arguments.durable else {})) as place:
        (small_s, small_cpu_s), (huge_s, huge_cpu_s) = (
            measure(place, count, changes, count if arguments.uniform else SMALL) for count in (SMALL, rows)
        )
    speeds = {"small_per_s": round(changes / small_s), "huge_per_s": round(changes / huge_s)}
    ratios = {"ratio": round(small_s / huge_s, 3), "cpu_ratio": round(small_cpu_s / huge_cpu_s, 3)}
    print(json.dumps({"rows": rows, "changes": changes, **speeds, **ratios}))  # noqa: T201


if __name__ == "__main__":
    main()

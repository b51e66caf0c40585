"""Rows per second through mappings on one core, and how long the packaged dictionary takes to load.

    python -m tests.bench.normalise [--seconds 1.0]

`rows_per_s` is of the mapping in `ten_columns/`: ten columns with trim, code set, unit, dates and UDI-DI, over 20,000
rows whose lots, quantities, dates and notes differ and which have 500 materials. Then, as more figures, each mapping of
the packaged dictionary over its own examples. A figure is the best of three rounds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from transforms.load import load
from transforms.mapping import Mapping, Normalise
from transforms.value.gs1 import check_digit

ROWS = 20_000
MATERIALS = 500


def measure(normalise: Normalise, rows: Sequence[Sequence[object]], seconds: float) -> float:
    """Return rows per second, the best of three rounds."""
    best = 0.0
    for _ in range(3):
        count, start = 0, time.process_time()
        while (spent := time.process_time() - start) < seconds / 3:
            for row in rows:
                normalise(row)
            count += len(rows)
        best = max(best, count / spent)
    return best


def rows_of(mapping: Mapping) -> list[tuple[object, ...]]:
    """Return rows as psycopg would read them, in the order of the mapping's inputs."""
    draw = random.Random(1)
    payloads = [f"690{draw.randrange(10**9):09}" for _ in range(MATERIALS)]
    begin = datetime(2026, 1, 1)  # noqa: DTZ001 - a local time, as the source has it
    rows = []
    for number in range(ROWS):
        material = draw.randrange(MATERIALS)
        values: dict[str | None, object] = {
            "item": f"02.{material:03}".ljust(20),
            "lot": f" 26A{number:05} ",
            "status": draw.choice(("ok", "HOLD", "q ")),
            "length": Decimal(draw.randrange(10**7)).scaleb(-4),
            "unit": draw.choice(("英寸", "毫米", "米")),
            "made": begin + timedelta(minutes=number * 7),
            "shelf_days": draw.choice((365, 730, 1095)),
            "gtin": payloads[material] + check_digit(payloads[material]),
            "quantity": Decimal(draw.randrange(10**8)).scaleb(-4),
            "note": f"批 {number}",
        }
        rows.append(tuple(values[used.column] for used in mapping.inputs))
    return rows


def main() -> None:
    """Print one line per mapping, and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time per mapping")
    seconds = parser.parse_args().seconds
    start = time.process_time()
    packaged = load()
    load_s = time.process_time() - start
    (mapping,) = load(Path(__file__).with_name("ten_columns")).mappings
    rows_per_s = measure(mapping.normalise, rows_of(mapping), seconds)
    print(f"{'mapping':28}{'inputs':>8}{'columns':>9}{'rows/s':>12}")  # noqa: T201
    for one in packaged.mappings:
        rows = [example.row for example in one.examples if example.expected is not None] * 100
        columns = sum(len(target.columns) for target in one.targets)
        speed = measure(one.normalise, rows, seconds / 3)
        print(f"{one.name:28}{len(one.inputs):8}{columns:9}{speed:12,.0f}")  # noqa: T201
    print(json.dumps({"rows_per_s": round(rows_per_s), "load_s": round(load_s, 2)}))  # noqa: T201


if __name__ == "__main__":
    main()

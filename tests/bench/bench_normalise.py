"""Rows per second through each mapping of the packaged dictionary, on one core.

    python -m tests.bench.bench_normalise [--seconds 1.0]

Rows are the mapping's own examples that come out as rows; a figure is the best of three rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from transforms.load import load
from transforms.mapping import Normalise


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


def main() -> None:
    """Print one line per mapping."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time per mapping")
    seconds = parser.parse_args().seconds
    start = time.process_time()
    dictionary = load()
    print(f"load {(time.process_time() - start) * 1000:.0f} ms")  # noqa: T201
    print(f"{'mapping':24}{'inputs':>8}{'columns':>9}{'rows/s':>12}")  # noqa: T201
    for mapping in dictionary.mappings:
        rows = [example.row for example in mapping.examples if example.expected is not None] * 100
        speed = measure(mapping.normalise, rows, seconds)
        columns = sum(len(target.columns) for target in mapping.targets)
        print(f"{mapping.name:24}{len(mapping.inputs):8}{columns:9}{speed:12,.0f}")  # noqa: T201


if __name__ == "__main__":
    main()

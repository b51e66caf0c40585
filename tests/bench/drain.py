"""Fill a stream, then drain it: landing alone, and landing with deriving, beside a broker and a target on this machine.

    python -m tests.bench.drain [--changes 400000] [--rows 10] [--only land|both] [--durable]

Changes are inserts and updates of material lots (10 columns, 9 of them normalised), journal and ledger on. The clock
runs from the first record that a worker takes to the last commit. The last line is JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.lots.plant import DURABLE, DURABLE_HELP, Deployment, Plant, plant
from tests.bench.lots.stream import STREAM, Lots, Writer

_POLL_S = 0.02
_BACKENDS = (
    "SELECT application_name, pid FROM pg_stat_activity WHERE application_name LIKE 'cdc %' AND state IS NOT NULL"
)


def say(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def fill(place: Plant, changes: int, rows: int) -> Lots:
    """Write the stream."""
    lots = Lots()
    writer = Writer(place.env["CDC_KAFKA"])
    writer.snapshot(lots)
    began = time.monotonic()
    for written in writer.stream(lots, changes, rows):
        if written % 100_000 == 0:
            say(f"written {written:,} of {changes:,}, {written / (time.monotonic() - began):,.0f}/s")
    writer.close()
    return lots


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own_pss_mib(pid) + sum(pss_mib(int(child)) for child in children)


def own_pss_mib(pid: int) -> float:
    """Return the proportional set size of a process alone."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@dataclass(frozen=True, slots=True)
class Drained:
    """How long it took, the processor time of the workers and their backends, and the memory at its highest."""

    seconds: float
    cpu_s: float
    peak_mib: float


def drain(deployment: Deployment, changes: int, names: tuple[str, ...]) -> Drained:
    """Run the workers until everything is landed and derived."""
    peak = spent = 0.0
    with contextlib.ExitStack() as stack, deployment.connect() as connection:
        workers = {name: stack.enter_context(deployment.worker(name)) for name in names}
        began = _await_begin(connection, deployment, workers)
        busy = {name: cpu_s(worker.pid) for name, worker in workers.items()}
        while not _is_done(connection, changes, derives="derive" in names):
            peak = max(peak, sum(pss_mib(worker.pid) for worker in workers.values()))
            time.sleep(_POLL_S * 5)
            _require_alive(deployment, workers)
        seconds = time.monotonic() - began
        for name, worker in workers.items():
            own = cpu_s(worker.pid) - busy[name]
            say(f"  {name}: {own:.1f} s of processor time, {pss_mib(worker.pid):.0f} MiB")
            spent += own
        for name, pid in connection.execute(_BACKENDS).fetchall():
            say(f"  target, backend of {name}: {cpu_s(pid):.1f} s of processor time")
            spent += cpu_s(pid)
        _report(connection)
    return Drained(seconds, spent, peak)


def _require_alive(deployment: Deployment, workers: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, worker in workers.items():
        if worker.poll() is not None:
            raise SystemExit(f"{name} ended: " + (deployment.folder / f"{name}.log").read_text()[-2000:])


def _await_begin(
    connection: psycopg.Connection, deployment: Deployment, workers: Mapping[str, subprocess.Popen[bytes]]
) -> float:
    """Wait for the first record to be taken: the position has an owner from then on."""
    while connection.execute("SELECT FROM cdc.position WHERE owner IS NOT NULL").fetchone() is None:
        _require_alive(deployment, workers)
        time.sleep(_POLL_S)
    return time.monotonic()


def _is_done(connection: psycopg.Connection, changes: int, *, derives: bool) -> bool:
    landed = connection.execute("SELECT sum(landed + superseded), max(batch) FROM cdc.batch").fetchone()
    assert landed is not None
    if (landed[0] or 0) < changes + 1:
        return False
    watermark = connection.execute("SELECT batch FROM cdc.watermark WHERE stream = %s", (STREAM,)).fetchone()
    return not derives or (watermark is not None and watermark[0] >= landed[1])


def _report(connection: psycopg.Connection) -> None:
    found = connection.execute(
        "SELECT count(*), sum(seconds), sum(captured)::float / count(*) FROM cdc.batch"
    ).fetchone()
    assert found is not None
    say(f"  {found[0]} batches of {found[2]:.0f} records, {found[1]:.1f} s inside landing")


def check(deployment: Deployment, lots: Lots, *, derived: bool) -> None:
    """Every lot is in the mirror, and in the canonical table."""
    with deployment.connect() as connection:
        tables = ["mes.mes_lot", *(["trace.material_lot"] if derived else [])]
        for table in tables:
            found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            if found != (lots.count,):
                raise SystemExit(f"{table} has {found} rows of {lots.count}")


def main() -> None:
    """Fill, drain, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=400_000)
    parser.add_argument("--rows", type=int, default=10, help="rows of a source transaction")
    parser.add_argument("--only", choices=("land", "both"))
    parser.add_argument("--durable", action="store_true", help=DURABLE_HELP)
    arguments = parser.parse_args()
    result: dict[str, float] = {"changes": arguments.changes}
    with plant(**(DURABLE if arguments.durable else {})) as place:
        lots = fill(place, arguments.changes, arguments.rows)
        for name, workers in (("land", ("land",)), ("derive", ("land", "derive"))):
            if arguments.only == {"land": "both", "derive": "land"}[name]:
                continue
            say(f"{' and '.join(workers)}:")
            deployment = place.deployment(f"bench_{name}")
            drained = drain(deployment, arguments.changes, workers)
            check(deployment, lots, derived="derive" in workers)
            speed = arguments.changes / drained.seconds
            say(f"  {drained.seconds:.1f} s, {speed:,.0f} changes/s, {drained.peak_mib:.0f} MiB at most")
            result[f"{name}_per_s"] = round(speed)
            result["pss_mib"] = round(drained.peak_mib, 1)
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()

"""An initial load, from a real source through the real connector into an empty target, and where its time goes.

    python -m tests.bench.load [--rows 5000000] [--tables 20] [--kill]

A PostgreSQL source has so many material lots in so many tables; each gets a mirror and a canonical table. `cdc run`
does the rest. With --kill all workers are killed once half has landed, and started again: nothing is landed twice. The
last line is JSON:

    rows, seconds, rows_per_s     from the start of the connector to the last derived row
    captured_s, landed_s          when the topic, and when the mirrors, had all rows
    cpu_us                        processor time per row, by who spent it: source, connect (capture), kafka (topic),
                                  land and its backend (landing), derive and its backends (deriving)
    topic_bytes                   bytes of the topic per row, as the broker stores it
    pss_mib                       memory of all worker processes at its highest
    pss_by_kind_mib               that of each kind of worker (parent: `cdc run` itself), each at its own highest
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from cdc.access import Kafka
from cdc.stream.topic import end_offsets
from compose.demo.kill import workers
from compose.local.proc_table import Process, find_process
from compose.local.stack import Stack
from tests.bench.drain import cpu_s, own_pss_mib, say
from tests.bench.lots.dictionary import write_dictionary
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.stack import fresh_stack

SOURCE = "mes"
_STREAM = f"cdc.{SOURCE}"
_TABLE = """
CREATE TABLE {name} (lot_id bigint PRIMARY KEY, item_no char(20) NOT NULL, lot_no varchar(40) NOT NULL,
    wo_no varchar(40), mfg_date date, exp_date date, qty numeric(18,4), status varchar(8) NOT NULL,
    released_by varchar(40), released_at timestamptz);
INSERT INTO {name} SELECT n, format('02.%s.%s', lpad((n % 99)::text, 2, '0'), lpad((n % 997)::text, 3, '0')),
    '26A' || lpad(n::text, 7, '0'), 'WO26' || n % 9999, date '2026-02-16' + n % 365, date '2028-02-16' + n % 365,
    n % 900, (ARRAY['Q', 'OK', 'HOLD', 'NG'])[n % 4 + 1], 'QA' || n % 40,
    timestamptz '2026-04-01 09:00+08' + n * interval '1 s'
    FROM generate_series(1, {rows}) n;
ANALYZE {name}
"""
_POLL_S = 1.0


def names(tables: int) -> list[str]:
    """Return the names of the source's tables."""
    return [f"lot_{number:02}" for number in range(1, tables + 1)]


@dataclass(slots=True)
class Spent:
    """Processor time so far, by who spends it; processes that have ended are in it as of the last look."""

    stack: Stack
    _by_pid: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def look(self, run: Process, target: psycopg.Connection) -> None:
        """Look at every process."""
        services = self.stack.services()
        for name, service in (("connect", "connect"), ("kafka", "kafka")):
            self._add(name, _pid(services[service]))
        for pid in _children(_pid(services["mes"])):
            self._add("source", pid)
        for name, worker in workers(run).items():
            self._add(name, worker.pid)
        for name, pid in target.execute("SELECT application_name, pid FROM pg_stat_activity").fetchall():
            if name.startswith("cdc "):
                self._add(f"{name.split()[1]} backend", pid)

    def _add(self, who: str, pid: int) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            self._by_pid[who][pid] = cpu_s(pid)

    def seconds(self) -> dict[str, float]:
        """Return the seconds by who spent them."""
        return {who: round(sum(pids.values()), 1) for who, pids in sorted(self._by_pid.items())}


def _pid(service: object) -> int:
    process = service.daemon().running()  # type: ignore[attr-defined]
    assert process is not None
    return int(process.pid)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass(slots=True)
class Course:
    """What came of the load: seconds since its start, None where that has not come yet."""

    rows: int
    tables: list[str]
    captured_s: float | None = None
    landed_s: float | None = None
    derived_s: float | None = None
    peak_mib: float = 0.0
    peak_by_kind: dict[str, float] = field(default_factory=dict)

    def weigh(self, run: Process) -> None:
        """Look at the memory of the workers. One that has just ended is weighed when it has been started again."""
        kinds = {"parent": run, **workers(run)}
        with suppress(FileNotFoundError, ProcessLookupError):
            now = {kind: own_pss_mib(process.pid) for kind, process in kinds.items()}
            self.peak_mib = max(self.peak_mib, sum(now.values()))
            self.peak_by_kind |= {kind: max(mib, self.peak_by_kind.get(kind, 0.0)) for kind, mib in now.items()}

    def look(self, seconds: float, captured: int, target: psycopg.Connection) -> None:
        """Note what is done. `captured` is the topic's end, which control records keep ahead of the rows."""
        landed = _one(target, "SELECT coalesce(sum(landed), 0) FROM cdc.batch")
        if self.captured_s is None and captured >= self.rows:
            self.captured_s = seconds
        if self.landed_s is None and landed >= self.rows:
            self.landed_s = seconds
        derived = _one(target, "SELECT count(*) FROM cdc.domain WHERE derivation > 0")
        say(f"{seconds:6.0f} s captured {captured:,} landed {landed:,} derived {derived} of {len(self.tables)} tables")
        if derived == len(self.tables):
            self.derived_s = seconds


def _one(target: psycopg.Connection, query: str) -> int:
    row = target.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def kill_workers(run: Process) -> None:
    """Kill what lands and derives; `cdc run` starts it again."""
    for name, worker in workers(run).items():
        if name in ("land", "derive"):
            os.kill(worker.pid, signal.SIGKILL)


def load(shapes: Shapes, stack: Stack, course: Course, *, kills: bool) -> Spent:
    """Run the load to its end."""
    spent, began = Spent(stack), time.monotonic()
    bootstrap = Kafka(shapes.env["CDC_KAFKA"])
    with shapes.deployment.target() as target, shapes.deployment.running() as run:
        parent = find_process(run.pid)
        assert parent is not None
        shapes.deployment.cdc("connectors", "apply")
        while course.derived_s is None:
            time.sleep(_POLL_S)
            if run.poll() is not None:
                raise SystemExit((shapes.deployment.folder / "run.log").read_text()[-3000:])
            spent.look(parent, target)
            course.weigh(parent)
            course.look(time.monotonic() - began, end_offsets(bootstrap, [_STREAM]).get(_STREAM, 0), target)
            if kills and _one(target, "SELECT coalesce(sum(landed), 0) FROM cdc.batch") * 2 > course.rows:
                say("killing the workers")
                kill_workers(parent)
                kills = False
        check(target, course)
    return spent


def check(target: psycopg.Connection, course: Course) -> None:
    """Every row once, in its mirror and in its canonical table; each event of the topic with one fate."""
    for name in course.tables:
        for table in (f"{SOURCE}.{name}", f"trace.material_{name}"):
            found = _one(target, f"SELECT count(*) FROM {table}")
            if found != course.rows // len(course.tables):
                raise SystemExit(f"{table} has {found:,} rows")
    landed = target.execute("SELECT sum(landed), sum(replayed), sum(refused) FROM cdc.batch").fetchone()
    if landed != (course.rows, 0, 0):
        raise SystemExit(f"landed, replayed, refused: {landed}")


def topic_bytes(stack: Stack) -> int:
    """Return the size of the stream's log on the broker's disk."""
    logs = Path(stack.env["CDC_LOCAL"]).rglob(f"{_STREAM}-0/*.log")
    return sum(path.stat().st_size for path in logs)


def main() -> None:
    """Make the source, load it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--kill", action="store_true", help="kill all workers once, half way")
    arguments = parser.parse_args()
    tables = names(arguments.tables)
    each = arguments.rows // arguments.tables
    with fresh_stack(["connect", "mes", "target"]) as stack, tempfile.TemporaryDirectory() as folder:
        side = Side(SOURCE, "postgresql", tuple(tables), stack.env)
        shapes = make_deployment(Path(folder), stack, "bench_load", side)
        write_dictionary(Path(folder) / "dictionary", {f"{SOURCE}.{name}": f"trace.material_{name}" for name in tables})
        for name in tables:
            side.run(_TABLE.replace("{name}", name).replace("{rows}", str(each)))
        side.run(f"CREATE PUBLICATION cdc FOR TABLE {', '.join(tables)}")
        say(f"{arguments.tables} tables of {each:,} rows")
        shapes.deployment.cdc("source", "contract", SOURCE)
        shapes.deployment.cdc("target", "apply")
        course = Course(each * arguments.tables, tables)
        spent = load(shapes, stack, course, kills=arguments.kill).seconds()
        size = topic_bytes(stack)
        clear(shapes)
    assert course.derived_s is not None
    result = {
        "rows": course.rows,
        "seconds": round(course.derived_s),
        "rows_per_s": round(course.rows / course.derived_s),
        "captured_s": round(course.captured_s or 0),
        "landed_s": round(course.landed_s or 0),
        "cpu_us": {who: round(seconds / course.rows * 1e6, 1) for who, seconds in spent.items()},
        "topic_bytes": round(size / course.rows),
        "pss_mib": round(course.peak_mib, 1),
        "pss_by_kind_mib": {kind: round(mib, 1) for kind, mib in sorted(course.peak_by_kind.items())},
    }
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()

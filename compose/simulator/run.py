"""Plays the plan: paces it by the wall clock, executes it, writes the log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from compose.simulator import plan
from compose.simulator.database import ERRORS, Database, MariaDb, PostgreSql
from compose.simulator.error import SimulatorError
from compose.simulator.log import LogWriter, Past, read_past
from compose.simulator.plan import Settings
from compose.simulator.seed import Seed, seed
from compose.simulator.session import Session
from compose.simulator.world import World

# A few figures that every transaction moves sooner or later: enough to notice foreign or missing work.
_FIGURES = {
    "erp": (
        "SELECT (SELECT MAX(FInterID) FROM ICStockBill), (SELECT COUNT(*) FROM ICStockBill WHERE FInterID >= 1000),"
        " (SELECT COUNT(*) FROM ICInventory), (SELECT COUNT(*) FROM SEOrderEntry)"
    ),
    "mes": (
        "SELECT (SELECT max(insp_id) FROM mes_insp_h), (SELECT count(*) FROM mes_sn),"
        " (SELECT count(*) FROM mes_label), (SELECT count(*) FROM mes_lot)"
    ),
}
_STORIES = 10


def run(
    env: Mapping[str, str], settings: Settings, log_path: Path, stop: threading.Event, *, reconnects: bool = False
) -> dict[str, object]:
    """Play a run to its end, or until `stop`; return the summary. Raises SimulatorError.

    `reconnects`: wait for a database that goes away, and go on.
    """
    settings.heavy_steps()
    past = read_past(log_path)
    start = seed()
    relive(start.world, past)
    sessions: dict[str, Session] = {}
    try:
        for source, connect in (("erp", MariaDb), ("mes", PostgreSql)):
            sessions[source] = Session(partial(connect, env), reconnects=reconnects)
            _require_known(source, sessions[source].database, start.world)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("a", encoding="utf-8") as file:
            log = LogWriter(file, past.seq)
            if not past.seq:
                _note_seed(log, start)
            log.begin(settings)
            return _play(sessions, start.world, settings, log, stop)
    finally:
        for session in sessions.values():
            session.close()


def relive(world: World, past: Past) -> None:
    """Let the world take in what earlier runs did: their plans, as far as they came."""
    for earlier in past.runs:
        for _ in islice(plan.run(world, earlier.settings), earlier.steps):
            pass


def _require_known(source: str, database: Database, world: World) -> None:
    try:
        found = database.fetch(_FIGURES[source])
    except ERRORS as error:
        raise SimulatorError(f"The {source.upper()} is not installed: python -m compose.simulator install") from error
    if found != figures(source, world):
        raise SimulatorError(
            f"The {source.upper()} is not as the log leaves it ({found}, not {figures(source, world)}): "
            "name the log of all runs on these data with --log, or set the data up anew."
        )


def figures(source: str, world: World) -> tuple[int, ...]:
    """Return what the database should answer to the figures asked of it."""
    rows = world.rows
    if source == "erp":
        bills = rows["erp.ICStockBill"]
        return max(bills)[0], len(bills), len(rows["erp.ICInventory"]), len(rows["erp.SEOrderEntry"])
    inspections = rows["mes.mes_insp_h"]
    return max(inspections)[0], len(rows["mes.mes_sn"]), len(rows["mes.mes_label"]), len(rows["mes.mes_lot"])


def _note_seed(log: LogWriter, start: Seed) -> None:
    for source in ("erp", "mes"):
        log.installed(source, start.bad(source))


def _play(
    sessions: Mapping[str, Session], world: World, settings: Settings, log: LogWriter, stop: threading.Event
) -> dict[str, object]:
    began, cpu = time.monotonic(), time.process_time()
    planned = plan.run(world, settings)
    progress = Progress(log, began)
    late_s = 0.0
    for step in range(settings.steps):
        wait_s = began + step / settings.rate - time.monotonic()
        if stop.wait(max(0.0, wait_s)):
            break
        late_s = max(late_s, -wait_s)
        transaction = next(planned)  # not before the wait: what is planned has happened
        sessions[transaction.source].carry_out(transaction)
        log.note(transaction)
        progress.show()
    progress.close()
    seconds = time.monotonic() - began
    return log.end(
        stopped=stop.is_set(),
        seconds=round(seconds, 3),
        cpu_share=round((time.process_time() - cpu) / seconds, 4),
        latest_s=round(late_s, 3),
        bad_left=len(world.bad),
        stories=[serial for (serial,) in world.pools["sn.shipped"].latest(_STORIES)],
    )


class Progress:
    """One line that says how far a run is, once a second, for somebody who looks at a terminal."""

    def __init__(self, log: LogWriter, began: float) -> None:
        self._log = log
        self._began = began
        self._due = began if sys.stderr.isatty() else float("inf")

    def show(self) -> None:
        """Renew the line if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + 1
        counts, elapsed = self._log.counts, now - self._began
        line = f"{elapsed:6.0f} s  {counts['transactions']} transactions, {counts['rows']} rows, {counts['bad']} bad"
        print(f"\r{line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line."""
        if self._due != float("inf"):
            print(file=sys.stderr)

"""Another dictionary put in force over serial units that are derived, while a stream of changes is landed and derived.

    python -m tests.bench.rederive [--rows 1000000]

A worker (`cdc derive`, a process of its own) derives changes of single rows the whole time; they are landed by hand, a
batch every 20 ms. The activation derives every unit anew from its mirror: a code of theirs has one synonym more.
The last line is JSON: `rows`; `rows_per_s` from the first source row read to the last one staged; `rederive_rows_per_s`
until the shadow has its keys and indexes and has caught up; seconds of each part, and of this process's processor while
rows are staged (the server's come on top, beside it); `swap_ms`, in which deriving waits;
`changes` that were landed meanwhile; `peak_mib` of this process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from cdc.activate.activation import Activation
from cdc.activate.edition import Change, Edition
from cdc.activate.gate import patiently
from cdc.cli.target import apply_target
from cdc.config import Settings
from cdc.derive.active import record
from cdc.store.connection import connect
from compose.local.env import REPO
from compose.local.throwaway import throwaway_target
from tests.bench.bench_derive import CHANGE, FILL, peak_mib, settings_for
from transforms.load import PACKAGED, load

SETTINGS = """\
target: {{host: 127.0.0.1, port: {port}, database: {database}, user: {user}, password: "${{env:TARGET_PASSWORD}}"}}
kafka: {{bootstrap: "127.0.0.1:9"}}
connect: {{url: "http://127.0.0.1:9"}}
approval: {{required: false}}
observe: {{derive_port: 0}}
folders: {{connector_configs: {configs}}}
"""


class Stream:
    """Changes of single rows, landed one after the other."""

    def __init__(self, settings: Settings) -> None:
        self.batch = 0
        self._over = threading.Event()
        self._land = connect(settings.target, "bench stream")
        self._land.autocommit = True
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(0.02):
            self.batch += 1
            self._land.execute(CHANGE.format(place=self.batch * 7 % 5000, batch=self.batch).encode())
            self._land.execute("NOTIFY cdc_landed")

    @contextmanager
    def going_on(self) -> Iterator[Stream]:
        """Land for as long as the block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self._land.close()


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator[None]:
    """Let a worker derive for as long as the block."""
    config, target = folder / "cdc.yaml", settings.target
    config.write_text(
        SETTINGS.format(
            port=target.port, database=target.database, user=target.user, configs=REPO / "connector-configs"
        )
    )
    env = {**os.environ, "TARGET_PASSWORD": target.password.reveal()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "cdc", "--config", str(config), "derive"), env=env, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def with_one_synonym_more(folder: Path) -> Path:
    """Return a copy of the packaged dictionary in which a code of serial units has one synonym more."""
    copied = folder / "dictionary"
    shutil.copytree(PACKAGED, copied)
    file = copied / "codesets" / "serial_status.yaml"
    more = 'synonyms:\n  - {system: mes, code: "DONE", to: ACCEPTED}\n'
    file.write_text(file.read_text().replace("synonyms:\n", more, 1))
    return copied


def derived(connection: psycopg.Connection, rows: int) -> bool:
    """Tell whether the worker has derived them all."""
    return connection.execute("SELECT count(*) FROM trace.serial_unit").fetchone() == (rows,)


def measure(settings: Settings, folder: Path, rows: int) -> dict[str, float]:
    """Return the figures of one activation."""
    old, new = load(), load(with_one_synonym_more(folder))
    apply_target(settings)
    with connect(settings.target, "bench") as land:
        land.autocommit = True
        land.execute("SET statement_timeout = 0")
        psycopg.ClientCursor(land).execute(FILL.encode(), {"rows": rows, "lots": rows // 100})
        with worker(settings, folder):
            while not derived(land, rows):
                time.sleep(1)
            record(land, settings, new)
            with Stream(settings).going_on() as stream:
                change = Change.between(old, new)
                return activate(
                    Activation(partial(connect, settings.target), Edition.of(old), Edition.of(new), change, "bench"),
                    stream,
                )


def activate(activation: Activation, stream: Stream) -> dict[str, float]:
    """Carry it out, and take the time of each step."""
    clock, first = [time.monotonic()], stream.batch
    activation.prepare()
    clock.append(time.monotonic())
    staged, processor = 0, time.process_time()
    for progress in activation.build():
        if progress.rows:
            staged = progress.rows
            end, spent = time.monotonic(), time.process_time() - processor
    clock += [end, time.monotonic()]
    activation.follow()
    clock.append(time.monotonic())
    difference = patiently(activation.compare, 60)
    clock.append(time.monotonic())
    activation.follow()
    begun = time.monotonic()
    patiently(activation.swap, 60)
    activation.finish()
    swapped = time.monotonic()
    activation.end()
    assert (difference.rows, difference.cells) == (0, 0), difference
    names = ("prepare_s", "stage_s", "close_and_index_s", "follow_s", "compare_s")
    parts = {name: round(after - before, 2) for name, before, after in zip(names, clock, clock[1:], strict=False)}
    return {
        "rows": staged,
        "rows_per_s": round(staged / (clock[2] - clock[1])),
        "rederive_rows_per_s": round(staged / (clock[4] - clock[1])),
        **parts,
        "stage_processor_s": round(spent, 2),
        "swap_ms": round((swapped - begun) * 1000),
        "changes": stream.batch - first,
        "peak_mib": round(peak_mib()),
    }


def main() -> None:
    """Start a target, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with throwaway_target() as server, tempfile.TemporaryDirectory() as folder:
        settings = settings_for(server)
        print(json.dumps(measure(settings, Path(folder), arguments.rows)))  # noqa: T201


if __name__ == "__main__":
    main()

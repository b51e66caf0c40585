"""The target's disk is full: the data, or the log that is written before it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import psycopg
import pytest

from compose.local.databases import target_server
from compose.local.env import process_environment
from compose.local.postgres import PostgresServer
from compose.local.service import bring_up
from compose.local.stack import Stack
from tests.faults.cell import Cell
from tests.faults.picture import WITNESS
from tests.faults.ports import free_ports
from tests.faults.streams import Streams
from tests.faults.tables import write_deployment
from tests.faults.worker import until
from tests.integration.service import Deployment, connect


@dataclass
class SmallDisk:
    """A file system of a few megabytes, and the file that fills it."""

    folder: Path

    def fill(self) -> None:
        """Leave nothing."""
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError as error:
                assert error.errno == 28, error  # noqa: PT017 - no space left on device

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    folder.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # A test that is left out would look like one that passed.
    assert done.returncode == 0, f"a file system has to be mounted for this test, as root: {done.stderr.strip()}"
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(("umount", str(folder)), check=True)


@pytest.mark.parametrize("full", ["data", "log"])
def test_the_disk_of_the_target_is_full(full: str, stack: Stack, streams: Streams, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 128) as disk, a_target(full, stack, disk, tmp_path) as server:
        cell = a_cell(server, stack, streams, tmp_path)
        cell.begin()
        try:
            workers = [cell.land(crash="W5:3:STOP"), cell.derive()]
            until(workers[0].is_frozen, "frozen")
            disk.fill()
            workers[0].thaw()
            if full == "log":
                use_up_log(cell)
            # Data: the statement fails. The log: the server panics, and comes back by itself or as somebody starts it.
            code = "TGT-121" if full == "data" else "TGT-101"
            until(lambda: any(code in worker.said() for worker in workers), "noticed")
            disk.free()
            until(lambda: is_up(server), "up")
            cell.require_recovery(*workers)
        finally:
            cell.end()


def is_up(server: PostgresServer) -> bool:
    """Look after it as somebody does who starts what is down; what is still going down is down at the next look."""
    server.daemon().start()
    return server.ready()


def use_up_log(cell: Cell) -> None:
    """Write what the segments take that are there: another one cannot be made, and the server gives up."""
    text = "SELECT count(pg_logical_emit_message(true, 'tests', repeat('x', 1000000))) FROM generate_series(1, 200)"
    with connect(cell.deployment.env, "TARGET", "ADMIN_") as other, pytest.raises(psycopg.OperationalError):
        other.execute(text)


@contextmanager
def a_target(full: str, stack: Stack, disk: SmallDisk, tmp_path: Path) -> Iterator[PostgresServer]:
    """A server with its data, or its log, on the small disk."""
    port = str(free_ports(1)[0])
    local = disk.folder if full == "data" else tmp_path / "roomy"
    server = target_server({**stack.env, "CDC_LOCAL": str(local), "CDC_TARGET_PORT": port})
    server = replace(server, settings={**server.settings, "max_wal_size": "32MB", "min_wal_size": "32MB"})
    server.prepare()
    log = server.folder / "pg_wal"
    elsewhere = (tmp_path if full == "data" else disk.folder) / "wal"
    shutil.move(log, elsewhere)
    log.symlink_to(elsewhere)
    try:
        bring_up(server, 60, Event())
        yield server
    finally:
        server.daemon().stop()


def a_cell(server: PostgresServer, stack: Stack, streams: Streams, tmp_path: Path) -> Cell:
    """A cell on that server, in the database that it was made with."""
    folder = tmp_path / "deployment"
    folder.mkdir()
    write_deployment(folder)
    own = {"CDC_CONFIG": str(folder / "wide.yaml"), "CDC_TARGET_PORT": str(server.port), "CDC_GROUP": tmp_path.name}
    deployment = Deployment(folder, process_environment({**stack.env, **own}))
    deployment.cdc("target", "apply")
    with deployment.target() as target:
        target.execute(WITNESS)
    return Cell(deployment, streams.written(1), folder / "dictionary")

"""A broker and a Connect worker with the plugins of all eight products; no database."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from compose.local.connect import ConnectWorker
from compose.local.daemon import StackError
from compose.local.env import REPO
from compose.local.kafka import Broker
from compose.local.service import bring_up

POM = REPO / "compose" / "plugins" / "pom.xml"
_START_TIMEOUT_S = 120.0


def fetch(folder: Path) -> None:
    """Fill a folder with the plugins that no demo needs, unless it has those of the pom. Raises StackError."""
    stamp, wanted = folder / ".complete", hashlib.sha256(POM.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    command = ("mvn", "-q", "-B", "-f", str(POM), f"-Dplugins={new}", "process-resources")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise StackError(f"Maven could not fetch the plugins: {lines[0] if lines else 'no output'}")
    (new / stamp.name).write_text(wanted)
    new.rename(folder)


@contextmanager
def eight_plugins(local: Path, env: Mapping[str, str], others: Path) -> Iterator[str]:
    """Run broker and worker, empty, in the folder `local`; yield the address of the REST interface.

    `env` is that of a stack: its ports, its jars. `others` is a folder as `fetch` fills it.
    """
    jars = Path(env["CDC_JARS"])
    broker = Broker(local, jars, int(env["CDC_PORT_KAFKA"]), int(env["CDC_PORT_CONTROLLER"]), env)
    settings = {"plugin.path": f"{jars / 'plugins'},{others}"}
    worker = ConnectWorker(local, jars, int(env["CDC_PORT_CONNECT"]), env["CDC_KAFKA"], env, settings)
    shutil.rmtree(local, ignore_errors=True)
    try:
        for service in (broker, worker):
            bring_up(service, _START_TIMEOUT_S, threading.Event())
        yield env["CDC_CONNECT_URL"]
    finally:
        for service in (worker, broker):
            service.daemon().stop()

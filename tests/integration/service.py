"""The service as its users run it: the command line against the stack of the session, nothing imported from it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from compose.local.env import REPO, process_environment

_SETTINGS = """\
target:
  host: ${{env:CDC_TARGET_HOST}}
  port: ${{env:CDC_TARGET_PORT}}
  database: ${{env:CDC_TARGET_DATABASE}}
  user: ${{env:CDC_TARGET_USER}}
  password: ${{env:CDC_TARGET_PASSWORD}}
kafka: {{bootstrap: "${{env:CDC_KAFKA}}"}}
connect: {{url: "${{env:CDC_CONNECT_URL}}"}}
folders: {{connector_configs: {connector_configs}, dictionary: dictionary}}
approval: {{required: false}}
"""
_ANCHORS = re.compile(r"^anchors:.*\n(?:  .*\n)+", re.MULTILINE)
NO_ENDPOINTS = "observe: {land_port: 0, derive_port: 0, watch_port: 0}\n"
CDC = str(Path(sys.executable).with_name("cdc"))


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of its own: settings, connector files, contracts and dictionary copied into a folder."""

    folder: Path
    env: Mapping[str, str]

    @classmethod
    def make(cls, folder: Path, env: Mapping[str, str]) -> Deployment:
        """Copy what the repository ships into `folder`."""
        shutil.copytree(REPO / "connector-configs", folder / "connector-configs")
        shutil.copytree(REPO / "transforms" / "dictionary", folder / "dictionary")
        settings = (REPO / "compose" / "cdc.yaml").read_text()
        settings = settings.replace("../connector-configs", "connector-configs")
        settings = settings.replace("required: true", "required: false")  # nobody has signed what a test changes
        settings = without_anchors(settings)
        (folder / "cdc.yaml").write_text(settings)
        return cls(folder, process_environment({**env, "CDC_CONFIG": str(folder / "cdc.yaml")}))

    def cdc(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command to its end; return what it printed."""
        done = subprocess.run((CDC, *arguments), env=self.env, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == exit_code, f"cdc {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def exit_code(self, *arguments: str) -> int:
        """Run a command to its end; return how it ended."""
        return subprocess.run((CDC, *arguments), env=self.env, capture_output=True, check=False, timeout=180).returncode

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """`cdc run` in the background; it must drain and exit 0 on SIGTERM."""
        process = start(self.env, self.folder / "run.log", "run")
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, (self.folder / "run.log").read_text()[-2000:]
        finally:
            process.kill()
            process.wait()

    def target(self) -> psycopg.Connection:
        """Connect to the target as the service does."""
        return connect(self.env, "TARGET", "")


def without_anchors(text: str) -> str:
    """Return the repository's settings for a deployment that has no key to sign heads with."""
    return _ANCHORS.sub("", text)


def settings(*more: str, connector_configs: str = "connector-configs") -> str:
    """Return the settings of a deployment that finds stack and target by the environment, with more lines behind."""
    return "".join((_SETTINGS.format(connector_configs=connector_configs), *more))


def write_no_dictionary(folder: Path) -> None:
    """Write, into a folder of a deployment, a dictionary that derives nothing."""
    (folder / "dictionary").mkdir()
    (folder / "dictionary" / "dictionary.yaml").write_text('dictionary: none\nversion: "1"\nstatus: draft\n')


def start(env: Mapping[str, str], log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of the service in the background; what it prints goes to `log`.

    It ends with the tests even if those are killed: the next session uses the same ports.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", CDC, *arguments), env=env, stdout=output, stderr=output
        )


def connect(env: Mapping[str, str], server: str, role: str) -> psycopg.Connection:
    """Connect to the MES or the target; `role` is ``, `ADMIN_` or `DBA_`."""
    prefix = f"CDC_{server}_"
    return psycopg.connect(
        host=env[f"{prefix}HOST"],
        port=env[f"{prefix}PORT"],
        dbname=env[f"{prefix}DATABASE"],
        user=env[f"{prefix}{role}USER"],
        password=env[f"{prefix}{role}PASSWORD"],
        autocommit=True,
    )


def eventually(connection: psycopg.Connection, query: str, wanted: Any, timeout_s: float = 90) -> None:
    """Wait until a query gives the rows that are wanted (its table or columns need not exist yet)."""
    deadline = time.monotonic() + timeout_s
    found: Any = None
    while time.monotonic() < deadline:
        try:
            found = connection.execute(query).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            found = None
        if found == wanted:
            return
        time.sleep(0.1)
    assert found == wanted, found

"""The Kafka broker of the stack: one KRaft node, broker and controller in one process."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from compose.local.daemon import Daemon, StackError
from compose.local.env import process_environment
from compose.local.jvm import java_command, properties
from compose.local.settings import FOLDER, read_settings


@dataclass(frozen=True, slots=True)
class Broker:
    """The one broker. `port` serves clients, `controller_port` its own quorum of one.

    `settings` are added to the common ones, `client` is what a client needs beside the address.
    """

    local: Path
    jars: Path
    port: int
    controller_port: int
    env: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the service."""
        return "kafka"

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.local / "data" / self.name

    def prepare(self) -> None:
        """Format the data folder unless it is; a half-made one is made again. Writes the settings file."""
        if not self.folder.exists():
            self._format()
        self._write_settings(self.folder)

    def daemon(self) -> Daemon:
        """Return how the broker is run."""
        return Daemon(
            name=self.name,
            local=self.local,
            folder=self.folder,
            executable="java",
            argv=(*java_command(self.jars, 384, "kafka.Kafka"), str(self.folder / "server.properties")),
            env=process_environment(self.env),
            ports={self.port: "CDC_PORT_KAFKA", self.controller_port: "CDC_PORT_CONTROLLER"},
            settings=self._settings(self.folder),
        )

    def ready(self) -> bool:
        """Tell whether the broker answers a client."""
        try:
            address = f"127.0.0.1:{self.port}"
            admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=1000, **self.client)
        except KafkaError:
            return False
        try:
            admin.list_topics()
        except KafkaError:
            return False
        finally:
            admin.close()
        return True

    def _format(self) -> None:
        making = self.folder.with_name(f"{self.name}.new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        self._write_settings(making)
        # The identity of the cluster goes with its data: a broker made anew is seen to be another one.
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        command = java_command(self.jars, 128, "kafka.tools.StorageTool")
        done = subprocess.run(
            (*command, "format", "-t", identity, "-c", str(making / "server.properties")),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise StackError(f"The broker's folder could not be formatted: {lines[-1] if lines else 'no output'}")
        making.rename(self.folder)

    def _write_settings(self, folder: Path) -> None:
        (folder / "server.properties").write_text(self._settings(folder))

    def _settings(self, folder: Path) -> str:
        clients, controller = f"PLAINTEXT://127.0.0.1:{self.port}", f"127.0.0.1:{self.controller_port}"
        own = {
            "listeners": f"{clients},CONTROLLER://{controller}",
            "advertised.listeners": clients,
            # A static quorum of one: with it the controller's port may change from one start to the next.
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(folder / "log"),
        }
        return properties({**read_settings(FOLDER / "kafka" / "server.properties"), **own, **self.settings})

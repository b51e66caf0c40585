"""The Kafka Connect worker of the stack: distributed, exactly once, with the PostgreSQL and MariaDB connectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from compose.local.daemon import Daemon
from compose.local.env import process_environment
from compose.local.jvm import java_command, properties
from compose.local.settings import FOLDER, read_settings

CONNECTORS = (
    "io.debezium.connector.postgresql.PostgresConnector",
    "io.debezium.connector.mariadb.MariaDbConnector",
)


@dataclass(frozen=True, slots=True)
class ConnectWorker:
    """The one worker; it keeps all its state in the broker's topics.

    `settings` are added to the common ones, `client` is what a client of its REST interface needs beside the address.
    """

    local: Path
    jars: Path
    port: int
    bootstrap: str
    env: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the service."""
        return "connect"

    @property
    def folder(self) -> Path:
        """The working folder; it holds the settings file only."""
        return self.local / "data" / self.name

    def prepare(self) -> None:
        """Write the settings file."""
        for folder in (self.folder, self.local / "secrets"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "worker.properties").write_text(self._settings())

    def daemon(self) -> Daemon:
        """Return how the worker is run; it gets the stack's variables, which connector settings refer to."""
        main_class = "org.apache.kafka.connect.cli.ConnectDistributed"
        return Daemon(
            name=self.name,
            local=self.local,
            folder=self.folder,
            executable="java",
            argv=(*java_command(self.jars, 512, main_class), str(self.folder / "worker.properties")),
            env=process_environment(self.env),
            ports={self.port: "CDC_PORT_CONNECT"},
            settings=self._settings(),
        )

    def ready(self) -> bool:
        """Tell whether the worker has joined its group and knows both connectors."""
        url = self.settings.get("listeners", f"http://127.0.0.1:{self.port}")
        try:
            with httpx.Client(base_url=url, timeout=5, trust_env=False, **self.client) as client:
                if client.get("/health").status_code != httpx.codes.OK:
                    return False
                plugins = {plugin["class"] for plugin in client.get("/connector-plugins").json()}
        except httpx.TransportError:
            return False
        return plugins.issuperset(CONNECTORS)

    def _settings(self) -> str:
        secrets = str(self.local / "secrets")
        own = {
            "bootstrap.servers": self.bootstrap,
            "listeners": f"http://127.0.0.1:{self.port}",
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": str(self.jars / "plugins"),
            "config.providers.file.param.allowed.paths": secrets,
            "config.providers.dir.param.allowed.paths": secrets,
        }
        return properties({**read_settings(FOLDER / "connect" / "worker.properties"), **own, **self.settings})

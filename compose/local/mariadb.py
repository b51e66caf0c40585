"""The ERP's MariaDB server, made off-line: data folder, accounts and GBK database exist before the first start."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from compose.local.daemon import Daemon, StackError
from compose.local.env import process_environment
from compose.local.settings import FOLDER, accounts, read_settings

# Without it neither product's server runs as root; for anybody else there is none.
AS_ROOT = ("--user=root",) if os.geteuid() == 0 else ()


@dataclass(frozen=True, slots=True)
class MariaDbServer:
    """The ERP server. `env` names its port, database and accounts; `settings` are added to the common ones."""

    local: Path
    port: int
    env: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the service."""
        return "erp"

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.local / "data" / self.name

    def prepare(self) -> None:
        """Make the data folder with accounts and database unless it is there; a half-made one is made again."""
        self._temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.folder.exists():
            self._initialise()

    def daemon(self) -> Daemon:
        """Return how the server is run."""
        places = {
            "bind-address": "127.0.0.1",
            # Relative to the data folder: the path of a socket may be 107 bytes long, and a clone may lie deeper.
            "socket": "server.sock",
            "pid-file": "server.pid",
            "port": str(self.port),
            "datadir": str(self.folder),
            "tmpdir": str(self._temporary),
        }
        options = {**read_settings(FOLDER / self.name / "server.cnf"), **self.settings, **places}
        program = self._program()
        return Daemon(
            name=self.name,
            local=self.local,
            folder=self.folder,
            executable=Path(program[0]).resolve().name,
            argv=(*program, *AS_ROOT, *(f"--{name}={value}" for name, value in options.items())),
            env=process_environment(self.env),
            ports={self.port: "CDC_PORT_ERP"},
        )

    @property
    def _temporary(self) -> Path:
        """The folder for temporary tables: a server that starts removes those of all others that have the same one."""
        return self.folder.with_name(f"{self.name}.tmp")

    def ready(self) -> bool:
        """Tell whether the application's account can log in and use its database."""
        try:
            pymysql.connect(
                host="127.0.0.1",
                port=self.port,
                user=self.env["CDC_ERP_ADMIN_USER"],
                password=self.env["CDC_ERP_ADMIN_PASSWORD"],
                database=self.env["CDC_ERP_DATABASE"],
                connect_timeout=5,
            ).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        making = self.folder.with_name(f"{self.name}.new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700, parents=True)
        self._fill((f"--datadir={making}", f"--tmpdir={self._temporary}"))
        making.rename(self.folder)

    def _program(self) -> tuple[str, ...]:
        """Return the words that begin the server's command."""
        return (_installed("mariadbd"), "--no-defaults")

    def _fill(self, places: tuple[str, ...]) -> None:
        """Make system tables, accounts and database in the places that the options name."""
        install = (_installed("mariadb-install-db"), "--no-defaults", *AS_ROOT, *places, "--skip-test-db")
        self._run((*install, "--auth-root-authentication-method=normal", "--skip-name-resolve"))
        bootstrap = (*self._program(), *AS_ROOT, *places, "--bootstrap")
        self._run(bootstrap, "\n".join(accounts(self.name, self.env)))

    def _run(self, argv: tuple[str, ...], text: str = "") -> None:
        done = subprocess.run(argv, input=text.encode(), capture_output=True, check=False)
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace").splitlines()
            lines = [line for line in output if "ERROR" in line.upper()] or output or ["no output"]
            raise StackError(f"{Path(argv[0]).name} failed for {self.name}: {lines[0].strip()}")


def _installed(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise StackError(f"{name} is not installed: run compose/local/setup.sh.")
    return path

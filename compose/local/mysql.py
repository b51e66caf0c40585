"""A MySQL server, for the tests of MySQL as a source: no demo has one. `mysql.sh` fetches it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pymysql

from compose.local.daemon import Daemon, StackError
from compose.local.env import REPO, process_environment
from compose.local.settings import FOLDER, accounts, read_settings


@dataclass(frozen=True, slots=True)
class MySqlServer:
    """The server. It takes the accounts and the database that `env` names for the ERP; `settings` are added to the
    common ones.
    """

    local: Path
    port: int
    env: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the service."""
        return "mysql"

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
        program = _program(self.env["CDC_MYSQL"])
        return Daemon(
            name=self.name,
            local=self.local,
            folder=self.folder,
            executable=Path(program[0]).resolve().name,
            argv=(*program, *_user(), *(f"--{name}={value}" for name, value in options.items())),
            env=process_environment(self.env),
            ports={self.port: "CDC_PORT_ERP"},
        )

    @property
    def _temporary(self) -> Path:
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
        statements = self._temporary / "accounts.sql"
        statements.write_text("\n".join(accounts(self.name, self.env)))
        places = (f"--datadir={making}", f"--tmpdir={self._temporary}", f"--init-file={statements}")
        argv = (*_program(self.env["CDC_MYSQL"]), *_user(), *places, "--secure-file-priv=NULL", "--initialize-insecure")
        done = subprocess.run(argv, capture_output=True, check=False)
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace").splitlines()
            lines = [line for line in output if "ERROR" in line.upper()] or output or ["no output"]
            raise StackError(f"mysqld failed for {self.name}: {lines[0].strip()}")
        making.rename(self.folder)


@cache
def _program(folder: str) -> tuple[str, ...]:
    """Return the words that begin the server's command; it is fetched into the folder if need be."""
    script = ("bash", REPO / "compose" / "local" / "mysql.sh")
    done = subprocess.run(script, env={**os.environ, "CDC_MYSQL": folder}, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise StackError(done.stderr.strip())
    return tuple(done.stdout.splitlines())


def _user() -> tuple[str, ...]:
    """Return the option without which MySQL refuses to run as root; for anybody else there is none."""
    return ("--user=root",) if os.geteuid() == 0 else ()

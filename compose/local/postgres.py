"""A PostgreSQL server of the stack, made ready off-line: data folder, roles and database exist before the first start.

PostgreSQL refuses to run as root. As root the server is therefore put into a user namespace, where the data folder may
stay root's (a clone may lie in /root or another closed folder); where the kernel forbids that, it runs as `postgres`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg

from compose.local.daemon import Daemon, StackError
from compose.local.env import process_environment
from compose.local.settings import FOLDER, accounts, read_settings

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_HBA = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Account:
    """A login role and its password."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One server: where it lives, who owns its database, what is added to the settings of its file, and what a client
    needs beside address and account.
    """

    name: str
    local: Path
    port: int
    port_variable: str
    database: str
    owner: Account
    superuser: Account
    env: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.local / "data" / self.name

    def prepare(self) -> None:
        """Make the data folder with roles and database unless it is there; a half-made one is made again."""
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif version.read_text().strip() != _major_version():
            found = version.read_text().strip()
            raise StackError(
                f"{self.folder} was made by PostgreSQL {found}, here is {_major_version()}: "
                f"install {found}, or remove the folder."
            )
        if not self.daemon().current():
            self.daemon().stop()
            # A crash leaves it behind, and its pid may by now be another process: the server would refuse to start.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def daemon(self) -> Daemon:
        """Return how the server is run."""
        # A socket path may be 107 bytes long and a clone may lie deeper: there is only TCP.
        places = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(self.port)}
        options = {**read_settings(FOLDER / self.name / "postgresql.conf"), **self.settings, **places}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Daemon(
            name=self.name,
            local=self.local,
            folder=self.folder,
            executable="postgres",
            argv=(*_prefix(), str(_binaries() / "postgres"), "-D", str(self.folder), *flags),
            env=process_environment(self.env),
            ports={self.port: self.port_variable},
            run_as=_run_as(),
            # Fast shutdown, immediate shutdown, crash.
            stop_signals=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL),
        )

    def ready(self) -> bool:
        """Tell whether the database's owner can log in and read."""
        try:
            with psycopg.connect(self.dsn(self.owner), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def dsn(self, account: Account) -> str:
        """Return the connection string of an account for this server's database."""
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1",
            port=self.port,
            dbname=self.database,
            user=account.user,
            password=account.password,
            **self.client,
        )

    def _initialise(self) -> None:
        making = self.folder.with_name(f"{self.name}.new")
        for leftover in (making, self.folder):
            shutil.rmtree(leftover, ignore_errors=True)
        making.parent.mkdir(parents=True, exist_ok=True)
        making.mkdir(mode=0o700)
        if _run_as() is not None:
            shutil.chown(making, str(_run_as()))
            self._require_reachable(making)
        superuser = ("-U", self.superuser.user, "-A", "trust")
        self._run(
            (str(_binaries() / "initdb"), "-D", str(making), *superuser, "-E", "UTF8", "--no-locale", "--no-sync")
        )
        (making / "pg_hba.conf").write_text(_HBA)
        single_user = (str(_binaries() / "postgres"), "--single", "-D", str(making), "-c", "fsync=off", "postgres")
        self._run(single_user, "".join(f"{statement}\n" for statement in accounts(self.name, self.env)))
        making.rename(self.folder)

    def _run(self, argv: tuple[str, ...], text: str = "") -> None:
        done = subprocess.run(
            (*_prefix(), *argv),
            input=text.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            user=_run_as(),
            group=_run_as(),
            extra_groups=[] if _run_as() else None,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        # The single-user backend exits with 0 whatever its statements came to.
        if done.returncode != 0 or "ERROR:" in output:
            lines = [line for line in output.splitlines() if line.strip()]
            raise StackError(f"{Path(argv[0]).name} failed for {self.name}: {lines[-1] if lines else 'no output'}")

    def _require_reachable(self, folder: Path) -> None:
        if subprocess.run(("ls", str(folder)), capture_output=True, check=False, user=_run_as()).returncode != 0:
            raise StackError(
                f"PostgreSQL does not run as root and the user {_run_as()} cannot reach {folder}: "
                "set CDC_LOCAL to a folder that it can reach, or run as another user than root."
            )


@cache
def _binaries() -> Path:
    """Return the folder of the newest installed server's programs (Debian keeps them out of PATH)."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    for folder in reversed(candidates):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise StackError("The PostgreSQL server programs are not installed: run compose/local/setup.sh.")


@cache
def _major_version() -> str:
    output = subprocess.run((str(_binaries() / "postgres"), "--version"), capture_output=True, check=True, text=True)
    return output.stdout.split()[2].partition(".")[0]


@cache
def _namespace_works() -> bool:
    try:
        return subprocess.run((*_NAMESPACE, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _prefix() -> tuple[str, ...]:
    return _NAMESPACE if os.geteuid() == 0 and _namespace_works() else ()


def _run_as() -> str | None:
    return "postgres" if os.geteuid() == 0 and not _namespace_works() else None

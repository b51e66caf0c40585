"""A MySQL server, for the tests of MySQL as a source: no demo has one. `mysql.sh` fetches it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache

from compose.local.daemon import StackError
from compose.local.env import REPO
from compose.local.mariadb import AS_ROOT, MariaDbServer
from compose.local.settings import accounts


@dataclass(frozen=True, slots=True)
class MySqlServer(MariaDbServer):
    """The server: as MariaDB's, with the accounts and the database that `env` names for the ERP, but for its making."""

    @property
    def name(self) -> str:
        """The name of the service."""
        return "mysql"

    def _program(self) -> tuple[str, ...]:
        return _fetched(self.env["CDC_MYSQL"])

    def _fill(self, places: tuple[str, ...]) -> None:
        statements = self._temporary / "accounts.sql"
        statements.write_text("\n".join(accounts(self.name, self.env)))
        options = (f"--init-file={statements}", "--secure-file-priv=NULL", "--initialize-insecure")
        self._run((*self._program(), *AS_ROOT, *places, *options))


@cache
def _fetched(folder: str) -> tuple[str, ...]:
    """Return the words that begin the server's command; it is fetched into the folder if need be."""
    script = ("bash", REPO / "compose" / "local" / "mysql.sh")
    done = subprocess.run(script, env={**os.environ, "CDC_MYSQL": folder}, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise StackError(done.stderr.strip())
    return tuple(done.stdout.splitlines())

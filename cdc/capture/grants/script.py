"""The script for a source, of whatever product."""

from __future__ import annotations

from collections.abc import Mapping

from cdc.capture.grants import mariadb, mysql, postgresql
from cdc.capture.grants.identity import needed_identities
from cdc.capture.login import Login
from cdc.capture.source import Source
from cdc.errors import FatalError
from cdc.reference import UnresolvedError, resolve


def script(source: Source, variables: Mapping[str, str], login: Login | None) -> str:
    """Return the script. `login` is by whom the catalogue is read; None: it is not, and no replica identity is set.

    Raises SRC-101 if the account's name cannot be resolved, else as `cdc.capture.catalogue.read_contracts` says of a
    session.
    """
    user = _resolved(source, "user", variables)
    if source.kind == "mariadb":
        return mariadb.script(source, user)
    if source.kind == "mysql":
        return mysql.script(source, user, _resolved(source, "database", variables))
    return postgresql.script(source, user, needed_identities(source, login) if login else None)


def _resolved(source: Source, name: str, variables: Mapping[str, str]) -> str:
    try:
        return resolve(getattr(source, name), variables, for_connect=True)
    except UnresolvedError as error:
        raise FatalError("SRC-101", f"\n  {source.name}.yaml: {name}: {error}") from error

"""The two PostgreSQL servers of the stack and what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from compose.local.postgres import Account, PostgresServer


def mes_server(env: Mapping[str, str]) -> PostgresServer:
    """Return the MES, which is a source."""
    return _server(env, "mes", "CDC_MES")


def target_server(env: Mapping[str, str]) -> PostgresServer:
    """Return the target: mirrors, canonical tables and the service's own tables."""
    return _server(env, "target", "CDC_TARGET")


def _server(env: Mapping[str, str], name: str, prefix: str) -> PostgresServer:
    """Build one server from its variables; the MES is owned by its application, the target by the service."""
    owner, superuser = ("ADMIN", "DBA") if prefix == "CDC_MES" else ("", "ADMIN")
    return PostgresServer(
        name=name,
        local=Path(env["CDC_LOCAL"]),
        port=int(env[f"{prefix}_PORT"]),
        port_variable=prefix.replace("CDC_", "CDC_PORT_"),
        database=env[f"{prefix}_DATABASE"],
        owner=_account(env, f"{prefix}_{owner}".rstrip("_")),
        superuser=_account(env, f"{prefix}_{superuser}"),
        env=env,
    )


def _account(env: Mapping[str, str], prefix: str) -> Account:
    return Account(env[f"{prefix}_USER"], env[f"{prefix}_PASSWORD"])

"""The two PostgreSQL servers of the stack and what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from compose.local.postgres import Account, PostgresServer


def mes_server(env: Mapping[str, str]) -> PostgresServer:
    """Return the MES: a source, ready for logical decoding, with the disk fuse that a source should have."""
    settings = {
        "wal_level": "logical",
        "max_replication_slots": "10",
        "max_wal_senders": "10",
        "max_slot_wal_keep_size": "4GB",
        "timezone": "Asia/Shanghai",
    }
    return _server(env, "mes", "CDC_MES", settings)


def target_server(env: Mapping[str, str]) -> PostgresServer:
    """Return the target: mirrors, canonical tables and the service's own tables."""
    return _server(env, "target", "CDC_TARGET", {"timezone": "UTC"})


def _server(env: Mapping[str, str], name: str, prefix: str, settings: Mapping[str, str]) -> PostgresServer:
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
        settings=settings,
    )


def _account(env: Mapping[str, str], prefix: str) -> Account:
    return Account(env[f"{prefix}_USER"], env[f"{prefix}_PASSWORD"])

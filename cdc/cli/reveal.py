"""Masks in what commands print, and `--reveal`, which takes them away for who may and says why."""

from __future__ import annotations

from typing import Annotated

import psycopg
import typer

from cdc.config import Settings
from cdc.derive.active import dictionary_for_reading
from cdc.errors import FatalError
from cdc.protect.mask import Masks
from cdc.store.action import operator
from cdc.store.connection import as_service_errors, connect

Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show values that are masked, on record; for members of the role for it.")
]
RevealReason = Annotated[str | None, typer.Option("--reason", help="With --reveal: why, for the record.")]


def masks(read: Settings, action: str, object_name: str, reveal: bool, reason: str | None) -> Masks:
    """Return what is masked: nothing if it is revealed, which is on record by then.

    Raises PRT-101 where the login may not look.
    """
    if reveal and not (reason and reason.strip()):
        raise typer.BadParameter("say why: --reason TEXT", param_hint="--reveal")
    with as_service_errors(), connect(read.target, f"cdc {action}") as connection:
        connection.autocommit = True  # a large dictionary takes longer to load than a transaction may wait
        if reveal:
            _put_on_record(connection, action, object_name, reason)
            return Masks()
        return Masks.of(dictionary_for_reading(connection, read.folders.dictionary), mirror_keys(connection))


def mirror_keys(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the key columns of each mirror, as its contract in force has them."""
    return dict(connection.execute("SELECT mirror, content -> 'key' FROM cdc.contract").fetchall())


def _put_on_record(connection: psycopg.Connection, action: str, object_name: str, reason: str | None) -> None:
    try:
        connection.execute("SELECT cdc.reveal(%s, %s, %s, %s)", (operator(), action, object_name, reason))
    except psycopg.errors.InsufficientPrivilege as error:
        raise FatalError("PRT-101", action) from error

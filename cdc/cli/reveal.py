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
from transforms.model import Dictionary

Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show values that are masked, on record; for members of the role for it.")
]
RevealReason = Annotated[str | None, typer.Option("--reason", help="With --reveal: why, for the record.")]


def masks(read: Settings, action: str, object_name: str, reveal: bool, reason: str | None) -> Masks:
    """Return what is masked: nothing if it is revealed, which is on record by then.

    Raises PRT-101 where the login may not look.
    """
    require_reason(reveal, reason)
    with as_service_errors(), connect(read.target, f"cdc {action}") as connection:
        connection.autocommit = True  # a dictionary takes its time to be read: no transaction waits for it
        if reveal:
            _put_on_record(connection, action, object_name, reason)
            return Masks()
        return masks_by(connection, dictionary_for_reading(connection, read.folders.dictionary))


def masks_or_look(
    connection: psycopg.Connection, dictionary: Dictionary, look: tuple[str, str], reveal: bool, reason: str | None
) -> Masks:
    """Return the same as `masks`, by a connection in autocommit and a dictionary that a command has anyway.

    `look`: the command, and at what somebody looks.
    """
    if reveal:
        _put_on_record(connection, *look, reason)
        return Masks()
    return masks_by(connection, dictionary)


def masks_by(connection: psycopg.Connection, dictionary: Dictionary) -> Masks:
    """Return what is masked by a dictionary that was read already."""
    return Masks.of(dictionary, mirror_keys(connection))


def require_reason(reveal: bool, reason: str | None) -> None:
    """Raise BadParameter if somebody wants to look and does not say why."""
    if reveal and not (reason and reason.strip()):
        raise typer.BadParameter("say why: --reason TEXT", param_hint="--reveal")


def mirror_keys(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the key columns of each mirror, as its contract in force has them."""
    return dict(connection.execute("SELECT mirror, content -> 'key' FROM cdc.contract").fetchall())


def _put_on_record(connection: psycopg.Connection, action: str, object_name: str, reason: str | None) -> None:
    """Say who looks behind masks, at what and why; committed before he sees anything. Raises PRT-101."""
    try:
        connection.execute("SELECT cdc.reveal(%s, %s, %s, %s)", (operator(), action, object_name, reason))
    except psycopg.errors.InsufficientPrivilege as error:
        raise FatalError("PRT-101", action) from error

"""Before columns are left out of a stream: whether the target and the contracts are ready for it.

An event without a column is one that is older than the column, as far as landing can tell, and its row gets the
column's default. So the mirror has to have lost the column before the connector stops sending it.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from cdc.capture.contract import Contract
from cdc.capture.snapshot_select import lists_columns
from cdc.capture.source import Source
from cdc.config import Settings, environment
from cdc.errors import FatalError
from cdc.land.contract.in_force import read_contracts_in_force
from cdc.store.connection import connect


def check_left_out(source: Source, contracts: Iterable[Contract], options: Settings) -> None:
    """Raise TGT-116 if a mirror still has a column that is left out, SRC-105 if a listed select would miss a column."""
    listed = [contract for contract in contracts if lists_columns(contract)]
    if not listed:
        return
    from cdc.capture.catalogue import read_contracts as read_catalogue  # noqa: PLC0415 - two drivers, for this alone

    _check_mirrors(source, listed, options)
    live = {contract.mirror: contract for contract in read_catalogue(source, environment())}
    stale = [c.mirror for c in listed if _names(live[c.mirror]) != _names(c)]
    if stale:
        raise FatalError("SRC-105", f"{source.name}: {', '.join(stale)}")


def _check_mirrors(source: Source, contracts: Iterable[Contract], options: Settings) -> None:
    try:
        with connect(options.target, "cdc connectors apply") as connection:
            in_force = {c.mirror: c for c in read_contracts_in_force(connection, source.name)}
    except psycopg.errors.UndefinedTable:
        return  # nothing has been applied yet
    kept = [
        f"{contract.mirror}.{name}"
        for contract in contracts
        for name in contract.without
        if contract.mirror in in_force and name in _names(in_force[contract.mirror])
    ]
    if kept:
        raise FatalError("TGT-116", ", ".join(kept))


def _names(contract: Contract) -> set[str]:
    return {column.name for column in contract.columns} | set(contract.omitted)

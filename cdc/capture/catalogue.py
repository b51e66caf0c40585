"""A live source's catalogue read into contracts: a few read-only queries, nothing is written there.

Whatever cannot become an exact mirror is found here, before a connector runs, and all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdc.capture import catalogue_binlog, catalogue_postgresql
from cdc.capture.contract import Contract
from cdc.capture.login import login_of
from cdc.capture.source import BINLOG, Source
from cdc.errors import NotAdmitted, TransientError

_READERS = {**dict.fromkeys(BINLOG, catalogue_binlog.read), "postgresql": catalogue_postgresql.read}
_ESTIMATES = {**dict.fromkeys(BINLOG, catalogue_binlog.estimate), "postgresql": catalogue_postgresql.estimate}


def read_contracts(source: Source, variables: Mapping[str, str]) -> tuple[Contract, ...]:
    """Return the contract of every captured table, in the order of the connector file.

    `variables` are what `${env:NAME}` means. Raises TransientError SRC-110 if the server does not answer, NotAdmitted
    SRC-101 for references that lead nowhere, SRC-111 for the login, SRC-112 if one side does not trust the other,
    FatalError SRC-111 for a privilege, SRC-12x for tables, keys and publications, SRC-20x for types and names, LND-107
    for foreign keys that cascade, SRC-360 for a server that was never tried.
    """
    return _READERS[source.kind](source, login_of(source, variables))


def estimate_rows(source: Source, variables: Mapping[str, str]) -> dict[str, int]:
    """Return about how many rows the captured tables have, by mirror, where the source's statistics say.

    One cheap query; no table is read. Raises as `read_contracts`, but for what it says of tables.
    """
    estimates = _ESTIMATES[source.kind](source, login_of(source, variables))
    return {f"{source.name}.{table}": rows for table, rows in estimates.items()}


def follow_contracts(source: Source, variables: Mapping[str, str]) -> tuple[Contract, ...]:
    """Return the same for a worker that runs. Raises TransientError SRC-113 if it is not let in (any more)."""
    try:
        return read_contracts(source, variables)
    except NotAdmitted as error:
        raise TransientError("SRC-113", f"{error.code}, {error.detail}") from error

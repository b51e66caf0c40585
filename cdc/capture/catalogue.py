"""A live source's catalogue read into contracts: a few read-only queries, nothing is written there.

Whatever cannot become an exact mirror is found here, before a connector runs, and all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdc.capture import catalogue_mariadb, catalogue_postgresql
from cdc.capture.contract import Contract
from cdc.capture.login import login_of
from cdc.capture.source import Source

_READERS = {"mariadb": catalogue_mariadb.read, "postgresql": catalogue_postgresql.read}


def read_contracts(source: Source, variables: Mapping[str, str]) -> tuple[Contract, ...]:
    """Return the contract of every captured table, in the order of the connector file.

    `variables` are what `${env:NAME}` means. Raises TransientError SRC-110 if the server does not answer, FatalError
    SRC-111 for a login or privilege, SRC-12x for tables, keys and publications, SRC-20x for types and names, LND-107
    for foreign keys that cascade.
    """
    return _READERS[source.kind](source, login_of(source, variables))

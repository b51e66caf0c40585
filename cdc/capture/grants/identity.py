"""Which tables of a PostgreSQL source need a replica identity of their own, as its catalogue is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdc.capture.catalogue_postgresql import contracts_of, gather, identity_clause, session
from cdc.capture.connector import publication
from cdc.capture.finding import Fault, faults_of
from cdc.capture.login import Login
from cdc.capture.quoting import double_quoted
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError

_LONG_VALUE = "SRC-205"


def needed_identities(source: Source, login: Login) -> tuple[str, ...]:
    """Return the statements, those included that have been run already; a comment for a table that can have none."""
    with session(login) as connection:
        facts = gather(connection, [(table.schema, table.name) for table in source.tables], publication(source))
    whole = set()
    try:
        contracts_of(source, facts)
    except FatalError as error:
        whole = {one.statement for one in faults_of(error) if isinstance(one, Fault) and one.code == _LONG_VALUE}
    statements = []
    for table in source.tables:
        row = facts.tables.get((table.schema, table.name))
        alter = f"ALTER TABLE {double_quoted(table.schema, table.name)} REPLICA IDENTITY"
        if row is None:
            statements.append(f"-- {table.schema}.{table.name} is not there")
        elif any(_is_of(statement, table) for statement in whole):
            statements.append(f"{alter} FULL;")
        elif clause := _clause(table, row):
            statements.append(f"{alter} {clause};")
        elif not row["has_primary"]:
            statements.append(f"-- {table.schema}.{table.name} has no key: name its columns under `key` first")
    return tuple(statements)


def _is_of(statement: str, table: SourceTable) -> bool:
    """Tell whether the catalogue's statement is about the table; it quotes names only where it must."""
    plain = statement.replace('"', "")
    return plain.startswith(f"ALTER TABLE {table.schema}.{table.name} ")


def _clause(table: SourceTable, row: Mapping[str, Any]) -> str:
    """Return what is to be said of a table; empty where the server's default, the primary key, will do."""
    if row["identity"] == "f":
        return "FULL"
    if row["identity"] == "i":
        return f"USING INDEX {double_quoted(row['unique_index'])}" if row["unique_index"] else ""
    needed = identity_clause(table, row)
    return "" if (needed, row["identity"]) == ("DEFAULT", "d") else needed

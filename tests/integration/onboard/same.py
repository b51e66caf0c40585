"""A mirror's rows by the source's, cell by cell as text, where both products spell a value alike."""

from __future__ import annotations

from typing import Any

import psycopg

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.keyless import COUNT, ORIGIN, source_columns

Rows = list[tuple[Any, ...]]


def mirror_rows(target: psycopg.Connection, contract: Contract, kind: str) -> Rows:
    """Return the rows of a mirror, each as often as the source has it."""
    cells = ", ".join(_mirror_cell(column, kind) for column in source_columns(contract.columns))
    again = f', generate_series(1, "{COUNT}")' if contract.key_origin == ORIGIN else ""
    query = f'SELECT {cells} FROM "{contract.schema}"."{contract.table}"{again}'
    target.execute("SET timezone = 'UTC'")
    return sorted(target.execute(query.encode()).fetchall(), key=repr)


def source_rows(connection: Any, contract: Contract, kind: str) -> Rows:
    """Return the rows of the source's table."""
    own = source_columns(contract.columns)
    schema, _, table = contract.source_table.partition(".")
    if kind == "postgresql":
        cells, place = ", ".join(f'"{column.name}"::text' for column in own), f'"{schema}"."{table}"'
    else:
        cells, place = ", ".join(map(_mariadb_cell, own)), f"`{schema}`.`{table}`"
    with connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'" if kind == "postgresql" else "SET time_zone = '+00:00'")
        cursor.execute(f"SELECT {cells} FROM {place}")
        return sorted(cursor.fetchall(), key=repr)


def _mirror_cell(column: ColumnContract, kind: str) -> str:
    name = f'"{column.name}"'
    if kind == "postgresql":
        return f"{name}::text"
    match column.decoder:
        case "float":
            return f"{name}::float8"
        case "bytes_hex":
            return f"upper(encode({name}, 'hex'))"
        case "duration_us":
            return f"extract(epoch FROM {name})::float8"
        case "timestamptz_iso":
            return f"({name} AT TIME ZONE 'UTC')::text"
        case _:
            return f"{name}::text"


def _mariadb_cell(column: ColumnContract) -> str:
    name = f"`{column.name}`"
    match column.decoder.partition(":")[0]:
        case "float":
            return f"{name} + 0e0"
        case "bytes_hex":
            return f"HEX({name})"
        case "duration_us":
            return f"TIME_TO_SEC({name}) + 0e0"
        case "bit":
            return f"LPAD(BIN({name} + 0), {column.decoder.partition(':')[2]}, '0')"
        case _:
            return f"CAST({name} AS CHAR)"

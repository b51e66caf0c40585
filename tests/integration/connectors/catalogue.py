"""A source's whole catalogue, as rows that can be compared: what the DBA's script has left is what must be there."""

from __future__ import annotations

from typing import Any, Final

# What servers write there by themselves: statistics, and the horizon of vacuum.
_STATISTICS: Final = {"pg_statistic", "pg_statistic_ext_data"}
_UPKEEP: Final = "{relpages,reltuples,relallvisible,relfrozenxid,relminmxid,datfrozenxid,datminmxid}"
_MARIADB: Final = {
    # Those of information_schema itself are made when somebody asks.
    "information_schema.TABLES WHERE TABLE_SCHEMA <> 'information_schema'": (
        "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_TIME, CREATE_OPTIONS"
    ),
    "information_schema.COLUMNS": "*",
    "information_schema.STATISTICS": "TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME",
    "information_schema.TRIGGERS": "*",
    "information_schema.ROUTINES": "*",
    "information_schema.VIEWS": "*",
    "information_schema.EVENTS": "*",
    "information_schema.SCHEMATA": "*",
    "information_schema.REFERENTIAL_CONSTRAINTS": "*",
    "information_schema.USER_PRIVILEGES": "*",
    "mysql.global_priv": "*",
    "mysql.db": "*",
    "mysql.tables_priv": "*",
    "mysql.columns_priv": "*",
    "mysql.roles_mapping": "*",
    # A position in the log is one, too.
    "information_schema.GLOBAL_VARIABLES": "*",
}


def of_postgresql(connection: Any) -> dict[str, list[str]]:
    """Return the rows of every table of the catalogue, by its name."""
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
    ).fetchall()
    return {
        name: sorted(
            row
            for (row,) in connection.execute(
                f"SELECT (to_jsonb(t) - '{_UPKEEP}'::text[])::text FROM pg_catalog.{name} t".encode()
            )
        )
        for (name,) in sorted(found)
        if name not in _STATISTICS
    }


def of_mariadb(connection: Any) -> dict[str, list[str]]:
    """Return what the server says of its tables, rights, routines and settings, by the table that says it."""
    found = {}
    with connection.cursor() as cursor:
        for name, columns in _MARIADB.items():
            cursor.execute(f"SELECT {columns} FROM {name}")
            rows = sorted(repr(row) for row in cursor.fetchall())
            found[name] = [row for row in rows if "GTID_" not in row]
    return found

"""The catalogue of a PostgreSQL source: pg_catalog, read in one read-only transaction."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from cdc.capture.connector import publication
from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.default_postgresql import mirror_default
from cdc.capture.finding import Fault, all_of, check_declared_key, check_names, check_without, for_each, raise_all
from cdc.capture.keyless import as_keyless
from cdc.capture.login import APPLICATION, CONNECT_TIMEOUT_S, Login
from cdc.capture.policy import as_tokens, policy_of
from cdc.capture.publication import check_publication, published_by
from cdc.capture.quoting import double_quoted
from cdc.capture.source import Source, SourceTable
from cdc.capture.types_postgresql import SourceType, needs_full, of_postgresql
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
from cdc.key import is_loose
from cdc.postgresql import distrust_of, encryption, reason_of

# The empty search_path makes the catalogue print names of other schemas in full; the rest, values as mirrors take them.
QUERY_TIMEOUT_MS = 60_000
_SESSION = "-c default_transaction_read_only=on -c search_path= -c datestyle=ISO -c intervalstyle=postgres"
_OURS = f"-c timezone=UTC -c statement_timeout={QUERY_TIMEOUT_MS}"

_TABLES = """
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relreplident AS identity,
       has_table_privilege(c.oid, 'SELECT') AS readable,
       ARRAY(SELECT i.inhrelid::regclass::text FROM pg_catalog.pg_inherits i
             WHERE i.inhparent = c.oid AND c.relkind = 'r' ORDER BY 1) AS heirs,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary,
       (SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND NOT i.indisprimary
          AND i.indpred IS NULL AND i.indexprs IS NULL
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attnotnull
                          AND a.attnum = ANY (i.indkey::smallint[]))
        ORDER BY i.indisreplident DESC, i.indnkeyatts, x.relname LIMIT 1) AS unique_index
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"""
_ESTIMATES = """
SELECT c.relname AS name, c.reltuples::bigint AS rows
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND c.reltuples >= 0"""
# Domains down to what they are made of; a domain may narrow another one, the length stands in one of them.
_COLUMNS = """
WITH RECURSIVE wanted AS (
    SELECT a.*, coalesce(nullif(t.typelem, 0), t.oid) AS element, t.typcategory = 'A' AS is_array
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
), base AS (
    SELECT attrelid, attnum, atttypid AS oid, atttypmod AS typmod, false AS required FROM wanted
  UNION ALL
    SELECT b.attrelid, b.attnum, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.typmod END,
           b.required OR t.typnotnull
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT w.attrelid AS table, w.attrelid::regclass::text AS relation, w.attnum AS number,
       w.attname AS name, w.attndims AS dimensions, w.attidentity AS identity,
       pg_catalog.format_type(w.atttypid, w.atttypmod) AS type, pg_catalog.format_type(b.oid, b.typmod) AS base,
       coalesce(e.typtype, t.typtype) AS kind, coalesce(e.typname, t.typname) AS type_name,
       coalesce(e.typnamespace, t.typnamespace)::regnamespace::text AS type_schema, w.attstorage <> 'p' AS is_toastable,
       NOT (w.attnotnull OR b.required) AS nullable,
       w.attgenerated <> '' AS computed, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
       pg_catalog.col_description(w.attrelid, w.attnum) AS comment,
       w.atthasmissing AS has_missing, (w.attmissingval::text::text[])[1] AS missing,
       c.relfilenode = c.oid AS first_file
FROM wanted w
JOIN pg_catalog.pg_class c ON c.oid = w.attrelid
JOIN base b ON (b.attrelid, b.attnum) = (w.attrelid, w.attnum)
JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_attrdef d ON (d.adrelid, d.adnum) = (w.attrelid, w.attnum)
ORDER BY w.attrelid, w.attnum"""
_INDEXES = """
SELECT i.indrelid AS table, i.indisprimary AS is_primary, i.indisreplident AS is_identity, a.attname AS name
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
JOIN pg_catalog.pg_attribute a ON (a.attrelid, a.attnum) = (i.indrelid, k.number)
WHERE i.indrelid = ANY (%s::oid[]) AND (i.indisprimary OR i.indisreplident) AND k.place <= i.indnkeyatts
ORDER BY i.indexrelid, k.place"""
_ENUM_DOMAINS = """
SELECT n.nspname || '.' || t.typname AS name FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND t.typcategory = 'E' ORDER BY 1"""
# With two decimals behind a point, and commas between thousands.
_MONETARY = re.compile(r"(C|POSIX|en_US)(\..*)?")

_TABLE_KINDS = ("r", "p")

_Rows = Sequence[Mapping[str, Any]]
_Tables = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalogue says of some tables: rows of the queries above, `columns` and `indexes` by table oid.

    `published` is None where there is no such publication; `locale` is lc_monetary, `user` who has read it.
    """

    tables: _Tables
    columns: Mapping[int, _Rows]
    indexes: Mapping[int, _Rows]
    published: Mapping[str, Any] | None
    locale: str
    user: str = ""


def read(source: Source, login: Login) -> tuple[Contract, ...]:
    """Return the contract of every captured table. Raises as `cdc.capture.catalogue.read_contracts` says."""
    contracts: list[Contract] = []
    with session(login) as connection:
        facts = gather(connection, [(table.schema, table.name) for table in source.tables], publication(source))
        all_of(partial(check_database, source, connection), lambda: contracts.extend(contracts_of(source, facts)))
    return tuple(contracts)


def gather(connection: psycopg.Connection[DictRow], names: Sequence[tuple[str, str]], publication: str) -> Facts:
    """Read what the catalogue says of the tables `names` (schema, table); one that is not there has no entry."""
    schemas, tables = [schema for schema, _ in names], [table for _, table in names]
    found = {(row["schema"], row["name"]): row for row in connection.execute(_TABLES, (schemas, tables))}
    oids = [row["oid"] for row in found.values()]
    columns = _by_table(connection.execute(_COLUMNS, (oids,)).fetchall())
    indexes = _by_table(connection.execute(_INDEXES, (oids,)).fetchall())
    published = published_by(publication, connection)
    return Facts(found, columns, indexes, published, str(_setting(connection, "lc_monetary")), connection.info.user)


def contracts_of(source: Source, facts: Facts) -> tuple[Contract, ...]:
    """Return the contract of every captured table, as the catalogue is by `facts`. Raises as `read`."""
    tables, columns, indexes = facts.tables, facts.columns, facts.indexes
    real = {place: row for place, row in tables.items() if row["kind"] in _TABLE_KINDS}
    contracts: list[Contract] = []

    def contract(table: SourceTable) -> None:
        row = real.get((table.schema, table.name))
        if row is not None:
            contracts.append(contract_of(source, table, row, columns[row["oid"]], indexes[row["oid"]]))

    all_of(
        partial(_check_tables, source, tables, facts.user),
        partial(check_publication, source, facts.published, real),
        partial(_check_money, source, tables, columns, facts.locale),
        partial(for_each, source.tables, contract),
    )
    # A publication of whole schemas, or of all tables, has none.
    entries = (facts.published and facts.published["entries"]) or {}
    oids = [tables[table.schema, table.name]["oid"] for table in source.tables]
    return tuple(
        replace(contract, published=entries.get(str(oid)), relation=oid)
        for oid, contract in zip(oids, contracts, strict=True)
    )


def identity_clause(table: SourceTable, row: Mapping[str, Any]) -> str:
    """Return the replica identity that a table needs, as ALTER TABLE takes it; empty if only its owner can tell.

    `row` is of `Facts.tables`.
    """
    if table.is_keyless or (table.key and not row["has_primary"]):
        return "FULL"
    if row["has_primary"]:
        return "DEFAULT"
    return f"USING INDEX {double_quoted(row['unique_index'])}" if row["unique_index"] else ""


def estimate(source: Source, login: Login) -> dict[str, int]:
    """Return about how many rows tables have, by name, as of their last ANALYZE; one that had none is left out."""
    with session(login) as connection:
        schemas, names = [table.schema for table in source.tables], [table.name for table in source.tables]
        rows = connection.execute(_ESTIMATES, (schemas, names)).fetchall()
    return {row["name"]: row["rows"] for row in rows}


def contract_of(source: Source, table: SourceTable, row: Mapping[str, Any], columns: _Rows, indexes: _Rows) -> Contract:
    """Return the contract of one table by its rows of the catalogue. Raises SRC-121, -122, -127, -128, SRC-20x."""
    mirror = f"{source.name}.{table.name}"
    taken = [column for column in columns if column["name"] not in table.without]
    check_names(mirror, table.name, (column["name"] for column in taken))
    whole = row["identity"] == "f"
    present = (column for column in taken if not column["computed"])
    kept = tuple(for_each(present, partial(column_of, mirror, logs_all=whole)))
    if table.is_keyless:
        if not whole:
            detail = f"{mirror} (replica identity {_IDENTITIES[row['identity']]}, not full)"
            raise Fault("SRC-121", detail, identify(table, row))
        primary = tuple(index["name"] for index in indexes if index["is_primary"])
        kept, key, origin = as_keyless(mirror, kept, primary)
    else:
        key, origin = _key(mirror, table, row, indexes)
    check_without(mirror, table.without, key, (column["name"] for column in columns))
    _check_generated(mirror, table.without, columns)
    _check_key(mirror, key, columns)
    check_declared_key(mirror, key, kept)
    loose = [column.name for column in kept if column.name in key and is_loose(column.mirror_type)]
    if loose:
        raise FatalError("SRC-128", f"{mirror}: {', '.join(loose)}")
    omitted = tuple(column["name"] for column in taken if column["computed"])
    name = f"{table.schema}.{table.name}"
    contract = Contract(mirror, name, key, origin, kept, omitted=omitted, without=table.without)
    return as_tokens(contract, policy_of(source))


def _check_key(mirror: str, key: Sequence[str], columns: _Rows) -> None:
    computed = [column["name"] for column in columns if column["computed"] and column["name"] in key]
    if computed:
        raise FatalError("SRC-122", f"{mirror}: {', '.join(computed)} is generated, and is not in the log")


def _check_generated(mirror: str, without: Sequence[str], columns: _Rows) -> None:
    """Raise SRC-127 if a generated column is left out beside an enumerated type: it tells of a shift (LND-112)."""
    hidden = [column["name"] for column in columns if column["computed"] and column["name"] in without]
    enumerated = [column["name"] for column in columns if column["kind"] == "e"]
    if hidden and enumerated:
        beside = f"beside the enumerated type of {', '.join(enumerated)}"
        raise FatalError("SRC-127", f"{mirror}: {', '.join(hidden)} is generated, which is needed {beside}")


def identify(table: SourceTable, row: Mapping[str, Any]) -> str:
    """Return the statement that gives a table the replica identity that it needs; empty if only its owner can tell."""
    clause = identity_clause(table, row)
    return clause and f"ALTER TABLE {double_quoted(table.schema, table.name)} REPLICA IDENTITY {clause}"


def _key(mirror: str, table: SourceTable, row: Mapping[str, Any], indexes: _Rows) -> tuple[tuple[str, ...], str]:
    """Return key and origin. The log of a change must name the row by exactly these columns."""
    identity, needed = row["identity"], identify(table, row)
    primary = tuple(index["name"] for index in indexes if index["is_primary"])
    named = {
        "d": primary,
        "i": tuple(index["name"] for index in indexes if index["is_identity"]),
        "f": primary or table.key,
        "n": (),
    }[identity]
    if not named:
        raise Fault("SRC-121", f"{mirror} (replica identity {_IDENTITIES[identity]})", needed)
    if table.key and identity != "f" and set(table.key) != set(named):
        raise FatalError("SRC-122", f"{mirror}: the log names rows by {', '.join(named)}")
    if table.key:
        return table.key, "declared"
    if primary and set(primary) != set(named):
        # The connector would take the primary key, of which the log of a delete says nothing.
        raise Fault("SRC-121", f"{mirror}: replica identity is {', '.join(named)}, not the primary key", needed)
    return named, "primary" if primary else "unique"


_IDENTITIES = {"d": "default", "i": "index", "f": "full", "n": "nothing"}


def column_of(mirror: str, row: Mapping[str, Any], *, logs_all: bool) -> ColumnContract:
    """Return one column; raises SRC-201, SRC-202, SRC-205.

    `logs_all` says that the log carries what an update leaves alone: replica identity FULL.
    """
    place = f"{mirror}.{row['name']}"
    if row["dimensions"] > 1:
        raise FatalError("SRC-202", f"{place} is {row['type']}: arrays of several dimensions arrive empty")
    source = SourceType(row["base"], row["type"], row["kind"], row["type_schema"], row["type_name"])
    kind = of_postgresql(source, place)
    if row["is_toastable"] and not logs_all and needs_full(source, kind.decoder):
        whole = f"ALTER TABLE {row['relation']} REPLICA IDENTITY FULL"
        raise Fault("SRC-205", f"{place} is {row['type']}", whole)
    default, computed = mirror_default(row)
    return ColumnContract(
        row["name"],
        row["type"],
        kind.mirror_type,
        kind.decoder,
        row["nullable"],
        default,
        computed,
        number=row["number"],
        comment=row["comment"],
    )


def check_database(source: Source, connection: psycopg.Connection[DictRow]) -> None:
    """Raise SRC-203, SRC-124, SRC-125 for what of the database stands in every table's way."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding == "SQL_ASCII":
        raise FatalError("SRC-203", f"{source.name}: the database's encoding is {encoding}")
    level = _setting(connection, "wal_level")
    if level != "logical":
        statement = "ALTER SYSTEM SET wal_level = 'logical'; -- and start the server anew"
        raise Fault("SRC-125", f"{source.name}: wal_level is {level}, not logical", statement)
    domains = [row["name"] for row in connection.execute(_ENUM_DOMAINS)]
    raise_all([FatalError("SRC-124", f"{source.name}: domain {name}") for name in domains])


def _setting(connection: psycopg.Connection[DictRow], name: str) -> Any:
    row = connection.execute("SELECT current_setting(%s) AS value", (name,)).fetchone()
    return row and row["value"]


def is_monetary(locale: str) -> bool:
    """Tell whether Debezium reads the money that a server of this lc_monetary prints."""
    return _MONETARY.fullmatch(locale) is not None


def _check_money(source: Source, tables: _Tables, columns: Mapping[int, _Rows], locale: str) -> None:
    """Raise if the server prints money in a way that Debezium reads wrongly (1.234,56 for 1234.56)."""
    if is_monetary(locale):
        return
    left_out = {(table.schema, table.name): table.without for table in source.tables}
    places = [
        f"{source.name}.{row['name']}.{column['name']}"
        for row in tables.values()
        for column in columns[row["oid"]]
        if column["base"] == "money" and column["name"] not in left_out[row["schema"], row["name"]]
    ]
    raise_all([FatalError("SRC-202", f"{place} is money: lc_monetary is {locale}, not C or en_US") for place in places])


def _check_tables(source: Source, tables: _Tables, user: str) -> None:
    errors: list[FatalError] = []
    for table in source.tables:
        place, row = f"{table.schema}.{table.name}", tables.get((table.schema, table.name))
        quoted = double_quoted(table.schema, table.name)
        if row is None:
            errors.append(FatalError("SRC-120", place))
        elif row["kind"] not in _TABLE_KINDS:
            errors.append(FatalError("SRC-120", f"{place} is not a table"))
        elif not row["readable"]:
            errors.append(Fault("SRC-111", f"SELECT on {place}", f"GRANT SELECT ON {quoted} TO {double_quoted(user)}"))
        elif row["heirs"]:
            ends = "; ".join(f"ALTER TABLE {heir} NO INHERIT {quoted}" for heir in row["heirs"])
            errors.append(Fault("SRC-129", f"{place}: {', '.join(row['heirs'])}", ends))
    raise_all(errors)


def _by_table(rows: _Rows) -> Mapping[int, list[Mapping[str, Any]]]:
    grouped: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["table"]].append(row)
    return grouped


@contextmanager
def session(login: Login, *, as_given: bool = False) -> Iterator[psycopg.Connection[DictRow]]:
    """Open a read-only session of one transaction; `as_given`: with time zone and time-outs as the server gives them.

    Raises as `cdc.capture.catalogue.read_contracts`.
    """
    tls = login.tls
    parameters: dict[str, Any] = dict(encryption(tls.mode, tls.ca, tls.certificate, tls.key, tls.key_password))
    try:
        with psycopg.connect(
            host=login.host,
            port=login.port,
            dbname=login.database,
            user=login.user,
            password=login.password.reveal(),
            application_name=APPLICATION,
            client_encoding="utf8",
            connect_timeout=CONNECT_TIMEOUT_S,
            options=_SESSION if as_given else f"{_SESSION} {_OURS}",
            row_factory=dict_row,
            **parameters,
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise _classified(error, login) from error


def _classified(error: psycopg.Error, login: Login) -> CdcError:
    """Tell a refusal from an absence. libpq has no SQLSTATE for what happens before a session; its text says it."""
    place = f"{login.user} at {login.host}:{login.port}"
    if error.sqlstate is not None:
        refused = error.sqlstate[:2] in ("28", "42", "3D")
        return FatalError("SRC-111", place) if refused else TransientError("SRC-110", place)
    reason = reason_of(error)
    distrust = distrust_of(reason, login.host, login.port, login.tls.ca)
    if distrust is not None:
        return NotAdmitted("SRC-112", f"{place}: {distrust}")
    if any(word in reason for word in _REFUSALS):
        return NotAdmitted("SRC-111", f"{place}: {reason}")
    return TransientError("SRC-110", place)


_REFUSALS = ("authentication failed", "no pg_hba.conf entry", "does not exist", "permission denied", "no password")

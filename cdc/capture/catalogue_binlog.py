"""The catalogue of a MariaDB or MySQL source: information_schema, read in one read-only transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import DictCursor

from cdc.capture.cascade import Cascade, cascades_of
from cdc.capture.charset import FULL_UNICODE
from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.dialect import DIALECTS, Dialect
from cdc.capture.finding import Fault, all_of, check_declared_key, check_names, check_without, for_each, raise_all
from cdc.capture.keyless import as_keyless
from cdc.capture.login import APPLICATION, CONNECT_TIMEOUT_S, Login
from cdc.capture.policy import as_tokens, policy_of
from cdc.capture.quoting import backquoted, text
from cdc.capture.source import Source, SourceTable
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
from cdc.tls import UnusableError, client_context, fault_of, unverified_context

_QUERY_TIMEOUT_S = 60

# The last two: the account has no password login; the server demands encryption.
_NO_LOGIN = frozenset({ER.ACCESS_DENIED_ERROR, ER.HOST_NOT_PRIVILEGED, 1698, 3159})
_AWAY = frozenset(
    {
        *(CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST),
        *(CR.CR_UNKNOWN_HOST, ER.CON_COUNT_ERROR, ER.SERVER_SHUTDOWN, ER.TOO_MANY_USER_CONNECTIONS),
    }
)

_TABLES = """
SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"""
_ESTIMATES = """
SELECT TABLE_NAME AS name, TABLE_ROWS AS `rows`
FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_ROWS IS NOT NULL"""
_COLUMNS = """
SELECT TABLE_NAME AS `table`, COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE = 'YES' AS nullable,
       COLUMN_DEFAULT AS `default`, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation, EXTRA AS extra,
       {computed} AS computed, NULLIF(COLUMN_COMMENT, '') AS comment
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME, ORDINAL_POSITION"""
_KEYS = """
SELECT TABLE_NAME AS `table`, COLUMN_NAME AS name
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND INDEX_NAME = 'PRIMARY'
ORDER BY TABLE_NAME, SEQ_IN_INDEX"""
# What a server takes in steps only.
_STEPWISE = {"gtid_mode": ("OFF_PERMISSIVE", "ON_PERMISSIVE")}
_VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN %s"

_BASE = "BASE TABLE"
# What information_schema prints of a character beyond the first 65,536, which it does not have.
_LOST = "?"
_BEYOND = FULL_UNICODE | {"gb18030"}
_DATES = frozenset({"date", "timestamp_us", "timestamptz_iso"})
_SHOWN = 3

_Rows = Sequence[Mapping[str, Any]]
_Cascades = Mapping[str, tuple[Cascade, ...]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalogue says of a database: rows of the queries above, and the statements that would create tables,
    by name. `logs_cascades` says that the server's log has what foreign keys do to rows. `defaults` are the texts of
    those defaults, by table and column, that information_schema may not print as they are.
    """

    dialect: Dialect
    database: str
    tables: _Rows
    columns: _Rows
    keys: _Rows
    definitions: Mapping[str, str]
    logs_cascades: bool
    defaults: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def cascades(self, table: str) -> tuple[Cascade, ...]:
        """Return the keys of a table by which InnoDB changes it without an event."""
        return () if self.logs_cascades else tuple(cascades_of(self.definitions[table], self.database))


def read(source: Source, login: Login) -> tuple[Contract, ...]:
    """Return the contract of every captured table. Raises as `cdc.capture.catalogue.read_contracts` says."""
    contracts: list[Contract] = []
    with session(login) as connection:
        facts = gather(source, connection, login.database, _present(source, connection, login.database))
        all_of(
            partial(check_server, source, connection, login.database),
            partial(_check_tables, source, login.database, facts.tables),
            lambda: contracts.extend(contracts_of(source, facts)),
        )
    return tuple(contracts)


def check_server(source: Source, connection: pymysql.Connection[DictCursor], database: str) -> None:
    """Raise SRC-125, SRC-126 for what of the server stands in every table's way; SRC-360 for a server that was never
    tried.
    """
    _check_version(source, connection)
    all_of(
        partial(_check_logging, source, connection),
        partial(_check_filters, source, connection, database),
        partial(_check_readable, source, connection, database),
    )


def _present(source: Source, connection: pymysql.Connection[DictCursor], database: str) -> list[str]:
    """Return those of the captured tables that are there."""
    base = {row["name"] for row in select(connection, _TABLES, database) if row["type"] == _BASE}
    return [table.name for table in source.tables if table.name in base]


def gather(
    source: Source, connection: pymysql.Connection[DictCursor], database: str, names: Iterable[str] | None = None
) -> Facts:
    """Read what the catalogue says of a database; the definitions of these tables, or of all."""
    dialect = DIALECTS[source.kind]
    queries = (_TABLES, _COLUMNS.format(computed=dialect.computed), _KEYS)
    tables, columns, keys = (select(connection, query, database) for query in queries)
    wanted = [row["name"] for row in tables if row["type"] == _BASE] if names is None else names
    definitions = {name: _definition(connection, name) for name in wanted}
    logs_cascades = dialect.logs_cascades is not None and bool(_asked(connection, dialect.logs_cascades))
    defaults = _true_defaults(connection, [row for row in columns if row["table"] in definitions])
    return Facts(dialect, database, tables, columns, keys, definitions, logs_cascades, defaults)


def _true_defaults(connection: pymysql.Connection[DictCursor], columns: _Rows) -> dict[tuple[str, str], str]:
    """Ask the tables themselves for defaults in which information_schema may have lost a character.

    A table without rows does not answer.
    """
    found = {}
    for row in columns:
        if _may_have_lost(row):
            column, table = backquoted(row["name"]), backquoted(row["table"])
            for answer in _asked(connection, f"SELECT DEFAULT({column}) AS text FROM {table} LIMIT 1"):
                found[row["table"], row["name"]] = answer["text"]
    return found


def _may_have_lost(row: Mapping[str, Any]) -> bool:
    return row["charset"] in _BEYOND and _LOST in (row["default"] or "")


def contracts_of(source: Source, facts: Facts) -> tuple[Contract, ...]:
    """Return the contract of every captured table, as the catalogue is by `facts`. Raises as `read`."""
    present = [table for table in source.tables if table.name in facts.definitions]
    cascades = {table.name: facts.cascades(table.name) for table in present}
    contracts: list[Contract] = []
    all_of(
        lambda: raise_all(unperformable(source, facts.database, facts.columns, cascades)),
        lambda: raise_all(unkept(source, facts.database, cascades)),
        lambda: for_each(present, lambda table: contracts.append(contract_of(source, facts, table))),
        lambda: _check_zero_dates(source, contracts),
    )
    return tuple(contracts)


def last_gtids(kind: str, login: Login) -> str:
    """Return the GTIDs at the end of the binary log, as the product writes them: of MariaDB the last one of each
    domain, of MySQL all that there ever were.
    """
    with session(login) as connection:
        (row,) = _asked(connection, DIALECTS[kind].gtids)
    return str(row["gtids"] or "")


def estimate(source: Source, login: Login) -> dict[str, int]:
    """Return about how many rows tables have, by name, as InnoDB's statistics say."""
    wanted = {table.name for table in source.tables}
    with session(login) as connection:
        rows = select(connection, _ESTIMATES, login.database)
    return {row["name"]: int(row["rows"]) for row in rows if row["name"] in wanted}


def contract_of(source: Source, facts: Facts, table: SourceTable) -> Contract:
    """Return the contract of one table. Raises SRC-121, SRC-122, SRC-127, SRC-20x, LND-107."""
    columns, keys, cascades = facts.columns, facts.keys, facts.cascades(table.name)
    mirror = f"{source.name}.{table.name}"
    own = [row for row in columns if row["table"] == table.name]
    taken = [row for row in own if row["name"] not in table.without]
    check_names(mirror, table.name, (row["name"] for row in taken))
    kept = tuple(for_each((row for row in taken if not row["computed"]), partial(_column, facts, mirror)))
    primary = tuple(row["name"] for row in keys if row["table"] == table.name)
    key, origin = (table.key, "declared") if table.key else (primary, "primary")
    if table.is_keyless:
        kept, key, origin = as_keyless(mirror, kept, primary)
        if cascades:
            raise FatalError("LND-107", f"{mirror} ({cascades[0].name}): the table has no key")
    if not key:
        raise FatalError("SRC-121", mirror)
    check_without(mirror, table.without, key, (row["name"] for row in own))
    check_declared_key(mirror, key, kept)
    _check_bits(mirror, key, kept)
    omitted = tuple(row["name"] for row in taken if row["computed"])
    contract = Contract(
        *(mirror, f"{facts.database}.{table.name}", key, origin, kept),
        omitted=omitted,
        without=table.without,
        cascades=cascades,
    )
    return as_tokens(contract, policy_of(source))


def _column(facts: Facts, mirror: str, row: Mapping[str, Any]) -> ColumnContract:
    column = column_of(facts.dialect, mirror, row)
    if column.computed_default or not _may_have_lost(row):
        return column
    default = facts.defaults.get((row["table"], row["name"]))
    return replace(column, default=default, computed_default=default is None)


def column_of(dialect: Dialect, mirror: str, row: Mapping[str, Any]) -> ColumnContract:
    """Return one column, or raise SRC-201, SRC-202, SRC-203."""
    place = f"{mirror}.{row['name']}"
    charset = row["charset"]
    if charset is not None and charset not in dialect.charsets:
        raise FatalError("SRC-203", f"{place} is {charset}")
    kind = dialect.type_of(row["type"], place, charset)
    hidden = " invisible" if "INVISIBLE" in row["extra"] else ""
    nullable = bool(row["nullable"])
    default, computed = dialect.default_of(row["default"], row["extra"], kind, nullable=nullable)
    zero = nullable and kind.decoder in _DATES
    return ColumnContract(
        *(
            row["name"],
            row["type"] + hidden,
            kind.mirror_type,
            kind.decoder,
            nullable,
            default,
            computed,
            charset,
            zero,
        ),
        # PostgreSQL's JSON, in which contracts are kept, has no NUL.
        comment=row["comment"] and row["comment"].replace("\0", ""),
    )


def _check_bits(mirror: str, key: Sequence[str], columns: Iterable[ColumnContract]) -> None:
    """Raise for bits of several bytes in a key: the snapshot turns them around once for the key, once for the row."""
    for column in columns:
        if column.name in key and column.decoder.startswith("bit:") and int(column.decoder.removeprefix("bit:")) > 8:
            raise FatalError(
                "SRC-202", f"{mirror}.{column.name} is {column.type}: in a key its bytes are turned around"
            )


def _check_zero_dates(source: Source, contracts: Iterable[Contract]) -> None:
    """Raise if a zero date may arrive as NULL and nobody has said that this is what it means."""
    if source.zero_dates == "as_null":
        return
    places = [
        f"{contract.mirror}.{column.name}"
        for contract in contracts
        for column in contract.columns
        if column.zero_date_is_null
    ]
    if places:
        more = f" and {len(places) - _SHOWN} more columns" if len(places) > _SHOWN else ""
        raise FatalError("SRC-206", f"{', '.join(places[:_SHOWN])}{more}")


def _check_version(source: Source, connection: pymysql.Connection[DictCursor]) -> None:
    (row,) = _asked(connection, "SELECT VERSION() AS version")
    if fault := version_fault(DIALECTS[source.kind], str(row["version"])):
        raise FatalError("SRC-360", f"{source.name}: {fault}")


def version_fault(dialect: Dialect, version: str) -> str:
    """Return what is wrong with a server that says of itself what its version is (`10.11.6-MariaDB-log`); empty if it
    is one that was tried.
    """
    numbers = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", version)
    if ("MariaDB" in version) != (dialect.product == "MariaDB"):
        return f"{version} is not {dialect.product}"
    if not numbers or (int(numbers[1]), int(numbers[2])) < dialect.oldest:
        return f"{version}; the oldest is {'.'.join(map(str, dialect.oldest))}"
    return ""


def _check_logging(source: Source, connection: pymysql.Connection[DictCursor]) -> None:
    dialect = DIALECTS[source.kind]
    rows = _asked(connection, _VARIABLES, tuple(dialect.logging))
    found = {row["Variable_name"]: row["Value"] for row in rows}
    # A setting that the server does not have is one that it cannot be wrong about.
    wrong = [name for name, value in dialect.logging.items() if found.get(name, value) != value]
    raise_all([_misset(source, dialect, name, found[name]) for name in wrong])


def _misset(source: Source, dialect: Dialect, name: str, value: str) -> Fault:
    wanted = dialect.logging[name]
    statement = f"SET GLOBAL {name} = {text(wanted)}; -- and in the server's option file"
    if name in dialect.start_anew:
        statement = f"-- in the server's option file, and start the server anew: {name}"
    if name in _STEPWISE:
        steps = [f"SET GLOBAL {name} = {step}" for step in (*_STEPWISE[name], wanted)]
        statement = f"{'; '.join(steps)}; -- and in the server's option file"
    return Fault("SRC-125", f"{source.name}: {name} is {value or 'empty'}, not {wanted or 'empty'}", statement)


def _check_filters(source: Source, connection: pymysql.Connection[DictCursor], database: str) -> None:
    """Raise if the server leaves the database out of its log; only the log's own status tells (MariaDB before 11.7).

    Nothing is known to an account that may not see it, with which no connector can run.
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute(DIALECTS[source.kind].log_status)
        except pymysql.Error as error:
            if error.args[0] != ER.SPECIFIC_ACCESS_DENIED_ERROR:
                raise
            return
        status = cursor.fetchone() or {}
    fault = filter_fault(status.get("Binlog_Do_DB", ""), status.get("Binlog_Ignore_DB", ""), database)
    if fault:
        raise FatalError("SRC-125", f"{source.name}: {fault}")


def filter_fault(only: str, ignored: str, database: str) -> str:
    """Return what is wrong with the server's lists of databases for its log; empty if they keep `database`."""
    if only and database not in only.split(","):
        return f"binlog_do_db is {only}"
    # Where the first list is there, the server does not look at the second.
    return f"binlog_ignore_db is {ignored}" if not only and database in ignored.split(",") else ""


def _check_tables(source: Source, database: str, tables: _Rows) -> None:
    types = {row["name"]: row["type"] for row in tables}
    errors = [FatalError("SRC-120", f"{database}.{t.name}") for t in source.tables if t.name not in types]
    for table in source.tables:
        if types.get(table.name, _BASE) != _BASE:
            errors.append(FatalError("SRC-120", f"{database}.{table.name} is a {types[table.name].lower()}"))
    raise_all(errors)


def unperformable(source: Source, database: str, columns: _Rows, cascades: _Cascades) -> list[FatalError]:
    """Return why landing could not do what InnoDB does: it needs the parent's events, and to compare as InnoDB does."""
    captured = {f"{database}.{table.name}" for table in source.tables}
    collations = {(row["table"], row["name"]): row["collation"] for row in columns}
    errors = []
    for table, keys in cascades.items():
        for key in keys:
            place = f"{source.name}.{table} ({key.name})"
            folds = [c for c in (collations.get((table, name)) for name in key.columns) if c and not c.endswith("_bin")]
            if key.parent not in captured:
                errors.append(FatalError("LND-107", f"{place}: {key.parent} is not captured"))
            elif folds:
                errors.append(FatalError("LND-107", f"{place}: its texts are compared by {folds[0]}"))
    return errors


def unkept(source: Source, database: str, cascades: _Cascades) -> list[FatalError]:
    """Return which columns may not be left out because landing performs a cascade by them."""
    without = {f"{database}.{table.name}": set(table.without) for table in source.tables}
    return [
        FatalError("SRC-127", f"{source.name}: {table}.{name} is in a key that cascades")
        for child, keys in cascades.items()
        for key in keys
        for table, names in ((f"{database}.{child}", key.columns), (key.parent, key.parent_columns))
        for name in names
        if name in without.get(table, ())
    ]


def _check_readable(source: Source, connection: pymysql.Connection[DictCursor], database: str) -> None:
    """Raise if the connector would stop at a table of the database, or at a row of one of the server."""
    query = DIALECTS[source.kind].unreadable
    unreadable = select(connection, query, database) if query is not None else ()
    places = [f"{row['place']} is {row['type']}" for row in unreadable]
    raise_all([FatalError("SRC-126", f"{source.name}: {place}") for place in places])


def _definition(connection: pymysql.Connection[DictCursor], table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW CREATE TABLE {backquoted(table)}")
        row = cursor.fetchone() or {}
    return str(row.get("Create Table", ""))


def select(connection: pymysql.Connection[DictCursor], query: str, database: str) -> _Rows:
    """Return the rows of a query that has the database as its one parameter."""
    return _asked(connection, query, database)


def _asked(connection: pymysql.Connection[DictCursor], query: str, *parameters: Any) -> _Rows:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())


@contextmanager
def session(login: Login) -> Iterator[pymysql.Connection[DictCursor]]:
    """Open a read-only session of one transaction. Raises as `cdc.capture.catalogue.read_contracts`."""
    try:
        connection = pymysql.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password.reveal().encode(),  # the library's own choice would be Latin-1
            database=login.database,
            charset="utf8mb4",
            # The server's may have it print definitions in another way: foreign keys would not be seen in them.
            sql_mode="",
            init_command="SET SESSION sql_quote_show_create = 1",
            program_name=APPLICATION,
            cursorclass=DictCursor,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=_QUERY_TIMEOUT_S,
            **_encryption(login),
        )
        with connection:
            connection.query("START TRANSACTION READ ONLY")
            yield connection
    except UnusableError as error:
        raise NotAdmitted("SRC-112", f"{login.user} at {login.host}:{login.port}: {error}") from error
    except pymysql.Error as error:
        raise _classified(error, login) from error


def _encryption(login: Login) -> dict[str, Any]:
    if login.tls.mode == "disable":
        return {"ssl_disabled": True}
    if login.tls.mode == "require":
        return {"ssl": unverified_context(login.tls)}
    return {"ssl": client_context(login.tls)}


def _classified(error: pymysql.Error, login: Login) -> CdcError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    place = f"{login.user} at {login.host}:{login.port}"
    distrust = "it offers no TLS" if number == CR.CR_SSL_CONNECTION_ERROR else fault_of(error)
    if distrust is not None:
        return NotAdmitted("SRC-112", f"{place}: {distrust}")
    place = f"{place}, error {number}"
    if number == ER.ACCESS_DENIED_ERROR and login.tls.mode == "disable":
        # To an account that has to encrypt the server says no more than that.
        place = f"{place}; the session was not encrypted, and the account may be one with REQUIRE SSL (tls)"
    if number in _AWAY:
        return TransientError("SRC-110", place)
    return (NotAdmitted if number in _NO_LOGIN else FatalError)("SRC-111", place)

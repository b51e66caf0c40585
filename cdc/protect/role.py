"""Roles of the target: who logs in for what, and the statements by which a DBA gives them no more than that.

    owner    no login; owns schemas, tables, functions. DDL and migrations are its
    deploy   a login that is the owner from its first statement on: `cdc target apply`, `cdc dictionary activate`
    worker   `cdc run` (land, derive and watch are children of one process with one login): no DDL, no TRUNCATE, and
             evidence is only added to
    ops      the commands of operators: reads, asks for work to be done again, puts on record what was done; those that
             rehearse a derivation (`cdc audit rows`, `cdc held retry --dry-run`) write, roll back, and are the worker's
    reveal   no login; whoever is a member may see with `--reveal` what is masked, on record
    reader   the canonical tables' columns that the dictionary calls public or internal, and nothing else

Rights on tables are the owner's to give, so that what it makes later (a new source's mirrors, a shadow) has them from
the start by its default privileges. Single columns have no default privileges: of a new canonical table a reader sees
nothing until the statements have been printed and run again. They say the same when they are run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import psycopg

from cdc.derive.names import columns, literal, quoted
from cdc.derive.plan import META
from cdc.derive.table import PARTS
from transforms.beside import OF_A_SOURCE, SHADOW
from transforms.history import OLD_KEY
from transforms.mapping import CONFLICTS
from transforms.model import Dictionary

_KEPT: Final = frozenset({"public", "internal"})
"""The classes that every reader may see."""
_READERS_META: Final = tuple(name for name in META if name != "_source_key")  # a key may be a person's number
_OWN: Final = ("cdc", "cdc_shadow")

# What workers do to the service's tables besides reading. Evidence is in the first line only; who may insert may lock.
_WORKER: Final = {
    "INSERT": (
        "journal",
        "batch",
        "batch_table",
        "refused",
        "gap",
        "anchor",
        "audited",
        "active",
        "gate",
        "derive_queue",
        "data_key",
    ),
    "INSERT, UPDATE": ("position", "contract", "domain", "dictionary", "changed_mirror"),
    "INSERT, UPDATE, DELETE": (
        *(
            "unit",
            "changed_key",
            "stale",
            "watermark",
            "held",
            "held_count",
            "last_read",
            "worker_stop",
            "anchor_failure",
        ),
    ),
    "DELETE": ("derive_queue",),
}
_OPS: Final = {"INSERT": ("derive_queue", "data_key"), "INSERT, UPDATE": ("waiver",)}  # waivers are sealed
# Statements of the service set their own limits; these are for whoever logs in by hand.
# What the server logs of their errors names tables and keys, not the row (DETAIL) nor what a statement was given.
_SILENT: Final = {"log_error_verbosity": "terse", "log_parameter_max_length_on_error": "0"}
_LIMITS: Final = {
    "worker": {"idle_in_transaction_session_timeout": "10s", "lock_timeout": "10s", "statement_timeout": "5min"},
    "ops": {"idle_in_transaction_session_timeout": "1min", "lock_timeout": "10s", "statement_timeout": "1h"},
    "reader": {
        "idle_in_transaction_session_timeout": "1min",
        "lock_timeout": "10s",
        "statement_timeout": "10min",
        "default_transaction_read_only": "on",
    },
}


class Roles(NamedTuple):
    """The names of the roles, which are the whole server's: two targets on one server need two prefixes."""

    owner: str
    reveal: str
    deploy: str
    worker: str
    ops: str
    reader: str

    @classmethod
    def named(cls, prefix: str) -> Roles:
        """Return the roles of which the names begin with a prefix (`cdc_`)."""
        return cls(*(prefix + name for name in cls._fields))


class Right(NamedTuple):
    """One statement, and what it is for, in words."""

    title: str
    statement: str


def rights(connection: psycopg.Connection[Any], roles: Roles, dictionary: Dictionary) -> list[Right]:
    """Return what gives the roles their rights on what the target has now, in order; nothing is written."""
    connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")  # names are printed with their schemas
    row = connection.execute("SELECT quote_ident(current_database())").fetchone()
    database = str(row[0]) if row else ""
    targets = sorted({name.split(".")[0] for name in dictionary.fields_of_columns()})
    here = _schemas(connection, targets)
    return [
        *_roles(roles),
        *_database(roles, database),
        *_owned(connection, roles, here),
        *_defaults(roles),
        *_given(connection, roles, here),
        *_shown(connection, roles, dictionary),
    ]


def clear_columns(dictionary: Dictionary) -> dict[str, list[str]]:
    """Return by canonical table (`schema.table`) the columns that every reader may see.

    None are conflicts, which have what was said of every column, and keys of sources, and the key that a version had
    before.
    """
    clear: dict[str, list[str]] = {}
    targets = [one for mapping in dictionary.derived for one in mapping.targets]
    fields = dictionary.fields_of_columns()
    for target in (*targets, *(fold.target for fold in dictionary.folds)):
        named = (column.name for column in target.columns if column.name not in {CONFLICTS, OLD_KEY})
        seen = [name for name in named if is_clear(fields.get(f"{target}.{name}", ()))]
        clear[str(target)] = list(dict.fromkeys([*clear.get(str(target), ()), *seen]))
    return clear


def is_clear(fields: Iterable[Any]) -> bool:
    """Tell whether all fields of a column are of a class that every reader may see."""
    return all(field.sensitivity in _KEPT and field.protect.in_export is None for field in fields)


def _roles(roles: Roles) -> Iterator[Right]:
    for (kind, title), name in zip(_TITLES.items(), roles, strict=True):
        login = "NOLOGIN" if kind in {"owner", "reveal"} else "LOGIN"
        yield Right(
            title,
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(name)}) THEN CREATE ROLE"
            f" {quoted(name)} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION; END IF; END $$",
        )
    owner, worker = quoted(roles.owner), quoted(roles.worker)
    yield Right("the deployer is the owner", f"GRANT {owner} TO {quoted(roles.deploy)}")
    yield Right("the owner may end a session of a worker whose plans are of an old type", f"GRANT {worker} TO {owner}")
    yield Right("operators see who is at work", f"GRANT pg_read_all_stats TO {quoted(roles.ops)}")


_TITLES: Final = {
    "owner": "owns all that the service has in the target",
    "reveal": "may see what is masked, on record: grant it to single operators",
    "deploy": "logs in to prepare the target; it and the three below need a password or a certificate",
    "worker": "logs in for `cdc run`",
    "ops": "logs in for operators' commands",
    "reader": "logs in for consumers, or is granted to their own roles",
}


def _database(roles: Roles, database: str) -> Iterator[Right]:
    owner, deploy = quoted(roles.owner), quoted(roles.deploy)
    staging = ", ".join(map(quoted, (roles.worker, roles.ops)))
    yield Right("the owner makes schemas", f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {owner}")
    yield Right("sessions that stage rows", f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {staging}")
    yield Right("the others", f"GRANT CONNECT ON DATABASE {database} TO {deploy}, {quoted(roles.reader)}")
    yield Right("nobody else makes tables", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield Right("what the deployer makes is the owner's", f"{_of(roles.deploy, database)} SET role = {owner}")
    for name in (roles.deploy, roles.worker, roles.ops, roles.reader):
        yield Right("names mean what they say", f"{_of(name, database)} SET search_path = pg_catalog, pg_temp")
    for kind in ("worker", "ops"):
        for name, value in _SILENT.items():
            text = f"{_of(getattr(roles, kind), database)} SET {name} = {literal(value)}"
            yield Right("the server's log is no place for rows", text)
    for kind, limits in _LIMITS.items():
        for limit, value in limits.items():
            text = f"{_of(getattr(roles, kind), database)} SET {limit} = {literal(value)}"
            yield Right("who hangs ends; the service's sessions say how long themselves", text)


def _of(role: str, database: str) -> str:
    return f"ALTER ROLE {quoted(role)} IN DATABASE {database}"


def _schemas(connection: psycopg.Connection[Any], targets: Iterable[str]) -> list[str]:
    """Return the service's schemas that are there: its own, those of mirrors, of canonical tables, and beside them."""
    there = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}
    wanted = {*_OWN, *(f"{name}{part}{side}" for name in targets for part in PARTS for side in ("", SHADOW))}
    if "cdc" in there:
        found = connection.execute("SELECT DISTINCT split_part(mirror, '.', 1) FROM cdc.contract").fetchall()
        wanted |= {source + part for (source,) in found for part in ("", *OF_A_SOURCE)}
    return sorted(wanted & there)


_FOREIGN = """
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND pg_get_userbyid(c.relowner) <> %(owner)s
AND (c.relkind IN ('r', 'p', 'S') OR c.relkind = 'v' AND n.nspname = 'cdc')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('i', 'a') AND c.relkind = 'S')
ORDER BY 2, 3
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = to_regnamespace('cdc')
AND pg_get_userbyid(p.proowner) <> %(owner)s ORDER BY 1
"""


def _owned(connection: psycopg.Connection[Any], roles: Roles, here: list[str]) -> Iterator[Right]:
    """Yield what makes over to the owner what another role has made."""
    wanted = {"schemas": here, "owner": roles.owner}
    others = (
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%(schemas)s) AND pg_get_userbyid(nspowner) <> %(owner)s"
    )
    for (name,) in connection.execute(f"{others} ORDER BY 1".encode(), wanted).fetchall():
        yield Right(f"schema {name}", f"ALTER SCHEMA {quoted(name)} OWNER TO {quoted(roles.owner)}")
    for kind, schema, table in connection.execute(_FOREIGN.encode(), wanted).fetchall():
        yield Right(f"{schema}.{table}", f"ALTER {kind} {quoted(schema, table)} OWNER TO {quoted(roles.owner)}")
    for (text,) in connection.execute(_FUNCTIONS.encode(), wanted).fetchall():
        yield Right("functions", f"ALTER FUNCTION {text} OWNER TO {quoted(roles.owner)}")


def _defaults(roles: Roles) -> Iterator[Right]:
    start = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(roles.owner)}"
    worker, ops = quoted(roles.worker), quoted(roles.ops)
    yield Right("what is made later", f"{start} GRANT USAGE ON SCHEMAS TO {worker}, {ops}")
    yield Right("workers write it", f"{start} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {worker}")
    yield Right("operators read it", f"{start} GRANT SELECT ON TABLES TO {ops}")
    yield Right("functions are for whom they are given to", f"{start} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")


def _given(connection: psycopg.Connection[Any], roles: Roles, here: list[str]) -> Iterator[Right]:
    worker, ops = quoted(roles.worker), quoted(roles.ops)
    for name in here:
        schema = quoted(name)
        yield Right(name, f"GRANT USAGE ON SCHEMA {schema} TO {worker}, {ops}")
        yield Right(name, f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {worker}, {ops}, {quoted(roles.reader)}")
        yield Right(name, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {worker}, {ops}")
        if name not in _OWN:
            yield Right(name, f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {worker}")
    if "cdc" not in here:
        return
    there = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'cdc'")}
    for role, given in ((worker, _WORKER), (ops, _OPS)):
        for privileges, tables in given.items():
            listed = ", ".join(quoted("cdc", name) for name in tables if name in there)
            yield Right("its own books", f"GRANT {privileges} ON {listed} TO {role}")
    months = "cdc.make_journal_months(integer), cdc.changed_mirror_id(text, text)"
    yield Right("where the journal goes on", f"GRANT EXECUTE ON FUNCTION {months} TO {worker}")
    yield Right("statistics", f"GRANT EXECUTE ON FUNCTION cdc.analyze(oid) TO {worker}")
    yield Right(
        "on record", f"GRANT EXECUTE ON FUNCTION cdc.record_action(text, text, text, text, jsonb) TO {worker}, {ops}"
    )
    looking = quoted(roles.reveal)
    yield Right("may look, on record", f"GRANT EXECUTE ON FUNCTION cdc.reveal(text, text, text, text) TO {looking}")


def _shown(connection: psycopg.Connection[Any], roles: Roles, dictionary: Dictionary) -> Iterator[Right]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
    shown: set[str] = set()
    for name, clear in sorted(clear_columns(dictionary).items()):
        schema, _, table = name.partition(".")
        there = {column for (column,) in connection.execute(query, (quoted(schema, table),)).fetchall()}
        listed = [column for column in (*clear, *_READERS_META) if column in there]
        if not listed:
            continue
        if schema not in shown:
            yield Right(f"readers of {schema}", f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(roles.reader)}")
        shown.add(schema)
        granted = f"GRANT SELECT ({columns(listed)}) ON {quoted(schema, table)} TO {quoted(roles.reader)}"
        yield Right(f"what is public or internal of {name}", granted)

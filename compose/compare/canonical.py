"""Every canonical table and every held row is what the final sources and the simulator's log imply."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from compose.compare.database import PostgreSql, SourceDatabase
from compose.compare.fold import Candidate, Key, in_order
from compose.compare.imply import FEEDS, TABLES, Implied, imply
from compose.compare.log import Log, Row
from compose.compare.mirror import place
from compose.compare.result import Result
from compose.compare.table import SCHEMA, Source, Table

_PROVENANCE = ("_source_key", "_deleted")
# Long texts that no canonical table reads.
_UNREAD = frozenset({"note", "FNote", "FExplanation"})


def read_sources(databases: Iterable[SourceDatabase], log: Log) -> Source:
    """Read the final rows of both sources, and from the log the last images of rows that are gone for good."""
    live: dict[str, list[Row]] = {}
    gone: dict[str, list[Row]] = {}
    for database in databases:
        for table in database.tables():
            columns = [(column, place) for place, column in enumerate(table.columns) if column not in _UNREAD]
            rows: dict[Key, Row] = {}
            for row in database.rows(table):
                rows[row.key] = {column: row.values[place] for column, place in columns}
            live[table.mirror] = list(rows.values())
            last: dict[Key, Row] = {}
            for image in log.deleted.get(table.mirror, ()):
                key = tuple(image[column] for column in table.key)
                last.pop(key, None)  # a row that went twice stands where it went last
                last[key] = image
            gone[table.mirror] = [image for key, image in last.items() if key not in rows]
    return Source(live, gone)


def compare_canonical(source: Source, target: PostgreSql, log: Log, result: Result) -> None:
    """Compare all canonical tables and the held rows."""
    implied = imply(source)
    for table in TABLES:
        _compare_table(table, implied.rows[table.name], target, result)
    _compare_held(implied, target, result)
    _cross_check(implied, log, result)


def _compare_table(table: Table, implied: dict[Key, Candidate], target: PostgreSql, result: Result) -> None:
    """Compare one canonical table; what it implies is in memory, what it holds is read row by row."""
    columns = tuple(next(iter(implied.values())).values) if implied else ()
    missing = sorted({*columns, *table.key, *_PROVENANCE} - target.columns(SCHEMA, table.name))
    if missing:
        result.differ("canonical column missing", f"{SCHEMA}.{table.name}: {', '.join(missing)}")
        return
    waited = dict(implied)
    for row in target.read(SCHEMA, table.name, table.key, (*columns, *_PROVENANCE)):
        result.canonical_rows += 1
        result.compared_rows += 1
        candidate = waited.pop(row.key, None)
        where = place(f"{SCHEMA}.{table.name}", row.key)
        if candidate is None:
            result.differ("canonical row too many", where)
            continue
        result.tombstones += candidate.deleted
        provenance = (_array(candidate.source_key), "t" if candidate.deleted else "f")
        wanted = (*(candidate.values[column] for column in columns), *provenance)
        for column, value, held in zip((*columns, *_PROVENANCE), wanted, row.values, strict=True):
            if value != (_as_implied(held) if column == "_conflicts" else held):
                result.differ("tombstone" if column == "_deleted" else "canonical value", f"{where} {column}")
    for key in waited:
        result.compared_rows += 1
        result.differ("canonical row missing", place(f"{SCHEMA}.{table.name}", key))


def _as_implied(conflicts: str | None) -> str | None:
    return None if conflicts is None else in_order(json.loads(conflicts))


def _compare_held(implied: Implied, target: PostgreSql, result: Result) -> None:
    waited = dict(implied.held)
    for mapping, source_key, code in _held(target):
        result.held += 1
        result.compared_rows += 1
        result.held_codes[code] = result.held_codes.get(code, 0) + 1
        predicted = waited.pop((mapping, tuple(source_key)), None)
        where = place(f"held {mapping}", tuple(source_key))
        if predicted is None:
            result.differ("held too much", f"{where} {code}")
        elif predicted != code:
            result.differ("held by another code", f"{where} {code}, not {predicted}")
    for (mapping, key), code in waited.items():
        result.compared_rows += 1
        result.differ("held too little", f"{place(f'held {mapping}', key)} {code}")


def _held(target: PostgreSql) -> Iterator[tuple[str, list[str], str]]:
    yield from target.connection.execute("SELECT mapping, source_key, code FROM cdc.held ORDER BY mapping, source_key")


def _cross_check(implied: Implied, log: Log, result: Result) -> None:
    """What the sources imply to be held by a fault of its own is what the simulator says it made wrong, and left so."""
    sources = {feed.source for feed in FEEDS}
    predicted = {row: code for row, code in log.bad.items() if row[0] in sources}
    own = {row: code for row, code in implied.held.items() if row[0] in sources}
    own = {row: code for row, code in own.items() if code != "REF-301" or row in predicted}
    for mirror, key in sorted(predicted.keys() | own.keys(), key=str):
        logged, found = predicted.get((mirror, key)), own.get((mirror, key))
        if logged != found:
            result.differ(
                "log", f"{place(mirror, key)}: the log says {logged or 'sound'}, the rows say {found or 'sound'}"
            )


def _array(key: Key) -> str:
    """Print a text array as PostgreSQL does."""
    return "{" + ",".join(_array_element(part) for part in key) + "}"


def _array_element(part: str | None) -> str:
    if part is None:
        return "NULL"
    if part and part.upper() != "NULL" and not any(character in '{},"\\ \t\n\r\v\f' for character in part):
        return part
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'

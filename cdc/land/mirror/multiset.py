"""Tables without a key: the mirror has every distinct row once, and how many of them the source has (`_count`).

An event adds a row or takes one away. Which rows are alike the target decides, by their values as it keeps them: `_row`
is a digest of the columns that are not NULL, so that a column that is added later changes no row that is there. Order
does not matter within a batch; what is taken away more often than it was there stops the stream (LND-110).

The first row of a kind that a new snapshot brings puts the count of older ones right instead of adding to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Literal

from cdc.capture.keyless import COUNT, ROW
from cdc.change import Change
from cdc.errors import FatalError
from cdc.land.mirror.changed_keys import note, watched_values
from cdc.land.mirror.rows import overwrite, twin
from cdc.land.mirror.table import MirrorTable, list_of, name_of

_RAW, _SUM = "r", "a"


def write_rows(
    connection: psycopg.Connection,
    table: MirrorTable,
    changes: Iterable[Change],
    place: tuple[str, int],
    generation_from: int | None,
) -> int:
    """Add and take away rows, all of them read or none; return how many were staged. `place` is stream and batch.

    Changes of op c and r add theirs, d takes one away. What no generation has opened is not older than it.
    Raises FatalError LND-110.
    """
    loaded = list(changes)
    _load(connection, table, loaded)
    statements = ((_sum, ()), (_note, place), (_upsert, (generation_from or 0,)), (_delete, ()), (_revive, ()))
    for build, parameters in statements:
        connection.execute(build(table), parameters)
    if connection.execute(_missing(table), ()).fetchone() is not None:
        raise FatalError("LND-110", table.contract.mirror)
    return 2 * len(loaded)  # with the sums, of which there are no more


def _load(connection: psycopg.Connection, table: MirrorTable, changes: Iterable[Change]) -> None:
    names = [*table.source_columns, COUNT, "_offset", "_source_ts", "_op"]
    query = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        table.stage, list_of(names), SQL(", ").join([SQL("%s")] * len(names))
    )
    with connection.cursor() as cursor:
        cursor.executemany(query, (_staged(change, table.source_columns) for change in changes))


def _staged(change: Change, columns: Sequence[str]) -> list[Any]:
    values = [change.values.get(name) for name in columns]
    row = [*values, -1 if change.op == "d" else 1, change.offset, change.source_ts, _RAW]
    return [None if value is None else str(value) for value in row]


def digest(table: MirrorTable, alias: str) -> Composed:
    """What a row is known by: SHA-256, cut to 128 bits, over the names, lengths and texts of what is not NULL."""
    parts = [
        SQL("{text} || length({value}::text) || ':' || {value}::text").format(
            text=Literal(f"{len(name)}:{name}=".replace("%", "%%")), value=name_of(alias, name)
        )
        for name in table.source_columns
    ]
    return SQL("substr(encode(sha256(convert_to(concat({}), 'UTF8')), 'hex'), 1, 32)::uuid").format(
        SQL(", ").join(_in_hundreds(parts))
    )


def _in_hundreds(parts: Sequence[Composed]) -> list[Composed]:
    """A function takes 100 arguments at most."""
    if len(parts) <= 90:
        return list(parts)
    pieces = [parts[start : start + 90] for start in range(0, len(parts), 90)]
    return [SQL("concat({})").format(SQL(", ").join(piece)) for piece in pieces]


def _sum(table: MirrorTable) -> Composed:
    """Put one row for each kind beside the staged ones: how many came, less how many went."""
    names = list_of([*table.source_columns, ROW, COUNT, "_offset", "_source_ts"])
    columns = list_of(table.source_columns)
    return SQL(
        "INSERT INTO {stage} ({names}, _op) SELECT DISTINCT ON (digest) {columns}, digest,"
        " sum({count}) OVER (PARTITION BY digest), _offset, _source_ts, {sum}"
        " FROM (SELECT s.*, {digest} AS digest FROM {stage} s WHERE s._op = {raw}) s ORDER BY digest, _offset DESC"
    ).format(
        stage=table.stage,
        names=names,
        columns=columns,
        count=name_of(COUNT),
        digest=digest(table, "s"),
        sum=Literal(_SUM),
        raw=Literal(_RAW),
    )


def _note(table: MirrorTable) -> Composed:
    """Write the keys to the journal, before the mirror. Parameters: stream, batch."""
    rows = SQL(
        "SELECT {key}, CASE WHEN coalesce(m.{count}, 0) + s.{count} > 0 THEN 'u' ELSE 'd' END, {old}"
        " FROM {stage} s LEFT JOIN {mirror} m ON {match} WHERE s._op = {sum}"
    ).format(
        key=table.key_array("s"),
        count=name_of(COUNT),
        old=watched_values(table, "m"),
        stage=table.stage,
        mirror=table.name,
        match=table.match("m"),
        sum=Literal(_SUM),
    )
    return note(table.text, rows)


def _upsert(table: MirrorTable) -> Composed:
    """Move the counts. Parameter: the offset before which a count is an older generation's."""
    names = [*table.source_columns, ROW, COUNT, "_offset", "_source_ts"]
    return SQL(
        "INSERT INTO {mirror} AS m ({names}) SELECT {names} FROM {stage} WHERE _op = {sum} ON CONFLICT ({row})"
        " DO UPDATE SET {count} = CASE WHEN m._offset < %s THEN 0 ELSE m.{count} END + EXCLUDED.{count},"
        " _offset = EXCLUDED._offset, _source_ts = EXCLUDED._source_ts"
    ).format(
        mirror=table.name,
        names=list_of(names),
        stage=table.stage,
        sum=Literal(_SUM),
        row=name_of(ROW),
        count=name_of(COUNT),
    )


def _delete(table: MirrorTable) -> Composed:
    """Move the rows of which none is left to the deleted twin."""
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m USING {stage} s WHERE s._op = {sum} AND {match} AND m.{count} = 0"
        " RETURNING {kept}, m._offset, m._source_ts, s._offset AS _deleted_offset, s._source_ts AS _deleted_ts)"
        " INSERT INTO {deleted} ({names}) SELECT {names} FROM gone {conflict}"
    ).format(
        mirror=table.name,
        stage=table.stage,
        sum=Literal(_SUM),
        match=table.match("m"),
        count=name_of(COUNT),
        kept=SQL(", ").join(name_of("m", name) for name in columns),
        deleted=table.deleted,
        names=list_of(twin(columns)),
        conflict=overwrite(table),
    )


def _revive(table: MirrorTable) -> Composed:
    """Remove the tombstones of rows of which there are some again."""
    return SQL(
        "DELETE FROM {deleted} m USING {stage} s WHERE s._op = {sum} AND {match}"
        " AND EXISTS (SELECT FROM {mirror} o WHERE o.{row} = s.{row})"
    ).format(
        deleted=table.deleted,
        stage=table.stage,
        sum=Literal(_SUM),
        match=table.match("m"),
        mirror=table.name,
        row=name_of(ROW),
    )


def _missing(table: MirrorTable) -> Composed:
    return SQL("SELECT FROM {} m JOIN {} s ON {} WHERE m.{} < 0 LIMIT 1").format(
        table.name, table.stage, table.match("m"), name_of(COUNT)
    )

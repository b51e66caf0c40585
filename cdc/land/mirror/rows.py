"""The SQL that moves the rows of one mirror, set-wise from its staging table, and those of its deleted twin.

`INSERT ... ON CONFLICT` on the key, not `MERGE`: it ran twice as fast, and its plan cannot fall back to a scan of the
mirror.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg.sql import SQL, Composable, Composed

from cdc.land.mirror.table import MirrorTable, list_of, name_of


def upsert(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the rows of shape %s; a column that they do not carry keeps its default or its value."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL("{insert} ON CONFLICT ({key}) DO UPDATE SET {sets}").format(
        insert=_insert(table, names),
        key=list_of(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(name_of(name)) for name in names),
    )


def upsert_reread(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the re-read rows of shape %s: what is newer stays, and a row of equal values moves its offset only."""
    names = [*columns, "_offset", "_source_ts"]
    # As text: json and the geometric types have no equality.
    same = SQL(" AND ").join(
        SQL("m.{0}::text IS NOT DISTINCT FROM EXCLUDED.{0}::text").format(name_of(name)) for name in columns
    )
    return SQL(
        "{insert} ON CONFLICT ({key}) DO UPDATE SET {sets}, _offset = EXCLUDED._offset,"
        " _source_ts = CASE WHEN {same} THEN m._source_ts ELSE EXCLUDED._source_ts END"
        " WHERE m._offset < EXCLUDED._offset"
    ).format(
        insert=_insert(table, names),
        key=list_of(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(name_of(name)) for name in columns),
        same=same,
    )


def _insert(table: MirrorTable, names: Sequence[str]) -> Composed:
    return SQL(
        "INSERT INTO {mirror} AS m ({names}) SELECT {names} FROM {stage} WHERE _op IN ('u', 'x') AND _shape = %s"
    ).format(mirror=table.name, names=list_of(names), stage=table.stage)


def update(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the rows of shape %s whose other columns the log left out because they did not change."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL(
        "UPDATE {mirror} m SET {sets} FROM {stage} s WHERE s._op IN ('u', 'x') AND s._shape = %s AND {match}"
    ).format(
        mirror=table.name,
        sets=SQL(", ").join(SQL("{0} = s.{0}").format(name_of(name)) for name in names),
        stage=table.stage,
        match=table.match("m"),
    )


def revive(table: MirrorTable) -> Composed:
    """Remove the tombstones of rows that exist again."""
    return SQL("DELETE FROM {deleted} m USING {stage} s WHERE s._op = 'u' AND {match}").format(
        deleted=table.deleted, stage=table.stage, match=table.match("m")
    )


def delete(table: MirrorTable) -> Composed:
    """Move the rows of `_op` d and x to the deleted twin, with the delete's own offset and time."""
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m USING {stage} s WHERE s._op IN ('d', 'x') AND {match}"
        " RETURNING {kept}, m._offset, m._source_ts, s._deleted_offset, s._deleted_ts)"
        " INSERT INTO {deleted} AS t ({names}) SELECT {names} FROM gone {conflict}"
    ).format(
        mirror=table.name,
        stage=table.stage,
        match=table.match("m"),
        kept=SQL(", ").join(name_of("m", name) for name in columns),
        deleted=table.deleted,
        names=list_of(twin(columns)),
        conflict=overwrite(table),
    )


def truncate(table: MirrorTable) -> Composed:
    """Move all rows of the mirror to the deleted twin. Parameters: deleted_offset, deleted_ts."""
    return SQL("{gone} SELECT").format(gone=deleting(table, SQL("true")))


def deleting(table: MirrorTable, condition: Composable) -> Composed:
    """The WITH clause that moves the rows m for which the condition holds to the deleted twin; `gone` are these rows.

    Parameters: deleted_offset, deleted_ts.
    """
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m WHERE {condition} RETURNING m.*),"
        " kept AS (INSERT INTO {deleted} AS t ({names}) SELECT {columns}, _offset, _source_ts,"
        " %(deleted_offset)s, %(deleted_ts)s FROM gone {conflict})"
    ).format(
        mirror=table.name,
        condition=condition,
        deleted=table.deleted,
        names=list_of(twin(columns)),
        columns=list_of(columns),
        conflict=overwrite(table),
    )


def select_values(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Read columns as text by keys, given as one array of text per key column.

    One row per key: its place among them, offset of the mirror's row (NULL: it has none), code and offset of its
    stale mark, columns.
    """
    given, match, key = table.given_keys()
    return SQL(
        'SELECT k.n, m._offset, c.code, c."offset"{columns} FROM {given} LEFT JOIN {mirror} m ON {match}'
        " LEFT JOIN cdc.stale c ON c.mirror = {text} AND c.key = {key}"
    ).format(
        columns=SQL("").join(SQL(", {}::text").format(name_of("m", name)) for name in columns),
        given=given,
        mirror=table.name,
        match=match,
        text=table.text,
        key=key,
    )


def select_matching(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Read rows by values of columns that are not the key, given as one array of text per column; and a limit."""
    given, match, _ = table.given(columns)
    return SQL("SELECT k.n, {columns} FROM {given} JOIN {mirror} m ON {match} LIMIT %s").format(
        columns=SQL(", ").join(SQL("{}::text").format(name_of("m", name)) for name in table.columns),
        given=given,
        mirror=table.name,
        match=match,
    )


def twin(columns: Iterable[str]) -> list[str]:
    """Return the columns of the deleted twin."""
    return [*columns, "_offset", "_source_ts", "_deleted_offset", "_deleted_ts"]


def overwrite(table: MirrorTable) -> Composed:
    """The clause by which a later delete of a key takes the place of an earlier one."""
    # The table has another name in the statement: the source's may be called excluded.
    return SQL("ON CONFLICT ({key}) DO UPDATE SET {sets}").format(
        key=list_of(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(name_of(name)) for name in twin(table.columns)),
    )

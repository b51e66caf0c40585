"""The change mirror of a table: a row for each state that a commit of the source left each of its keys in.

A row is one version: `_version` is the first offset of the commit (of a row that a snapshot read, its own offset),
`_op` what the commit came to: c a row that was not there, u other values, r a row that was read with other values than
were known, d none, s unknown, as a change of it was refused. `_valid_from` is the time of the commit, `_valid_to` that
of the next version; NULL: no end yet, or, as `_valid_from` of the first version of a row that was read, nobody knows
since when. Clocks of sources go back, versions do not: a version never begins before the one before it. Of a commit
without a time all that is known is that it was some time: '-infinity'.
`_old_key` is the key that a row was moved from in the commit (of several columns, as PostgreSQL prints the array); a
key that rows only passed through has a version, too, of op d.

It is a function of what the commits came to: any other key that is as it was after a commit has no version of it. What
a commit came to is asked of the mirror once its changes are written there, so that values are whole and types are the
mirror's. Where a commit is written in several pieces, the last one has the say.
"""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Composed

from cdc.land.mirror.changed_keys import note
from cdc.land.mirror.table import MirrorTable, list_of, name_of, text_of
from transforms.beside import CHANGE


def keep_staged(table: MirrorTable) -> Composed:
    """Keep what the staged keys have come to. Runs after the mirror and its stale marks are written.

    Parameters: starts, versions, times (the batch's commits), shapes (of what was read), refused, refused_at (offsets
    and times of refused changes), k0, ... and o0, ... (keys that rows were moved to, and from), stream, batch.
    """
    told = SQL(
        "SELECT {keys}, coalesce(c.versions[a.place], a.at) AS version,"
        " coalesce(c.times[a.place], c.refused_at[array_position(c.refused, a.at)], s._deleted_ts, s._source_ts) AS ts,"
        " s._shape IS NOT NULL AND s._shape = ANY (c.shapes) AS is_read, g.old_key FROM {stage} s"
        " LEFT JOIN {moves} ON {moved}"
        " CROSS JOIN (SELECT %(starts)s::bigint[] AS starts, %(versions)s::bigint[] AS versions,"
        " %(times)s::timestamptz[] AS times, %(refused)s::bigint[] AS refused,"
        " %(refused_at)s::timestamptz[] AS refused_at, %(shapes)s::int[] AS shapes) c"
        " CROSS JOIN LATERAL (SELECT greatest(s._code_offset, s._deleted_offset, s._offset) AS at) o"
        " CROSS JOIN LATERAL (SELECT o.at, width_bucket(o.at, c.starts) AS place) a"
    ).format(keys=_told_keys(table), stage=table.stage, moves=_moves(table), moved=_key_is(table, "s", "g"))
    return _keep(table, told)


def keep_absent(table: MirrorTable) -> Composed:
    """Keep that the mirror has no row any more of what had one: after a TRUNCATE, and at the end of a generation.

    Parameters: version, deleted_ts, stream, batch.
    """
    told = SQL(
        "SELECT {keys}, %(version)s::bigint AS version, %(deleted_ts)s::timestamptz AS ts, false AS is_read,"
        " NULL::text AS old_key"
        " FROM {changes} s WHERE s._valid_to IS NULL AND s._op <> 'd'"
        " AND NOT EXISTS (SELECT FROM {mirror} m WHERE {match})"
    ).format(keys=_told_keys(table), changes=table.changes, mirror=table.name, match=table.match("m"))
    return _keep(table, told)


def _moves(table: MirrorTable) -> Composed:
    """Return the FROM item of the keys that rows were moved to: k0, ..., and the old key as text.

    Parameters: k0, ... and o0, ..., an array for each part of both.
    """
    key = table.contract.key
    news, olds = [f"k{place}" for place in range(len(key))], [f"o{place}" for place in range(len(key))]
    casts = [
        SQL("{name}::{type} AS {name}").format(name=name_of(new), type=_type(table, name))
        for name, new in zip(key, news, strict=True)
    ]
    texts = [
        table.text_of(name, SQL("{}::{}").format(name_of(old), _type(table, name)))
        for name, old in zip(key, olds, strict=True)
    ]
    return SQL("(SELECT {casts}, {old} AS old_key FROM unnest({arrays}) AS x({names})) g").format(
        casts=SQL(", ").join(casts),
        old=texts[0] if len(texts) == 1 else SQL("ARRAY[{}]::text").format(SQL(", ").join(texts)),
        arrays=SQL(", ").join(SQL(f"%({name})s::text[]") for name in (*news, *olds)),
        names=list_of([*news, *olds]),
    )


def _type(table: MirrorTable, column: str) -> SQL:
    return SQL(table.contract.column(column).mirror_type)  # the contract admits known types only


def _told_keys(table: MirrorTable) -> Composed:
    pairs = enumerate(table.contract.key)
    return SQL(", ").join(SQL("{} AS {}").format(name_of("s", name), name_of(f"k{place}")) for place, name in pairs)


def _keep(table: MirrorTable, told: Composed) -> Composed:
    """Return the statement that keeps what is told: keys (k0, ...), version, ts, is_read, old_key.

    `l` is the last version, of this commit if a part of it was kept before (`again`), and `p` the last one before this
    commit. Columns are numbered, so that no name of the source is one of these.
    """
    columns = [f"c{place}" for place in range(len(table.columns))]
    noted = SQL(
        "SELECT ARRAY[{}, v.version::text], 'u', NULL"
        " FROM found f CROSS JOIN LATERAL (VALUES (f.version), (f.before)) v (version)"
        " WHERE v.version IS NOT NULL AND (f.differs OR f.again)"
    ).format(_key_texts(table, "f"))
    return SQL(
        "WITH told AS ({told}), found AS ({found}),"
        " ended AS (UPDATE {changes} c SET _valid_to = CASE WHEN f.differs THEN f.valid_from END FROM found f"
        " WHERE {key_of_c} AND c._version = f.before AND (f.differs OR f.again)),"
        " undone AS (DELETE FROM {changes} c USING found f"
        " WHERE {key_of_c} AND c._version = f.version AND f.again AND NOT f.differs),"
        " noted AS ({noted})"
        " INSERT INTO {changes} AS t ({names}, _offset, _source_ts, _version, _op, _valid_from, _old_key)"
        " SELECT {values}, f.log_offset, f.ts, f.version, f.op, f.valid_from, f.old_key FROM found f WHERE f.differs"
        " ON CONFLICT ({key}, _version) DO UPDATE SET {sets}, _old_key = coalesce(EXCLUDED._old_key, t._old_key)"
    ).format(
        told=told,
        found=_found(table, columns),
        changes=table.changes,
        key_of_c=_key_is(table, "c", "f"),
        noted=note(
            text_of(f"{table.contract.schema + CHANGE}.{table.contract.table}"), noted, "%(stream)s", "%(batch)s"
        ),
        names=list_of(table.columns),
        values=SQL(", ").join(name_of("f", column) for column in columns),
        key=list_of(table.contract.key),
        sets=SQL(", ").join(
            SQL("{0} = EXCLUDED.{0}").format(name_of(name))
            for name in (*table.columns, "_offset", "_source_ts", "_op", "_valid_from")
        ),
    )


def _found(table: MirrorTable, columns: list[str]) -> Composed:
    there = table.exists("m")
    values = [
        SQL("CASE WHEN {there} THEN {mirror} ELSE {before} END AS {column}").format(
            there=there, mirror=name_of("m", name), before=_before(table, name), column=name_of(column)
        )
        for name, column in zip(table.columns, columns, strict=True)
    ]
    changed = SQL(" OR ").join(
        # As text: json and the geometric types have no equality.
        SQL("{}::text IS DISTINCT FROM {}::text").format(name_of("m", name), name_of("p", name))
        for name in table.columns
    )
    return SQL(
        "SELECT {keys}, {values}, v.at AS version, coalesce(l._version = v.at, false) AS again, p._version AS before,"
        " t.old_key IS NOT NULL OR coalesce(l._version = v.at AND l._old_key IS NOT NULL, false)"
        " OR CASE WHEN g.state = 'u' THEN coalesce(p._op IN ('d', 's'), true) OR {changed}"
        " ELSE g.state <> coalesce(p._op, 'd') END AS differs, t.old_key,"
        " CASE WHEN g.state <> 'u' THEN g.state WHEN t.is_read THEN 'r'"
        " WHEN coalesce(p._op, 'd') = 'd' THEN 'c' ELSE 'u' END AS op,"
        " CASE WHEN p._version IS NOT NULL OR NOT t.is_read "
        " THEN coalesce(greatest(p._valid_from, t.ts), '-infinity') END AS valid_from,"
        " coalesce(m._offset, v.at) AS log_offset, coalesce(m._source_ts, t.ts) AS ts"
        " FROM told t LEFT JOIN {mirror} m ON {key_of_m}"
        " LEFT JOIN LATERAL (SELECT c._version, c._old_key FROM {changes} c WHERE {key_of_c}"
        " ORDER BY c._version DESC LIMIT 1) l ON true"
        " CROSS JOIN LATERAL (SELECT greatest(t.version, l._version) AS at) v"
        " LEFT JOIN LATERAL (SELECT * FROM {changes} c WHERE {key_of_c} AND c._version < v.at"
        " ORDER BY c._version DESC LIMIT 1) p ON true"
        " CROSS JOIN LATERAL (SELECT CASE WHEN EXISTS (SELECT FROM cdc.stale x WHERE x.mirror = {text}"
        " AND x.key = ARRAY[{key_texts}]) THEN 's' WHEN {there} THEN 'u' ELSE 'd' END AS state) g"
    ).format(
        keys=SQL(", ").join(name_of("t", f"k{place}") for place in range(len(table.contract.key))),
        values=SQL(", ").join(values),
        changed=changed,
        mirror=table.name,
        key_of_m=_key_is(table, "m", "t"),
        changes=table.changes,
        key_of_c=_key_is(table, "c", "t"),
        text=table.text,
        key_texts=_key_texts(table, "t"),
        there=there,
    )


def _before(table: MirrorTable, name: str) -> Composable:
    """Return what a column is of a row that is not there: what it was, the key as it is told."""
    key = table.contract.key
    return name_of("t", f"k{key.index(name)}") if name in key else name_of("p", name)


def _key_is(table: MirrorTable, row: str, told: str) -> Composed:
    pairs = enumerate(table.contract.key)
    return SQL(" AND ").join(
        SQL("{} = {}").format(name_of(row, name), name_of(told, f"k{place}")) for place, name in pairs
    )


def _key_texts(table: MirrorTable, told: str) -> Composed:
    pairs = enumerate(table.contract.key)
    return SQL(", ").join(table.text_of(name, name_of(told, f"k{place}")) for place, name in pairs)

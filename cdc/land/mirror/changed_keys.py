"""The SQL that notes which keys of one mirror a batch changed, with what look-ups read of their rows before it."""

from __future__ import annotations

from typing import Final

from psycopg.sql import SQL, Composable, Composed, Literal

from cdc.land.mirror.table import MirrorTable, name_of, text_of

# Few enough that one of them is found quickly, and that they fit on a page, compressed.
_PORTION: Final = 128


def note(mirror: Composable, rows: Composable, stream: str = "%s", batch: str = "%s") -> Composed:
    """Return the INSERT that writes rows of key (text[]), op and old (jsonb) to the index of changed rows.

    `stream` and `batch` are the placeholders of its parameters, in that order before those of `rows`.
    """
    return SQL(
        "INSERT INTO cdc.changed_key (mirror, batch, op, hashes, keys, olds)"
        " SELECT (SELECT cdc.changed_mirror_id({stream}, {mirror})), {batch}::bigint, op, array_agg(hash_array(key)),"
        " array_agg(key::text), CASE WHEN count(old) > 0 THEN array_agg(old) END FROM ("
        'SELECT key, op::"char", old::jsonb, (row_number() OVER (PARTITION BY op) - 1) / {portion} AS portion'
        " FROM ({rows}) n (key, op, old)) n GROUP BY op, portion"
    ).format(mirror=mirror, rows=rows, stream=SQL(stream), batch=SQL(batch), portion=Literal(_PORTION))


def note_keys(table: MirrorTable) -> Composed:
    """Write the staged keys to the index of changed rows, with the watched values that the mirror still holds.

    Runs before the mirror is written. Parameters: stream, batch.
    """
    rows = SQL(
        "SELECT {key}, CASE s._op WHEN 'u' THEN 'u' WHEN 's' THEN CASE WHEN {exists} THEN 'u' ELSE 'd' END"
        " ELSE 'd' END, {old} FROM {stage} s LEFT JOIN {mirror} m ON {match}{twin}"
    ).format(
        key=table.key_array("s"),
        exists=table.exists("m"),
        old=_old_or_deleted(table),
        stage=table.stage,
        mirror=table.name,
        match=table.match("m"),
        twin=SQL(" LEFT JOIN {} d ON {}").format(table.deleted, table.match("d")) if table.watched else SQL(""),
    )
    return note(table.text, rows)


def note_written_keys(table: MirrorTable) -> Composed:
    """Do the same where nothing of the mirror is asked for: no column is watched, no row is only noted as stale."""
    rows = SQL("SELECT {}, CASE s._op WHEN 'u' THEN 'u' ELSE 'd' END, NULL FROM {} s")
    return note(table.text, rows.format(table.key_array("s"), table.stage))


def watched_values(table: MirrorTable, alias: str) -> Composable:
    """The watched values of a row as jsonb, text by column; NULL if nothing is watched."""
    if not table.watched:
        return SQL("NULL")
    # Two arrays: a function takes 100 arguments at most.
    return SQL("jsonb_object(ARRAY[{}], ARRAY[{}])").format(
        SQL(", ").join(text_of(name) for name in table.watched),
        SQL(", ").join(SQL("{}::text").format(name_of(alias, name)) for name in table.watched),
    )


def _old_or_deleted(table: MirrorTable) -> Composable:
    """A row that comes back takes its last image away from the tombstones that look it up: `_deleted` says so."""
    if not table.watched:
        return SQL("NULL")
    return SQL("CASE WHEN {live} THEN {old} WHEN {gone} THEN {last} || '{{\"_deleted\": true}}' END").format(
        live=table.exists("m"),
        old=watched_values(table, "m"),
        gone=table.exists("d"),
        last=watched_values(table, "d"),
    )

"""The SQL that notes which keys of one mirror a batch changed, with what look-ups read of their rows before it."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Composed

from cdc.land.mirror.table import MirrorTable, name_of, text_of


def note_keys(table: MirrorTable) -> Composed:
    """Write the staged keys to the journal's key index, with the watched values that the mirror still holds.

    Runs before the mirror is written. Parameters: stream, batch.
    """
    return SQL(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) SELECT %s, %s, {text}, {key},"
        " (CASE s._op WHEN 'u' THEN 'u' WHEN 's' THEN CASE WHEN {exists} THEN 'u' ELSE 'd' END"
        " ELSE 'd' END)::\"char\", {old} FROM {stage} s LEFT JOIN {mirror} m ON {match}{twin}"
    ).format(
        text=table.text,
        key=table.key_array("s"),
        exists=table.exists("m"),
        old=_old_or_deleted(table),
        stage=table.stage,
        mirror=table.name,
        match=table.match("m"),
        twin=SQL(" LEFT JOIN {} d ON {}").format(table.deleted, table.match("d")) if table.watched else SQL(""),
    )


def note_written_keys(table: MirrorTable) -> Composed:
    """Do the same where nothing of the mirror is asked for: no column is watched, no row is only noted as stale."""
    return SQL(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op) SELECT %s, %s, {text}, {key},"
        " (CASE s._op WHEN 'u' THEN 'u' ELSE 'd' END)::\"char\" FROM {stage} s"
    ).format(text=table.text, key=table.key_array("s"), stage=table.stage)


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

"""The SQL of what cannot land: refused records, and the mirror rows that they leave behind the source."""

from __future__ import annotations

from psycopg.sql import SQL, Composed

from cdc.land.mirror.table import MirrorTable


def heal(table: MirrorTable) -> Composed:
    """Remove the stale marks of staged rows that came whole or went."""
    return SQL("DELETE FROM cdc.stale c USING {stage} s WHERE c.mirror = {text} AND c.key = {key} AND s._whole").format(
        stage=table.stage, text=table.text, key=table.key_array("s")
    )


def mark_stale(table: MirrorTable) -> Composed:
    """Mark the staged rows that a refused change leaves behind the source. Parameter: stream."""
    return SQL(
        'INSERT INTO cdc.stale (mirror, key, code, stream, "offset")'
        " SELECT {text}, {key}, s._code, %s, s._code_offset FROM {stage} s WHERE s._code IS NOT NULL"
        ' ON CONFLICT (mirror, key) DO UPDATE SET code = EXCLUDED.code, "offset" = EXCLUDED."offset"'
    ).format(text=table.text, key=table.key_array("s"), stage=table.stage)


def refuse(table: MirrorTable) -> Composed:
    """Keep a refused record.

    Parameters: stream, offset, batch, token, key columns..., code, detail, record key and value, data key, token. With
    a token there is no key.
    """
    keys = SQL(", ").join(
        table.text_of(name, SQL("%s::{}").format(SQL(table.contract.column(name).mirror_type)))
        for name in table.contract.key
    )
    return SQL(
        'INSERT INTO cdc.refused (stream, "offset", batch, mirror, key, code, detail, record_key, record_value,'
        " data_key, key_token) VALUES (%s, %s, %s, {mirror}, CASE WHEN %s::text IS NULL THEN ARRAY[{keys}] END,"
        " %s, %s, %s, %s, %s, %s)"
    ).format(mirror=table.text, keys=keys)

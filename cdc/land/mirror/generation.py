"""The end of a snapshot generation: what it did not bring of a captured table is no longer in the source.

Parameters of both: generation_from, deleted_offset, deleted_ts, stream, batch; of `heal_missing` mirrors, too: the
captured ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed

from cdc.land.mirror.changed_keys import note, watched_values
from cdc.land.mirror.rows import deleting
from cdc.land.mirror.table import MirrorTable


def delete_ghosts(table: MirrorTable) -> Composed:
    """Delete the rows that a closed snapshot generation did not bring, and note their keys.

    A row whose re-read image was refused is there, only stale.
    """
    refused = SQL(
        'SELECT FROM cdc.stale c WHERE c.mirror = {} AND c.key = {} AND c."offset" >= %(generation_from)s'
    ).format(table.text, table.key_array("m"))
    rows = SQL("SELECT {}, 'd', {} FROM gone m").format(table.key_array("m"), watched_values(table, "m"))
    return SQL("{gone} {noted}").format(
        gone=deleting(table, SQL("m._offset < %(generation_from)s AND NOT EXISTS ({})").format(refused)),
        noted=note(table.text, rows, "%(stream)s", "%(batch)s"),
    )


def heal_missing(connection: psycopg.Connection, parameters: Mapping[str, Any]) -> None:
    """Remove the stale marks that are older than a closed generation: it brought the row, or the row is gone."""
    connection.execute(
        'WITH gone AS (DELETE FROM cdc.stale WHERE stream = %(stream)s AND "offset" < %(generation_from)s'
        " AND mirror = ANY(%(mirrors)s) RETURNING mirror, key)"
        " INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
        " SELECT %(stream)s, %(batch)s, mirror, key, 'd' FROM gone g WHERE NOT EXISTS (SELECT FROM cdc.journal_key k"
        " WHERE k.stream = %(stream)s AND k.batch = %(batch)s AND k.mirror = g.mirror AND k.key = g.key)",
        parameters,
    )

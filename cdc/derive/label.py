"""What the columns of canonical tables are called for people: comments, which tools that read the catalogue show.

A label is no part of what a row means: nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from cdc.derive.statement import Statement
from cdc.derive.table import Table


def plan_labels(connection: psycopg.Connection[Any], table: Table) -> Iterator[Statement]:
    """Yield what gives the columns that are there the labels that they have now; comments on others are left alone."""
    if not table.labels:
        return
    rows = connection.execute(
        "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (table.quoted,),
    ).fetchall()
    changed = [name for name, known in rows if table.labels.get(name, known) != known]
    if changed:
        text = table.labelling(*changed).removeprefix("; ")
        # It waits for VACUUM and the making of indexes, and nothing waits for it.
        yield Statement(
            f"label columns of {table}: {', '.join(changed)}", text, beside=(text,), is_needed=False, is_beside=True
        )

"""The SQL of a mirror's staging table: temporary, one row per key that a batch changes.

A staged row has an operation: u writes the row, d deletes what the mirror has, x writes the row and then deletes it,
s only notes that the row is stale. `_shape` numbers the sets of columns that the batch's rows carry. The defaults are
those of a plain row: it is written, whole.
"""

from __future__ import annotations

from typing import Final

from psycopg.sql import SQL, Composed

from cdc.columns import STAGE_COLUMNS
from cdc.land.mirror.table import MirrorTable, list_of, name_of

PLAIN_SHAPE: Final = 0
"""The number of the shape that has all columns."""


def create_stage(table: MirrorTable) -> Composed:
    """Make the staging table. Whoever stages rows removes them again (`empty_stage`, `truncate_stage`).

    ON COMMIT DELETE ROWS would truncate the staging tables of all mirrors at each commit, whatever was staged: most of
    what landing small batches costs the target, and with their files all plans that name them go.
    """
    columns = [SQL("{} {}").format(name_of(column.name), SQL(column.mirror_type)) for column in table.contract.columns]
    columns += [SQL("{} {}").format(name_of(name), SQL(type_text)) for name, type_text in STAGE_COLUMNS.items()]
    return SQL("CREATE TEMP TABLE {} ({})").format(name_of(table.stage_name), SQL(", ").join(columns))


def copy_stage(table: MirrorTable) -> Composed:
    """COPY of all source columns and STAGE_COLUMNS."""
    return SQL("COPY {} FROM STDIN").format(table.stage)


def copy_plain(table: MirrorTable) -> Composed:
    """COPY of plain rows: source columns, _offset, _source_ts."""
    return SQL("COPY {} ({}) FROM STDIN").format(table.stage, list_of([*table.columns, "_offset", "_source_ts"]))


def insert_stage(table: MirrorTable) -> Composed:
    """The same for few rows: one parameter per source column and STAGE_COLUMNS."""
    count = len(table.contract.columns) + len(STAGE_COLUMNS)
    return SQL("INSERT INTO {} VALUES ({})").format(table.stage, SQL(", ").join([SQL("%s")] * count))


def empty_stage(table: MirrorTable) -> Composed:
    """Remove a few rows. They stay behind as deleted ones, which later statements read over."""
    return SQL("DELETE FROM {}").format(table.stage)


def truncate_stage(table: MirrorTable) -> Composed:
    """Remove many rows, and the deleted ones; statements that name the table are planned afresh."""
    return SQL("TRUNCATE {}").format(table.stage)


def drop_stage(table: MirrorTable) -> Composed:
    """Remove the staging table of an earlier contract."""
    return SQL("DROP TABLE IF EXISTS {}").format(table.stage)

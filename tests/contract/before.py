"""A target as a release of before has left it: its journal in one piece, a row for each changed key."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from cdc.store.migrate import migrations
from tests.owner import disarm

_OF_BEFORE = {one.name: one.sql.decode() for one in migrations()}
_UNDO = """
CREATE TEMP TABLE chunks ON COMMIT DROP AS
    SELECT stream, batch, first_offset, next_offset, records, chunk, chain, landed_at FROM cdc.journal;
CREATE TEMP TABLE keys ON COMMIT DROP AS SELECT stream, batch, mirror, key, op, old FROM cdc.journal_key;
DROP TABLE cdc.journal, cdc.journal_month, cdc.archive;
DROP VIEW cdc.journal_key;
DROP TABLE cdc.changed_key, cdc.changed_mirror;
DROP FUNCTION cdc.changed_mirror_id, cdc.make_journal_months, cdc.keep_evidence;
{tables}
INSERT INTO cdc.journal SELECT * FROM chunks;
INSERT INTO cdc.journal_key SELECT * FROM keys;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON cdc.journal
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change();
ALTER TABLE cdc.journal ENABLE ALWAYS TRIGGER evidence_is_kept;
REVOKE UPDATE, DELETE, TRUNCATE ON cdc.journal FROM CURRENT_USER;
DELETE FROM cdc.migration WHERE name LIKE '%journal_months' OR name LIKE '%changed_key' OR name LIKE '%sealed_journal';
"""


def put_back(connection: psycopg.Connection[Any]) -> None:
    """Undo `journal_months`, `changed_key`, `sealed_journal`. Tables are made as the migrations of then make them."""
    base = _OF_BEFORE["0001_base"]
    made = [re.search(rf"CREATE TABLE cdc\.{name} \(.*?\n\);", base, re.DOTALL) for name in ("journal", "journal_key")]
    indexes = re.findall(r"CREATE INDEX journal_key_\w+ ON.*?;", base)
    tables = "\n".join([*(one[0] for one in made if one), *indexes, _OF_BEFORE["0003_journal_key_hash"]])
    disarm(connection)
    with connection.transaction():
        connection.execute(_UNDO.format(tables=tables).encode())

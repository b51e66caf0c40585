"""What look-ups read of a row before it changed: kept beside its key, and forgotten if it may be a person's.

A derivation needs it once. When all have passed the batch, a worker that has nothing else to do takes it away, of
mirrors of which more is made than what everybody may see. What stands there instead says that nobody knows: whoever
comes to it later takes all that could have looked it up, which is slow, and right.
"""

from __future__ import annotations

from typing import Final

import psycopg

from cdc.protect.seal import CLEAR

_AT_ONCE: Final = 1000  # there are many where a target is older than this

_FORGET: Final = f"""
UPDATE cdc.changed_key SET olds = array_fill('{{}}'::jsonb, ARRAY[cardinality(olds)]) WHERE ctid = ANY (ARRAY(
    SELECT k.ctid FROM cdc.changed_mirror m JOIN cdc.changed_key k ON k.mirror = m.id
    WHERE EXISTS (
        SELECT FROM cdc.mirror_class c WHERE c.mirror = m.name AND c.class <> ALL ('{{{",".join(sorted(CLEAR))}}}'))
    AND k.olds IS NOT NULL AND k.olds[1] IS DISTINCT FROM '{{}}'::jsonb
    AND k.batch <= (SELECT min(w.batch) FROM (
        SELECT stream, batch FROM cdc.watermark JOIN cdc.domain d ON d.name = domain WHERE d.dictionary IS NOT NULL
        UNION ALL SELECT stream, batch FROM cdc_shadow.watermark) w WHERE w.stream = m.stream)
    ORDER BY k.mirror, k.batch LIMIT {_AT_ONCE} FOR UPDATE OF k SKIP LOCKED))
""".encode()


def forget(connection: psycopg.Connection) -> bool:
    """Take away old values that all derivations have passed; tell whether there may be more. In autocommit."""
    return connection.execute(_FORGET).rowcount == _AT_ONCE

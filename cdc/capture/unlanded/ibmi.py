"""IBM i: the journals of its Db2."""

from __future__ import annotations

from cdc.capture.source import Source
from cdc.capture.unlanded.product import Product, of_schema


def _own(source: Source) -> dict[str, str]:
    # Its trust store is that of the worker's Java: there is no setting for another one.
    return {
        "database.dbname": source.database,
        "database.schema": source.tables[0].schema if source.tables else "",
        "secure": str(source.encryption.mode != "disable").lower(),
    }


PRODUCT = Product(
    pinned={
        # The connector does not support it.
        "exactly.once.support": "requested",
        "heartbeat.interval.ms": "1000",
        # The default cuts blanks off both ends of every text.
        "trim.non.xml.charsequence.field.mode": "none",
    },
    own=_own,
    name=of_schema,
    has_history=False,
)

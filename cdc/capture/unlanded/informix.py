"""Informix: the change data capture interface of the server (syscdcv1)."""

from __future__ import annotations

from cdc.capture.source import Source
from cdc.capture.unlanded.product import Product, named, of_database


def _own(source: Source) -> dict[str, str]:
    tls = source.encryption
    if tls.mode == "disable":
        return {"database.dbname": source.database}
    stores = {"driver.SSL_TRUSTSTORE": tls.truststore, "driver.SSL_TRUSTSTORE_PASSWORD": tls.truststore_password}
    return {"database.dbname": source.database, "driver.SSLCONNECTION": "true", **named(stores)}


PRODUCT = Product(
    pinned={
        # The connector does not support it.
        "exactly.once.support": "requested",
        "heartbeat.interval.ms": "1000",
        "include.schema.changes": "true",
        # The default locks tables exclusively: the applications could not even read.
        "snapshot.locking.mode": "share",
    },
    own=_own,
    name=of_database,
)

"""Db2 for Linux, UNIX and Windows: the change tables of SQL Replication."""

from __future__ import annotations

from cdc.capture.source import Source
from cdc.capture.unlanded.product import Product, named, of_schema


def _own(source: Source) -> dict[str, str]:
    tls = source.encryption
    own = {"database.dbname": source.database, "driver.sslConnection": str(tls.mode != "disable").lower()}
    if tls.mode == "verify-full":
        own["driver.sslClientHostnameValidation"] = "BASIC"
    stores = {
        "driver.sslTrustStoreLocation": tls.truststore,
        "driver.sslTrustStorePassword": tls.truststore_password,
    }
    return own | named(stores)


PRODUCT = Product(
    pinned={
        # The connector does not support it.
        "exactly.once.support": "requested",
        "heartbeat.interval.ms": "1000",
        "include.schema.changes": "true",
    },
    own=_own,
    name=of_schema,
)

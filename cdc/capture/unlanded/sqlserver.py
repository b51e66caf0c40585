"""SQL Server: the change tables of its own CDC, which the DBA switches on table by table."""

from __future__ import annotations

from cdc.capture.source import Source
from cdc.capture.unlanded.product import Product, named, of_schema


def _own(source: Source) -> dict[str, str]:
    tls = source.encryption
    is_verified = tls.mode in ("verify-full", "verify-ca")  # the driver verifies names with every authority
    return {
        "database.names": source.database,
        "driver.encrypt": "false" if tls.mode == "disable" else "true",
        "driver.trustServerCertificate": "false" if is_verified or tls.mode == "disable" else "true",
        **named({"driver.trustStore": tls.truststore, "driver.trustStorePassword": tls.truststore_password}),
    }


PRODUCT = Product(
    pinned={
        "heartbeat.interval.ms": "1000",
        "include.schema.changes": "true",
        # The default keeps its locks until a table is read: the applications would wait.
        "snapshot.isolation.mode": "snapshot",
    },
    own=_own,
    name=of_schema,
)

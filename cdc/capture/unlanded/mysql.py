"""MySQL: as MariaDB, with names and modes of its own."""

from __future__ import annotations

import zlib

from cdc.capture.source import Source
from cdc.capture.unlanded.product import Product, named, of_database

_MODES = {"verify-full": "verify_identity", "verify-ca": "verify_ca", "require": "required", "disable": "disabled"}


def _own(source: Source) -> dict[str, str]:
    tls = source.encryption
    stores = {
        "database.ssl.truststore": tls.truststore,
        "database.ssl.truststore.password": tls.truststore_password,
        "database.ssl.keystore": tls.keystore,
        "database.ssl.keystore.password": tls.keystore_password,
    }
    return {
        "database.include.list": source.database,
        "database.server.id": str(1_000_000_000 + zlib.crc32(source.name.encode()) % 1_000_000_000),
        "database.ssl.mode": _MODES[tls.mode],
        **named(stores),
    }


PRODUCT = Product(
    pinned={
        "connect.keep.alive": "false",
        "connect.keep.alive.interval.ms": "1000",
        "heartbeat.interval.ms": "1000",
        "bigint.unsigned.handling.mode": "precise",
        # The session's time zone, whatever Java's is.
        "driver.connectionTimeZone": "UTC",
        "driver.forceConnectionTimeZoneToSession": "true",
        "driver.preserveInstants": "true",
        "enable.time.adjuster": "false",
        "event.deserialization.failure.handling.mode": "fail",
        "inconsistent.schema.handling.mode": "fail",
        "include.schema.changes": "true",
        "include.query": "false",
    },
    own=_own,
    name=of_database,
)

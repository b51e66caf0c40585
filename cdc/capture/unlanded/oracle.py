"""Oracle: the redo log, by LogMiner."""

from __future__ import annotations

from cdc.capture.source import Source
from cdc.capture.types import PLACEHOLDER
from cdc.capture.unlanded.product import Product, named, of_schema


def _own(source: Source) -> dict[str, str]:
    tls = source.encryption
    if tls.mode == "disable":
        return {"database.dbname": source.database}
    matched = "yes" if tls.mode == "verify-full" else "no"
    address = f"(ADDRESS=(PROTOCOL=TCPS)(HOST={source.host})(PORT={source.port}))"
    service = f"(CONNECT_DATA=(SERVICE_NAME={source.database}))(SECURITY=(SSL_SERVER_DN_MATCH={matched}))"
    stores = {
        "driver.javax.net.ssl.trustStore": tls.truststore,
        "driver.javax.net.ssl.trustStorePassword": tls.truststore_password,
        "driver.javax.net.ssl.keyStore": tls.keystore,
        "driver.javax.net.ssl.keyStorePassword": tls.keystore_password,
    }
    return {
        "database.dbname": source.database,
        "database.url": f"jdbc:oracle:thin:@(DESCRIPTION={address}{service})",
        **named(stores),
    }


PRODUCT = Product(
    pinned={
        "database.connection.adapter": "logminer",
        # Whatever is not whole in the redo log comes with a statement of its own; without it those columns are lost.
        "lob.enabled": "true",
        # The other strategies write the dictionary into the redo log, or do not go with large objects.
        "log.mining.strategy": "online_catalog",
        # The connector writes a row of its own, so that the log's buffer is on disk up to where it is mined. `true` is
        # made for a standby and leaves that out; that nothing is passed over on a primary then, nobody has shown.
        "log.mining.read.only": "false",
        # 0: no transaction is given up for its age.
        "log.mining.transaction.retention.ms": "0",
        # The default passes over what was open when the snapshot began: those changes would be lost.
        "internal.log.mining.transaction.snapshot.boundary.mode": "all",
        "unavailable.value.placeholder": PLACEHOLDER,
        "interval.handling.mode": "string",
        "heartbeat.interval.ms": "1000",
        "include.schema.changes": "true",
    },
    own=_own,
    name=of_schema,
)

"""What MariaDB and MySQL do differently, where a catalogue is read: their queries, settings, types and defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cdc.capture.charset import UNICODE
from cdc.capture.default_mariadb import Default, mirror_default
from cdc.capture.default_mysql import mysql_default
from cdc.capture.types import MirrorType
from cdc.capture.types_mariadb import of_mariadb
from cdc.capture.types_mysql import of_mysql


@dataclass(frozen=True, slots=True)
class Dialect:
    """One product. `oldest` is the oldest version that was tried, `computed` tells of a row of information_schema's
    columns whether the server computes it.

    `unreadable` asks what of the server the connector would stop at, None: nothing is known that it would. `logging`
    are variables that the log depends on, with what they have to be; one that a server does not have is in nobody's
    way. `log_status` shows the filters of the log, `gtids` what is in it. `logs_cascades` asks whether the server
    writes to its log what foreign keys do, None: it does not.
    """

    product: str
    oldest: tuple[int, int]
    computed: str
    unreadable: str | None
    logging: Mapping[str, str]
    start_anew: frozenset[str]
    log_status: str
    gtids: str
    logs_cascades: str | None
    charsets: frozenset[str]
    type_of: Callable[[str, str, str | None], MirrorType]
    default_of: Callable[..., Default]


# Compared character by character, all that each can hold, from the snapshot and from the log of both. Left out are
# those that the connector's log reader decodes by another table (big5, cp932, euckr, sjis, ujis, ...) or by none. Two
# have few known exceptions, which the decoder of rows sees to: `cdc.stream.row`.
_CHARSETS: Final = frozenset(
    {
        *UNICODE,
        *("ascii", "gbk", "gb2312"),
        *("latin1", "latin2", "latin5", "latin7", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852"),
        *("koi8r", "macce", "macroman"),
    }
)

MARIADB: Final = Dialect(
    product="MariaDB",
    oldest=(10, 5),
    computed="IS_GENERATED = 'ALWAYS'",
    # What DDL holds that the connector's parser does not know, and what its reader of rows does not: of all databases
    # that the account may see.
    unreadable="""
SELECT CONCAT_WS('.', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME) AS place, COLUMN_TYPE AS type
FROM information_schema.COLUMNS
WHERE (TABLE_SCHEMA = %s AND DATA_TYPE IN ('inet4', 'inet6'))
   OR (DATA_TYPE NOT IN ('enum', 'set') AND COLUMN_TYPE LIKE '%%/*%%COMPRESSED%%')
ORDER BY 1""",
    # A compressed log is read with events missing.
    logging={"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "log_bin_compress": "OFF"},
    start_anew=frozenset({"log_bin"}),
    log_status="SHOW MASTER STATUS",
    gtids="SELECT @@GLOBAL.gtid_binlog_pos AS gtids",
    logs_cascades=None,
    charsets=_CHARSETS,
    type_of=of_mariadb,
    default_of=mirror_default,
)
MYSQL: Final = Dialect(
    product="MySQL",
    oldest=(9, 7),
    computed="GENERATION_EXPRESSION <> ''",
    unreadable=None,
    logging={
        "log_bin": "ON",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        # Of a JSON value only what was changed in it.
        "binlog_row_value_options": "",
        # All rows of a compressed transaction stand at one place of the log: nobody can tell them from repetitions.
        "binlog_transaction_compression": "OFF",
        # By its GTIDs a source is known that was restored to an earlier time.
        "gtid_mode": "ON",
        "log_replica_updates": "ON",
        # The log has the keys that the server makes for tables without one; who does not see them counts columns wrong.
        "show_gipk_in_create_table_and_information_schema": "ON",
    },
    start_anew=frozenset({"log_bin", "log_replica_updates"}),
    log_status="SHOW BINARY LOG STATUS",
    gtids="SELECT @@GLOBAL.gtid_executed AS gtids",
    logs_cascades="SHOW GLOBAL VARIABLES WHERE Variable_name = 'innodb_native_foreign_keys' AND Value = 'OFF'",
    charsets=_CHARSETS,
    type_of=of_mysql,
    default_of=mysql_default,
)
DIALECTS: Final[Mapping[str, Dialect]] = {"mariadb": MARIADB, "mysql": MYSQL}

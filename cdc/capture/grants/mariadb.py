"""The script for a MariaDB source; `compose/erp/dba.sql` is what it comes to for the demo's."""

from __future__ import annotations

from cdc.capture.quoting import backquoted, text
from cdc.capture.source import Source

_SCRIPT = """\
-- The DBA's one script for source {name} (MariaDB): the whole of what the replication needs on this server.
--
-- It creates one account that may read and follow the binary log, and nothing else: no table, column or trigger is
-- touched, and the account can write nowhere. It may be run again at any time, for instance to change the password.
-- The server itself must have log_bin, binlog_format=ROW, binlog_row_image=FULL, binlog_expire_logs_seconds above the
-- longest outage to be survived, and a server_id of its own.
--
-- The password stands in no file. Run as an administrator:
--   mariadb --init-command="SET @capture_password = '$PASSWORD'" < dba.sql
-- Printed by `cdc connectors grants {name}`; review it, keep it beside the connector file.
--
-- RELOAD      the moment of FLUSH TABLES WITH READ LOCK that fixes the snapshot's position
-- PROCESS     to see transactions that are open: the connector would wait, and the applications behind its lock.
--             It also shows what other sessions run. Without it preflight says that it has not looked (SRC-323); it may
--             be taken away once the source is captured
-- SELECT      on *.* because the connector stops at any table with a COMPRESSED column, captured or not: at its rows,
--             at the statement that makes it. Who may read one database alone is not shown it: nobody would be warned

EXECUTE IMMEDIATE CONCAT({create}, QUOTE(@capture_password));
EXECUTE IMMEDIATE CONCAT({alter}, QUOTE(@capture_password));
GRANT SELECT, RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {account};"""


def script(source: Source, user: str) -> str:
    """Return the script for an account that may come from any host."""
    account = f"{backquoted(user)}@'%'"
    create, alter = (text(f"{verb} {account} IDENTIFIED BY ") for verb in ("CREATE USER IF NOT EXISTS", "ALTER USER"))
    return _SCRIPT.format(name=source.name, create=create, alter=alter, account=account)

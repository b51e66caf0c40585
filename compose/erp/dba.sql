-- The DBA's one script for the ERP (MariaDB): the whole of what the replication needs on this server.
--
-- It creates one account that may read and follow the binary log, and nothing else: no table, column or trigger is
-- touched, and the account can write nowhere. It may be run again at any time, for instance to change the password.
-- The server itself must have (see its configuration): log_bin, binlog_format=ROW, binlog_row_image=FULL,
-- binlog_expire_logs_seconds above the longest outage to be survived, and a server_id of its own.
--
-- The password comes from the environment and stands in no file. Run as an administrator:
--   mariadb --init-command="SET @capture_password = '$CDC_ERP_PASSWORD'" < dba.sql
-- (`python -m compose.simulator install` does the same over its own connection.)
--
-- RELOAD      the moment of FLUSH TABLES WITH READ LOCK that fixes the snapshot's position
-- PROCESS     to see transactions that are open: the connector would wait, and the applications behind its lock.
--             It also shows what other sessions run. Without it preflight says that it has not looked; it may
--             be taken away once the source is captured
-- SELECT      on *.* because the connector stops at any table with a COMPRESSED column, captured or not: at its rows,
--             at the statement that makes it. Who may read one database alone is not shown it: nobody would be warned

EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password));
EXECUTE IMMEDIATE CONCAT('ALTER USER cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password));
GRANT SELECT, RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO cdc_capture@'%';

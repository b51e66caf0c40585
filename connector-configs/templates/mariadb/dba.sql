-- The DBA's one script for a MariaDB source: the whole of what the replication needs on this server.
--
-- One account that may read and follow the binary log, and nothing else: no table, column, trigger or row is made, and
-- the account can write nowhere. It may be run again at any time. Edit: the database, which is that of the connector file.
--
-- The server has to have (see the checklist): log_bin, binlog_format = ROW, binlog_row_image = FULL, log_bin_compress = 0,
-- a server_id of its own, a binlog_expire_logs_seconds above the longest outage.
--
-- The password comes from the environment and stands in no file. Run as an administrator:
--   mariadb --init-command="SET @capture_password = '$CDC_ERP_PASSWORD'" < dba.sql
--
-- RELOAD              FLUSH TABLES WITH READ LOCK, for the moment in which the snapshot's place is fixed
-- PROCESS             to see transactions that are open: the connector would wait for them, and the applications behind its
--                     lock. It also shows what other sessions run; it may be taken away once the source is captured
-- REPLICATION ...     to follow the log, and to ask where it is; global by nature
-- SHOW DATABASES      the connector asks for them
-- SELECT              on the captured database alone. No table elsewhere on the server may have a COMPRESSED column then:
--                     the connector stops at it, and only an account with SELECT on *.* is shown it (SRC-126)

EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password));
EXECUTE IMMEDIATE CONCAT('ALTER USER cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password));
GRANT RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO cdc_capture@'%';
GRANT SELECT ON `erp`.* TO cdc_capture@'%';

-- The DBA's one script for a MySQL source: the whole of what the connector needs on this server.
--
-- One account that may read one database and follow the binary log, and nothing else. It may be run again at any time.
-- Edit: the database, which is that of the connector file. The password stands in no file; run as an administrator:
--   mysql --init-command="SET @capture_password = '$PASSWORD'" < dba.sql
--
-- The server has to have: log_bin, binlog_row_image = FULL, binlog_row_value_options empty, gtid_mode = ON,
-- binlog_transaction_compression = OFF, a binlog_expire_logs_seconds above the longest outage.

SET @make = CONCAT('CREATE USER IF NOT EXISTS cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password), ' REQUIRE SSL');
PREPARE make FROM @make;
EXECUTE make;
SET @make = CONCAT('ALTER USER cdc_capture@''%'' IDENTIFIED BY ', QUOTE(@capture_password), ' REQUIRE SSL');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;
-- PROCESS is for preflight alone: it sees transactions that are open, for which the connector would wait, and the applications
-- behind its lock. It also shows what other sessions run; it may be taken away once the source is captured.
-- RELOAD is for the moment in which the snapshot's place is fixed; LOCK TABLES instead of it where a managed service has
-- no global read lock.
GRANT RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO cdc_capture@'%';
GRANT SELECT ON `crm`.* TO cdc_capture@'%';

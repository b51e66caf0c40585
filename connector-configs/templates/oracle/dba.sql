-- The DBA's one script for an Oracle source: supplemental logging of the listed tables, and one common user.
--
-- What it makes: the user, and in the user's own schema a table of one row. The connector writes there so that the log's
-- buffer is on disk as far as it mines; nothing of the applications is written. Supplemental logging makes the redo log
-- larger. It may be run again at any time (ORA-01920, ORA-00955: user and table are there already).
-- Edit: names of container, tables, tablespace. Grants are per table; the vendor's recipe has SELECT ANY TABLE, LOCK ANY
-- TABLE and FLASHBACK ANY TABLE, which is every row of the database.
--
-- The password is asked for. Run as SYSDBA in the root container:
--   sqlplus / as sysdba @dba.sql
-- The database has to be in ARCHIVELOG mode (SELECT log_mode FROM v$database); changing that takes a restart, so it is not
-- done here.
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
ACCEPT capture_password CHAR PROMPT 'Password of C##CDC_CAPTURE: ' HIDE

ALTER DATABASE ADD SUPPLEMENTAL LOG DATA;

WHENEVER SQLERROR CONTINUE
CREATE USER c##cdc_capture IDENTIFIED BY "&capture_password" CONTAINER = ALL;
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
ALTER USER c##cdc_capture IDENTIFIED BY "&capture_password" CONTAINER = ALL;

-- Made here, so that the connector needs no right to make tables.
ALTER USER c##cdc_capture QUOTA 1M ON users;
WHENEVER SQLERROR CONTINUE
CREATE TABLE c##cdc_capture.log_mining_flush (last_scn NUMBER(19,0));
WHENEVER SQLERROR EXIT FAILURE ROLLBACK

GRANT CREATE SESSION, SET CONTAINER, LOGMINING TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ANY TRANSACTION TO c##cdc_capture CONTAINER = ALL;
GRANT EXECUTE ON SYS.DBMS_LOGMNR TO c##cdc_capture CONTAINER = ALL;
GRANT EXECUTE ON SYS.DBMS_LOGMNR_D TO c##cdc_capture CONTAINER = ALL;
-- The dictionary: the connector reads tables' definitions by DBMS_METADATA.
GRANT SELECT_CATALOG_ROLE TO c##cdc_capture CONTAINER = ALL;
GRANT EXECUTE_CATALOG_ROLE TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$DATABASE TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOG TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOG_HISTORY TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOGFILE TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOGMNR_LOGS TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOGMNR_CONTENTS TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$LOGMNR_PARAMETERS TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$ARCHIVED_LOG TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$ARCHIVE_DEST_STATUS TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$TRANSACTION TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$MYSTAT TO c##cdc_capture CONTAINER = ALL;
GRANT SELECT ON SYS.V_$STATNAME TO c##cdc_capture CONTAINER = ALL;

ALTER SESSION SET CONTAINER = PLMPDB;
-- SELECT also lets the snapshot lock a table in ROW SHARE mode, which keeps nobody but DDL waiting.
GRANT SELECT, FLASHBACK ON plm.part TO c##cdc_capture;
GRANT SELECT, FLASHBACK ON plm.bom TO c##cdc_capture;
ALTER TABLE plm.part ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS;
ALTER TABLE plm.bom ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS;
EXIT

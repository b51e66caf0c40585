-- Facts about an Oracle database for `cdc connectors preflight --from FILE`. It reads dictionary views, nothing else.
--
-- NEVER RUN ON A LIVE SERVER by those who wrote it: made from the documentation of Oracle 19c. Whatever it stumbles over
-- is worth a report.
--
-- Run by somebody with SELECT_CATALOG_ROLE, in the pluggable database if there is one; the account and the owner of the
-- tables as the dictionary has them:
--   sqlplus -S -L USER@SERVICE @oracle.sql C##CDC K3 > facts.csv
--   cdc connectors preflight --from facts.csv
-- All tables of that owner are looked at; narrow `wanted` down to those that are to be captured.
SET HEADING OFF FEEDBACK OFF VERIFY OFF PAGESIZE 0 LINESIZE 2000 TRIMOUT ON TAB OFF ECHO OFF
DEFINE account = &1
DEFINE owner = &2
SET TRANSACTION READ ONLY;

SELECT 'area,object,item,value' FROM dual;
SELECT 'server,,product,oracle' FROM dual;
SELECT 'server,,script,1' FROM dual;
SELECT 'server,,version,' || version FROM v$instance;
SELECT 'server,,major_version,' || REGEXP_SUBSTR(version, '^\d+') FROM v$instance;
SELECT 'server,,account,&account' FROM dual;
SELECT 'server,,open_mode,' || open_mode FROM v$database;
SELECT 'server,,log_mode,' || log_mode FROM v$database;
SELECT 'server,,supplemental_log,' || supplemental_log_data_min FROM v$database;
-- Hours since the oldest archived log that is still on disk, and since the database was made.
SELECT 'server,,archived_hours,' || TO_CHAR(NVL((SYSDATE - MIN(first_time)) * 24, 0), 'FM9999990.0')
FROM v$archived_log WHERE status = 'A' AND deleted = 'NO' AND standby_dest = 'NO';
SELECT 'server,,age_hours,' || TO_CHAR((SYSDATE - created) * 24, 'FM9999990.0') FROM v$database;
SELECT 'server,,clock_s,' || TO_CHAR((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400, 'FM99999999990')
FROM dual;
-- The zone of the operating system, in which SYSDATE is, is not to be had by name; that of the database is.
SELECT 'server,,time_zone,' || DBTIMEZONE FROM dual;
SELECT 'server,,summer_time,' || CASE
         WHEN TZ_OFFSET(DBTIMEZONE) IS NULL THEN '0'
         WHEN EXTRACT(TIMEZONE_HOUR FROM FROM_TZ(TIMESTAMP '2026-01-01 00:00:00', DBTIMEZONE))
            = EXTRACT(TIMEZONE_HOUR FROM FROM_TZ(TIMESTAMP '2026-07-01 00:00:00', DBTIMEZONE)) THEN '0' ELSE '1' END
FROM dual;

WITH wanted AS (SELECT owner, table_name FROM all_tables WHERE owner = '&owner' AND temporary = 'N')
SELECT 'table,"' || w.owner || '.' || w.table_name || '",primary_key,"' || (
         SELECT LISTAGG(c.column_name, ' ') WITHIN GROUP (ORDER BY c.position)
         FROM all_constraints k JOIN all_cons_columns c ON c.owner = k.owner AND c.constraint_name = k.constraint_name
         WHERE k.owner = w.owner AND k.table_name = w.table_name AND k.constraint_type = 'P') || '"'
FROM wanted w ORDER BY w.table_name;
WITH wanted AS (SELECT owner, table_name FROM all_tables WHERE owner = '&owner' AND temporary = 'N')
SELECT 'table,"' || w.owner || '.' || w.table_name || '",supplemental_log,"' || (
         SELECT LISTAGG(g.log_group_type, ' ') WITHIN GROUP (ORDER BY g.log_group_type)
         FROM all_log_groups g WHERE g.owner = w.owner AND g.table_name = w.table_name) || '"'
FROM wanted w ORDER BY w.table_name;
WITH wanted AS (SELECT owner, table_name FROM all_tables WHERE owner = '&owner' AND temporary = 'N')
SELECT 'column,"' || w.owner || '.' || w.table_name || '.' || c.column_name || '",type,"' || CASE
         WHEN c.data_type = 'NUMBER' AND c.data_precision IS NULL AND c.data_scale = 0 THEN 'NUMBER(38,0)'
         WHEN c.data_type = 'NUMBER' AND c.data_precision IS NOT NULL
           THEN 'NUMBER(' || c.data_precision || ',' || c.data_scale || ')'
         WHEN c.data_type IN ('CHAR', 'VARCHAR2', 'NCHAR', 'NVARCHAR2') THEN c.data_type || '(' || c.char_length || ')'
         WHEN c.data_type = 'RAW' THEN 'RAW(' || c.data_length || ')'
         ELSE c.data_type END || '"'
FROM wanted w JOIN all_tab_columns c ON c.owner = w.owner AND c.table_name = w.table_name
ORDER BY w.table_name, c.column_id;

SELECT 'grant,"' || grantee || '","' || privilege || '",' FROM dba_sys_privs WHERE grantee = '&account'
UNION ALL SELECT 'grant,"' || grantee || '","' || granted_role || '",' FROM dba_role_privs WHERE grantee = '&account'
UNION ALL SELECT 'grant,"' || grantee || '","' || privilege || '","' || owner || '.' || table_name || '"'
FROM dba_tab_privs WHERE grantee = '&account' AND privilege NOT IN ('SELECT', 'READ', 'EXECUTE');

SELECT 'transaction,"' || s.sid || ',' || s.serial# || '",since,"' || t.start_time || '"'
FROM v$transaction t JOIN v$session s ON s.taddr = t.addr
WHERE t.start_date < SYSDATE - 5 / 1440;
SELECT 'end' FROM dual;
EXIT

-- The DBA's one script for a Db2 source (Linux, UNIX, Windows): SQL Replication captures the listed tables.
--
-- What it makes: change tables in the schema ASNCDC, filled by the program asncap. This is how Db2 captures, and it takes a
-- licence that includes it (IIDR / Q Replication). No table of the application is changed but for DATA CAPTURE CHANGES.
-- Before it: the functions and tables of Debezium's asncdc scripts are installed (asncdcaddremove.sql, asncdctables.sql,
-- asncdc_UDF.sql of debezium-connector-db2), and the database keeps its log (LOGARCHMETH1 is not OFF).
-- Edit: schemas and tables. Run as the instance's owner, in the captured database:
--   db2 -tvf dba.sql
VALUES ASNCDC.ASNCDCSERVICES('start', 'asncdc');
CALL ASNCDC.ADDTABLE('MFG', 'PART');
CALL ASNCDC.ADDTABLE('MFG', 'LOT');
VALUES ASNCDC.ASNCDCSERVICES('reinit', 'asncdc');
-- The account is one of the operating system or of LDAP: it has no password here.
GRANT CONNECT ON DATABASE TO USER CDCCAP;
GRANT SELECT ON MFG.PART TO USER CDCCAP;
GRANT SELECT ON MFG.LOT TO USER CDCCAP;
-- Db2 11.5 and newer; before, SELECT on each table and view of the schema.
GRANT SELECTIN ON SCHEMA ASNCDC TO USER CDCCAP;

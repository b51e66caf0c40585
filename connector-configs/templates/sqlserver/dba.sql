-- The DBA's one script for a SQL Server source: its own change data capture, switched on for the listed tables.
--
-- What it makes in the database: the schema cdc, a change table and two functions per captured table, two jobs of SQL
-- Server Agent. This is how SQL Server captures; there is no way around it. No table of the application is changed.
-- It may be run again at any time. Edit: names of database and tables, retention.
--
-- The password comes from the environment and stands in no file. Run as sysadmin:
--   sqlcmd -S host -C -v CapturePassword="$CDC_WMS_PASSWORD" -i dba.sql
:on error exit
USE master;
GO
IF SUSER_ID('cdc_capture') IS NULL
    CREATE LOGIN cdc_capture WITH PASSWORD = '$(CapturePassword)', CHECK_EXPIRATION = OFF;
ELSE
    ALTER LOGIN cdc_capture WITH PASSWORD = '$(CapturePassword)';
GO
-- The connector asks whether SQL Server Agent runs. From 2022 on: VIEW SERVER PERFORMANCE STATE is enough.
GRANT VIEW SERVER STATE TO cdc_capture;
GO
-- The first snapshot reads all tables as of one moment, and locks none. Versions of rows go to tempdb: see its size.
ALTER DATABASE wms SET ALLOW_SNAPSHOT_ISOLATION ON;
GO
USE wms;
GO
IF USER_ID('cdc_capture') IS NULL
    CREATE USER cdc_capture FOR LOGIN cdc_capture;
IF DATABASE_PRINCIPAL_ID('cdc_reader') IS NULL
    CREATE ROLE cdc_reader;
ALTER ROLE cdc_reader ADD MEMBER cdc_capture;
GO
IF (SELECT is_cdc_enabled FROM sys.databases WHERE name = DB_NAME()) = 0
    EXEC sys.sp_cdc_enable_db;
GO
-- Per table: the gating role may read its changes; SELECT is for the first snapshot. A table without a primary key needs
-- @index_name, a unique index.
DECLARE @tables TABLE (source_schema sysname, source_name sysname);
INSERT INTO @tables VALUES (N'dbo', N'item'), (N'dbo', N'stock_move');
DECLARE @schema sysname, @name sysname, @grant nvarchar(max);
DECLARE each_table CURSOR LOCAL FAST_FORWARD FOR SELECT source_schema, source_name FROM @tables;
OPEN each_table;
FETCH NEXT FROM each_table INTO @schema, @name;
WHILE @@FETCH_STATUS = 0
BEGIN
    IF NOT EXISTS (SELECT 1 FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id
                   WHERE s.name = @schema AND t.name = @name AND t.is_tracked_by_cdc = 1)
        EXEC sys.sp_cdc_enable_table @source_schema = @schema, @source_name = @name, @role_name = N'cdc_reader',
            @supports_net_changes = 0;
    SET @grant = N'GRANT SELECT ON ' + QUOTENAME(@schema) + N'.' + QUOTENAME(@name) + N' TO cdc_reader';
    EXEC sys.sp_executesql @grant;
    FETCH NEXT FROM each_table INTO @schema, @name;
END;
CLOSE each_table;
DEALLOCATE each_table;
GO
GRANT SELECT ON SCHEMA::cdc TO cdc_reader;
GO
-- Changes are kept for three days by default: a longer outage is a gap. In minutes; seven days.
EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = 10080;
-- How often the log is looked at, in seconds: the largest part of the delay.
EXEC sys.sp_cdc_change_job @job_type = N'capture', @pollinginterval = 1;
-- Both jobs read this when they start: restart the capture job (sp_cdc_stop_job, sp_cdc_start_job) at a quiet moment.
GO

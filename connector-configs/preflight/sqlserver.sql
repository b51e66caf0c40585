-- Facts about a SQL Server database for `cdc connectors preflight --from FILE`. It reads catalogue views, nothing else.
--
-- NEVER RUN ON A LIVE SERVER by those who wrote it: made from the documentation of SQL Server 2016 to 2022. Whatever it
-- stumbles over is worth a report.
--
-- Run in the database that is to be captured, by somebody who may see its catalogue (VIEW SERVER STATE, VIEW DEFINITION):
--   sqlcmd -S SERVER -d DATABASE -E -W -h -1 -y 0 -v account="cdc_capture" -i sqlserver.sql -o facts.csv
--   cdc connectors preflight --from facts.csv
-- -h -1 leaves headings out. Write the tables that are to be captured into @wanted; with none, all are looked at.
SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

DECLARE @wanted TABLE (place nvarchar(257) PRIMARY KEY);
-- INSERT INTO @wanted VALUES (N'dbo.ICMO'), (N'dbo.ICStockBill');

DECLARE @tables TABLE (id int PRIMARY KEY, place nvarchar(257));
INSERT INTO @tables
SELECT t.object_id, CONCAT(s.name, '.', t.name)
FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id
WHERE t.is_ms_shipped = 0 AND s.name <> 'cdc'
  AND (NOT EXISTS (SELECT 1 FROM @wanted) OR CONCAT(s.name, '.', t.name) IN (SELECT place FROM @wanted));

DECLARE @facts TABLE (place int IDENTITY PRIMARY KEY, area nvarchar(20), object nvarchar(520), item nvarchar(128),
                      value nvarchar(400));

INSERT INTO @facts (area, object, item, value) VALUES
  (N'server', N'', N'product', N'sqlserver'),
  (N'server', N'', N'script', N'1'),
  (N'server', N'', N'version', CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))),
  (N'server', N'', N'major_version', CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS nvarchar(9))),
  (N'server', N'', N'database', DB_NAME()),
  (N'server', N'', N'clock_s', CAST(DATEDIFF_BIG(second, '1970-01-01', SYSUTCDATETIME()) AS nvarchar(20))),
  -- Far from UTC by another span in January than in July, by the zone that SQL Server runs in.
  (N'server', N'', N'time_zone', CONCAT(N'UTC', FORMAT(DATEPART(TZOFFSET, SYSDATETIMEOFFSET()), N'+0;-0'), N' min'));

-- SYSTEM_ZONE is not to be had before 2022: the registry's name, as the server was started with it.
DECLARE @zone nvarchar(128);
EXEC master.dbo.xp_regread N'HKEY_LOCAL_MACHINE', N'SYSTEM\CurrentControlSet\Control\TimeZoneInformation',
     N'TimeZoneKeyName', @zone OUTPUT, N'no_output';
INSERT INTO @facts (area, object, item, value)
SELECT N'server', N'', N'summer_time',
       CASE WHEN @zone IS NULL THEN N'0'
            WHEN DATEPART(TZOFFSET, CAST('2026-01-01' AS datetime2) AT TIME ZONE @zone)
               = DATEPART(TZOFFSET, CAST('2026-07-01' AS datetime2) AT TIME ZONE @zone) THEN N'0' ELSE N'1' END;

INSERT INTO @facts (area, object, item, value)
SELECT N'server', N'', N'agent', status_desc FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%';
INSERT INTO @facts (area, object, item, value)
SELECT N'server', N'', N'cdc', CAST(is_cdc_enabled AS nvarchar(1)) FROM sys.databases WHERE database_id = DB_ID();
INSERT INTO @facts (area, object, item, value)
SELECT N'server', N'', N'retention_minutes', CAST(retention AS nvarchar(20)) FROM msdb.dbo.cdc_jobs
WHERE database_id = DB_ID() AND job_type = N'cleanup';

INSERT INTO @facts (area, object, item, value)
SELECT N'table', t.place, N'cdc', CAST(s.is_tracked_by_cdc AS nvarchar(1))
FROM @tables t JOIN sys.tables s ON s.object_id = t.id ORDER BY t.place;
INSERT INTO @facts (area, object, item, value)
SELECT N'table', t.place, N'primary_key', STUFF((
    SELECT N' ' + c.name FROM sys.indexes i
    JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
    JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
    WHERE i.object_id = t.id AND i.is_primary_key = 1 ORDER BY k.key_ordinal FOR XML PATH(''), TYPE
  ).value('.', 'nvarchar(400)'), 1, 1, N'')
FROM @tables t ORDER BY t.place;
INSERT INTO @facts (area, object, item, value)
SELECT N'column', CONCAT(t.place, N'.', c.name), N'type', CONCAT(y.name, CASE
    WHEN y.name IN (N'decimal', N'numeric') THEN CONCAT(N'(', c.precision, N',', c.scale, N')')
    WHEN y.name IN (N'time', N'datetime2', N'datetimeoffset') THEN CONCAT(N'(', c.scale, N')')
    WHEN y.name IN (N'char', N'varchar', N'binary', N'varbinary')
      THEN CONCAT(N'(', IIF(c.max_length = -1, N'max', CAST(c.max_length AS nvarchar(9))), N')')
    WHEN y.name IN (N'nchar', N'nvarchar')
      THEN CONCAT(N'(', IIF(c.max_length = -1, N'max', CAST(c.max_length / 2 AS nvarchar(9))), N')')
    ELSE N'' END)
FROM @tables t JOIN sys.columns c ON c.object_id = t.id
JOIN sys.types y ON y.user_type_id = c.system_type_id
WHERE c.is_computed = 0 ORDER BY t.place, c.column_id;

INSERT INTO @facts (area, object, item, value)
SELECT N'grant', u.name, p.permission_name, COALESCE(OBJECT_SCHEMA_NAME(p.major_id) + N'.' + OBJECT_NAME(p.major_id), N'')
FROM sys.database_permissions p JOIN sys.database_principals u ON u.principal_id = p.grantee_principal_id
WHERE u.name = N'$(account)' AND p.state IN ('G', 'W');
INSERT INTO @facts (area, object, item, value)
SELECT N'grant', u.name, r.name, N'' FROM sys.database_role_members m
JOIN sys.database_principals u ON u.principal_id = m.member_principal_id
JOIN sys.database_principals r ON r.principal_id = m.role_principal_id
WHERE u.name = N'$(account)' AND r.is_fixed_role = 1;

INSERT INTO @facts (area, object, item, value)
SELECT DISTINCT N'transaction', CAST(s.session_id AS nvarchar(20)), N'since', CONVERT(nvarchar(30), t.database_transaction_begin_time, 126)
FROM sys.dm_tran_database_transactions t JOIN sys.dm_tran_session_transactions s ON s.transaction_id = t.transaction_id
WHERE t.database_id = DB_ID() AND t.database_transaction_begin_time < DATEADD(minute, -5, SYSDATETIME());

SELECT N'area,object,item,value'
UNION ALL
SELECT line FROM (
    SELECT TOP (2147483647) CONCAT(area, N',"', REPLACE(object, N'"', N'""'), N'",', item, N',"',
                                   REPLACE(COALESCE(value, N''), N'"', N'""'), N'"') AS line
    FROM @facts ORDER BY place) AS ordered
UNION ALL
SELECT N'end';

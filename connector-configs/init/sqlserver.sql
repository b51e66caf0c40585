-- The catalogue of a SQL Server database, for `cdc connectors init SOURCE --from FILE`. It reads system views, writes nothing.
-- For SQL Server 2016 and newer.
--
-- NEVER RUN ON A LIVE SERVER: written from the product's documentation. Look at what it prints before you hand it on.
--
-- The DBA runs it in the database, as a login that may see the definitions of its tables (VIEW DEFINITION):
--   sqlcmd -S HOST -d DATABASE -h -1 -W -w 65535 -f 65001 -i sqlserver.sql -o DATABASE.catalogue
--
-- It prints lines of fields with tabs between; a tab or line break in a name becomes '?', and the table is left out.
--   cdc-catalogue  1  sqlserver  database
--   table    schema  table  rows  bytes  remark (empty: it can be captured)
--   column   schema  table  column  type  nullable  computed  has a default   (0 or 1), in the table's order
--   primary  schema  table  index  column                                     in the index's order
--   unique   schema  table  index  column                 whole columns that cannot be NULL, no filter
--   parent   schema  table  schema and table that a foreign key refers to
--   end      number of lines before it
SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

DECLARE @t nchar(1) = NCHAR(9);
DECLARE @lines TABLE (place int IDENTITY PRIMARY KEY, line nvarchar(4000) NOT NULL);
DECLARE @names TABLE (id int PRIMARY KEY, prefix nvarchar(600) NOT NULL);

INSERT @names
SELECT o.object_id, @t + REPLACE(REPLACE(REPLACE(s.name, @t, '?'), NCHAR(10), '?'), NCHAR(13), '?')
     + @t + REPLACE(REPLACE(REPLACE(o.name, @t, '?'), NCHAR(10), '?'), NCHAR(13), '?')
FROM sys.tables o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.is_ms_shipped = 0 AND s.name <> 'cdc';

INSERT @lines SELECT 'cdc-catalogue' + @t + '1' + @t + 'sqlserver' + @t + DB_NAME();

INSERT @lines
SELECT 'table' + n.prefix + @t + CAST(ISNULL(p.row_count, 0) AS nvarchar(20)) + @t
     + CAST(ISNULL(a.bytes, 0) AS nvarchar(20)) + @t
     + CASE WHEN o.is_memory_optimized = 1 THEN 'is memory-optimised: change data capture has no such tables'
            WHEN o.is_external = 1 THEN 'is an external table' ELSE '' END
FROM @names n
JOIN sys.tables o ON o.object_id = n.id
OUTER APPLY (SELECT SUM(rows) AS row_count FROM sys.partitions WHERE object_id = n.id AND index_id IN (0, 1)) p
OUTER APPLY (SELECT SUM(CAST(u.used_pages AS bigint)) * 8192 AS bytes
             FROM sys.partitions x JOIN sys.allocation_units u ON u.container_id IN (x.hobt_id, x.partition_id)
             WHERE x.object_id = n.id AND x.index_id IN (0, 1)) a
ORDER BY n.prefix;

INSERT @lines
SELECT 'column' + n.prefix + @t + REPLACE(REPLACE(REPLACE(c.name, @t, '?'), NCHAR(10), '?'), NCHAR(13), '?') + @t
     + k.name
     + CASE WHEN k.name IN ('char', 'varchar', 'binary', 'varbinary')
            THEN '(' + CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length AS nvarchar(10)) END + ')'
            WHEN k.name IN ('nchar', 'nvarchar')
            THEN '(' + CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length / 2 AS nvarchar(10)) END + ')'
            WHEN k.name IN ('decimal', 'numeric')
            THEN '(' + CAST(c.precision AS nvarchar(10)) + ',' + CAST(c.scale AS nvarchar(10)) + ')'
            WHEN k.name IN ('time', 'datetime2', 'datetimeoffset') THEN '(' + CAST(c.scale AS nvarchar(10)) + ')'
            ELSE '' END
     + @t + CAST(c.is_nullable AS nchar(1)) + @t + CAST(c.is_computed AS nchar(1))
     + @t + CASE c.default_object_id WHEN 0 THEN '0' ELSE '1' END
FROM @names n
JOIN sys.columns c ON c.object_id = n.id
JOIN sys.types own ON own.user_type_id = c.user_type_id
LEFT JOIN sys.types base ON base.user_type_id = c.system_type_id
CROSS APPLY (SELECT COALESCE(base.name, own.name) AS name) k
ORDER BY n.prefix, c.column_id;

INSERT @lines
SELECT CASE i.is_primary_key WHEN 1 THEN 'primary' ELSE 'unique' END + n.prefix
     + @t + REPLACE(REPLACE(REPLACE(i.name, @t, '?'), NCHAR(10), '?'), NCHAR(13), '?')
     + @t + REPLACE(REPLACE(REPLACE(c.name, @t, '?'), NCHAR(10), '?'), NCHAR(13), '?')
FROM @names n
JOIN sys.indexes i ON i.object_id = n.id AND i.is_unique = 1 AND i.has_filter = 0 AND i.is_disabled = 0
JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0
JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE NOT EXISTS (SELECT 1 FROM sys.index_columns y
                  JOIN sys.columns d ON d.object_id = y.object_id AND d.column_id = y.column_id
                  WHERE y.object_id = i.object_id AND y.index_id = i.index_id AND y.key_ordinal > 0
                    AND d.is_nullable = 1)
ORDER BY n.prefix, i.index_id, x.key_ordinal;

INSERT @lines
SELECT DISTINCT 'parent' + n.prefix + m.prefix
FROM sys.foreign_keys f JOIN @names n ON n.id = f.parent_object_id JOIN @names m ON m.id = f.referenced_object_id;

INSERT @lines SELECT 'end' + @t + CAST(COUNT(*) AS nvarchar(10)) FROM @lines;

SELECT line FROM @lines ORDER BY place;

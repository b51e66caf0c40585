-- The DBA's one script for a PostgreSQL source: the whole of what the replication needs in this database.
--
-- One role that may follow the log and read the listed tables, one publication of these tables, and a replica identity
-- where `cdc connectors preflight` names it. No table, column, trigger or row is made. It may be run again at any time.
-- Edit: the schemas and tables, which are those of the connector file, and the lines about replica identities.
--
-- The server has to have (see the checklist): wal_level = logical, a free replication slot and sender, PostgreSQL 14 or
-- newer, and an entry of pg_hba.conf for the role that asks for TLS (hostssl) and scram-sha-256.
--
-- The password comes from the environment and stands in no file. Run in the captured database as a superuser (on
-- PostgreSQL 15 nobody else may grant REPLICATION):
--   PGOPTIONS="-c capture.password=$CDC_MES_PASSWORD" psql -d mes -v ON_ERROR_STOP=1 -f dba.sql

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdc_capture') THEN
        CREATE ROLE cdc_capture;
    END IF;
    EXECUTE format('ALTER ROLE cdc_capture LOGIN REPLICATION PASSWORD %L', current_setting('capture.password'));
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO cdc_capture', current_database());
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'cdc') THEN
        CREATE PUBLICATION cdc;
    END IF;
END $$;

-- Before the table is published: without it the application's UPDATE and DELETE of a table that has no primary key fail
-- as soon as it is. USING INDEX takes a unique index, not partial, not deferrable, all of its columns NOT NULL.
ALTER TABLE public.work_order_line REPLICA IDENTITY USING INDEX ux_work_order_line;

GRANT USAGE ON SCHEMA public TO cdc_capture;
GRANT SELECT ON public.part, public.work_order, public.work_order_line, public.part_drawing TO cdc_capture;

-- Only these tables: FOR ALL TABLES would break the writing of each table that has no key.
ALTER PUBLICATION cdc SET TABLE public.part, public.work_order, public.work_order_line, public.part_drawing;
-- The second option: a partitioned table comes under its own name, not under those of its partitions.
ALTER PUBLICATION cdc SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);

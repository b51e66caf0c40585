-- The DBA's one script for the MES (PostgreSQL): the whole of what the replication needs in this database.
--
-- One role that may read the listed tables and follow the log, one publication, and for the one table without a
-- primary key the unique index by which the log names its rows. Without that last line the application's own UPDATE
-- on mes_sn would fail as soon as the table is published. No table, column or trigger is touched otherwise.
-- It may be run again at any time. The server itself must have wal_level = logical and a free replication slot.
--
-- The password comes from the environment and stands in no file. Run in database mes as a superuser (REPLICATION can
-- be granted by no one else on PostgreSQL 15):
--   PGOPTIONS="-c capture.password=$CDC_MES_PASSWORD" psql -d mes -v ON_ERROR_STOP=1 -f dba.sql
-- (`python -m compose.simulator install` does the same over its own connection.)

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

GRANT USAGE ON SCHEMA public TO cdc_capture;
GRANT SELECT ON mes_item, mes_wo, mes_lot, mes_sn, mes_insp_h, mes_insp_d, mes_genealogy, mes_label, mes_complaint
    TO cdc_capture;
ALTER PUBLICATION cdc SET TABLE mes_item, mes_wo, mes_lot, mes_sn, mes_insp_h, mes_insp_d, mes_genealogy, mes_label,
    mes_complaint;
ALTER TABLE mes_sn REPLICA IDENTITY USING INDEX ux_mes_sn;

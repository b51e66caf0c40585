-- The DBA's one script for an Informix source: the server's own change data capture.
--
-- What it makes: the database syscdcv1, once per server, by a script of the server itself. No table of the application is
-- changed; the connector switches full row logging on for the captured tables while it is connected, and off again.
-- Before it, in a shell, as user informix:
--   dbaccess - $INFORMIXDIR/etc/syscdcv1.sql
-- Edit: database, tables. The interface only lets the user informix in; use an account of your own where your version
-- has one for it. Run:
--   dbaccess legacy dba.sql
GRANT CONNECT TO informix;
GRANT SELECT ON informix.part TO informix;
GRANT SELECT ON informix.lot TO informix;

-- Run once, by whoever makes the server; one statement a line. The database belongs to its application.
ALTER ROLE ${CDC_MES_DBA_USER} PASSWORD '${CDC_MES_DBA_PASSWORD}';
CREATE ROLE ${CDC_MES_ADMIN_USER} LOGIN PASSWORD '${CDC_MES_ADMIN_PASSWORD}';
CREATE DATABASE ${CDC_MES_DATABASE} OWNER ${CDC_MES_ADMIN_USER};

-- Keys are compared byte by byte, as in every table that is named by them. With the database's own collation their indexes
-- served no comparison with another table's key: of many rows held for one mapping, each was looked at for each that changed.

ALTER TABLE cdc.held ALTER COLUMN source_key TYPE text[] COLLATE "C";
ALTER TABLE cdc_shadow.held ALTER COLUMN source_key TYPE text[] COLLATE "C";
ALTER TABLE cdc.stale ALTER COLUMN key TYPE text[] COLLATE "C";

-- What InnoDB's cascades changed without an event.

ALTER TABLE cdc.batch_table ADD COLUMN cascaded integer NOT NULL DEFAULT 0;

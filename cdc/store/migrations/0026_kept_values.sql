-- What a waiver gives may be a person's value, and waivers are kept for good: it is sealed as the records that its row is
-- made of are, by the key of the row's class and of the month in which it was asked for.

ALTER TABLE cdc.waiver ALTER COLUMN given DROP NOT NULL;
ALTER TABLE cdc.waiver ADD COLUMN sealed bytea;      -- `given` as JSON, sealed; NULL: it stands in the clear
ALTER TABLE cdc.waiver ADD COLUMN data_key bigint REFERENCES cdc.data_key;
ALTER TABLE cdc.waiver ADD CONSTRAINT given_or_sealed
    CHECK ((given IS NULL) = (sealed IS NOT NULL) AND (sealed IS NULL) = (data_key IS NULL));
CREATE INDEX waiver_data_key ON cdc.waiver (data_key) WHERE data_key IS NOT NULL;

-- What look-ups read of a row before it changed is found where it has to go (`cdc.derive.old_value`).

SET LOCAL statement_timeout = '1h';
CREATE INDEX changed_key_old ON cdc.changed_key (mirror, batch)
    WHERE olds IS NOT NULL AND olds[1] IS DISTINCT FROM '{}'::jsonb;

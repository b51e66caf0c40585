-- What look-ups read of a row before it changed is found where it has to go (`cdc.derive.old_value`). First of all: the
-- index may take long, and what is altered below is locked from then on.

CREATE INDEX changed_key_old ON cdc.changed_key (mirror, batch)
    WHERE olds IS NOT NULL AND olds[1] IS DISTINCT FROM '{}'::jsonb;

-- What a waiver gives may be a person's value, and waivers are kept for good: it is sealed as the records that its row is
-- made of are, by the key of the row's class and of the month in which it was asked for.

ALTER TABLE cdc.waiver ALTER COLUMN given DROP NOT NULL;
ALTER TABLE cdc.waiver ADD COLUMN sealed bytea;      -- `given` as JSON, sealed; NULL: it stands in the clear
ALTER TABLE cdc.waiver ADD COLUMN data_key bigint REFERENCES cdc.data_key;
ALTER TABLE cdc.waiver ADD CONSTRAINT given_or_sealed
    CHECK ((given IS NULL) = (sealed IS NOT NULL) AND (sealed IS NULL) = (data_key IS NULL));
CREATE INDEX waiver_data_key ON cdc.waiver (data_key) WHERE data_key IS NOT NULL;

-- A refused change is kept for good. Where its row's key may be a person's value, the record, which is sealed, has it, and
-- here stands what the key is found by: an HMAC of it, by a key that is made of the record's data key and goes with it.

ALTER TABLE cdc.mirror_class ADD COLUMN columns text[] NOT NULL DEFAULT '{}'; -- of which more is made than all may see
ALTER TABLE cdc.refused ADD COLUMN key_token text;
CREATE INDEX refused_token ON cdc.refused (mirror, key_token) WHERE key_token IS NOT NULL;

-- Where a stream goes on that cannot be read as it is: behind records that are passed over, or in a topic that was made
-- anew. What lies between is a gap on record; the offsets of the target go on, whatever those of the topic do.

ALTER TABLE cdc.position
    ADD COLUMN read_from bigint,                     -- where to read from if that is behind next_offset
    ADD COLUMN shift     bigint NOT NULL DEFAULT 0;  -- an offset of the target, less that of the topic

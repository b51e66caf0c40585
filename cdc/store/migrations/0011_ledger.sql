-- Batches abut: each begins where the one before it ended, the first one at the beginning of the topic. What lies between
-- two records without being one (where Kafka's transactions end) belongs to the later batch. The database holds it.

UPDATE cdc.batch b SET first_offset = before.next_offset FROM cdc.batch before
WHERE before.stream = b.stream AND before.batch = b.batch - 1 AND before.next_offset < b.first_offset;

ALTER TABLE cdc.batch
    ADD COLUMN follows_batch bigint GENERATED ALWAYS AS (NULLIF(batch, 1) - 1) STORED,
    ADD COLUMN follows_offset bigint GENERATED ALWAYS AS (CASE WHEN batch <> 1 THEN first_offset END) STORED,
    ADD CONSTRAINT batch_end UNIQUE (stream, batch, next_offset),
    ADD CONSTRAINT batches_abut FOREIGN KEY (stream, follows_batch, follows_offset)
        REFERENCES cdc.batch (stream, batch, next_offset),
    ADD CONSTRAINT batches_are_numbered_from_one CHECK (batch >= 1);

-- The sums of the ledger, kept up by each batch: of millions of batches nobody wants to add them up for each status.

ALTER TABLE cdc.position
    ADD COLUMN captured   bigint NOT NULL DEFAULT 0,
    ADD COLUMN landed     bigint NOT NULL DEFAULT 0,
    ADD COLUMN superseded bigint NOT NULL DEFAULT 0,
    ADD COLUMN filtered   bigint NOT NULL DEFAULT 0,
    ADD COLUMN replayed   bigint NOT NULL DEFAULT 0,
    ADD COLUMN refused    bigint NOT NULL DEFAULT 0,
    ADD COLUMN control    bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT every_event_is_accounted_for
        CHECK (captured = landed + superseded + filtered + replayed + refused + control);

UPDATE cdc.position p
SET captured = s.captured, landed = s.landed, superseded = s.superseded, filtered = s.filtered, replayed = s.replayed,
    refused = s.refused, control = s.control
FROM (SELECT stream, sum(captured) AS captured, sum(landed) AS landed, sum(superseded) AS superseded,
             sum(filtered) AS filtered, sum(replayed) AS replayed, sum(refused) AS refused, sum(control) AS control
      FROM cdc.batch GROUP BY stream) s
WHERE s.stream = p.stream;

-- Where a stream was found not to go on as it should: events are missing, or others stand in their place. A record stays
-- when the stream has been repaired.

CREATE TABLE cdc.gap (
    stream   text NOT NULL,
    batch    bigint NOT NULL,                        -- the last one that had landed
    "offset" bigint NOT NULL,                        -- the next one to read then
    code     text NOT NULL,
    detail   text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, batch, code)
);

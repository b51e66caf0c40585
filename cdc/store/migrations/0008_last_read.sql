-- The last record that was read of a stream and had not landed when its worker ended: whoever reads the stream next sees
-- whether the topic has it still. `record` is a chunk of one, as those of cdc.journal.
CREATE TABLE cdc.last_read (
    stream   text PRIMARY KEY REFERENCES cdc.position,
    "offset" bigint NOT NULL,
    record   bytea NOT NULL,
    kept_at  timestamptz NOT NULL DEFAULT now()
);

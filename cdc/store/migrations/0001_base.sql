-- The service's own tables. One row of cdc.position per stream is the truth of how far a source has landed;
-- everything else here is written in the same transaction as it.

CREATE TABLE cdc.position (
    stream            text PRIMARY KEY,              -- Kafka topic, `cdc.<source>`
    source            text NOT NULL,
    next_offset       bigint NOT NULL DEFAULT 0,     -- next offset to read
    batch             bigint NOT NULL DEFAULT 0,     -- number of the last batch landed, without gaps
    epoch             bigint NOT NULL DEFAULT 0,     -- raised by each take-over and rewind; a writer with another one is fenced
    owner             text,                          -- host and process of the worker that owns the stream
    backend_pid       integer,                       -- the owner's database connection, so that a successor can end it
    backend_start     timestamptz,
    topic_id          text,                          -- a topic re-created under the same name has another one
    chain             bytea NOT NULL DEFAULT '\x',   -- SHA-256 chain over record digests in offset order
    last_unit         text,                          -- id of a unit that only a heartbeat closed: rows may continue it
    source_ts         timestamptz,                   -- last source commit (or heartbeat) seen, by the source's clock
    source_position   text,
    generation_from   bigint,                        -- first offset of the snapshot generation that is open
    snapshot_position text,                          -- source's log position of the snapshot that is open; NULL: none is
    generations       integer NOT NULL DEFAULT 0,    -- snapshot generations closed so far
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cdc.batch (
    stream          text NOT NULL REFERENCES cdc.position,
    batch           bigint NOT NULL,
    first_offset    bigint NOT NULL,
    next_offset     bigint NOT NULL,
    units           integer NOT NULL,
    captured        integer NOT NULL,
    landed          integer NOT NULL,
    superseded      integer NOT NULL,
    filtered        integer NOT NULL,
    replayed        integer NOT NULL,
    refused         integer NOT NULL,
    control         integer NOT NULL,
    source_ts_first timestamptz,
    source_ts_last  timestamptz,
    landed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    seconds         double precision NOT NULL,
    PRIMARY KEY (stream, batch),
    UNIQUE (stream, first_offset),
    CHECK (first_offset < next_offset),
    CONSTRAINT every_event_is_accounted_for
        CHECK (captured = landed + superseded + filtered + replayed + refused + control)
);

CREATE TABLE cdc.batch_table (
    stream     text NOT NULL,
    batch      bigint NOT NULL,
    mirror     text NOT NULL,                        -- `<schema>.<table>`
    landed     integer NOT NULL DEFAULT 0,
    superseded integer NOT NULL DEFAULT 0,
    filtered   integer NOT NULL DEFAULT 0,
    replayed   integer NOT NULL DEFAULT 0,
    refused    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (stream, batch, mirror),
    FOREIGN KEY (stream, batch) REFERENCES cdc.batch
);

CREATE TABLE cdc.unit (
    stream          text NOT NULL,
    id              text NOT NULL,                   -- source transaction
    batch           bigint NOT NULL,
    source_position text,
    events          integer NOT NULL,                -- distinct row events
    last_place      bigint[] NOT NULL,               -- place of the last of them inside the transaction
    digest          bytea NOT NULL,                  -- of op, table, before, after, source position of its rows
    landed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, id, batch)
);

CREATE TABLE cdc.journal (
    stream       text NOT NULL,
    batch        bigint NOT NULL,
    first_offset bigint NOT NULL,
    next_offset  bigint NOT NULL,
    records      integer NOT NULL,
    chunk        bytea NOT NULL,                     -- zstd of the raw records
    chain        bytea NOT NULL,                     -- chain head after the chunk's last record
    landed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, batch, first_offset)
);

CREATE TABLE cdc.journal_key (
    stream  text NOT NULL,
    batch   bigint NOT NULL,
    mirror  text NOT NULL,                           -- `<schema>.<table>`
    key     text[],                                  -- each key column as PostgreSQL prints it; NULL: the whole table (TRUNCATE)
    op      "char" NOT NULL,                         -- u: the mirror holds the key now, d: it does not, t: truncated
    old     jsonb                                    -- values of watched columns (cdc.watched_column) before the batch:
                                                     -- of the mirror's row, else of the deleted twin's with "_deleted"
);
CREATE INDEX journal_key_batch ON cdc.journal_key (stream, batch);
CREATE INDEX journal_key_row ON cdc.journal_key (mirror, key);

CREATE TABLE cdc.refused (
    stream     text NOT NULL,
    "offset"   bigint NOT NULL,
    batch      bigint NOT NULL,
    mirror     text,
    key        text[],
    code       text NOT NULL,
    detail     text NOT NULL,                        -- place (column, type), never a cell value
    record_key   bytea,
    record_value bytea,
    refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, "offset")
);

CREATE TABLE cdc.stale (                             -- mirror rows that a refused change has left behind the source
    mirror   text NOT NULL,
    key      text[] NOT NULL,
    code     text NOT NULL,
    stream   text NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (mirror, key)
);

CREATE TABLE cdc.contract (
    source  text NOT NULL,
    mirror  text NOT NULL,                           -- `<schema>.<table>`
    content jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, mirror)
);

CREATE TABLE cdc.watched_column (                    -- columns that mappings look a table up by
    mirror text NOT NULL,
    name   text NOT NULL,
    PRIMARY KEY (mirror, name)
);

CREATE TABLE cdc.domain (
    name       text PRIMARY KEY,
    epoch      bigint NOT NULL DEFAULT 0,
    owner      text,
    dictionary text,                                 -- digest of the active dictionary
    derivation bigint NOT NULL DEFAULT 0,            -- number of the last derivation
    derived_at timestamptz
);

CREATE TABLE cdc.watermark (
    domain text NOT NULL REFERENCES cdc.domain,
    stream text NOT NULL,
    batch  bigint NOT NULL DEFAULT 0,                -- all batches up to here are derived
    PRIMARY KEY (domain, stream)
);

CREATE TABLE cdc.derive_queue (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mapping    text NOT NULL,
    source_key text[],                               -- NULL: every row of the mapping
    reason     text NOT NULL,
    actor      text NOT NULL,
    queued_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cdc.held (
    mapping    text NOT NULL,
    source_key text[] NOT NULL,
    code       text NOT NULL,
    field      text,                                 -- canonical column or look-up that refused
    detail     text NOT NULL,                        -- what and where, never a cell value
    waits_for  text,                                 -- mirror or canonical table
    waits_key  text[],                               -- the look-up values or the canonical key
    since      timestamptz NOT NULL DEFAULT clock_timestamp(),
    dictionary text NOT NULL,
    PRIMARY KEY (mapping, source_key)
);
CREATE INDEX held_code ON cdc.held (code);
CREATE INDEX held_waits ON cdc.held (waits_for, waits_key);

CREATE TABLE cdc.dictionary (
    digest       text PRIMARY KEY,
    version      text NOT NULL,
    content      text NOT NULL,
    activated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cdc.operator_action (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    reason text,
    effect jsonb
);

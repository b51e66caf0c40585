-- One dictionary is in force for all domains. Who derives by another one is told so by its next turn: turns lock this table
-- in ROW SHARE mode before their snapshot, whoever puts another dictionary in force locks it in EXCLUSIVE mode.

ALTER TABLE cdc.dictionary ADD COLUMN signatures jsonb NOT NULL DEFAULT '{}'; -- file name to content, as they were then

CREATE TABLE cdc.active (
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    digest       text NOT NULL REFERENCES cdc.dictionary,
    previous     text REFERENCES cdc.dictionary,     -- what `cdc dictionary rollback` goes back to
    activated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO cdc.active (digest)
SELECT dictionary FROM cdc.domain JOIN cdc.dictionary d ON d.digest = dictionary ORDER BY derived_at DESC NULLS LAST LIMIT 1;

-- What is derived beside the tables that consumers read, by another dictionary; the tables are those of cdc.

CREATE SCHEMA cdc_shadow;
CREATE TABLE cdc_shadow.domain (LIKE cdc.domain INCLUDING ALL);
CREATE TABLE cdc_shadow.watermark (LIKE cdc.watermark INCLUDING ALL);
CREATE TABLE cdc_shadow.held (LIKE cdc.held INCLUDING ALL);
CREATE TABLE cdc_shadow.activation (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    digest     text NOT NULL REFERENCES cdc.dictionary, -- what the shadow is derived by
    base       text NOT NULL REFERENCES cdc.dictionary, -- what was in force when it was begun
    phase      text NOT NULL CHECK (phase IN ('build', 'close', 'catch up', 'former')),
    tables     text[] NOT NULL,                      -- canonical tables that are derived in the shadow
    swapped    text[] NOT NULL,                      -- those of them that can come out otherwise, and change places
    rows_total bigint NOT NULL DEFAULT 0,            -- about how many source rows there are to derive
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    phase_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

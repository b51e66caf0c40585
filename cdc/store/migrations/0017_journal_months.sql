-- The journal in months, by the time of the target's clock at which their landing transactions began, so that a month that
-- is over can leave the target for an archive. What landed before is one partition, up to the end of the current month.

SET LOCAL statement_timeout = '1h';                  -- the index of what landed before is made anew

-- A trigger on statements is not inherited by a partition: each month has its own, as 0015 gives it.
CREATE FUNCTION cdc.keep_evidence(kept regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change()', kept);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER evidence_is_kept', kept);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM CURRENT_USER', kept);
END
$$;

CREATE TABLE cdc.journal_month (
    name    text PRIMARY KEY,                        -- of the partition, in schema cdc
    from_at timestamptz,                             -- NULL: from the beginning
    to_at   timestamptz NOT NULL UNIQUE              -- excluded
);

ALTER TABLE cdc.journal RENAME TO journal_before;
ALTER TABLE cdc.journal_before DROP CONSTRAINT journal_pkey;
CREATE TABLE cdc.journal (LIKE cdc.journal_before) PARTITION BY RANGE (landed_at);
-- The time of the transaction: all chunks of a batch in one month.
ALTER TABLE cdc.journal ALTER landed_at SET DEFAULT now(),
    ALTER chunk SET STORAGE EXTERNAL,                -- it is compressed
    ADD CONSTRAINT journal_pkey PRIMARY KEY (stream, batch, first_offset, landed_at);
SELECT cdc.keep_evidence('cdc.journal');

DO $$
DECLARE
    until timestamptz := date_trunc('month', greatest(now(), (SELECT max(landed_at) FROM cdc.journal_before))
                                             AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month';
BEGIN
    IF EXISTS (SELECT FROM cdc.journal_before) THEN
        EXECUTE format('ALTER TABLE cdc.journal ATTACH PARTITION cdc.journal_before FOR VALUES FROM (MINVALUE) TO (%L)', until);
        INSERT INTO cdc.journal_month VALUES ('journal_before', NULL, until);
    ELSE
        DROP TABLE cdc.journal_before;
    END IF;
END $$;

-- Make the partitions of this month and of so many after it, beside landing: ATTACH keeps nobody from reading or adding.
CREATE FUNCTION cdc.make_journal_months(ahead integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    this date := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamptz;
    following timestamptz;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(7205759403792795);
    FOR number IN 0..ahead LOOP
        month := (this + make_interval(months => number)) AT TIME ZONE 'UTC';
        following := (this + make_interval(months => number + 1)) AT TIME ZONE 'UTC';
        name := to_char(month AT TIME ZONE 'UTC', '"journal_"YYYY_MM');
        CONTINUE WHEN EXISTS (SELECT FROM cdc.journal_month m WHERE m.to_at > month AND coalesce(m.from_at <= month, true));
        EXECUTE format('CREATE TABLE cdc.%I (LIKE cdc.journal INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING STORAGE)', name);
        EXECUTE format('ALTER TABLE cdc.journal ATTACH PARTITION cdc.%I FOR VALUES FROM (%L) TO (%L)', name, month, following);
        PERFORM cdc.keep_evidence(format('cdc.%I', name)::regclass);
        INSERT INTO cdc.journal_month VALUES (name, month, following);
        RETURN NEXT name;
    END LOOP;
END $$;

SELECT cdc.make_journal_months(2);

-- What has left the journal for files, in the order of the stream: each part begins where the one before ended, the chain
-- goes on from the last one's head. `digest` is that of the file, `manifest` that of the page beside it.

CREATE TABLE cdc.archive (
    stream       text NOT NULL,
    month        text NOT NULL,                      -- the partition that it was
    first_batch  bigint NOT NULL,
    last_batch   bigint NOT NULL,
    first_offset bigint NOT NULL,
    next_offset  bigint NOT NULL,
    records      bigint NOT NULL,
    head_before  bytea NOT NULL,
    head         bytea NOT NULL,
    file         text NOT NULL,
    digest       bytea NOT NULL,                     -- SHA-256
    manifest     bytea NOT NULL,                     -- SHA-256
    last_record  bytea NOT NULL,                     -- a chunk of one: whoever opens the stream may compare it
    actor        text NOT NULL,                      -- as in cdc.operator_action
    archived_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, last_batch),
    UNIQUE (stream, first_batch)
);
SELECT cdc.keep_evidence('cdc.archive');

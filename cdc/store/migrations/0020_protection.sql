-- Protection: workers that own no table, a record of whoever looks at what is masked, and keys of what is encrypted.

-- Statistics are read anew by the owner of a table only; workers are none. A sample is read, nothing is written but that.
CREATE FUNCTION cdc.analyze(one oid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ANALYZE %s', one::regclass);
END
$$;
REVOKE ALL ON FUNCTION cdc.analyze(oid) FROM PUBLIC;

-- What operators do is put on record as done by the role of the session: nobody has to be able to write another one there.

CREATE FUNCTION cdc.record_action(who text, action text, object text, reason text, effect jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO cdc.operator_action (actor, action, object, reason, effect)
    VALUES (session_user || ' ' || who, action, object, reason, effect)
$$;
REVOKE ALL ON FUNCTION cdc.record_action(text, text, text, text, jsonb) FROM PUBLIC;

-- Who looks behind a mask is on record before he sees anything: the right to execute this is the right to look.

CREATE FUNCTION cdc.reveal(who text, action text, object text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a reason is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM cdc.record_action(who, action || ' --reveal', object, reason, NULL);
END
$$;
REVOKE ALL ON FUNCTION cdc.reveal(text, text, text, text) FROM PUBLIC;

-- What cdc.active was locked for is locked here: turns need no right to change which dictionary is in force for that.

CREATE TABLE cdc.gate (CONSTRAINT is_only_locked CHECK (false));

-- What is kept of the source as it came is sealed by a key per class and month. A data key is kept wrapped by a master key,
-- which stands in the settings by reference; one that is shredded is gone, and what it has sealed with it.

CREATE TABLE cdc.data_key (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class       text NOT NULL,                       -- sensitivity of the mirror, `unclassed` if no field is made of it
    month       date NOT NULL,                       -- its first day: when what it seals has landed (UTC)
    master      text NOT NULL,                       -- `protection.keys` of the settings
    wrapped     bytea,                               -- AES-256-GCM: nonce, then the key and its tag
    made_at     timestamptz NOT NULL DEFAULT now(),
    shredded_at timestamptz,
    shredded_by text,
    reason      text,
    CONSTRAINT first_of_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT shredded_is_gone CHECK ((wrapped IS NULL) = (shredded_at IS NOT NULL))
);
-- Behind one that was shredded within its month comes another one.
CREATE UNIQUE INDEX data_key_in_use ON cdc.data_key (class, month) WHERE shredded_at IS NULL;

CREATE TABLE cdc.legal_hold (                        -- what may not be shredded, and since and until when
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class       text,                                -- NULL: every one
    month       date,                                -- NULL: every one
    reason      text NOT NULL,
    held_by     text NOT NULL,
    held_at     timestamptz NOT NULL DEFAULT now(),
    released_by text,
    released_at timestamptz
);

CREATE TABLE cdc.mirror_class (                      -- the most sensitive field that is made of a mirror
    mirror text PRIMARY KEY,
    class  text NOT NULL
);

ALTER TABLE cdc.refused ADD COLUMN data_key bigint REFERENCES cdc.data_key; -- what sealed key and value; NULL: nothing did
ALTER TABLE cdc.last_read ADD COLUMN data_key bigint REFERENCES cdc.data_key;
CREATE INDEX refused_data_key ON cdc.refused (data_key) WHERE data_key IS NOT NULL;

-- Workers have months of the journal made and mirrors numbered, and own no table.

ALTER FUNCTION cdc.make_journal_months(integer) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION cdc.make_journal_months(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION cdc.keep_evidence(regclass) FROM PUBLIC;

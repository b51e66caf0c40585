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

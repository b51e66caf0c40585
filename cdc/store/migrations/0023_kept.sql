-- What `cdc protect` refuses, the database refuses whoever goes past it: nothing is shredded under a legal hold, what is
-- shredded stays so, and who shreds, holds and releases is the role of the session.

CREATE FUNCTION cdc.by_session(who text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN starts_with(who, session_user || ' ') THEN who ELSE session_user || ' ' || coalesce(who, '') END
$$;

CREATE FUNCTION cdc.keep_data_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint;
BEGIN
    IF OLD.shredded_at IS NOT NULL THEN
        RAISE EXCEPTION 'data key % is shredded', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.class, NEW.month, NEW.made_at) IS DISTINCT FROM (OLD.id, OLD.class, OLD.month, OLD.made_at) THEN
        RAISE EXCEPTION 'a data key is wrapped anew or shredded, and not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.wrapped IS NULL THEN
        LOCK TABLE cdc.legal_hold IN SHARE MODE;     -- whoever places a hold at this moment waits, or is seen
        SELECT id INTO held FROM cdc.legal_hold h
        WHERE released_at IS NULL AND coalesce(h.class, OLD.class) = OLD.class AND coalesce(h.month, OLD.month) = OLD.month
        ORDER BY id LIMIT 1;
        IF held IS NOT NULL THEN
            RAISE EXCEPTION 'legal hold % stands against it', held USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF coalesce(btrim(NEW.reason), '') = '' THEN
            RAISE EXCEPTION 'a reason is needed' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        NEW.master := OLD.master;
        NEW.shredded_at := now();
        NEW.shredded_by := cdc.by_session(NEW.shredded_by);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_data_key BEFORE UPDATE ON cdc.data_key FOR EACH ROW EXECUTE FUNCTION cdc.keep_data_key();

CREATE FUNCTION cdc.keep_legal_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := NEW.released_by;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF btrim(NEW.reason) = '' THEN
            RAISE EXCEPTION 'a reason is needed' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        NEW.held_by := cdc.by_session(NEW.held_by);
        NEW.held_at := now();
        NEW.released_by := NULL;
        NEW.released_at := NULL;
        RETURN NEW;
    END IF;
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL THEN
        RAISE EXCEPTION 'a legal hold is released once, and not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW := OLD;
    NEW.released_by := cdc.by_session(who);
    NEW.released_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_legal_hold BEFORE INSERT OR UPDATE ON cdc.legal_hold
    FOR EACH ROW EXECUTE FUNCTION cdc.keep_legal_hold();

CREATE TRIGGER evidence_is_kept BEFORE DELETE OR TRUNCATE ON cdc.data_key
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change();
CREATE TRIGGER evidence_is_kept BEFORE DELETE OR TRUNCATE ON cdc.legal_hold
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change();
ALTER TABLE cdc.data_key ENABLE ALWAYS TRIGGER keep_data_key, ENABLE ALWAYS TRIGGER evidence_is_kept;
ALTER TABLE cdc.legal_hold ENABLE ALWAYS TRIGGER keep_legal_hold, ENABLE ALWAYS TRIGGER evidence_is_kept;
REVOKE DELETE, TRUNCATE ON cdc.data_key, cdc.legal_hold FROM CURRENT_USER;

-- What an owner makes later has rights for workers from the start, by default privileges; evidence is not for changing,
-- so each month that is made for the journal takes them away from everybody again.

CREATE FUNCTION cdc.revoke_changes(kept regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whose oid;
BEGIN
    FOR whose IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) a
                 WHERE c.oid = kept AND a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %s', kept,
                       CASE WHEN whose = 0 THEN 'PUBLIC' ELSE whose::regrole::text END);
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION cdc.keep_evidence(kept regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change()', kept);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER evidence_is_kept', kept);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM CURRENT_USER', kept);
    PERFORM cdc.revoke_changes(kept);
END
$$;
REVOKE ALL ON FUNCTION cdc.revoke_changes(regclass), cdc.by_session(text) FROM PUBLIC;
SELECT cdc.revoke_changes(inhrelid) FROM pg_inherits WHERE inhparent = 'cdc.journal'::regclass;

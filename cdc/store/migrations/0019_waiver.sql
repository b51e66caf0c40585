-- What two persons decide of a source row that the dictionary refuses: which values some canonical columns of it have, or
-- that they have none. Who the two are the database says, by the roles of their sessions, and that they are two.

CREATE TABLE cdc.waiver (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mapping      text NOT NULL,
    source_key   text[] COLLATE "C" NOT NULL,
    code         text NOT NULL,                      -- what the row was held for, and the column
    field        text NOT NULL,
    columns      text[] NOT NULL,
    codes        text[] NOT NULL,                    -- what each of the columns is refused with
    given        text[] NOT NULL,                    -- the value of each, as text; NULL: it is left out
    reason       text NOT NULL CHECK (reason ~ '\S'),
    version      text NOT NULL,                      -- digest of the source row as it was then
    dictionary   text NOT NULL REFERENCES cdc.dictionary,
    requested_by name NOT NULL,
    requested_at timestamptz NOT NULL,
    approved_by  name,
    approved_at  timestamptz,
    withdrawn_by name,
    withdrawn_at timestamptz,
    CHECK (cardinality(columns) > 0 AND cardinality(columns) = ALL (ARRAY[cardinality(codes), cardinality(given)])),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (withdrawn_by IS NULL) = (withdrawn_at IS NULL)),
    CONSTRAINT another_person_approves CHECK (approved_by <> requested_by)
);
-- Of one version of a row there is one decision at a time.
CREATE UNIQUE INDEX waiver_of_row ON cdc.waiver (mapping, source_key, version, dictionary) WHERE withdrawn_at IS NULL;

CREATE FUNCTION cdc.keep_waiver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.requested_by := session_user;
        NEW.requested_at := clock_timestamp();
        NEW.approved_by := NULL;
        NEW.approved_at := NULL;
        NEW.withdrawn_by := NULL;
        NEW.withdrawn_at := NULL;
        RETURN NEW;
    END IF;
    IF OLD.withdrawn_at IS NOT NULL OR (OLD.approved_at IS NOT NULL AND NEW.withdrawn_at IS NULL) THEN
        RAISE EXCEPTION 'waiver % has been decided on', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.withdrawn_at IS NOT NULL THEN
        NEW := OLD;
        NEW.withdrawn_by := session_user;
        NEW.withdrawn_at := clock_timestamp();
    ELSIF NEW.approved_at IS NOT NULL OR NEW.approved_by IS NOT NULL THEN
        NEW := OLD;
        NEW.approved_by := session_user;
        NEW.approved_at := clock_timestamp();
    ELSE
        RAISE EXCEPTION 'a waiver is approved or withdrawn, and not changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_waiver BEFORE INSERT OR UPDATE ON cdc.waiver FOR EACH ROW EXECUTE FUNCTION cdc.keep_waiver();
CREATE TRIGGER evidence_is_kept BEFORE DELETE OR TRUNCATE ON cdc.waiver
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change();
ALTER TABLE cdc.waiver ENABLE ALWAYS TRIGGER keep_waiver;
ALTER TABLE cdc.waiver ENABLE ALWAYS TRIGGER evidence_is_kept;
REVOKE DELETE, TRUNCATE ON cdc.waiver FROM CURRENT_USER;

-- A canonical row says by which waiver it is what it is, among its warnings: there is room for them in every table now,
-- whether its mapping warns of anything or not, also in those that stand beside.

DO $$
DECLARE
    derived regclass;
BEGIN
    FOR derived IN
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind = 'r' AND relpersistence <> 't' AND pg_has_role(relowner, 'USAGE')
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = '_source_key' AND NOT attisdropped)
        AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND NOT attisdropped
                    AND (attname = '_derivation' OR attname = '_candidate' AND nspname = 'cdc_shadow'))
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS _warnings text[]', derived);
    END LOOP;
END
$$;

-- How many rows are held, by mapping and code: of a million nobody wants to count them with each turn.

CREATE TABLE cdc.held_count (
    mapping text NOT NULL,
    code    text NOT NULL,
    rows    bigint NOT NULL,
    PRIMARY KEY (mapping, code)
);
INSERT INTO cdc.held_count SELECT mapping, code, count(*) FROM cdc.held GROUP BY mapping, code;

CREATE FUNCTION cdc.count_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cdc.held_count AS c SELECT mapping, code, count(*) FROM came GROUP BY mapping, code
        ON CONFLICT (mapping, code) DO UPDATE SET rows = c.rows + excluded.rows;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE cdc.held_count c SET rows = c.rows - g.rows
        FROM (SELECT mapping, code, count(*) AS rows FROM gone GROUP BY mapping, code) g
        WHERE (c.mapping, c.code) = (g.mapping, g.code);
    ELSE
        INSERT INTO cdc.held_count AS c
        SELECT mapping, code, sum(n) FROM (SELECT mapping, code, 1 AS n FROM came
                                           UNION ALL SELECT mapping, code, -1 FROM gone) x
        GROUP BY mapping, code HAVING sum(n) <> 0
        ON CONFLICT (mapping, code) DO UPDATE SET rows = c.rows + excluded.rows;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_came AFTER INSERT ON cdc.held REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.count_held();
CREATE TRIGGER count_gone AFTER DELETE ON cdc.held REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.count_held();
CREATE TRIGGER count_changed AFTER UPDATE ON cdc.held REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION cdc.count_held();

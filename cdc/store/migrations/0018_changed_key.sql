-- The index of changed rows in half of its space: a row holds many keys of one batch, instead of one with all its names.
-- `cdc.journal_key` is a view now, a row for each key as before.

SET LOCAL statement_timeout = '1h';

CREATE TABLE cdc.changed_mirror (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    name   text NOT NULL,                            -- `<schema>.<table>`
    UNIQUE (stream, name)
);

CREATE TABLE cdc.changed_key (
    batch  bigint NOT NULL,
    mirror integer NOT NULL,                         -- cdc.changed_mirror; a foreign key would lock it for each row
    op     "char" NOT NULL,                          -- u: the mirror holds the keys now, d: it does not, t: truncated
    hashes integer[],                                -- hash_array of each key: what an index finds it by
    keys   text[],                                   -- each a text[], as text; NULL: the whole table (t)
    olds   jsonb[],                                  -- values of watched columns before the batch, by key; NULL: none
    CHECK ((op = 't') = (keys IS NULL))
);

-- Some hundred keys fit on a page, compressed, and are quickly gone through for one of them.
INSERT INTO cdc.changed_mirror (stream, name) SELECT DISTINCT stream, mirror FROM cdc.journal_key;
INSERT INTO cdc.changed_key (batch, mirror, op, hashes, keys, olds)
SELECT batch, id, op, array_agg(hash_array(key)), array_agg(key::text), CASE WHEN count(old) > 0 THEN array_agg(old) END
FROM (SELECT k.batch, m.id, k.op, k.key, k.old, row_number() OVER (PARTITION BY k.batch, m.id, k.op) / 128 AS portion
      FROM cdc.journal_key k JOIN cdc.changed_mirror m ON (m.stream, m.name) = (k.stream, k.mirror)
      WHERE k.key IS NOT NULL) k
GROUP BY batch, id, op, portion ORDER BY batch, id;
INSERT INTO cdc.changed_key (batch, mirror, op)
SELECT k.batch, m.id, 't' FROM cdc.journal_key k JOIN cdc.changed_mirror m ON (m.stream, m.name) = (k.stream, k.mirror)
WHERE k.key IS NULL;
DROP TABLE cdc.journal_key;

CREATE INDEX changed_key_batch ON cdc.changed_key (mirror, batch);
CREATE INDEX changed_key_whole ON cdc.changed_key (mirror, batch) WHERE op = 't';
-- Entries go in by the thousand, in order: at once each, they took landing more time than all else of this table. What
-- is pending is gone through by each look-up, so it is kept short (kB).
CREATE INDEX changed_key_row ON cdc.changed_key USING gin (hashes) WITH (fastupdate = on, gin_pending_list_limit = 256);

-- A key is looked up by `hashes @> ARRAY[hash_array(KEY)] AND key = KEY`.
CREATE VIEW cdc.journal_key AS
SELECT m.stream, k.batch, m.name AS mirror, c.key::text[] AS key, k.op, c.old, k.hashes
FROM cdc.changed_key k JOIN cdc.changed_mirror m ON m.id = k.mirror
LEFT JOIN LATERAL unnest(k.keys, k.olds) c (key, old) ON true;

CREATE FUNCTION cdc.changed_mirror_id(of_stream text, of_name text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found integer := (SELECT id FROM cdc.changed_mirror WHERE (stream, name) = (of_stream, of_name));
BEGIN
    IF found IS NULL THEN
        INSERT INTO cdc.changed_mirror (stream, name) VALUES (of_stream, of_name)
        ON CONFLICT (stream, name) DO UPDATE SET name = excluded.name RETURNING id INTO found;
    END IF;
    RETURN found;
END $$;

-- For whoever notes a key or two; landing writes portions (`cdc.land.mirror.changed_keys`).
CREATE RULE add AS ON INSERT TO cdc.journal_key DO INSTEAD
INSERT INTO cdc.changed_key (batch, mirror, op, hashes, keys, olds)
VALUES (NEW.batch, (SELECT cdc.changed_mirror_id(NEW.stream, NEW.mirror)), NEW.op,
        CASE WHEN NEW.key IS NOT NULL THEN ARRAY[hash_array(NEW.key)] END,
        CASE WHEN NEW.key IS NOT NULL THEN ARRAY[NEW.key::text] END,
        CASE WHEN NEW.old IS NOT NULL THEN ARRAY[NEW.old] END);

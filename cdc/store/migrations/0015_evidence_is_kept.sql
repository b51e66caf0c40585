-- Evidence is only ever added to: UPDATE, DELETE and TRUNCATE are refused, by privilege and by trigger. Who owns the
-- tables can take both away; what he changes then is found by the chain, and by the anchors that he cannot reach.
-- A later migration that has to change one of these tables disables the trigger for itself, in its own transaction.

CREATE FUNCTION cdc.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %.%: evidence is only added to', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['journal', 'batch', 'batch_table', 'refused', 'gap', 'operator_action', 'audited', 'anchor']
    LOOP
        EXECUTE format('CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON cdc.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION cdc.refuse_change()', kept);
        EXECUTE format('ALTER TABLE cdc.%I ENABLE ALWAYS TRIGGER evidence_is_kept', kept); -- also in a replica's sessions
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON cdc.%I FROM CURRENT_USER', kept);
    END LOOP;
END
$$;

-- A foreign key locks the row that it refers to as its owner, for which PostgreSQL asks for UPDATE of some column: of
-- this one, which is generated, nobody can make anything else.
GRANT UPDATE (follows_batch) ON cdc.batch TO CURRENT_USER;

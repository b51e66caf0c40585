-- The catalogue of Oracle schemas, for `cdc connectors init SOURCE --from FILE`. It reads ALL_ views, writes nothing.
--
-- NEVER RUN ON A LIVE SERVER: written from the product's documentation. Look at what it prints before you hand it on.
--
-- The DBA runs it in the (pluggable) database, as an account that may see the schemas; they are in the first DEFINE,
-- in capitals, with commas between and none around:
--   NLS_LANG=.AL32UTF8 sqlplus -S USER@SERVICE @oracle.sql > SERVICE.catalogue
--
-- It prints lines of fields with tabs between; a tab or line break in a name becomes '?', and the table is left out.
--   cdc-catalogue  1  oracle  database
--   table    schema  table  rows  bytes  remark (empty: it can be captured)
--   column   schema  table  column  type  nullable  computed  has a default   (0 or 1), in the table's order
--   primary  schema  table  index  column                                     in the index's order
--   unique   schema  table  index  column                 columns that cannot be NULL, no expression
--   parent   schema  table  schema and table that a foreign key refers to
--   end      number of lines before it
DEFINE schemas = 'ERP'
SET FEEDBACK OFF HEADING OFF PAGESIZE 0 LINESIZE 32767 TRIMSPOOL ON TRIMOUT ON VERIFY OFF TAB OFF ECHO OFF
SET SERVEROUTPUT ON SIZE UNLIMITED FORMAT WRAPPED

DECLARE
    lines PLS_INTEGER := 0;

    FUNCTION plain (name VARCHAR2) RETURN VARCHAR2 IS
    BEGIN
        RETURN TRANSLATE(name, CHR(9) || CHR(10) || CHR(13), '???');
    END;

    PROCEDURE say (line VARCHAR2) IS
    BEGIN
        DBMS_OUTPUT.PUT_LINE(line);
        lines := lines + 1;
    END;

    FUNCTION wanted (owner VARCHAR2) RETURN BOOLEAN IS
    BEGIN
        RETURN INSTR(',' || '&schemas' || ',', ',' || owner || ',') > 0;
    END;

    FUNCTION place (owner VARCHAR2, name VARCHAR2) RETURN VARCHAR2 IS
    BEGIN
        RETURN CHR(9) || plain(owner) || CHR(9) || plain(name);
    END;
BEGIN
    say('cdc-catalogue' || CHR(9) || '1' || CHR(9) || 'oracle' || CHR(9) || SYS_CONTEXT('USERENV', 'CON_NAME'));

    FOR r IN (SELECT t.owner, t.table_name, t.num_rows, t.num_rows * t.avg_row_len AS bytes, t.temporary, t.nested,
                     t.iot_type, (SELECT COUNT(*) FROM all_external_tables e
                                  WHERE e.owner = t.owner AND e.table_name = t.table_name) AS is_external
              FROM all_tables t
              WHERE NOT EXISTS (SELECT 1 FROM all_mviews v
                                WHERE v.owner = t.owner AND v.container_name = t.table_name)
                AND t.table_name NOT LIKE 'BIN$%'
              ORDER BY t.owner, t.table_name) LOOP
        IF wanted(r.owner) THEN
            say('table' || place(r.owner, r.table_name) || CHR(9) || TO_CHAR(r.num_rows) || CHR(9) || TO_CHAR(r.bytes)
                || CHR(9) || CASE WHEN r.temporary = 'Y' THEN 'is temporary' WHEN r.nested = 'YES' THEN 'is nested'
                                  WHEN r.is_external > 0 THEN 'is an external table'
                                  WHEN r.iot_type IS NOT NULL THEN 'is index-organised' END);
        END IF;
    END LOOP;

    FOR r IN (SELECT c.owner, c.table_name, c.column_name, c.nullable, c.virtual_column, c.default_length,
                     CASE WHEN c.data_type IN ('CHAR', 'NCHAR', 'VARCHAR2', 'NVARCHAR2')
                          THEN c.data_type || '(' || c.char_length || ')'
                          WHEN c.data_type = 'RAW' THEN 'RAW(' || c.data_length || ')'
                          WHEN c.data_type = 'NUMBER' AND c.data_precision IS NOT NULL
                          THEN 'NUMBER(' || c.data_precision || ',' || NVL(c.data_scale, 0) || ')'
                          WHEN c.data_type = 'NUMBER' AND c.data_scale IS NOT NULL
                          THEN 'NUMBER(38,' || c.data_scale || ')'
                          ELSE c.data_type END AS type
              FROM all_tab_cols c
              WHERE c.hidden_column = 'NO' AND EXISTS (SELECT 1 FROM all_tables t
                                                       WHERE t.owner = c.owner AND t.table_name = c.table_name)
              ORDER BY c.owner, c.table_name, c.column_id) LOOP
        IF wanted(r.owner) THEN
            say('column' || place(r.owner, r.table_name) || CHR(9) || plain(r.column_name) || CHR(9) || plain(r.type)
                || CHR(9) || CASE r.nullable WHEN 'Y' THEN '1' ELSE '0' END
                || CHR(9) || CASE r.virtual_column WHEN 'YES' THEN '1' ELSE '0' END
                || CHR(9) || CASE WHEN r.default_length IS NULL THEN '0' ELSE '1' END);
        END IF;
    END LOOP;

    FOR r IN (SELECT k.owner, k.table_name, k.constraint_name, c.column_name
              FROM all_constraints k
              JOIN all_cons_columns c ON c.owner = k.owner AND c.constraint_name = k.constraint_name
              WHERE k.constraint_type = 'P' AND k.status = 'ENABLED' AND k.validated = 'VALIDATED'
              ORDER BY k.owner, k.table_name, c.position) LOOP
        IF wanted(r.owner) THEN
            say('primary' || place(r.owner, r.table_name) || CHR(9) || plain(r.constraint_name)
                || CHR(9) || plain(r.column_name));
        END IF;
    END LOOP;

    FOR r IN (SELECT i.table_owner, i.table_name, i.index_name, c.column_name
              FROM all_indexes i
              JOIN all_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name
              WHERE i.uniqueness = 'UNIQUE' AND i.index_type = 'NORMAL' AND i.status IN ('VALID', 'N/A')
                AND NOT EXISTS (SELECT 1 FROM all_constraints k WHERE k.owner = i.table_owner
                                AND k.table_name = i.table_name AND k.constraint_type = 'P'
                                AND k.index_name = i.index_name)
                AND NOT EXISTS (SELECT 1 FROM all_ind_columns x
                                JOIN all_tab_cols d ON d.owner = x.table_owner AND d.table_name = x.table_name
                                                   AND d.column_name = x.column_name
                                WHERE x.index_owner = i.owner AND x.index_name = i.index_name AND d.nullable = 'Y')
              ORDER BY i.table_owner, i.table_name, i.index_name, c.column_position) LOOP
        IF wanted(r.table_owner) THEN
            say('unique' || place(r.table_owner, r.table_name) || CHR(9) || plain(r.index_name)
                || CHR(9) || plain(r.column_name));
        END IF;
    END LOOP;

    FOR r IN (SELECT DISTINCT f.owner, f.table_name, p.owner AS parent_owner, p.table_name AS parent_name
              FROM all_constraints f
              JOIN all_constraints p ON p.owner = f.r_owner AND p.constraint_name = f.r_constraint_name
              WHERE f.constraint_type = 'R') LOOP
        IF wanted(r.owner) THEN
            say('parent' || place(r.owner, r.table_name) || place(r.parent_owner, r.parent_name));
        END IF;
    END LOOP;

    DBMS_OUTPUT.PUT_LINE('end' || CHR(9) || TO_CHAR(lines));
END;
/
EXIT

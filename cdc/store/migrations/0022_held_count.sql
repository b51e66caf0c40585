-- Nearly every turn asks for rows to hold or to release and finds none: then there is nothing to count.

CREATE OR REPLACE FUNCTION cdc.count_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM came) THEN
            INSERT INTO cdc.held_count AS c SELECT mapping, code, count(*) FROM came GROUP BY mapping, code
            ON CONFLICT (mapping, code) DO UPDATE SET rows = c.rows + excluded.rows;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM gone) THEN
            UPDATE cdc.held_count c SET rows = c.rows - g.rows
            FROM (SELECT mapping, code, count(*) AS rows FROM gone GROUP BY mapping, code) g
            WHERE (c.mapping, c.code) = (g.mapping, g.code);
        END IF;
    ELSIF EXISTS (SELECT FROM gone) THEN
        INSERT INTO cdc.held_count AS c
        SELECT mapping, code, sum(n) FROM (SELECT mapping, code, 1 AS n FROM came
                                           UNION ALL SELECT mapping, code, -1 FROM gone) x
        GROUP BY mapping, code HAVING sum(n) <> 0
        ON CONFLICT (mapping, code) DO UPDATE SET rows = c.rows + excluded.rows;
    END IF;
    RETURN NULL;
END
$$;

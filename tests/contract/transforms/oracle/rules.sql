-- What the language refuses, said a second time, and the evaluation of one expression over all rows of oracle.subject.
-- The functions are volatile, so that PostgreSQL evaluates them where they stand, and not while it plans.
CREATE SCHEMA oracle;

CREATE FUNCTION oracle.refuse(code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = code;
END $$;

-- A number has at most 100 digits that count, and stays between 1e-100 and 1e101.
CREATE FUNCTION oracle.fitting(value numeric) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
DECLARE
    size CONSTANT numeric := trim_scale(abs(value));
BEGIN
    IF size <> 0 AND (size >= 1e101 OR size < 1e-100 OR length(trim('0' FROM replace(size::text, '.', ''))) > 100) THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN value;
END $$;

-- A quotient that has an end.
CREATE FUNCTION oracle.divided(value numeric, by numeric) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF by = 0 OR mod(value * 1e220, by) <> 0 THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN oracle.fitting(trim_scale(div(value * 1e220, by) * 1e-220));
END $$;

CREATE FUNCTION oracle.whole(value numeric, bits int) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value <> trunc(value) OR value < -2::numeric ^ (bits - 1) OR value >= 2::numeric ^ (bits - 1) THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN trunc(value);
END $$;

CREATE FUNCTION oracle.whole(value text, bits int) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value !~ '^[+-]?[0-9]{1,40}$' THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN oracle.whole(value::numeric, bits);
END $$;

CREATE FUNCTION oracle.scaled(value numeric, digits int, scale int) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value <> round(value, scale) OR abs(value) >= 10::numeric ^ (digits - scale) THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN round(value, scale);
END $$;

CREATE FUNCTION oracle.scaled(value text, digits int, scale int) RETURNS numeric LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value !~ '^[+-]?[0-9]{1,100}(\.[0-9]{1,100})?$' THEN
        PERFORM oracle.refuse('NUM-101');
    END IF;
    RETURN oracle.scaled(oracle.fitting(value::numeric), digits, scale);
END $$;

CREATE FUNCTION oracle.limited(value text, size int) RETURNS text LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF char_length(value) > size THEN
        PERFORM oracle.refuse('TXT-101');
    END IF;
    RETURN value;
END $$;

-- The calendar has the years 1 to 9999.
CREATE FUNCTION oracle.shifted(day date, days numeric) RETURNS date LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF abs(days) > 4000000 OR NOT day + days::int BETWEEN '0001-01-01' AND '9999-12-31' THEN
        PERFORM oracle.refuse('DAT-101');
    END IF;
    RETURN day + days::int;
END $$;

CREATE FUNCTION oracle.moved(day timestamp, by interval) RETURNS timestamp LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF NOT day + by BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN
        PERFORM oracle.refuse('DAT-101');
    END IF;
    RETURN day + by;
EXCEPTION WHEN datetime_field_overflow THEN
    PERFORM oracle.refuse('DAT-101');
END $$;

CREATE FUNCTION oracle.day(value text) RETURNS date LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        PERFORM oracle.refuse('DAT-101');
    END IF;
    RETURN make_date(substr(value, 1, 4)::int, substr(value, 6, 2)::int, substr(value, 9, 2)::int);
EXCEPTION WHEN datetime_field_overflow THEN
    PERFORM oracle.refuse('DAT-101');
END $$;

CREATE FUNCTION oracle.moment(value text) RETURNS timestamp LANGUAGE plpgsql STRICT AS $$
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$' THEN
        PERFORM oracle.refuse('DAT-101');
    END IF;
    RETURN oracle.day(substr(value, 1, 10)) + substr(value, 12)::time;
END $$;

-- A local time is an instant where the zone's clocks showed it exactly once.
CREATE FUNCTION oracle.instant(shown timestamp, zone text) RETURNS timestamptz LANGUAGE plpgsql STRICT AS $$
DECLARE
    instants timestamptz[];
BEGIN
    SELECT array_agg(DISTINCT instant) INTO instants FROM (
        SELECT (shown - ((near AT TIME ZONE zone) - (near AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC'
        FROM (VALUES (shown AT TIME ZONE 'UTC' - interval '26 hours'), (shown AT TIME ZONE 'UTC' + interval '26 hours')) v (near)
    ) AS candidate (instant) WHERE instant AT TIME ZONE zone = shown;
    IF cardinality(instants) IS DISTINCT FROM 1
       OR NOT instants[1] AT TIME ZONE 'UTC' BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN
        PERFORM oracle.refuse('DAT-101');
    END IF;
    RETURN instants[1];
END $$;

-- The values (as texts) and the codes of refusals, in the order of the rows.
CREATE FUNCTION oracle.evaluate(expression text, OUT given text[], OUT codes text[]) LANGUAGE plpgsql AS $$
DECLARE
    rows CONSTANT int := (SELECT count(*) FROM oracle.subject);
    one text;
BEGIN
    EXECUTE format('SELECT array_agg((%s)::text ORDER BY s.n) FROM oracle.subject AS s', expression) INTO given;
    codes := array_fill(NULL::text, ARRAY[rows]);
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    given := '{}';
    FOR number IN 1..rows LOOP
        BEGIN
            EXECUTE format('SELECT (%s)::text FROM oracle.subject AS s WHERE s.n = %s', expression, number) INTO one;
            given := given || one;
            codes := codes || NULL::text;
        EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
            given := given || NULL::text;
            codes := codes || SQLERRM;
        END;
    END LOOP;
END $$;

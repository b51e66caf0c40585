"""PostgreSQL's types. What is not here is refused with SRC-201."""

from __future__ import annotations

from tests.integration.types.case import Case, Refusal

MAKE_TYPES = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE TYPE mood AS ENUM ('sad', 'so, "happy"', 'it''s', '导管');
CREATE TYPE address AS (street text, number int);
CREATE TYPE floats AS RANGE (subtype = float8);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN day AS date;
CREATE DOMAIN moment AS timestamp(3);
CREATE DOMAIN amounts AS numeric(10,2)[]"""

_MOMENTS = ("'2024-03-31 02:30'", "'1970-01-01'", "'1900-01-01'", "'1582-10-10 12:00'", "'0001-01-01'")
_LARGE = "'999999999999999999999999999999999999'"
_TOO_LATE = "of the year 10000 or later"
_ANCIENT = "an element before 1582-10-25"
_INNER = {"'{{1,2},{3,4}}'": "VAL-101", "'{NULL}'": "VAL-101"}
_FULL = "needs REPLICA IDENTITY FULL"


def _fraction(digits: int, text: str, zone: str = "") -> str:
    """Return a literal with so many digits behind the second, none of which is 0."""
    return f"'{text}{'.' * (digits > 0)}{'123457'[:digits]}{zone}'"


CASES = (
    Case("smallint", "smallint", ("-32768", "32767"), as_key=True),
    Case("integer", "integer", ("-2147483648", "2147483647"), as_key=True),
    Case("bigint", "bigint", ("-9223372036854775808", "9223372036854775807"), as_key=True),
    Case("oid", "bigint", ("0", "4294967295"), as_key=True),
    Case("xid", "numeric(10,0)", ("'4294967295'",)),
    Case("xid8", "numeric(20,0)", ("'18446744073709551615'",)),
    Case("cid", "numeric(10,0)", ("'1'",)),
    Case("tid", "text", ("'(1,2)'",)),
    Case(
        "numeric",
        "numeric",
        (
            *("'NaN'", "'Infinity'", "'-Infinity'", "0", "-0.000", "1e-7", "1e20", "100", "1.50", "1.5000"),
            "'12345678901234567890123456789012345678'",
            "('-1' || repeat('0', 299) || '.5')::numeric",
            "('0.' || repeat('0', 290) || '1')::numeric",
        ),
        as_key=True,
    ),
    Case("numeric(38,10)", "numeric(38,10)", (f"{_LARGE[:29]}.9999999999'", "'NaN'", "-0.0000000001")),
    Case("numeric(5,-2)", "numeric(5,-2)", ("12300", "-9999900", "0")),
    Case("numeric(3,5)", "numeric(3,5)", ("0.00123", "-0.00999", "0")),
    Case(
        "real",
        "real",
        ("'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1.1", "'3.4028235e38'", "'1e-45'", "16777216", "0.1"),
        as_key=True,
    ),
    Case(
        "double precision",
        "double precision",
        (
            *("'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1", "'1.7976931348623157e308'", "'5e-324'", "'1e22'"),
            "123456789012345680",
        ),
        as_key=True,
    ),
    Case(
        "money",
        "numeric(19,2)",
        ("'-92233720368547758.08'", "'92233720368547758.07'", "'0'", "'1234.5'", "'-0.01'"),
        as_key=True,
        read="{}::numeric",
        remark="only if lc_monetary is C or en_US, else refused (SRC-202)",
    ),
    Case("boolean", "boolean", ("true", "false"), as_key=True),
    Case("text", "text", ("''", "E'a\\tb\\n\\x1d'", "'🩺𠀀'", "'NULL'", "' x '", "'\\N'"), as_key=True),
    Case("varchar(5)", "character varying(5)", ("'ab  '", "'🩺🩺🩺🩺🩺'", "''"), as_key=True),
    Case("varchar", "character varying", ("'ab  '", "''", "'🩺'")),
    Case("char(5)", "character(5)", ("'ab'", "''", "'🩺'", "'ab   '")),
    Case('"char"', "text", ("'a'", "''", "'\\200'::\"char\"")),
    Case("name", "text", ("'pg_class'", "'导管'"), as_key=True),
    Case("citext", "text", ("'Ab'", "'aB'", "''")),
    Case("ltree", "text", ("'Top.Science'",)),
    Case("cube", "text", ("'(1,2)'",), remark="as all types of extensions that are not named here"),
    Case("bytea", "bytea", ("''", "'\\x00ff7f'", "'\\x20'"), as_key=True),
    Case(
        "date",
        "date",
        (
            *("'0001-01-01'", "'9999-12-31'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'4713-01-01 BC'"),
            *("'1582-10-10'", "'1582-10-04'", "'1582-10-15'", "'1500-02-28'", "'1970-01-01'", "'1940-06-03'"),
            *("'4714-11-24 BC'", "'2024-02-29'"),
        ),
        refused={"'10000-01-01'": "VAL-102", "'5874897-12-31'": "VAL-102"},
        as_key=True,
        remark=_TOO_LATE,
    ),
    Case("time", "time without time zone", ("'00:00'", "'24:00'", "'23:59:59.999999'"), as_key=True),
    *(
        Case(f"time({n})", f"time({n}) without time zone", (_fraction(n, "12:34:56"), _fraction(n, "00:00:00")))
        for n in range(7)
    ),
    Case(
        "timestamp",
        "timestamp without time zone",
        (
            *(*_MOMENTS, "'9999-12-31 23:59:59.999999'", "'infinity'", "'-infinity'", "'0044-03-15 01:02:03.4 BC'"),
            *("'4714-11-24 BC'", "'1970-01-01 00:00:01'", "'1969-12-31 23:59:56.999999'"),
        ),
        refused={
            "'10000-01-01'": "VAL-102",
            "'294276-12-31 23:59:59.999999'": "VAL-102",
            "'1970-01-01 00:00:01.5'": "VAL-102",
        },
        altered={"'294276-12-31'": "infinity"},
        as_key=True,
        remark=f"{_TOO_LATE}; less than 3 s from 1970-01-01 00:00 with a fraction of a second",
    ),
    *(
        Case(
            f"timestamp({n})",
            f"timestamp({n}) without time zone",
            (
                _fraction(n, "2024-01-01 00:00:01"),
                _fraction(n, "1924-12-31 23:59:59"),
                _fraction(n, "0044-03-15 01:02:03", " BC"),
            ),
        )
        for n in range(7)
    ),
    Case(
        "timestamptz",
        "timestamp with time zone",
        (
            *(*_MOMENTS, "'9999-12-31 23:59:59.999999+00'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"),
            *("'4713-11-24 00:00:00+00 BC'", "'0001-12-31 23:59:59.5+00 BC'", "'1850-01-01+00'"),
            "'1970-01-01 00:00:01.5+00'",
        ),
        refused={"'10000-01-01 00:00+00'": "VAL-102", "'294276-12-31 23:59:59.999999+00'": "VAL-102"},
        as_key=True,
        remark=_TOO_LATE,
    ),
    *(
        Case(
            f"timestamptz({n})",
            f"timestamp({n}) with time zone",
            (_fraction(n, "2024-01-01 00:00:01", "+00"), _fraction(n, "1924-12-31 23:59:59", "+08")),
        )
        for n in range(7)
    ),
    Case(
        "interval",
        "interval",
        (
            *("'1 year 2 mons 3 days 04:05:06.789'", "'-1 mon'", "'178000000 years'", "'-178000000 years'", "'0'"),
            *("'00:00:00.000001'", "'-00:00:00.000001'", "'1 mon -1 day'", "'-1 day +02:03:04'", "'2147483647 days'"),
            *("'-1 year -2 mons +3 days -04:05:06.789'", "'999999999:59:59.999999'", "'100000.123457 seconds'"),
            "'2147483647:00:00'",
        ),
        remark="more than 2,147,483,647 hours stop the connector (CON-103)",
    ),
    *(Case(f"interval second({n})", "interval", (_fraction(n, "1"), _fraction(n, "-1"))) for n in range(7)),
    Case("interval year to month", "interval", ("'1-2'",)),
    Case("bit(1)", "bit(1)", ("B'0'", "B'1'"), as_key=True),
    Case("bit(10)", "bit(10)", ("B'1010101011'", "B'0000000001'", "B'0000000000'"), as_key=True),
    Case("bit(33)", "bit(33)", (f"B'{'0' * 32}1'", f"B'1{'0' * 32}'")),
    Case("bit(200)", "bit(200)", (f"B'{'10' * 100}'",), remark=f"of more than 128 bits: {_FULL}"),
    Case("uuid", "uuid", ("'00000000-0000-0000-0000-000000000000'", "'A0EEBC999C0B4EF8BB6D6BB9BD380A11'"), as_key=True),
    Case("inet", "inet", ("'10.1.2.3/8'", "'::1'", "'10.1.2.3'"), as_key=True),
    Case("cidr", "cidr", ("'10.0.0.0/8'", "'::/0'"), as_key=True),
    Case("macaddr", "macaddr", ("'08:00:2b:01:02:03'",), as_key=True),
    Case("macaddr8", "macaddr8", ("'08:00:2b:01:02:03:04:05'",), as_key=True),
    Case("json", "json", ("""'{"a":1,"a":2.50, "b" : null}'""", "'null'", "'\"x\"'", "'1e400'")),
    Case("jsonb", "jsonb", ("""'{"a":1,"b":2.50,"aa":1e3}'""", "'null'", "'12345678901234567890.1234567890123456789'")),
    Case("jsonpath", "text", ("'$.a[*]'",)),
    Case("xml", "xml", ("'<a>x</a>'", "'<?xml version=\"1.0\"?><a/>'", "'text'", "E'<a>\\n</a>'")),
    Case("tsvector", "tsvector", ("'a:1A b:2'", "''")),
    Case("tsquery", "tsquery", ("'a & !b'",)),
    Case("int4range", "int4range", ("'[1,5)'", "'empty'", "'(,)'"), as_key=True),
    Case("int8range", "int8range", ("'[1,9223372036854775807)'",)),
    Case("numrange", "numrange", ("'(1.50,2]'", "'[-Infinity,NaN)'")),
    Case("tsrange", "tsrange", ("'[2024-01-01,2024-02-01)'", "'[-infinity,infinity]'", "'[0044-01-01 BC,]'")),
    Case("tstzrange", "tstzrange", ("'[2024-01-01 00:00+08,2024-02-01)'",)),
    Case("daterange", "daterange", ("'[2024-01-01,infinity)'", "'[0044-01-01 BC,]'")),
    Case("floats", "text", ("'[1.5,2)'",), remark="ranges that somebody made"),
    Case("int4multirange", "int4multirange", ("'{[1,5),[7,9)}'", "'{}'")),
    Case("int8multirange", "int8multirange", ("'{[-9223372036854775808,9223372036854775807)}'", "'{}'")),
    Case("nummultirange", "nummultirange", ("'{(1.50,2],[3.0,)}'", "'{[-Infinity,NaN)}'")),
    Case("tsmultirange", "tsmultirange", ("'{[0044-01-01 BC,2024-01-01 00:00:00.123457),[2024-02-01,infinity]}'",)),
    Case("tstzmultirange", "tstzmultirange", ("'{[2024-01-01 00:00+08,2024-02-01)}'",)),
    Case("datemultirange", "datemultirange", ("'{[2024-01-01,2024-02-01)}'",)),
    Case(
        "hstore",
        "jsonb",
        ("""'a=>1, b=>NULL, "q\\""=>"x,y"'""", "''", "hstore(ARRAY['', 'é'], ARRAY[E'\\\\', '🩺'])"),
        read="hstore_to_jsonb({})",
    ),
    Case("point", "point", ("'(1.5,-2)'", "'(NaN,Infinity)'", "'(0.1,1e300)'", "'(-0,0)'")),
    Case("line", "line", ("'{1,2,3.5}'", "'{-0.1,1e-300,-0}'", "'{1,Infinity,NaN}'")),
    Case("lseg", "lseg", ("'[(1,2),(3,4.5)]'", "'[(0.1,-0),(0.1,-0)]'", "'[(NaN,-Infinity),(1e300,5e-324)]'")),
    Case("box", "box", ("'(1,2),(3,4)'", "'(4,0.1),(-0,1e300)'", "'(1,1),(1,1)'", "'(-Infinity,0),(Infinity,2)'")),
    Case(
        "path",
        "path",
        (
            *("'[(1,2),(3,4)]'", "'((1,2),(0.1,1e300))'", "'[(1,2)]'", "'((1,2))'"),
            *("'((1,2),(3,4),(1,2))'", "'[(NaN,Infinity),(-0,5e-324)]'"),
        ),
        remark=_FULL,
    ),
    Case("circle", "circle", ("'<(1,2),3.5>'", "'<(-0,0.1),0>'", "'<(Infinity,NaN),1e300>'")),
    Case("pg_lsn", "pg_lsn", ("'16/B374D848'",)),
    Case("pg_snapshot", "text", ("'10:20:10,14'",)),
    Case("txid_snapshot", "text", ("'10:20:10,14'",)),
    Case("mood", "text", ("'sad'", "'so, \"happy\"'", "'it''s'", "'导管'"), as_key=True, remark="enumerated types"),
    Case("address", "text", ("ROW('a, \"b\"', 1)::address", "ROW(NULL, NULL)::address"), remark="composite types"),
    Case("positive", "integer", ("5",), remark="domains are what they rest on"),
    Case("day", "date", ("'0044-03-15 BC'", "'infinity'", "'1582-10-10'")),
    Case("moment", "timestamp(3) without time zone", ("'2024-01-01 00:00:01.123'",)),
    # Arrays: one dimension, from 1 on. The list of those that need FULL is in the README by their remarks.
    Case(
        "integer[]",
        "integer[]",
        ("'{1,NULL,-2147483648}'", "'{}'"),
        refused=_INNER,
        altered={"'[0:1]={1,2}'": "{1,2}"},
        remark="several dimensions, or NULLs only; an array whose first index is not 1 gets one whose first index is 1",
    ),
    Case("smallint[]", "smallint[]", ("'{1,NULL,-3}'", "'{}'"), remark=_FULL),
    Case("bigint[]", "bigint[]", ("'{9223372036854775807}'",)),
    Case("oid[]", "bigint[]", ("'{4294967295}'",), remark=_FULL),
    Case("numeric[]", "numeric[]", ("'{1.50,NULL}'",), remark=f"{_FULL}; NaN stops the connector (CON-103)"),
    Case("amounts", "numeric(10,2)[]", ("'{1.50,NULL}'",), remark=f"domains over arrays: {_FULL}"),
    Case("real[]", "real[]", ("'{1.1,NaN,-Infinity}'",), remark=_FULL),
    Case("double precision[]", "double precision[]", ("'{0.1,NaN,-0}'",), remark=_FULL),
    Case("boolean[]", "boolean[]", ("'{t,f,NULL}'",), remark=_FULL),
    Case(
        "text[]",
        "text[]",
        ("""'{a,NULL,"NULL","","x,\\"y\\\\\\\\"}'""", "'{}'"),
        refused={"'{{a,b}}'": "VAL-101"},
        remark="several dimensions",
    ),
    Case("varchar(5)[]", "character varying(5)[]", ("'{ab,🩺}'",)),
    Case("char(3)[]", "character(3)[]", ("'{a}'",)),
    Case("citext[]", "text[]", ("'{A}'",), remark=_FULL),
    Case(
        "date[]",
        "date[]",
        ("'{2024-02-29,NULL,9999-12-31,1582-10-25}'", "'{infinity,-infinity}'"),
        refused={"'{1582-10-24}'": "VAL-102", "'{0044-03-15 BC}'": "VAL-102"},
        altered={"'{1600-01-01 BC}'": "{1600-01-01}"},
        remark=f"{_ANCIENT}; a date of 1583 BC or before arrives as one of our era",
    ),
    Case(
        "timestamp[]",
        "timestamp without time zone[]",
        ("'{2024-01-01 00:00:00.123456,9999-12-31 23:59:59.999999}'", "'{infinity,-infinity}'"),
        refused={"'{1582-10-10}'": "VAL-102", "'{1600-03-15 BC}'": "VAL-102"},
        remark=f"{_FULL}; {_ANCIENT}",
    ),
    Case(
        "timestamptz[]",
        "timestamp with time zone[]",
        ("'{2024-01-01 00:00:00.123456+08,9999-12-31 23:59:59.999999+00}'", "'{infinity}'"),
        refused={"'{1582-10-10 00:00+00}'": "VAL-102", "'{0044-03-15 BC}'": "VAL-102", "'{-infinity}'": "VAL-102"},
        altered={"'{1600-03-15 00:00+00 BC}'": '{"1600-03-15 00:00:00+00"}'},
        remark=f"{_FULL}; {_ANCIENT}, -infinity; a time of 1583 BC or before arrives as one of our era",
    ),
    Case("uuid[]", "uuid[]", ("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'",)),
    Case("inet[]", "inet[]", ("'{10.1.2.3/8,::1}'",), remark=_FULL),
    Case("cidr[]", "cidr[]", ("'{10.0.0.0/8}'",), remark=_FULL),
    Case("macaddr[]", "macaddr[]", ("'{08:00:2b:01:02:03}'",), remark=_FULL),
    Case("json[]", "json[]", ("ARRAY['{\"a\":1}'::json, 'null', NULL]",)),
    Case("jsonb[]", "jsonb[]", ("ARRAY['{\"a\":1}'::jsonb]",)),
    Case("bytea[]", "bytea[]", ("ARRAY['\\x00ff'::bytea, NULL]",), remark=_FULL),
    Case("mood[]", "text[]", ("'{sad}'",), remark=f"{_FULL}; NULL stops the connector (CON-103)"),
    Case("int4range[]", "int4range[]", ("ARRAY['[1,5)'::int4range]",), remark=_FULL),
    Case("int8range[]", "int8range[]", ("ARRAY['[1,9223372036854775807)'::int8range, 'empty', NULL]",), remark=_FULL),
    Case("numrange[]", "numrange[]", ("ARRAY['(1.50,2]'::numrange, '[-Infinity,NaN)']",), remark=_FULL),
    Case("tsrange[]", "tsrange[]", ("ARRAY['[0044-01-01 BC,2024-01-01 00:00:00.123457)'::tsrange]",), remark=_FULL),
    Case("daterange[]", "daterange[]", ("ARRAY['[0044-01-01 BC,infinity)'::daterange]",), remark=_FULL),
    Case("tstzrange[]", "tstzrange[]", ("ARRAY['[2024-01-01 00:00+08,)'::tstzrange]",), remark=_FULL),
)

# Values that are stored apart from their rows (TOAST), and that the log leaves out where an update leaves them alone.
_TEXTS = "array(SELECT md5(i::text) FROM generate_series(1, 300) AS i)"
_LINE = f"array_to_string({_TEXTS}, '')"
LONG_VALUES = {
    "text": _LINE,
    "varchar(20000)": _LINE,
    "char(9600)": _LINE,
    "citext": _LINE,
    "bytea": f"{_LINE}::bytea",
    "json": f"to_json({_LINE})",
    "jsonb": f"to_jsonb({_LINE})",
    "xml": f"{_LINE}::xml",
    "tsvector": f"array_to_tsvector({_TEXTS})",
    "numeric": "repeat('1234567890', 1500)::numeric",
    "numrange": "numrange(repeat('1234567890', 1500)::numeric, NULL)",
    "hstore": f"hstore({_TEXTS}, {_TEXTS})",
    "ltree": f"array_to_string({_TEXTS}, '.')::ltree",
    "int4multirange": "(SELECT range_agg(int4range(i * 3, i * 3 + 1)) FROM generate_series(1, 2000) AS i)",
    "address": f"ROW({_LINE}, 1)::address",
    "integer[]": "array(SELECT i FROM generate_series(1, 3000) AS i)",
    "bigint[]": "array(SELECT i FROM generate_series(1, 3000) AS i)",
    "date[]": "array(SELECT date '2024-01-01' + i FROM generate_series(1, 3000) AS i)",
    "text[]": _TEXTS,
    "varchar(40)[]": _TEXTS,
    "uuid[]": "array(SELECT md5(i::text)::uuid FROM generate_series(1, 600) AS i)",
    "jsonb[]": "array(SELECT to_jsonb(md5(i::text)) FROM generate_series(1, 300) AS i)",
}
# With REPLICA IDENTITY FULL.
LONG_VALUES_IN_FULL = {
    "path": "(SELECT '(' || string_agg(point(i / 7.0, i)::text, ',') || ')' FROM generate_series(1, 500) AS i)::path",
    "bit(80000)": "(SELECT string_agg((i % 7 % 2)::text, '') FROM generate_series(1, 80000) AS i)::bit(80000)",
    "numeric[]": "array(SELECT i::numeric FROM generate_series(1, 3000) AS i)",
    "boolean[]": "array(SELECT i % 3 = 0 FROM generate_series(1, 9000) AS i)",
    "timestamptz[]": "array(SELECT timestamptz '2024-01-01' + i * interval '1 s' FROM generate_series(1, 3000) AS i)",
    "mood[]": "array(SELECT 'sad'::mood FROM generate_series(1, 3000) AS i)",
}

REFUSALS = (
    *(Refusal(name, "SRC-202", "the offset is lost") for name in ("timetz", *(f"timetz({n})" for n in range(7)))),
    Refusal("bpchar", "SRC-201", "blanks at its end, of any number, mean nothing"),
    Refusal("varbit", "SRC-202", "the length is lost"),
    Refusal("polygon", "SRC-202", "one that ends with its first point loses it"),
    Refusal("varbit(5)", "SRC-202", "the length is lost"),
    Refusal("time[]", "SRC-202", "milliseconds only, and 24:00 becomes 00:00"),
    Refusal("timetz[]", "SRC-202", "the offset is lost"),
    Refusal("interval[]", "SRC-202", "does not arrive"),
    Refusal("money[]", "SRC-202", "does not arrive"),
    Refusal("xml[]", "SRC-202", "does not arrive"),
    Refusal("name[]", "SRC-202", "does not arrive"),
    Refusal("bit(3)[]", "SRC-202", "stops the connector"),
    Refusal("varbit[]", "SRC-202", "does not arrive"),
    Refusal("point[]", "SRC-202", "does not arrive"),
    Refusal("hstore[]", "SRC-202", "a long value that is left alone stops the connector"),
    Refusal("address[]", "SRC-202", "several dimensions stop the connector"),
    Refusal("positive[]", "SRC-202", "arrays of domains arrive as their bytes"),
    Refusal("int4multirange[]", "SRC-202", "arrays of it arrive as their bytes"),
    Refusal("integer[][]", "SRC-202", "arrives empty"),
    Refusal("int2vector", "SRC-201", "arrives empty"),
    Refusal("regclass", "SRC-201", "its text depends on the session"),
    Refusal("aclitem", "SRC-201", "its text depends on the session"),
)

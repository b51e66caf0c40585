"""MariaDB's types. What is not here is refused with SRC-201."""

from __future__ import annotations

from tests.integration.types.case import Case, Refusal

_HEX = "concat('\\\\x', lower(hex({})))"
_DOUBLE = "cast({} as double)"
_PRINTED = "cast(cast({} as char) as double)"
# In the session's zone, which is UTC.
_LOCAL = "{} at time zone 'UTC'"
_NO_CHARACTER = "bytes that are no character of the set"
_ZERO = "zero dates: of which year, month or day is zero"


def _fraction(digits: int, text: str) -> str:
    return f"{text}.{'123457'[:digits]}"


CASES = (
    Case("tinyint", "smallint", ("-128", "127"), as_key=True),
    Case("tinyint unsigned", "smallint", ("0", "255")),
    Case("tinyint(1)", "smallint", ("-128", "127", "2", "0")),
    Case("tinyint(1) unsigned", "smallint", ("255", "2")),
    Case("boolean", "smallint", ("true", "false", "5")),
    Case("smallint", "smallint", ("-32768", "32767")),
    Case("smallint unsigned", "integer", ("65535",)),
    Case("smallint(3) unsigned zerofill", "integer", ("7",), read="{} + 0"),
    Case("mediumint", "integer", ("-8388608", "8388607")),
    Case("mediumint unsigned", "integer", ("16777215",)),
    Case("int", "integer", ("-2147483648", "2147483647"), as_key=True),
    Case("int unsigned", "bigint", ("4294967295",), as_key=True),
    Case("bigint", "bigint", ("-9223372036854775808", "9223372036854775807"), as_key=True),
    Case("bigint unsigned", "numeric(20,0)", ("18446744073709551615", "9223372036854775808", "0"), as_key=True),
    Case("decimal(65,30)", "numeric(65,30)", (f"-{'9' * 35}.{'9' * 30}", "0", "-0.000000000000000000000000000001")),
    Case("decimal(38,0)", "numeric(38,0)", ("12345678901234567890123456789012345678",), as_key=True),
    Case("decimal(10,2) zerofill", "numeric(10,2)", ("1.5",), read="{} + 0.00"),
    Case(
        "float",
        "real",
        ("1.1", "-0.0", "3.402823466e38", "16777217", "1e-45", "0.1", "123456.7"),
        read=_DOUBLE,
        kept="{}::float8",
    ),
    Case("float(7,3)", "real", ("1.1", "1234.567"), read=_DOUBLE, kept="{}::float8"),
    Case("double", "double precision", ("0.1", "-0.0", "1.7976931348623157e308", "5e-324", "1e22"), read=_DOUBLE),
    Case(
        "double(24,8)",
        "double precision",
        ("1.1", "1.52002767", "-49.56327894", "12345678.12345678", "1e22", "-0.0"),
        read=_PRINTED,
        remark="the number that the source prints, with so many digits: the one it keeps may be next to it",
    ),
    Case("float unsigned", "real", ("0", "1.1", "3.402823466e38", "1e-45"), read=_DOUBLE, kept="{}::float8"),
    Case("double unsigned", "double precision", ("0", "0.1", "1.7976931348623157e308", "5e-324"), read=_DOUBLE),
    Case("bit(1)", "bit(1)", ("b'0'", "b'1'"), read="bin({})"),
    Case("bit(8)", "bit(8)", ("b'10101011'", "1", "0"), as_key=True, read="lpad(bin({}), 8, '0')"),
    Case(
        "bit(10)",
        "bit(10)",
        ("b'1010101011'", "1", "0"),
        read="lpad(bin({}), 10, '0')",
        remark="of more than 8 bits in a key (SRC-202)",
    ),
    Case("bit(64)", "bit(64)", ("18446744073709551615", "1"), read="lpad(bin({}), 64, '0')"),
    Case("char(5)", "character varying(5)", ("'ab'", "''", "'ab  '"), remark="without trailing blanks"),
    Case("varchar(20)", "character varying(20)", ("'🩺𠀀'", "'a  '", "''", "' x'", "'\\t\\n\\Z'"), as_key=True),
    Case("varchar(20) CHARACTER SET utf8mb3", "character varying(20)", ("'导管'",)),
    Case("varchar(20) CHARACTER SET ucs2", "character varying(20)", ("'导管'",)),
    Case("varchar(20) CHARACTER SET utf16", "character varying(20)", ("'🩺'",)),
    Case(
        "varchar(20) CHARACTER SET gbk",
        "character varying(20)",
        ("'镍钛支架'", "'⊕'", "'丂䶮a'"),
        # What the applications mean by these bytes; MariaDB itself prints question marks.
        altered={"_gbk 0xAAA1": "\ue000", "_gbk 0xA2E3": "€"},
        as_key=True,
        remark="bytes that MariaDB has no character for arrive as the character of Windows' code page 936",
    ),
    Case("text CHARACTER SET gbk", "text", ("'导管'", "''")),
    Case(
        "varchar(20) CHARACTER SET gb2312",
        "character varying(20)",
        ("'导管'",),
        refused={"_gb2312 0xAAA1": "VAL-111"},
        remark=_NO_CHARACTER,
    ),
    Case(
        "varchar(20) CHARACTER SET latin1",
        "character varying(20)",
        ("_latin1 0xB5BCB9DC", "'Ø€'", "_latin1 0x8082FF"),
        remark="GBK bytes in latin1 arrive as latin1's characters; 81, 8D, 8F, 90 and 9D in the log (VAL-111)",
    ),
    Case("varchar(20) CHARACTER SET latin2", "character varying(20)", ("'łŐ'",)),
    Case(
        "varchar(20) CHARACTER SET cp1250",
        "character varying(20)",
        ("'žŁ'",),
        refused={"_cp1250 0x81": "VAL-111"},
        remark=_NO_CHARACTER,
    ),
    Case("varchar(20) CHARACTER SET cp1251", "character varying(20)", ("'Жё'",)),
    Case("varchar(20) CHARACTER SET koi8r", "character varying(20)", ("'Жё'",)),
    Case("varchar(20) CHARACTER SET ascii", "character varying(20)", ("'a~'",)),
    Case("tinytext", "text", ("'x'", "''")),
    Case("text", "text", ("'a\\tb\\nc'", "''", "'🩺'")),
    Case("mediumtext", "text", ("'x'",)),
    Case("longtext", "text", ("'x'",)),
    Case("json", "text", ("""'{"a":1,"a":2.50}'""", "'null'", "'1e400'")),
    Case("binary(8)", "bytea", ("'ab'", "x'00ff'", "x'0000000000000000'"), as_key=True, read=_HEX),
    Case("varbinary(16)", "bytea", ("x'00ff00'", "''", "x'20'"), as_key=True, read=_HEX),
    Case("tinyblob", "bytea", ("x'00'",), read=_HEX),
    Case("blob", "bytea", ("''", "x'00ff'"), read=_HEX),
    Case("mediumblob", "bytea", ("x'ff'",), read=_HEX),
    Case("longblob", "bytea", ("x'ff'",), read=_HEX),
    Case(
        "date",
        "date",
        (
            "'1000-01-01'",
            "'9999-12-31'",
            "'0001-01-01'",
            "'0024-01-02'",
            "'1582-10-10'",
            "'1500-02-28'",
            "'1970-01-01'",
        ),
        altered={"'0000-00-00'": None, "'2024-00-00'": None, "'2024-02-00'": None},
        remark=f"{_ZERO} become NULL if the connector file says `zero_dates: as_null`, else the column is refused "
        "(SRC-206); a year of 0000 alone is refused in the snapshot (VAL-102)",
    ),
    Case(
        "date NOT NULL",
        "date",
        ("'1000-01-01'", "'9999-12-31'"),
        refused={
            "'0000-00-00'": "VAL-102",
            "'2024-00-00'": "VAL-102",
            "'0000-02-01'": "VAL-102",
            "'1970-01-01'": "VAL-102",
        },
        as_key=True,
        remark=f"{_ZERO}; 1970-01-01, which they arrive as",
    ),
    Case(
        "datetime",
        "timestamp without time zone",
        (
            *("'1000-01-01'", "'9999-12-31 23:59:59'", "'0001-01-01'", "'0024-01-02 03:04:05'", "'1500-02-28 12:00'"),
            *("'2024-03-31 02:30'", "'1970-01-01'", "'1900-01-01'", "'1940-06-03 00:30'", "'1986-05-04 02:30'"),
        ),
        altered={
            **dict.fromkeys(("'0000-00-00'", "'2024-00-00 01:02:03'", "'0000-02-01 01:02:03'"), None),
        },
        remark=f"{_ZERO}: as date; the ten days of October 1582 that the calendar left out are refused in the snapshot "
        "(VAL-102)",
    ),
    Case(
        "datetime NOT NULL",
        "timestamp without time zone",
        ("'2024-03-31 02:30'", "'9999-12-31 23:59:59'", "'0001-01-01'"),
        refused={"'0000-00-00'": "VAL-102", "'1970-01-01'": "VAL-102", "'0000-02-01'": "VAL-102"},
        as_key=True,
        remark=f"{_ZERO}; 1970-01-01 00:00:00, which they arrive as",
    ),
    *(
        Case(
            f"datetime({n})",
            f"timestamp({n}) without time zone",
            (f"'{_fraction(n, '2024-01-01 00:00:01')}'", f"'{_fraction(n, '1924-12-31 23:59:59')}'"),
        )
        for n in range(1, 7)
    ),
    Case(
        "timestamp NULL",
        "timestamp with time zone",
        ("'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2024-03-31 02:30'", "'1986-05-03 17:30'"),
        altered={"'0000-00-00'": None},
        kept=_LOCAL,
        remark=f"{_ZERO}: as date",
    ),
    Case(
        "timestamp NOT NULL",
        "timestamp with time zone",
        ("'1970-01-01 00:00:01'", "'2024-10-27 02:30'"),
        refused={"'0000-00-00'": "VAL-102"},
        as_key=True,
        kept=_LOCAL,
        remark="zero dates",
    ),
    *(
        Case(
            f"timestamp({n}) NULL",
            f"timestamp({n}) with time zone",
            (f"'{_fraction(n, '2024-01-01 00:00:01')}'",),
            kept=_LOCAL,
        )
        for n in range(1, 7)
    ),
    Case("time", "interval", ("'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'", "'24:00:00'"), as_key=True),
    *(
        Case(
            f"time({n})",
            "interval",
            (
                *(f"'-838:59:58.{'9' * n}'", f"'-00:00:00.{'1'.zfill(n)}'", f"'{_fraction(n, '12:34:56')}'"),
                f"'{_fraction(n, '-12:34:56')}'",
            ),
        )
        for n in range(1, 7)
    ),
    Case(
        "year", "smallint", ("1901", "2155", "2024", "1970", "2000"), as_key=True, remark="0000 fails in the snapshot"
    ),
    Case(
        "enum('a','b unsigned','c(1)','it''s, x','导','q\"r')",
        "text",
        ("'a'", "'b unsigned'", "'it''s, x'", "'导'", "'q\"r'", "'zzz'"),
        remark="members with a backslash, a control character or, in utf8mb4, a question mark (SRC-202)",
    ),
    Case("enum('导管','支架') CHARACTER SET gbk", "text", ("'支架'",), as_key=True),
    Case("set('x','y','导','w w')", "text", ("'x,w w'", "''", "'导'")),
    Case(f"set({','.join(f'{chr(39)}m{i}{chr(39)}' for i in range(64))})", "text", ("'m0,m63'", "9223372036854775808")),
    Case(
        "geometry",
        "bytea",
        (
            *("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 4326)"),
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')",
        ),
        read=_HEX,
        remark="MariaDB's own bytes: the SRID in four bytes, then WKB",
    ),
    *(
        Case(kind, "bytea", (f"ST_GeomFromText('{text}')",), read=_HEX)
        for kind, text in (
            ("point", "POINT(1.5 -2)"),
            ("linestring", "LINESTRING(0 0,1 1)"),
            ("polygon", "POLYGON((0 0,1 0,1 1,0 0))"),
            ("multipoint", "MULTIPOINT(0 0,1 1)"),
            ("multilinestring", "MULTILINESTRING((0 0,1 1))"),
            ("multipolygon", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"),
            ("geometrycollection", "GEOMETRYCOLLECTION(POINT(1 2))"),
        )
    ),
)

REFUSALS = (
    Refusal("uuid", "SRC-202", "zero bytes at its end are lost"),
    Refusal("enum('a\\\\b')", "SRC-202", "escapes are not undone"),
    Refusal("set('a\\nb')", "SRC-202", "escapes are not undone"),
    Refusal("enum('?')", "SRC-202", "a member with a character beyond 16 bits is one, too"),
    Refusal("varchar(9) CHARACTER SET big5", "SRC-203", "as cp932, eucjpms, euckr, sjis, ujis and a few more"),
    Refusal("varchar(9) COMPRESSED", "SRC-126", "stops the connector, in whatever table of the server it is"),
    Refusal("inet6", "SRC-126", "stops the connector, in whatever table of the captured database it is"),
    Refusal("inet4", "SRC-126", "stops the connector, in whatever table of the captured database it is"),
)

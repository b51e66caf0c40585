"""What a source type becomes: mirror type and decoder. The table below is the contract between catalogue and stream.

Which type of which product becomes what stands in `types_postgresql`, `types_mariadb`, `types_sqlserver` and
`types_oracle` beside this file.

JSON forms are those of the pinned connector modes (schemas off, decimal=string, time=microseconds, binary=hex,
interval=string, bigint.unsigned=precise with decimal.format=NUMERIC). NULL is JSON null for every decoder.

| decoder         | JSON                                                                 | mirror type             |
|-----------------|----------------------------------------------------------------------|-------------------------|
| int             | integer (bigint unsigned: up to 20 digits)                           | smallint..bigint,       |
|                 |                                                                      | numeric(20,0)           |
| tinyint1        | integer; true/false where DDL in the stream said BOOLEAN             | smallint                |
| boolean         | true / false                                                         | boolean                 |
| decimal         | string "12.340", scale kept; "NAN", "POSITIVE_INFINITY" and its like | numeric                 |
| float           | number; "NaN", "Infinity", "-Infinity"                               | real, double precision  |
| text            | string (PostgreSQL char(n) padded, MariaDB char(n) not)              | text, varchar, inet, .. |
| enum, set       | string; set members joined by commas                                 | text                    |
| json            | string: the database's own text                                      | json, jsonb             |
| hstore          | string: a JSON object of strings and nulls                           | jsonb                   |
| uuid            | string                                                               | uuid                    |
| bytes_hex       | string of hex digits, no prefix                                      | bytea                   |
| text_hex        | string: hex of the UTF-8 text form (types that Debezium does not     | as the source, or text  |
|                 | know, sent because of include.unknown.datatypes)                     |                         |
| bit:N           | N = 1: true / false; else base64, LITTLE-endian, N bits              | bit(N)                  |
| point, line,    | object: numbers, or wkb in base64 and what wkb cannot say            | as the source           |
| lseg, box, path,| (`cdc.stream.geometric`)                                             |                         |
| circle          |                                                                      |                         |
| geometry        | object: wkb in base64, srid or null                                  | bytea: srid in 4 bytes, |
|                 |                                                                      | little-endian, then wkb |
| date            | integer, days since 1970-01-01                                       | date                    |
| time_us         | integer, microseconds since midnight, 86400000000 = 24:00            | time without time zone  |
| duration_us     | integer, signed microseconds (MariaDB TIME to 838:59:59)             | interval                |
| timestamp_us    | integer, microseconds since 1970-01-01 00:00 without zone;           | timestamp without       |
|                 | the largest and smallest of 64 bits = +-infinity                     | time zone               |
| timestamptz_iso | string "2024-02-29T10:34:56.123456Z"; "infinity", "-infinity"        | timestamp with time zone|
| interval        | string "P1Y2M3DT4H5M6.789S"                                          | interval                |
| year            | integer                                                              | smallint                |
| number          | as decimal, or an integer (Oracle, not run against a database)       | numeric                 |
| date_iso,       | strings "2017-09-15Z", "04:05:11.789Z", "2019-07-09T02:28:57.1234Z", | date, time without time |
| time_iso,       | "2019-07-09T02:28:57.1234+08:00" (SQL Server, Oracle; not run        | zone, timestamp without |
| timestamp_iso,  | against a database)                                                  | and with time zone      |
| timestamptz_    |                                                                      |                         |
| offset,         |                                                                      |                         |
| datetimeoffset  |                                                                      |                         |
| array:D         | list of D's form, one dimension                                      | type[]                  |

An unchanged TOAST value of PostgreSQL arrives as PLACEHOLDER (text, enum, json, decimal, text_hex), as its hex
(bytes_hex), as an object of it (hstore), as a list of the one string (array:text, array:json), as the list of its byte
values (array:int, array:date), or as a list of one name-based uuid (array:uuid). Other types have no form for it: a
path arrives as NULL, at the rest the connector fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PLACEHOLDER = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
"""Ours, with 128 random bits: Debezium's own text stands for real in databases that another replication has filled."""

_MIRROR_TYPE = re.compile(
    r"(smallint|integer|bigint|real|double precision|boolean|text|bytea|date|uuid|jsonb?|xml|inet|cidr|macaddr8?"
    r"|tsvector|interval|(int[48]|num|ts|tstz|date)(multi)?range|point|line|lseg|box|path|polygon|circle|pg_lsn|tsquery"
    r"|numeric(\(\d{1,4},-?\d{1,4}\))?|character( varying)?(\(\d{1,8}\))?|bit\(\d{1,8}\)"
    r"|time(\([0-6]\))? without time zone|timestamp(\([0-6]\))? with(out)? time zone)(\[\])?"
)
_DECODER = re.compile(
    r"(array:)?(int|tinyint1|boolean|decimal|float|text|enum|set|json|hstore|uuid|bytes_hex|text_hex|bit:\d{1,8}"
    r"|point|line|lseg|box|path|circle|geometry|date|time_us|duration_us|timestamp_us|timestamptz_iso|interval|year|number"
    r"|date_iso|time_iso|timestamp_iso|timestamptz_offset|datetimeoffset)"
)

TOKEN = "token:"  # noqa: S105 - no secret
"""Begins the decoder of a text for which a token stands; behind it is the name of its key."""
_TOKEN = re.compile(f"{TOKEN}[a-z][a-z0-9_]{{0,39}}(\\.v[1-9][0-9]{{0,3}})?")


@dataclass(frozen=True, slots=True)
class MirrorType:
    """How values of one source type are kept and read: PostgreSQL type text, decoder name."""

    mirror_type: str
    decoder: str


def is_mirror_type(text: str) -> bool:
    """Tell whether `text` is a type that mirrors are made of (contracts are files; their types go into DDL)."""
    return _MIRROR_TYPE.fullmatch(text) is not None


def is_decoder(text: str) -> bool:
    """Tell whether `text` names a decoder of the table above."""
    return _DECODER.fullmatch(text) is not None or _TOKEN.fullmatch(text) is not None

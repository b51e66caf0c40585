"""Types of SQL Server and Oracle, on envelopes of the shape that Debezium's documentation shows.

Nothing of it was run against a database.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.types import MirrorType, is_decoder, is_mirror_type
from cdc.capture.types_oracle import UNREAD, of_oracle
from cdc.capture.types_sqlserver import ABSENT, of_sqlserver
from cdc.change import UNCHANGED, Record
from cdc.errors import FatalError, RowError
from cdc.stream.envelope import read_event
from cdc.stream.row import RowDecoder

SQLSERVER = {
    "version": "3.6.1.Final",
    "connector": "sqlserver",
    "name": "server1",
    "ts_ms": 1559729468470,
    "ts_us": 1559729468470476,
    "ts_ns": 1559729468470476000,
    "snapshot": False,
    "db": "testDB",
    "schema": "dbo",
    "table": "customers",
    "change_lsn": "00000027:00000758:0003",
    "commit_lsn": "00000027:00000758:0005",
    "event_serial_no": "1",
}
ORACLE = {
    "version": "3.6.1.Final",
    "name": "server1",
    "ts_ms": 1520085154000,
    "ts_us": 1520085154000000,
    "ts_ns": 1520085154000000000,
    "txId": "6.28.807",
    "scn": "2122185",
    "commit_scn": "2122185",
    "rs_id": "001234.00012345.0124",
    "ssn": 1,
    "redo_thread": 1,
    "user_name": "user",
    "snapshot": False,
    "db": "ORCLPDB1",
    "schema": "DEBEZIUM",
    "table": "CUSTOMERS",
}

SQLSERVER_VALUES = [
    ("bit", True, True, "boolean"),
    ("tinyint", 255, 255, "smallint"),
    ("bigint", -(2**63), -(2**63), "bigint"),
    ("real", 1.1, "1.1", "real"),
    ("float", 0.1, "0.1", "double precision"),
    ("decimal(38,10)", "-9999999999999999999999999999.9999999999", None, "numeric(38,10)"),
    ("numeric", "5", "5", "numeric(18,0)"),
    ("money", "-922337203685477.5808", None, "numeric(19,4)"),
    ("smallmoney", "214748.3647", None, "numeric(10,4)"),
    ("char(5)", "ab   ", None, "character varying(5)"),
    ("nvarchar(40)", "导管🩺", None, "character varying(40)"),
    ("nvarchar(max)", "x", None, "text"),
    ("nvarchar(max)", "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4", UNCHANGED, "text"),
    ("ntext", "x", None, "text"),
    ("xml", "<a/>", None, "text"),
    ("uniqueidentifier", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "uuid"),
    ("varbinary(max)", "00ff", "\\x00ff", "bytea"),
    ("rowversion", "00000000000007d1", "\\x00000000000007d1", "bytea"),
    ("date", "2017-09-15Z", "2017-09-15", "date"),
    ("date", "0001-01-01Z", "0001-01-01", "date"),
    ("time(7)", "04:05:11.789Z", "04:05:11.789", "time(6) without time zone"),
    ("time(0)", "04:05:11Z", "04:05:11", "time(0) without time zone"),
    ("time", "04:05Z", "04:05", "time(6) without time zone"),
    ("datetime", "2019-07-09T02:28:57.123Z", "2019-07-09T02:28:57.123", "timestamp(3) without time zone"),
    ("smalldatetime", "2019-07-09T02:28Z", "2019-07-09T02:28", "timestamp(0) without time zone"),
    ("datetime2(7)", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999", "timestamp(6) without time zone"),
    ("datetime2(7)", "2019-07-09T02:28:57.123456000Z", "2019-07-09T02:28:57.123456", "timestamp(6) without time zone"),
    ("datetimeoffset(3)", "2019-07-09T02:28:57.5Z", "2019-07-09T02:28:57.5+00", "timestamp(3) with time zone"),
    ("datetimeoffset", "2019-07-09T02:28:57+08:00", "2019-07-09T02:28:57+08:00", "timestamp(6) with time zone"),
    ("datetimeoffset", "1969-12-31T23:59:58Z", "1969-12-31T23:59:58+00", "timestamp(6) with time zone"),
]
ORACLE_VALUES = [
    ("CHAR(5 BYTE)", "ab   ", None, "character varying(5)"),
    ("NVARCHAR2(40)", "导管", None, "character varying(40)"),
    ("CLOB", "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4", UNCHANGED, "text"),
    ("BLOB", "00ff", "\\x00ff", "bytea"),
    ("RAW(16)", "00ff", "\\x00ff", "bytea"),
    ("ROWID", "AAASgjAAMAAAACnAAA", None, "text"),
    ("BINARY_FLOAT", 1.1, "1.1", "real"),
    ("BINARY_DOUBLE", "NaN", "NaN", "double precision"),
    ("FLOAT(126)", "0.1", None, "numeric"),
    ("DOUBLE PRECISION", "1E+3", None, "numeric"),
    ("NUMBER", "12345678901234567890.5", None, "numeric"),
    ("NUMBER(10,2)", "-99999999.99", None, "numeric(10,2)"),
    ("NUMBER(5,-2)", 12300, "12300", "numeric(5,-2)"),
    ("NUMBER(5)", "12345", None, "numeric(5,0)"),
    ("NUMBER(*,2)", "1.25", None, "numeric(38,2)"),
    ("INTEGER", "12345678901234567890123456789012345678", None, "numeric(38,0)"),
    ("DATE", "2018-03-27T12:34:56Z", "2018-03-27T12:34:56", "timestamp(0) without time zone"),
    ("DATE", "-4711-01-01T00:00:00Z", "4712-01-01T00:00:00 BC", "timestamp(0) without time zone"),
    ("TIMESTAMP(9)", "2018-03-27T12:34:56.125456Z", "2018-03-27T12:34:56.125456", "timestamp(6) without time zone"),
    ("TIMESTAMP(3)", "2018-03-27T12:34:56.125Z", "2018-03-27T12:34:56.125", "timestamp(3) without time zone"),
    ("TIMESTAMP(6) WITH TIME ZONE", "1960-03-27T12:34:56.5+02:00", None, "timestamp(6) with time zone"),
    (
        "TIMESTAMP(6) WITH LOCAL TIME ZONE",
        "2018-03-27T12:34:56Z",
        "2018-03-27T12:34:56+00",
        "timestamp(6) with time zone",
    ),
    ("INTERVAL YEAR(2) TO MONTH", "P-1Y-2M0DT0H0M0S", None, "interval"),
    ("INTERVAL DAY(2) TO SECOND(6)", "P0Y0M3DT4H5M6.78S", None, "interval"),
]
REFUSED = [
    ("sqlserver", "datetime2(7)", "2019-07-09T02:28:57.1234567Z", "VAL-102"),
    ("sqlserver", "time(7)", "04:05:11.7890001Z", "VAL-102"),
    ("sqlserver", "datetime2(7)", "2019-07-09T02:28:57+08:00", "VAL-101"),
    # LocalDateTime.ofEpochSecond(getTime() / 1000, getNanos()) of SqlServerValueConverters: -1.5 s becomes -0.5 s.
    ("sqlserver", "datetimeoffset", "1969-12-31T23:59:59.5Z", "VAL-102"),
    ("sqlserver", "date", 17424, "VAL-102"),
    ("sqlserver", "decimal(5,2)", "1234.5", "VAL-101"),
    ("oracle", "TIMESTAMP(9)", "2018-03-27T12:34:56.125456789Z", "VAL-102"),
    ("oracle", "INTERVAL DAY(2) TO SECOND(9)", "P0Y0M3DT4H5M6.123456789S", "VAL-101"),
    ("oracle", "NUMBER(5,-2)", 12350, "VAL-101"),
    ("oracle", "DATE", "-4714-01-01T00:00:00Z", "VAL-102"),
]


def of(database: str, type_text: str) -> MirrorType:
    return of_sqlserver(type_text, "s.t.v") if database == "sqlserver" else of_oracle(type_text, "s.t.v")


def decoded(database: str, type_text: str, value: Any) -> Any:
    kind = of(database, type_text)
    key = ColumnContract("ID", "int", "integer", "int", nullable=False)
    column = ColumnContract("V", type_text, kind.mirror_type, kind.decoder, nullable=True)
    source = SQLSERVER if database == "sqlserver" else ORACLE
    table = f"{source['db']}.{source['table']}"
    contract = Contract("s.t", table, ("ID",), "primary", (key, column))
    envelope = {
        "before": None,
        "after": {"ID": 1004, "V": value},
        "source": source,
        "op": "c",
        "ts_ms": 1532592105975,
        "ts_us": 1532592105975741,
        "ts_ns": 1532592105975741582,
        "transaction": None,
    }
    event = read_event(Record(0, b'{"ID":1004}', json.dumps(envelope).encode()), database)
    assert event.table == table
    decoder = RowDecoder(contract, database)
    change = decoder.change(event)
    assert change.key == (1004,)
    whole = decoder.whole_change(event)
    assert whole is None or whole.values == change.values
    return change.values["V"]


@pytest.mark.parametrize(
    ("database", "type_text", "value", "text", "mirror_type"),
    [
        *(("sqlserver", *case) for case in SQLSERVER_VALUES),
        *(("oracle", *case) for case in ORACLE_VALUES),
    ],
)
def test_a_value_of_the_documented_form_is_read(
    database: str, type_text: str, value: Any, text: Any, mirror_type: str
) -> None:
    assert decoded(database, type_text, value) == (value if text is None else text)
    kind = of(database, type_text)
    assert kind.mirror_type == mirror_type
    assert is_mirror_type(kind.mirror_type)
    assert is_decoder(kind.decoder)
    assert decoded(database, type_text, None) is None


@pytest.mark.parametrize(("database", "type_text", "value", "code"), REFUSED)
def test_what_the_mirror_cannot_hold_is_refused(database: str, type_text: str, value: Any, code: str) -> None:
    with pytest.raises(RowError, match=code):
        decoded(database, type_text, value)


@pytest.mark.parametrize(
    ("database", "type_text", "code"),
    [
        *(("sqlserver", name, "SRC-201") for name in ABSENT),
        *(("oracle", name, "SRC-202") for name in UNREAD),
        ("oracle", "SDO_GEOMETRY", "SRC-201"),
        ("sqlserver", "Money Bag", "SRC-201"),
    ],
)
def test_what_does_not_arrive_is_refused_with_the_contract(database: str, type_text: str, code: str) -> None:
    with pytest.raises(FatalError, match=code):
        of(database, type_text)

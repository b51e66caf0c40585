"""The fast way reads what the careful way reads, or nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdc.capture.contract import ColumnContract, Contract
from cdc.change import Event, Kind, Record
from cdc.errors import CdcError
from cdc.stream.row import RowDecoder

TYPES = {
    "int": ("smallint", "integer", "bigint", "numeric(20,0)"),
    "text": ("text", "character varying(3)", "character(3)", "inet"),
    "decimal": ("numeric", "numeric(5,2)"),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp_us": ("timestamp(3) without time zone",),
    "timestamptz_iso": ("timestamp with time zone",),
    "bytes_hex": ("bytea",),
    "tinyint1": ("smallint",),
    "json": ("json",),
    "float": ("real",),
    "array:int": ("integer[]",),
    "array:date": ("date[]",),
    "array:uuid": ("uuid[]",),
    "hstore": ("jsonb",),
    "text_hex": ("text", "tsquery"),
    "enum": ("text",),
}
# Of a column that is an enum, the members: one has a comma, which MariaDB's log reader escapes.
SOURCE_TYPE = "enum('a','x,y')"
LEFT_OUT = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, -1, 32767, 32768, -32769, 2**31, 2**63, 19782, 1_709_164_800_000_000]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(
        ["1.50", "1.505", "1234.5", "NAN", "1E3", "2024-02-29T10:34:56.1Z", "ab", "\x00", "♁", "\ufffd", "😀"]
    ),
    st.sampled_from([LEFT_OUT, "5f5f", "\ud800"]),
    st.lists(st.integers(0, 9), max_size=2),
    st.sampled_from(
        [
            *(list(LEFT_OUT.encode()), [LEFT_OUT], ["51959025-a8d7-33f2-8c69-5b6414652e2b"], LEFT_OUT.encode().hex()),
            *(f'{{"{LEFT_OUT}":"{LEFT_OUT}"}}', r"x\,y", "x,y"),
        ]
    ),
)


@st.composite
def tables(draw: Any) -> tuple[Contract, str]:
    chosen = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=5))
    charset = draw(st.sampled_from([None, "gbk", "latin1"]))
    columns = [
        ColumnContract(
            f"c{n}", SOURCE_TYPE, draw(st.sampled_from(TYPES[name])), name, draw(st.booleans()), charset=charset
        )
        for n, name in enumerate(chosen)
    ]
    key = ColumnContract("id", "integer", "integer", "int", nullable=False)
    odd = draw(st.sampled_from(["gone", "税率%", 'a"b', "a\\b", "a\nb"]))
    contract = Contract("s.t", "s.t", ("id",), "primary", (key, *columns), omitted=(odd,))
    return contract, draw(st.sampled_from(["mariadb", "postgresql"]))


def outcome(read: Any, event: Event) -> Any:
    try:
        return read(event)
    except CdcError as error:
        return (type(error), error.code)


@given(table=tables(), data=st.data())
def test_the_fast_way_reads_what_the_careful_way_reads_or_nothing(table: Any, data: Any) -> None:
    contract, database = table
    row = {"id": data.draw(st.integers(0, 3) | VALUES)}
    row |= {column.name: data.draw(VALUES) for column in contract.columns[1:]}
    row |= data.draw(st.sampled_from([{}, {"gone": 1}, {"new": 1}]))
    for name in data.draw(st.sampled_from([[], ["c0"]])):
        row.pop(name, None)
    ascii_only = data.draw(st.booleans())
    image = json.dumps(row, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    op = data.draw(st.sampled_from("cru"))
    event = Event(Record(1, None, b""), Kind.ROW, op, "s.t", after=image)
    decoder = RowDecoder(contract, database, doubts=data.draw(st.booleans()))
    fast = decoder.whole_change(event)
    if fast is not None:
        careful = outcome(decoder.change, event)
        assert (careful.key, careful.values, careful.op, careful.old_key) == (fast.key, fast.values, fast.op, None)
        assert list(fast.values) == [column.name for column in contract.columns]


def test_a_plain_row_goes_the_fast_way() -> None:
    """Else the test above could pass with a way that reads nothing."""
    columns = (
        ColumnContract("id", "integer", "integer", "int", nullable=False),
        ColumnContract("name", "varchar(9)", "character varying(9)", "text", nullable=True, charset="gbk"),
        ColumnContract("qty", "numeric(5,2)", "numeric(5,2)", "decimal", nullable=True),
        ColumnContract("made", "date", "date", "date", nullable=True),
    )
    contract = Contract("s.t", "s.t", ("id",), "primary", columns)
    image = '{"id":1,"name":"泵","qty":"1.50","made":19782}'.encode()
    change = RowDecoder(contract, "mariadb").whole_change(Event(Record(1, None, b""), Kind.ROW, "c", after=image))
    assert change is not None
    assert change.values == {"id": 1, "name": "泵", "qty": "1.50", "made": "2024-02-29"}

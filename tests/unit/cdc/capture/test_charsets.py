"""Characters that the log reader decodes by a wrong table, in the character sets that contracts admit."""

from __future__ import annotations

import json

import pytest

from cdc.capture.contract import ColumnContract, Contract
from cdc.change import Event, Kind, Record
from cdc.errors import RowError
from cdc.stream.row import RowDecoder


def test_the_circled_plus_of_gbk_is_itself_again() -> None:
    # GBK A892; GBK has no U+2641, which Java makes of it. From the snapshot it comes right.
    assert _decoded("gbk", "a\u2641b\u2295") == "a\u2295b\u2295"


@pytest.mark.parametrize("charset", ["latin1", "gbk", "gb2312", "cp1250"])
def test_a_character_that_was_lost_is_refused(charset: str) -> None:
    with pytest.raises(RowError, match="VAL-111"):
        _decoded(charset, "a\ufffd")


@pytest.mark.parametrize("charset", ["utf8mb4", "utf16", None])
def test_other_character_sets_are_left_alone(charset: str | None) -> None:
    assert _decoded(charset, "\u2641\ufffd") == "\u2641\ufffd"


def _decoded(charset: str | None, text: str) -> object:
    columns = (
        ColumnContract("id", "int(11)", "integer", "int", nullable=False),
        ColumnContract("name", "varchar(9)", "character varying(9)", "text", nullable=True, charset=charset),
    )
    contract = Contract("erp.t", "erp.t", ("id",), "primary", columns)
    record = Record(0, b'{"id":1}', b"")
    event = Event(record, Kind.ROW, op="c", table="erp.t", after=json.dumps({"id": 1, "name": text}).encode())
    return RowDecoder(contract, "mariadb").change(event).values["name"]

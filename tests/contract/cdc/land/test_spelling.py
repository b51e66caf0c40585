"""A row whose key is spelled in another way stays one row, whatever else happens to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture.contract import ColumnContract
from cdc.derive.mirror import read_mirrors
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, column
from tests.unit.cdc.stream.wire import PostgresWire
from transforms.mapping import MirrorRef

LEFT_OUT = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
# Mirror type, decoder, spellings of one value on the wire, as the mirror shows them, the text of the key.
KINDS = [
    ("numeric", "decimal", ("1.0", "1.00", "1E+0", "1"), ("1.0", "1.00", "1", "1"), "1"),
    ("numeric", "decimal", ("NAN", "NAN"), ("NaN", "NaN"), "NaN"),
    ("double precision", "float", (-0.0, 0.0), ("-0", "0"), "0"),
    ("real", "float", (0.0, -0.0), ("0", "-0"), "0"),
]


@pytest.mark.parametrize(("mirror_type", "decoder", "wire", "shown", "text"), KINDS)
@pytest.mark.parametrize("together", [True, False])
def test_a_key_changes_its_spelling(
    new_stage: Callable[..., Stage],
    mirror_type: str,
    decoder: str,
    wire: tuple[Any, ...],
    shown: tuple[str, ...],
    text: str,
    together: bool,
) -> None:
    key = ColumnContract("id", mirror_type, mirror_type, decoder, nullable=False)
    table = dataclasses.replace(ITEM, columns=(key, column("name", "name"), column("note", "text")))
    stage, stream = new_stage(contracts=(table,)), PostgresWire()
    stream.begin()
    stream.insert("item", "id", {"id": wire[0], "name": "n0", "note": "long"})
    for number, spelled in enumerate(wire[1:], start=1):
        if not together:
            stream.end()
            stage.land(stream.records)
            stream.begin()
        before = {"id": wire[number - 1], "name": None, "note": None}
        stream.change_key("item", "id", before, {"id": spelled, "name": f"n{number}", "note": LEFT_OUT})
    stream.end()
    stage.land(stream.records)
    last = len(wire) - 1
    assert stage.query("SELECT id::text, name, note FROM src.item") == [(shown[last], f"n{last}", "long")]
    assert stage.query("SELECT * FROM src_deleted.item") == []
    assert {key for (key,) in stage.query("SELECT key[1] FROM cdc.journal_key")} == {text}
    # A refused change under one spelling is healed by a whole row under another one.
    for name, spelled in (("bad\x00", wire[0]), ("good", wire[-1])):
        stream.begin()
        stream.update("item", "id", {"id": spelled, "name": name, "note": "whole"})
        stream.end()
        stage.land(stream.records)
        stale = [] if name == "good" else [([text], "VAL-103")]
        assert stage.query("SELECT key, code FROM cdc.stale") == stale
    assert stage.query("SELECT key FROM cdc.refused") == [([text],)]
    # Deriving finds the row by what the journal says of it.
    with stage.connection.transaction():
        (mirror,) = read_mirrors(stage.connection, (MirrorRef("src", "item"),)).values()
    found = stage.query(f"SELECT count(*) FROM src.item m JOIN cdc.journal_key j ON j.key = {mirror.key_text('m')}")
    assert found == stage.query("SELECT count(*) FROM cdc.journal_key")
    stream.begin()
    stream.delete("item", "id", {"id": wire[0], "name": None, "note": None})
    stream.end()
    stage.land(stream.records)
    assert stage.query("SELECT name FROM src_deleted.item") == [("good",)]

"""The tables of the hand-made streams: a plain key with a long text, and a key of two columns with a text part."""

from __future__ import annotations

from typing import Any

from cdc.capture.contract import ColumnContract, Contract

_TYPES = {
    "int": ("integer", "int"),
    "short": ("smallint", "int"),
    "name": ("character varying(20)", "text"),
    "text": ("text", "text"),
    "qty": ("numeric(10,2)", "decimal"),
    "when": ("timestamp without time zone", "timestamp_us"),
}


def column(name: str, kind: str, default: str | None = None) -> ColumnContract:
    mirror_type, decoder = _TYPES[kind]
    return ColumnContract(name, mirror_type, mirror_type, decoder, nullable=True, default=default)


ITEM = Contract(
    "src.item",
    "public.item",
    ("id",),
    "primary",
    (column("id", "int"), column("name", "name"), column("note", "text"), column("qty", "qty"), column("seen", "when")),
)
PAIR = Contract(
    "src.pair",
    "public.pair",
    ("code", "number"),
    "declared",
    (column("code", "name"), column("number", "short"), column("qty", "qty")),
)
CONTRACTS = (ITEM, PAIR)


def item(number: int, name: str | None = "a", note: str | None = "long", qty: str | None = "1.50") -> dict[str, Any]:
    return {"id": number, "name": name, "note": note, "qty": qty, "seen": 1_709_280_000_000_000}


def pair(code: str, number: int, qty: str = "2.00") -> dict[str, Any]:
    return {"code": code, "number": number, "qty": qty}

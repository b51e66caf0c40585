"""Types that applications have beside texts, integers and decimals, as the server hands them to a mapping."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.derive_target import SmallWorld, small_world
from transforms.load import load
from transforms.mapping import MirrorRef

LABEL = "label: {zh: x, en: x}, definition: d, owner: o"
TOLD = "kind: row, label: {zh: z, en: t}, cause: c, action: a, owner: o"
FILES = {
    "dictionary.yaml": 'dictionary: small\nversion: "1"\nstatus: draft\n',
    "errors.yaml": "".join(
        f"{code}: {{{TOLD}}}\n"
        for code in ("REQ-101", "NUM-101", "TXT-101", "KEY-201", "REF-301", "REF-302", "STL-101", "DEL-101")
    ),
    "sources/src.yaml": "source: src\nlabel: {zh: s, en: s}\ntime_zone: UTC\nnull_tokens: []\n",
    "units.yaml": "units: {}\naliases: {}\n",
    "fields.yaml": f"""fields:
  thing_id: {{{LABEL}, type: string(40), example: P-1}}
  amount: {{{LABEL}, type: "decimal(30,10)", example: "0.1"}}
  small: {{{LABEL}, type: "decimal(30,10)", example: "0.1"}}
  is_sold: {{{LABEL}, type: boolean, example: "true"}}
  place: {{{LABEL}, type: string(20), example: A}}
""",
    "mappings/src.thing.yaml": """mapping: src.thing
version: "1"
source: {table: src.thing, columns: {id: uuid, amount: double, small: double, sold: bit, place_id: uuid}}
lookups:
  place: {table: src.place, match: place.id = place_id, columns: {id: uuid, name: text}}
target:
  table: out.thing
  key: [thing_id]
  columns: {thing_id: "CONCAT('P-', id)", amount: amount, small: small, is_sold: sold, place: place.name}
examples:
  - name: one
    in: {id: 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0, amount: "0.1", small: "0.5", sold: "1"}
    out:
      {thing_id: P-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0, amount: "0.1000000000", small: "0.5000000000",
       is_sold: "true"}
""",
}
DDL = {
    MirrorRef("src", "thing"): "id uuid PRIMARY KEY, amount float8, small float4, sold bit(1), place_id uuid",
    MirrorRef("src", "place"): "id uuid PRIMARY KEY, name text",
}


def uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def thing(number: int, **values: Any) -> dict[str, Any]:
    return {"id": uuid(number), "amount": None, "small": None, "sold": None, "place_id": None} | values


@pytest.mark.usefixtures("target")
def test_floating_point_numbers_bits_and_uuids_are_what_they_are_printed_as(target_dsn: str, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with small_world(target_dsn, DDL, load(tmp_path).mappings) as world:
        world.insert(MirrorRef("src", "place"), {"id": uuid(7), "name": "A"})
        world.insert(
            MirrorRef("src", "thing"),
            thing(1, amount=0.1, small=0.1, sold="1", place_id=uuid(7)),
            thing(2, amount=1234567.89, small=3.4e-5, sold="0", place_id=uuid(8)),
            thing(3),
            thing(4, amount=float("nan")),
            thing(5, small=float("-inf")),
            thing(6, amount=1e-12),
        )
        world.derive()
        rows = world.rows("SELECT right(thing_id, 1), amount, small, is_sold, place FROM out.thing ORDER BY 1")
        assert rows == [
            ("1", Decimal("0.1"), Decimal("0.1"), True, "A"),
            ("2", Decimal("1234567.89"), Decimal("0.000034"), False, None),
            ("3", None, None, None, None),
        ]
        assert held(world) == [("4", "NUM-101"), ("5", "NUM-101"), ("6", "NUM-101")]  # the last one needs rounding


def held(world: SmallWorld) -> list[tuple[Any, ...]]:
    return world.rows("SELECT right(source_key[1], 1), code FROM cdc.held ORDER BY 1")

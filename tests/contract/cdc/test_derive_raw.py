"""What sources said, kept beside canonical values: in tables, in contributions, and of the value that a fold took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.cdc.test_derive_types import FILES as PLAIN
from tests.contract.derive_target import SmallWorld, small_world
from transforms.load import load
from transforms.mapping import MirrorRef
from transforms.model import Dictionary

RULES = ("first", "last", "max", "owner b")
SOURCES = ("a", "b")


def mapping(source: str) -> str:
    columns = "".join(f"      {rule.split()[0]}_word: {{field: word, expr: UPPER(TRIM(w))}}\n" for rule in RULES)
    raws = ", ".join(f"{rule.split()[0]}_word: W, {rule.split()[0]}_word_raw: w" for rule in RULES)
    return f"""mapping: {source}.word
version: "1"
source: {{table: {source}.word, columns: {{id: integer, lot: text, w: text}}}}
targets:
  - table: out.said_{source}
    key: [said_id]
    columns: {{said_id: "CONCAT('{source}-', id)", word: UPPER(TRIM(w))}}
  - table: out.lot
    key: [lot]
    order: id
    columns:
      lot: CLEAN(lot)
{columns}examples:
  - name: one
    in: {{id: "1", lot: " L", w: w}}
    out:
      out.said_{source}: [{{said_id: {source}-1, word: W, word_raw: w}}]
      out.lot: [{{lot: L, lot_raw: " L", {raws}, order: "1"}}]
"""


def source(name: str) -> str:
    return f'source: {name}\nlabel: {{zh: s, en: s}}\ntime_zone: UTC\nnull_tokens: [""]\n'


LABEL = "label: {zh: 字, en: Word}, definition: d, owner: o, keep_raw: true"
FILES = {
    **{name: text for name, text in PLAIN.items() if "/" not in name},
    **{f"sources/{name}.yaml": source(name) for name in SOURCES},
    **{f"mappings/{name}.word.yaml": mapping(name) for name in SOURCES},
    "fields.yaml": "fields:\n"
    "  said_id: {label: {zh: x, en: x}, definition: d, owner: o, type: string(40), example: P-1}\n"
    f"  word: {{{LABEL}, type: string(20), example: A}}\n  lot: {{{LABEL}, type: string(20), example: A}}\n",
    "folds/out.lot.yaml": "fold: out.lot\nkey: [lot]\norder: number\ncolumns:\n"
    + "".join(f"  {rule.split()[0]}_word: {{take: {rule}, field: word}}\n" for rule in RULES),
}
DDL = {MirrorRef(name, "word"): "id integer PRIMARY KEY, lot text, w text" for name in SOURCES}


@pytest.fixture
def dictionary(tmp_path: Path) -> Dictionary:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return load(tmp_path)


def say(world: SmallWorld, name: str, *rows: tuple[int, str, str | None]) -> None:
    world.insert(MirrorRef(name, "word"), *({"id": number, "lot": lot, "w": word} for number, lot, word in rows))
    world.derive()


@pytest.mark.usefixtures("target")
def test_a_folded_row_has_what_was_said_for_the_value_that_it_took(target_dsn: str, dictionary: Dictionary) -> None:
    with small_world(target_dsn, DDL, dictionary.mappings, dictionary.folds) as world:
        say(world, "a", (2, "L", " a "), (5, " L", "C"))
        say(world, "b", (1, "L ", None), (3, "L", "b"), (4, "L", "c"))
        query = "SELECT word, word_raw FROM out.said_{} ORDER BY said_id"
        assert world.rows(query.format("a")) == [("A", " a "), ("C", None)]
        assert world.rows(query.format("b")) == [(None, None), ("B", "b"), ("C", "c")]
        assert world.rows("SELECT first_word, first_word_raw FROM out.lot") == [("A", " a ")]
        # The last one said just what the value is; another one that says the same is not asked.
        assert world.rows("SELECT last_word, last_word_raw FROM out.lot") == [("C", None)]
        assert world.rows("SELECT max_word, max_word_raw FROM out.lot") == [("C", None)]
        assert world.rows("SELECT owner_word, owner_word_raw FROM out.lot") == [("C", "c")]
        assert world.rows("SELECT lot, lot_raw FROM out.lot") == [("L", "L ")]
        query = "SELECT DISTINCT c->>'column' FROM out.lot, jsonb_array_elements(_conflicts) c ORDER BY 1"
        assert world.rows(query) == [("first_word",), ("last_word",), ("max_word",), ("owner_word",)]


@pytest.mark.usefixtures("target")
def test_another_text_for_the_same_value_is_another_raw_text(target_dsn: str, dictionary: Dictionary) -> None:
    with small_world(target_dsn, DDL, dictionary.mappings, dictionary.folds) as world:
        say(world, "a", (1, "L", "a"))
        say(world, "a", (1, "L ", "A "))
        assert world.rows("SELECT word, word_raw FROM out.said_a") == [("A", "A ")]
        assert world.rows("SELECT lot, lot_raw, last_word, last_word_raw FROM out.lot") == [("L", "L ", "A", "A ")]
        say(world, "a", (1, "L", "A"))
        assert world.rows("SELECT lot, lot_raw, last_word, last_word_raw FROM out.lot") == [("L", None, "A", None)]


@pytest.mark.usefixtures("target")
def test_the_raw_columns_are_texts_that_may_be_missing_and_have_a_label(
    target_dsn: str, dictionary: Dictionary
) -> None:
    query = (
        "SELECT nspname || '.' || relname, format_type(atttypid, atttypmod), attnotnull, col_description(c.oid, attnum)"
        " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE attname IN ('word_raw', 'last_word_raw') AND nspname ~ '^out' ORDER BY 1"
    )
    label = "Word, as the source has it / 字（源系统原文）"
    with small_world(target_dsn, DDL, dictionary.mappings, dictionary.folds) as world:
        assert world.rows(query) == [
            ("out.lot", "text", False, label),
            ("out.said_a", "text", False, label),
            ("out.said_b", "text", False, label),
            ("out_contribution.lot", "text", False, None),
            ("out_held.lot", "text", False, None),
            ("out_held.said_a", "text", False, None),
            ("out_held.said_b", "text", False, None),
        ]
        assert world.plan() == []

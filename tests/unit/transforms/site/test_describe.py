"""What the page of a dictionary says, as data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import get_args

import pytest

from compose.local.env import REPO
from transforms.expression.rules import FUNCTION_NAMES
from transforms.load import HEADER, load
from transforms.mapping import OnDelete
from transforms.mapping import Rule as Taken
from transforms.model import Label, Sensitivity
from transforms.reading.fold import ORDERS
from transforms.review.site import describe, words
from transforms.review.site.document import Cell, Given
from transforms.review.site.function import function_rows
from transforms.value.number import ROUNDINGS
from transforms.vocabulary.codes import NORMALISATIONS
from transforms.vocabulary.field_type import CHECKS
from transforms.vocabulary.synonym import RELATIONSHIPS

FOLDERS = {"packaged": None, "demo": REPO / "compose" / "dictionary"}


@pytest.fixture(scope="module", params=FOLDERS)
def shipped(request):
    dictionary = load(FOLDERS[request.param])
    return dictionary, describe(dictionary)


@pytest.fixture
def said(plant):
    return describe(plant.load())


def written(parts):
    return "".join(part.text for part in parts)


def codes(outcomes):
    return [(one.code.text, one.effect, one.by) for one in outcomes]


def test_every_column_of_every_mapping_is_there_with_its_rule(shipped):
    dictionary, document = shipped
    trees = json.loads(dictionary.content)
    assert [page.name for page in document.mappings] == [mapping.name for mapping in dictionary.mappings]
    for page in document.mappings:
        tree = trees[f"mappings/{page.name}.yaml"]
        for target, described in zip(tree.get("targets") or [tree["target"]], page.targets, strict=True):
            rules = {
                name: column["expr"] if isinstance(column, dict) else column
                for name, column in target["columns"].items()
            }
            assert {column.name: written(column.rule) for column in described.columns} == rules
            assert all(column.label.zh and column.label.en for column in described.columns)


def test_every_column_of_what_ships_shows_an_example(shipped):
    _, document = shipped
    columns = [column for page in document.mappings for target in page.targets for column in target.columns]
    assert [column.name for column in columns if column.shown is None] == []


def test_every_field_code_unit_word_error_and_source_is_there(shipped):
    dictionary, document = shipped
    trees = json.loads(dictionary.content)
    assert [page.name for page in document.fields] == list(dictionary.fields)
    assert {page.name: [row.code for row in page.codes] for page in document.codesets} == {
        name: list(code_set.codes) for name, code_set in dictionary.codesets.items()
    }
    synonyms = {
        (page.name, one.source.text, one.code, one.to.text)
        for page in document.codesets for row in page.codes for one in row.synonyms
    }  # fmt: skip
    assert synonyms == {
        (name, one["system"], one["code"], one["to"])
        for name in dictionary.codesets for one in trees[f"codesets/{name}.yaml"]["synonyms"]
    }  # fmt: skip
    words_of = {
        (one.source.text, word): row.code for row in document.units for one in row.aliases for word in one.words
    }
    assert words_of == {
        (name, word): code for name, source in dictionary.sources.items() for word, code in source.unit_aliases.items()
    }
    assert {row.code: (row.label, row.owner) for row in document.errors} == {
        code: (entry.label, entry.owner) for code, entry in dictionary.errors.items()
    }
    assert [page.name for page in document.sources] == list(dictionary.sources)


def test_anchors_are_of_one_thing_and_links_lead_to_one(shipped):
    check_links(shipped[1])


def test_links_of_everything_that_can_occur(said):
    check_links(said)


def check_links(document):
    """Names of sections are the page's own; everything else is in the document."""
    anchors, links = [], []

    def walk(node):
        if isinstance(node, dict):
            if "anchor" in node:
                (links if "text" in node else anchors).append(node["anchor"])
            for value in node.values():
                walk(value)
        elif isinstance(node, (list, tuple)):
            for value in node:
                walk(value)

    walk(asdict(document))
    assert len(anchors) == len(set(anchors))
    assert set(links) - {""} <= set(anchors)


def test_a_row_of_a_mapping(said):
    (part, _, piece) = said.mappings[0].targets
    state = next(column for column in part.columns if column.name == "state")
    assert (state.label, state.type, state.is_key, state.required) == (Label("状态", "State"), "code", False, False)
    assert [(source.text, source.anchor) for source in state.sources] == [
        ("state", "source-column/erp.parts/state"),
        ("kind", "source-column/erp.parts/kind"),
        ("made", "source-column/erp.parts/made"),
    ]
    assert (written(state.rule), written(state.at)) == ("state", "made")
    assert [code_set.text for code_set in state.code_sets] == ["state"]
    # What is read beside the code can be unreadable, too.
    assert codes(state.outcomes) == [
        ("DAT-101", "held", None),
        ("NUM-101", "held", None),
        ("COD-201", "replaced", "NO"),
    ]
    assert (state.shown.example.text, state.shown.value, state.shown.meaning) == ("good", "ON", Label("开", "On"))
    heat = piece.columns[-1]
    assert (written(heat.rule), written(heat.sign), heat.unit.text) == ("TO_UNIT(heat, '°F', 'CEL')", "sense", "CEL")
    assert heat.shown.given == (Cell("heat", "212"), Cell("sense", "-1"))
    assert heat.shown.value == "-100.00"
    reading = next(column for column in said.mappings[0].targets[1].columns if column.name == "reading")
    assert ([source.text for source in reading.sources], reading.shown.given) == (["R1", "R2"], (Cell("R1", "a"),))


def test_a_column_says_by_which_codes_it_holds_a_row_and_what_it_lets_pass(said):
    found = {column.name: codes(column.outcomes) for column in said.mappings[0].targets[0].columns}
    assert found["part_id"] == [("REQ-101", "held", None), ("TXT-101", "held", None)]
    assert found["made"] == [("DAT-101", "replaced", None)]
    assert found["lot"] == [("LOT-101", "held", None), ("LOT-W01", "kept", None)]


def test_rules_lead_to_columns_names_look_ups_and_functions(said):
    (page, _) = said.mappings
    lets = {let.name: let for let in page.lets}
    assert [(part.text, part.kind, part.anchor) for part in lets["named"].rule if part.kind != "text"] == [
        ("COALESCE", "function", "function/COALESCE"),
        ("clean", "name", "let/erp.parts/clean"),
        ("top.name", "column", "look-up/erp.parts/top"),
    ]
    part_id = page.targets[0].columns[0]
    assert [part.anchor for part in part_id.rule] == ["let/erp.parts/named"]
    assert [source.text for source in part_id.sources] == ["no", "top.name"]


def test_what_decides_about_rows(said):
    (page, _) = said.mappings
    assert written(page.where) == "gone = 0"
    part, result, piece = page.targets
    assert (part.contributes, written(part.order)) == (True, "AT_ZONE(made, 'Asia/Shanghai')")
    assert written(result.when) == "kind = 2"
    assert [[(name, written(rule)) for name, rule in item.values] for item in result.explode.items] == [
        [("seq", "1"), ("value", "R1")],
        [("seq", "2"), ("value", "R2")],
    ]
    assert written(result.explode.skip) == "value IS NULL"
    assert (written(piece.explode.split), piece.explode.by, piece.explode.name, piece.explode.seq) == (
        *("vals", "|", "piece", "place"),
    )
    assert [(written(check.rule), *codes([check.outcome])) for check in result.checks] == [
        ("reading <> 'X'", ("QC-101", "held", None)),
        ("reading <> 'Y'", ("LOT-W01", "kept", None)),
    ]
    assert [(one.columns, one.to.text, one.required) for one in result.references] == [
        (("part_id",), "trace.part", True)
    ]


def test_look_ups(said):
    top, price = said.mappings[0].lookups
    assert (top.name, top.table.text, written(top.match)) == ("top", "erp.tops", "top.id = head")
    assert codes([top.missing]) == [("REF-301", "held", None)]
    assert (price.missing, written(price.valid)) == (None, "price.start <= made < price.stop")


def test_examples_like_others_say_what_differs(said):
    good, missing, several, gone = said.mappings[0].examples
    assert (good.like, good.outcome) == (None, "rows")
    assert Cell("no", " P1 ") in good.given.cells
    assert good.given.missing == ("price",)
    assert [(table.table.text, len(table.rows)) for table in good.tables] == [
        *(("trace.part", 1), ("trace.result", 1), ("trace.piece", 2)),
    ]
    assert (missing.like.text, missing.given) == ("good", Given((), ("top",), ()))
    assert (missing.outcome, missing.code.text) == ("held", "REF-301")
    assert (several.given.several, several.code.text) == (("top",), "REF-302")
    assert (gone.given.cells, gone.outcome, gone.tables) == ((Cell("gone", "1"),), "filtered", ())


def test_what_happens_later_says_what_changed_and_which_rows_left_or_stay(said):
    changed, deleted, again = said.mappings[0].examples[0].then
    assert (changed.given, changed.outcome) == (Given((Cell("vals", "u"),), (), ()), "rows")
    keys = (Cell("part_id", "P1"), Cell("seq", "2"))
    assert [(one.table.text, one.rows) for one in changed.gone] == [("trace.piece", (keys,))]
    assert (deleted.given, deleted.outcome, deleted.tables) == (None, "left", ())
    assert [one.table.text for one in deleted.marked] == ["trace.part", "trace.piece"]
    assert [one.table.text for one in deleted.gone] == ["trace.result"]
    assert (again.given, again.outcome, again.code.text) == (Given((), (), ("top",)), "held", "REF-302")


def test_examples_of_a_fold_say_who_said_what_and_what_was_not_taken(said):
    both, tombstone, held = next(page for page in said.tables if page.name == "trace.part").examples
    assert [(one.mapping.text, one.source_key, one.deleted) for one in both.said] == [
        ("mes.unit", "7", True),
        ("erp.parts", "P1, 1", False),
        ("erp.parts", "P2", False),
    ]
    assert (both.cells, both.marked, both.code) == ((Cell("state", "ON"), Cell("lot", "L1")), False, None)
    (lost,) = both.conflicts
    assert (lost.cell, lost.mapping.text, lost.source_key) == (Cell("lot", "L2"), "erp.parts", "P2")
    assert (tombstone.marked, held.code.text, held.cells) == (True, "REQ-101", ())


def test_codes_of_a_mapping_with_their_places_and_examples(said):
    found = {one.code.text: one for one in said.mappings[0].refusals}
    assert [place.text for place in found["REF-301"].places] == ["top"]
    assert [place.text for place in found["REF-302"].places] == ["top", "price"]
    assert [example.text for example in found["REF-301"].examples] == ["no top"]
    assert [example.text for example in found["REF-302"].examples] == ["good", "two tops"]
    assert [place.text for place in found["QC-101"].places] == ["reading <> 'X'"]
    assert [place.text for place in found["TXT-101"].places] == [
        *("part.part_id", "result.part_id", "result.reading", "piece.part_id", "piece.reading"),
    ]


def test_a_folded_table_says_whose_value_counts(said):
    table = next(page for page in said.tables if page.name == "trace.part")
    assert (table.folded, [mapping.text for mapping in table.mappings]) == (True, ["erp.parts", "mes.unit"])
    assert table.order == Label("一个时刻", "a moment")
    assert {column.name: column.take and column.take.en for column in table.columns} == {
        "part_id": None,
        "state": "what erp says",
        "lot": "the first value",
        "made": "the last value",
        "seq": "the largest value",
    }
    seq = next(column for column in table.columns if column.name == "seq")
    assert [one.anchor for one in seq.filled_by] == ["rule/mes.unit/trace.part/seq"]


def test_a_history_is_a_table_filled_by_the_rules_of_the_other(said):
    assert said.mappings[0].targets[1].history.anchor == "table/trace.result_history"
    table = next(page for page in said.tables if page.name == "trace.result_history")
    assert (table.versions_of.text, [mapping.text for mapping in table.mappings]) == ("trace.result", ["erp.parts"])
    found = {column.name: [one.anchor for one in column.filled_by] for column in table.columns}
    assert found == {
        "part_id": ["rule/erp.parts/trace.result/part_id"],
        "seq": ["rule/erp.parts/trace.result/seq"],
        "valid_from": [],
        "valid_to": [],
        "reading": ["rule/erp.parts/trace.result/reading"],
    }


def test_synonyms_are_as_written_with_time_and_condition(said):
    (state,) = said.codesets
    found = {row.code: row.synonyms for row in state.codes}
    assert [(one.code, one.valid_from, one.valid_to, one.note) for one in found["ON"]] == [
        ("1", None, None, ""),
        ("9", "2021-06-01", None, "re-used code"),
    ]
    assert found["ON"][0].relationship == Label("含义相同", "means the same")
    assert (found["NO"][1].code, found["NO"][1].depends_on) == (" x ", (Cell("kind", "2"),))
    assert found["OLD"] == ()
    assert state.codes[0].standard == "ISO 1"


def test_units_say_how_they_convert(said):
    found = {row.code: row for row in said.units}
    assert (found["XBX"].factor, found["XBX"].base.text) == (None, "C62")
    assert (found["FAH"].factor, found["FAH"].offset, found["FAH"].base.text) == ("5/9", "-32", "CEL")
    assert found["FAH"].aliases[0].words == ("°F",)


def test_fields_say_all_that_is_defined(said):
    found = {page.name: page for page in said.fields}
    heat, lot = found["heat"], found["lot"]
    assert (heat.type, heat.stored, heat.unit.text, heat.standard_refs) == (
        "decimal(9,2)",
        "numeric(9,2)",
        "CEL",
        ("ISO 2",),
    )
    assert (heat.sensitivity.en, heat.owner, heat.definition) == ("confidential", "lab", "How hot.")
    assert [column.text for column in heat.columns] == ["trace.piece.heat"]
    assert [(check.name.en, *codes([check.outcome])) for check in lot.checks] == [
        ("only characters of GS1 set 82", ("LOT-W01", "kept", None)),
    ]
    assert [code.text for code in lot.refused] == ["LOT-101"]
    assert found["made"].nothing == ("1900-01-01", "9999-12-31")


def test_source_columns_lead_to_what_they_feed(said):
    erp = next(page for page in said.sources if page.name == "erp")
    feeds = {
        (table.name, column.name): [ref.text for ref in column.feeds]
        for table in erp.tables
        for column in table.columns
    }
    assert feeds["erp.parts", "R2"] == [
        *("trace.result.*", "trace.result.reading", "trace.result_history.*", "trace.result_history.reading"),
    ]
    assert feeds["erp.tops", "at"] == []
    assert [table.name for table in erp.tables if table.mapping is None] == ["erp.prices", "erp.tops"]


def test_every_word_and_function_of_the_language_has_words():
    assert words.STATUS.keys() == set(HEADER.required["status"].words)
    assert words.KIND.keys() == {entry.kind for entry in load().errors.values()}
    assert words.ON_DELETE.keys() == set(get_args(OnDelete))
    assert words.SENSITIVITY.keys() == set(get_args(Sensitivity))
    assert words.ROUNDING.keys() == set(ROUNDINGS)
    assert words.ORDER.keys() == set(ORDERS)
    assert words.NORMALISE.keys() == NORMALISATIONS.keys()
    assert words.CHECK.keys() == CHECKS.keys()
    assert words.RELATIONSHIP.keys() == set(RELATIONSHIPS)
    for take in ("first", "last", "max", "owner"):
        assert words.taken(Taken(take, "erp")).en
    assert {row.name for row in function_rows()} == set(FUNCTION_NAMES)

"""What the source said, beside the columns whose field keeps it; how long and how guarded fields are to be kept."""

from __future__ import annotations

import pytest

from transforms.errors import DictionaryError
from transforms.load import read
from transforms.model import Protection
from transforms.review.dependency import FOLD, origins
from transforms.review.difference import difference
from transforms.review.schema import schema_of
from transforms.review.site.describe import describe

KEPT = (
    "fields:\n"
    "  part_id: {label: {zh: p, en: p}, definition: d, type: string(5), owner: o, example: P1, keep_raw: true}\n"
    "  state:\n"
    "    {label: {zh: s, en: s}, definition: d, type: code, code_set: state, owner: o, example: ON, keep_raw: true}\n"
    "  count: {label: {zh: c, en: c}, definition: d, type: integer, owner: o, example: 1}\n"
)
RAW = "    part_id: CLEAN(no)\n"
EXAMPLE = "  - {name: good, in: {no: P1, state: 1}, out: {part_id: P1, state: ON}}\n"


@pytest.fixture
def kept(folder):
    """A dictionary of which both fields keep what the source said."""
    folder.write("fields.yaml", KEPT)
    code = "ENC-101: {kind: row, label: {zh: z, en: t}, cause: c, action: a, owner: o}\n"
    folder.write("errors.yaml", (folder.root / "errors.yaml").read_text() + code)
    return folder.replace(
        "mappings/erp.parts.yaml", "out: {part_id: P1, state: ON}", 'out: {part_id: P1, state: ON, state_raw: "1"}'
    )


def normalised(folder, row=("P1", 1), **expressions: str):
    """Return the only row of a source row, by column; `expressions` take the place of those of the mapping."""
    text = (folder.root / "mappings/erp.parts.yaml").read_text()
    for column, old in (("part_id", "CLEAN(no)"), ("state", "{expr: state, required: true}")):
        text = text.replace(f"    {column}: {old}\n", f"    {column}: {expressions.get(column, old)}\n")
    folder.write("mappings/erp.parts.yaml", text)
    dictionary, faults = read(folder.root)
    assert dictionary is not None, faults
    (mapping,) = dictionary.mappings
    values = {"no": row[0], "state": row[1]}
    outcome = mapping.normalise([values[used.column] for used in mapping.inputs])
    assert outcome is not None
    names = [column.name for column in mapping.targets[0].columns]
    return dict(zip(names, outcome[0][0], strict=True))


def test_what_the_source_said_stands_beside_a_value_that_is_another_text(kept) -> None:
    assert normalised(kept, (" P1　", 1)) == {
        "part_id": "P1", "state": "ON", "part_id_raw": " P1　", "state_raw": "1",
    }  # fmt: skip


def test_a_value_that_is_what_the_source_said_has_no_raw_text(kept) -> None:
    assert normalised(kept, ("P1", 1))["part_id_raw"] is None


@pytest.mark.parametrize(
    ("expression", "said", "value", "raw"),
    [
        ("UPPER(CLEAN(no))", " p1 ", "P1", " p1 "),
        ("REPLACE(TRIM(no), 'x', 'y')", "x1", "y1", "x1"),
        ("SUBSTRING(no, 1, 2)", "P1-9", "P1", "P1-9"),
        ("SPLIT(no, ';', 1)", "P1;P2", "P1", "P1;P2"),
        ("REGEXP_SUBSTR(no, 'P([0-9])')", "xP1", "1", "xP1"),
        ("GTIN(no)", "6901234567892", "06901234567892", "6901234567892"),
        ("CAST(no AS VARCHAR(5))", "P1", "P1", None),
        ("CAST(CLEAN(no) AS VARCHAR(5))", "P1 ", "P1", "P1 "),
        ("CASE WHEN CLEAN(no) = 'P1' THEN CLEAN(no) ELSE 'none' END", " P1", "P1", " P1"),
        ("CASE WHEN CLEAN(no) = 'P1' THEN CLEAN(no) ELSE 'none' END", " P2", "none", None),
        ("CASE CLEAN(no) WHEN 'P1' THEN LOWER(no) END", "P1 ", "p1 ", "P1 "),
        ("COALESCE(NULLIF(CLEAN(no), '?'), 'none')", " P1", "P1", " P1"),
        ("COALESCE(NULLIF(CLEAN(no), '?'), 'none')", " ?", "none", None),
        ("COALESCE(CAST(state AS VARCHAR(5)), CLEAN(no))", "P1", "1", None),
        ("UPPER('p1')", "x", "P1", None),
        ("RECODE(no, 'latin1', 'gbk')", "ÈÃ", "让", "ÈÃ"),
        ("CONCAT(CLEAN(no), '-')", " P1", "P1-", None),  # put together of several it is a value of its own
    ],
)
def test_what_was_said_is_what_the_value_was_made_of(kept, expression: str, said: str, value: str, raw) -> None:
    kept.replace("fields.yaml", "type: string(5)", "type: string(60)")
    row = normalised(kept, (said, 1), part_id=expression)
    assert (row["part_id"], row["part_id_raw"]) == (value, raw)


def test_what_a_token_stands_for_is_never_said(kept) -> None:
    kept.replace("fields.yaml", "type: string(5)", "type: string(60)")
    row = normalised(kept, (" P1", 1), part_id="UPPER(TOKEN(CLEAN(no), 'parts'))")
    assert row["part_id"] == row["part_id_raw"].upper() != row["part_id_raw"]
    assert row["part_id_raw"].startswith("v1:")


def test_a_named_expression_says_what_its_expression_began_with(kept) -> None:
    kept.replace("mappings/erp.parts.yaml", "target:\n", "let: {one: CLEAN(no), two: UPPER(one)}\ntarget:\n")
    row = normalised(kept, (" p1", 1), part_id="two")
    assert (row["part_id"], row["part_id_raw"]) == ("P1", " p1")


def test_a_part_of_a_row_says_what_its_expression_began_with(kept) -> None:
    kept.replace("mappings/erp.parts.yaml", "  on_delete: delete\n",
        "  on_delete: delete\n  explode: {from: [{id: CLEAN(no), n: 1}, {id: \"'X'\", n: 2}]}\n")  # fmt: skip
    kept.replace("mappings/erp.parts.yaml", "part_id: CLEAN(no)", "part_id: id")
    one = '{part_id: P1, state: ON, state_raw: "1"}'
    kept.replace("mappings/erp.parts.yaml", one, f"{{trace.part: [{one}, {one.replace('P1', 'X')}]}}")
    (mapping,) = kept.load().mappings
    (rows,) = mapping.normalise([{"no": " P1", "state": 1}[used.column] for used in mapping.inputs])
    assert [(row[0], row[2]) for row in rows] == [("P1", " P1"), ("X", None)]


def test_a_word_for_nothing_is_kept_as_it_was_said(kept) -> None:
    kept.replace("fields.yaml", "type: string(5)", "type: string(5), null_tokens: [none]")
    kept.replace("mappings/erp.parts.yaml", "  key: [part_id]\n", "  key: [state]\n")
    text = (kept.root / "mappings/erp.parts.yaml").read_text()
    lines = "    part_id: CLEAN(no)\n", "    state: {expr: state, required: true}\n"
    kept.write("mappings/erp.parts.yaml", text.replace("".join(lines), "".join(reversed(lines))))
    assert normalised(kept, ("none ", 1))["part_id_raw"] == "none "
    assert normalised(kept, (" - ", 1))["part_id_raw"] == " - "  # the source's word


def test_what_was_tolerated_is_kept_as_it_was_said(kept) -> None:
    kept.replace("fields.yaml", "type: string(5)", "type: string(5), tolerate: {TXT-101: P0, NUM-101: P9}")
    row = normalised(kept, (" P12345", 1))
    assert (row["part_id"], row["part_id_raw"], row["_warnings"]) == ("P0", " P12345", ["TXT-101 part_id"])
    # Which way it would have gone nobody can tell: what was said cannot be told either.
    row = normalised(kept, ("x", 1), part_id="CASE WHEN CAST(no AS INT) = 1 THEN CLEAN(no) ELSE TRIM(no) END")
    assert (row["part_id"], row["part_id_raw"]) == ("P9", None)


def test_the_raw_column_is_a_text_that_may_be_missing(kept) -> None:
    (target,) = kept.load().mappings[0].targets
    raw = target.columns[2]
    assert (raw.name, raw.type, raw.required, raw.raw_of, raw.field) == (
        "part_id_raw", "text", False, "part_id", "part_id",
    )  # fmt: skip
    assert raw.label == "p, as the source has it / p（源系统原文）"
    assert target.key == ("part_id",)


def test_a_history_keeps_what_was_said(kept) -> None:
    kept.replace("mappings/erp.parts.yaml", "  key: [part_id]\n", "  key: [part_id]\n  history: trace.part_history\n")
    dictionary = kept.load()
    history = next(one for one in dictionary.derived if one.name.endswith(".history")).targets[0]
    assert [column.name for column in history.columns][-2:] == ["part_id_raw", "state_raw"]
    assert dictionary.fields_of_columns()["trace.part_history.part_id_raw"][0].name == "part_id"


def faults_of(folder) -> list[tuple[str, int, str]]:
    with pytest.raises(DictionaryError) as caught:
        folder.load()
    return [(fault.place.file, fault.place.line or 0, f"{fault.code} {fault.message}") for fault in caught.value.faults]


def test_a_column_that_stands_where_the_raw_text_has_to_is_a_fault(kept) -> None:
    kept.replace("mappings/erp.parts.yaml", RAW, f"{RAW}    part_id_raw: {{field: part_id, expr: no}}\n")
    (fault,) = faults_of(kept)
    assert fault[:2] == ("mappings/erp.parts.yaml", 12)
    assert fault[2].startswith("DIC-112 `part_id_raw` is the raw text of `part_id`")


def test_a_raw_text_is_no_reference(kept) -> None:
    text = (kept.root / "mappings/erp.parts.yaml").read_text()
    reference = "  references: [{columns: [part_id_raw], to: trace.part}]\n"
    kept.write("mappings/erp.parts.yaml", text.replace("examples:\n", f"{reference}examples:\n", 1))
    assert any("unknown canonical column `part_id_raw`" in told for _, _, told in faults_of(kept))


def test_a_name_that_leaves_no_room_for_the_raw_one_is_a_fault(kept) -> None:
    kept.replace("mappings/erp.parts.yaml", RAW, f"{RAW}    {'x' * 55}: {{field: part_id, expr: no}}\n")
    (fault,) = faults_of(kept)
    assert fault[2].startswith(f"DIC-105 `{'x' * 55}_raw`")


NO_TEXTS = {
    "integer": "1",
    "decimal(5,2)": "1.00",
    "date": "2026-01-31",
    "datetime": "2026-01-31T00:00:00Z",
    "boolean": "true",
}


@pytest.mark.parametrize("kind", NO_TEXTS)
def test_only_texts_are_kept_as_they_were_said(kept, kind: str) -> None:
    written = f'type: "{kind}", owner: o, keep_raw: true, example: "{NO_TEXTS[kind]}"'
    kept.replace("fields.yaml", "type: integer, owner: o, example: 1", written)
    (fault,) = faults_of(kept)
    assert fault[:2] == ("fields.yaml", 5)
    assert fault[2].startswith("DIC-105 `keep_raw` is for what is a text")


FOLDED = "fold: trace.part\nkey: [part_id]\norder: number\ncolumns: {state: last}\n"


def folded(kept):
    kept.write("folds/trace.part.yaml", FOLDED)
    kept.replace("mappings/erp.parts.yaml", "  on_delete: delete\n", "  order: state\n")
    return kept.replace("mappings/erp.parts.yaml", 'state_raw: "1"', 'state_raw: "1", order: 1')


def test_a_fold_has_the_raw_texts_of_its_fields(kept) -> None:
    (fold,) = folded(kept).load().folds
    assert [(column.name, column.raw_of) for column in fold.target.columns if column.raw_of] == [
        ("part_id_raw", "part_id"), ("state_raw", "state"),
    ]  # fmt: skip


@pytest.mark.parametrize(("keeps", "told"), [(True, "keeps its raw text"), (False, "does not keep its raw text")])
def test_who_contributes_keeps_what_its_fold_keeps(kept, keeps: bool, told: str) -> None:
    other = "  other: {label: {zh: s, en: s}, definition: d, type: code, code_set: state, owner: o, example: ON%s}\n"
    kept.write("fields.yaml", KEPT + other % ("" if keeps else ", keep_raw: true"))
    folded(kept)
    if not keeps:
        kept.replace(
            "fields.yaml", "owner: o, example: ON, keep_raw: true}\n  count", "owner: o, example: ON}\n  count"
        )
    kept.replace("mappings/erp.parts.yaml", "{expr: state,", "{field: other, expr: state,")
    (fault,) = faults_of(kept)
    assert f"`state` of the fold `trace.part` {told}" in fault[2]


def test_a_column_of_a_fold_that_stands_where_a_raw_text_has_to_is_a_fault(kept) -> None:
    folded(kept).replace("folds/trace.part.yaml", "state: last", "state: last, state_raw: {take: last, field: part_id}")
    assert [(file, text.split(" is ")[0]) for file, _, text in faults_of(kept)][:1] == [
        ("folds/trace.part.yaml", "DIC-112 `state_raw`")
    ]


def test_a_raw_text_is_explained_by_what_its_column_reads(kept) -> None:
    known = {origin.column: origin for origin in origins(kept.load())}
    raw = known["part_id_raw"]
    assert (raw.rule, raw.field, raw.reads, raw.raw_of) == (
        "raw text of CLEAN(no)", "part_id", ("erp.parts.no",), "part_id",
    )  # fmt: skip
    assert {one.column for one in origins(folded(kept).load()) if one.mapping == FOLD} >= {"part_id_raw", "state_raw"}


def changed(kept, file: str, old: str, new: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    before = kept.load()
    kept.replace(file, old, new)
    return tuple((change.what, change.affects) for change in difference(before, kept.load()))


def test_keeping_what_was_said_touches_the_raw_text_alone(kept) -> None:
    before = kept.load()
    kept.replace("fields.yaml", "example: P1, keep_raw: true", "example: P1")
    (change,) = difference(before, kept.load())
    assert (change.what, change.affects) == ("keep_raw removed (was true)", ("trace.part.part_id_raw",))


def test_another_expression_touches_both(kept) -> None:
    ((_, affects),) = changed(kept, "mappings/erp.parts.yaml", "part_id: CLEAN(no)", "part_id: TRIM(no)")
    assert affects == ("trace.part.part_id", "trace.part.part_id_raw")


def test_the_page_shows_the_raw_text_beside_its_column(kept) -> None:
    document = describe(kept.load())
    rows = document.mappings[0].targets[0].columns
    assert [row.name for row in rows] == ["part_id", "state"]
    assert rows[0].raw is not None
    assert rows[0].raw.anchor == next(c.anchor for c in document.tables[0].columns if c.name == "part_id_raw")
    assert next(c.label.en for c in document.tables[0].columns if c.name == "part_id_raw") == "p, as the source has it"
    (table,) = describe(folded(kept).load()).tables
    assert next(c.take.en for c in table.columns if c.name == "state_raw") == "of the source whose value was taken"


GUARDED = ", retention: device_life_15y, protect: {in_logs: mask, in_export: pseudonymise}}\n"


def guarded(kept, written: str = GUARDED):
    return kept.replace(
        "fields.yaml", "type: integer, owner: o, example: 1}\n", f"type: integer, owner: o, example: 1{written}"
    )


def test_how_a_field_is_to_be_kept_and_guarded_is_told_by_the_model(kept) -> None:
    kept.replace(
        "mappings/erp.parts.yaml", "expr: state, required: true}\n", "expr: state, required: true}\n    count: state\n"
    )
    kept.replace("mappings/erp.parts.yaml", 'state_raw: "1"', 'state_raw: "1", count: 1')
    fields = guarded(kept).load().fields_of_columns()
    (field,) = fields["trace.part.count"]
    assert (field.retention, field.protect) == ("device_life_15y", Protection("mask", "pseudonymise"))
    assert fields["trace.part.state_raw"][0].protect == Protection()
    assert set(fields) == {f"trace.part.{name}" for name in ("part_id", "part_id_raw", "state", "state_raw", "count")}


def test_it_stands_on_the_page_and_touches_no_value(kept) -> None:
    before = kept.load()
    after = guarded(kept).load()
    assert [(change.what.split(" ")[0], change.affects) for change in difference(before, after)] == [
        ("retention", ()), ("protect", ()),
    ]  # fmt: skip
    field = next(one for one in describe(after).fields if one.name == "count")
    assert field.retention is not None
    assert [field.retention.en, *(one.en for one in field.protect)] == [
        "kept for the life of the device, 15 years at least",
        "in logs: to be masked",
        "in exports: to be pseudonymised",
    ]
    assert [one.keep_raw for one in describe(after).fields] == [True, True, False]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (", retention: device_life_15}\n", "did you mean `device_life_15y`?"),
        (", protect: {in_logs: masked}}\n", "did you mean `mask`?"),
        (", protect: {in_export: pseudonymize}}\n", "did you mean `pseudonymise`?"),
        (", protect: {in_log: mask}}\n", "unknown key `in_log`; did you mean `in_logs`?"),
        (", keep_raw: treu}\n", "did you mean `true`?"),
    ],
)
def test_an_unknown_word_is_refused_with_the_one_that_was_meant(kept, written: str, told: str) -> None:
    (fault,) = faults_of(guarded(kept, written))
    assert told in fault[2]


def test_editors_know_the_words() -> None:
    field = schema_of("fields")["properties"]["fields"]["additionalProperties"]["properties"]
    assert field["retention"]["enum"] == ["device_life_2y", "device_life_10y", "device_life_15y"]
    assert field["protect"]["properties"]["in_export"]["enum"] == ["mask", "pseudonymise", "omit"]
    assert "true" in field["keep_raw"]["enum"]

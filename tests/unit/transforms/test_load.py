"""Strict loading: everything that is wrong is said at once, with file, line and column; nothing is read loosely."""

from __future__ import annotations

import json
import shutil

import pytest

from transforms.errors import DictionaryError
from transforms.load import PACKAGED, load


def faults_of(folder) -> list[str]:
    with pytest.raises(DictionaryError) as caught:
        folder.load()
    return [str(fault) for fault in caught.value.faults]


def test_small_dictionary_loads(folder):
    dictionary = folder.load()
    assert (dictionary.name, dictionary.version, dictionary.status) == ("small", "1", "draft")
    (mapping,) = dictionary.mappings
    assert [column.type for column in mapping.targets[0].columns] == ["character varying(5)", "text"]
    assert mapping.codes == {"REQ-101", "TXT-101", "COD-201", "NUM-101"}


def test_all_faults_are_said_at_once_in_order_of_place(folder):
    folder.replace("dictionary.yaml", "status: draft", "state: draft")
    folder.replace("fields.yaml", "type: string(5)", "type: strng(5)")
    folder.replace("mappings/erp.parts.yaml", "CLEAN(no)", "CLEEN(nu)")
    folder.replace("codesets/state.yaml", "to: ON", "to: OFF")
    places = [fault.split(" ")[:2] for fault in faults_of(folder)]
    assert places == [
        ["codesets/state.yaml:6:34", "DIC-111"],
        ["dictionary.yaml:3:1", "DIC-103"],
        ["fields.yaml:2:57", "DIC-105"],
        ["mappings/erp.parts.yaml:11:14", "DIC-121"],
    ]


# file, old text, new text, code, part of the message
FAULTS = [
    ("fields.yaml", "owner: o", "owner: o, owner: p", "DIC-102", "twice"),
    ("fields.yaml", "owner: o", "owner: &a o", "DIC-102", "anchor"),
    ("fields.yaml", "definition: d", "definition: !!int 1", "DIC-102", "tag"),
    ("mappings/erp.parts.yaml", "version: \"1\"", "version: 1 #7", "DIC-102", "`1` ends before `#7`, a comment"),
    ("fields.yaml", "owner: o", "owner: null", "DIC-105", "no value"),
    ("fields.yaml", "owner: o", "owner: [o]", "DIC-105", "text"),
    ("fields.yaml", "owner: o", "ownr: o", "DIC-103", "did you mean `owner`"),
    ("fields.yaml", "string(5)", "decimal(5,6)", "DIC-105", "unknown type"),
    ("fields.yaml", "string(5)", "string(0)", "DIC-105", "unknown type"),
    ("fields.yaml", "string(5)", "decimal(101,0)", "DIC-105", "of at most 100 digits"),
    ("fields.yaml", "string(5)", "decimal(2000,5)", "DIC-105", "of at most 100 digits"),
    ("mappings/erp.parts.yaml", "CLEAN(no)", "CAST(no AS DECIMAL(101,0))", "DIC-121", "at most 100 digits"),
    ("fields.yaml", "string(5)", "code", "DIC-104", "code_set"),
    ("fields.yaml", "string(5)", "string(5), check: [gs1]", "DIC-111", "unknown check"),
    ("fields.yaml", "string(5)", "string(5), unit: MMT", "DIC-111", "unknown unit"),
    ("fields.yaml", "string(5)", "string(5), on_error: {default: TXT-999}", "DIC-111", "not in errors.yaml"),
    ("fields.yaml", "string(5)", "string(5), on_error: {default: DIC-101}", "DIC-111", "is fatal"),
    ("fields.yaml", "string(5)", "string(5), code_set: state", "DIC-105", "only fields of type code"),
    ("fields.yaml", "type: code,", "type: boolean,", "DIC-105", "TRUE and FALSE"),
    ("fields.yaml", "example: P1", "example: P12345", "DIC-105", "example"),
    ("fields.yaml", "example: ON", "example: OFF", "DIC-105", "example"),
    ("codesets/state.yaml", "system: erp, code: \"1\"", "system: epr, code: \"1\"", "DIC-111", "did you mean `erp`"),
    ("codesets/state.yaml", 'code: "0"', 'code: " 1"', "DIC-112", "registered twice"),
    ("codesets/state.yaml", "[trim, upper]", "[trim, uper]", "DIC-105", "did you mean `upper`"),
    ("codesets/state.yaml", "code_set: state", "code_set: stat", "DIC-113", "stat.yaml"),
    ("units.yaml", 'factor: "1"', 'factor: "0"', "DIC-105", "fraction"),
    ("units.yaml", 'factor: "1"', 'factor: "1.5"', "DIC-105", "fraction"),
    ("units.yaml", "PCS: C62", "PCS: C63", "DIC-111", "did you mean `C62`"),
    ("units.yaml", "  erp: {", "  epr: {", "DIC-111", "did you mean `erp`"),
    ("sources/erp.yaml", "Asia/Shanghai", "Asia/Peking", "DIC-105", "time zone"),
    ("sources/erp.yaml", "Asia/Shanghai", "localtime", "DIC-105", "as in the IANA database, like Asia/Shanghai"),
    ("sources/erp.yaml", "Asia/Shanghai", "right/Asia/Shanghai", "DIC-105", "time zone"),
    ("sources/erp.yaml", "Asia/Shanghai", "Asia/../localtime", "DIC-105", "time zone"),
    ("errors.yaml", "REQ-101: {kind: row", "REQ-101: {kind: rows", "DIC-105", "one of `row`"),
    ("errors.yaml", "NUM-101: {kind: row", "NUM-102: {kind: row", "DIC-111", "NUM-101"),
    ("errors.yaml", "label: {zh: z, en: t}", "title: t", "DIC-104", "key `label` is missing"),
    ("errors.yaml", "a, owner: o}", "a}", "DIC-104", "key `owner` is missing"),
    ("mappings/erp.parts.yaml", "table: erp.parts", "table: erq.parts", "DIC-111", "did you mean `erp`"),
    ("mappings/erp.parts.yaml", "table: erp.parts", "table: parts", "DIC-105", "source.table"),
    ("mappings/erp.parts.yaml", "no: text", "no: txt", "DIC-105", "unknown column type"),
    ("mappings/erp.parts.yaml", "CLEAN(no)", "CLEAN(state)", "DIC-123", "text is wanted here"),
    ("mappings/erp.parts.yaml", "CLEAN(no)", "state", "DIC-123", "takes text"),
    ("mappings/erp.parts.yaml", "CLEAN(no)", "CLEAN(stat)", "DIC-122", "did you mean `state`"),
    ("mappings/erp.parts.yaml", "part_id: CLEAN(no)", "part: CLEAN(no)", "DIC-111", "did you mean `part_id`"),
    ("mappings/erp.parts.yaml", "key: [part_id]", "key: [state]", "DIC-131", "come first"),
    ("mappings/erp.parts.yaml", "on_delete: delete", "on_delete: keep", "DIC-105", "tombstone"),
    ("mappings/erp.parts.yaml", "target:", "where: state\ntarget:", "DIC-123", "condition"),
    ("mappings/erp.parts.yaml", "table: trace.part\n", "table: erp.part\n", "DIC-105", "not for canonical"),
    ("mappings/erp.parts.yaml", "table: trace.part\n", "table: cdc.part\n", "DIC-105", "not for canonical"),
    ("mappings/erp.parts.yaml", "table: trace.part\n", "table: trace.Part\n", "DIC-105", "lower-case"),
    ("mappings/erp.parts.yaml", "    state: {expr", "    xmin: {field: state, expr", "DIC-105", "a column `xmin` of"),
    ("mappings/erp.parts.yaml", "    state: {expr", "    warnings: {field: state, expr", "DIC-105", "as `_warnings`"),
    ("mappings/erp.parts.yaml", "    state: {expr", "    _state: {field: state, expr", "DIC-105", "lower-case"),
    ("fields.yaml", "type: string(5)", "type: 'decimal(9,2)', unit: C62", "DIC-123", "TO_UNIT(value, unit, 'C62')"),
    ("mappings/erp.parts.yaml", "table: trace.part\n", "table: part\n", "DIC-105", "schema.table"),
    ("mappings/erp.parts.yaml", "state: 1}, out", "stat: 1}, out", "DIC-122", "did you mean `state`"),
    ("mappings/erp.parts.yaml", "state: 1}, out", "state: x}, out", "DIC-141", "not a value"),
    ("mappings/erp.parts.yaml", "out: {part_id: P1, state: ON}", "refused: REF-301", "DIC-141", "never refuses"),
    ("mappings/erp.parts.yaml", "out:", "filtered: true, out:", "DIC-141", "one of"),
    ("mappings/erp.parts.yaml", "out: {part_id: P1,", "out: {part_id: P2,", "DIC-142", "is 'P1', expected 'P2'"),
    ("mappings/erp.parts.yaml", "out: {part_id: P1, state: ON}", "refused: REQ-101", "DIC-142", "expected REQ-101"),
    ("mappings/erp.parts.yaml", "mapping: erp.parts", "mapping: erp.part", "DIC-113", "erp.part.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "code", "part"), FAULTS, ids=[f"{f[0]} {f[2][:30]}" for f in FAULTS])
def test_fault_is_named_with_its_place(folder, file, old, new, code, part):
    found = faults_of(folder.replace(file, old, new))
    assert any(f" {code} " in fault and part in fault for fault in found), found


def test_examples_are_run_in_spite_of_a_number_that_names_a_code_set(folder):
    folder.replace("mappings/erp.parts.yaml", "out: {part_id: P1, state: ON}", "refused: COD-201")
    found = faults_of(folder.replace("fields.yaml", "type: code,", "type: 'decimal(8,2)',"))
    assert any("only fields of type code" in fault for fault in found), found


def test_a_dictionary_without_its_header_is_a_fault(folder):
    (folder.root / "dictionary.yaml").unlink()
    assert "dictionary.yaml:1:1 DIC-113 the file is missing" in faults_of(folder)


def test_the_header_alone_is_a_dictionary_with_the_packaged_codes(tmp_path):
    (tmp_path / "dictionary.yaml").write_text('dictionary: mine\nversion: "1"\nstatus: draft\n')
    dictionary = load(tmp_path)
    assert dictionary.domains() == ()
    assert dictionary.errors == load().errors
    assert "REQ-101" in dictionary.content  # what is taken from the package counts in the digest


def test_file_without_a_place_is_a_fault(folder):
    folder.write("mappings/erp.parts.yml", "x: y\n")
    assert faults_of(folder) == ["mappings/erp.parts.yml:1:1 DIC-113 the dictionary has no place for this file"]


@pytest.mark.parametrize(
    "file",
    [
        *(".git/config", ".git/refs/mappings/x.yaml", "mappings/.DS_Store", "mappings/..data/erp.parts.yaml"),
        *(
            "fields.yaml~",
            "mappings/erp.parts.yaml~",
            ".fields.yaml.swp",
            "fields.yaml.swp",
            "mappings/#erp.parts.yaml#",
        ),
    ],
)
def test_what_tools_keep_beside_the_files_is_not_looked_at(folder, file):
    digest = folder.load().digest
    (folder.root / file).parent.mkdir(parents=True, exist_ok=True)
    (folder.root / file).write_bytes(b"\xff")
    assert folder.load().digest == digest


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "DIC-101"), (b"\xff\xfe", "DIC-101"), (b"a: [", "DIC-101"), (b"a: 1\n---\nb: 2\n", "DIC-102"),
     (b"a: \x07\n", "DIC-101"), (b"[" * 100_000, "DIC-101"), (b"a: *b\n", "DIC-102"), (b"<<: {a: b}\n", "DIC-102"),
     (b"? [a]\n: b\n", "DIC-102"), (b"x" * 1_000_001, "DIC-101"), (b"- a\n", "DIC-105")],
    ids=["empty", "latin", "open list", "second", "bell", "deep", "alias", "merge", "list as key", "huge", "list"],
)  # fmt: skip
def test_file_that_is_not_strict_yaml_is_a_fault(folder, content, code):
    (folder.root / "dictionary.yaml").write_bytes(content)
    assert any(fault.startswith("dictionary.yaml:") and f" {code} " in fault for fault in faults_of(folder))


def test_folder_that_is_not_there_is_a_fault(tmp_path):
    with pytest.raises(DictionaryError, match="nowhere:1:1 DIC-113 no such folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text", ["NO", "on", "010", "12:30:45", "1_000", "0.10", "2026-01-31", "08", "1e3", "0x1F", ".5", "=", "0o7"]
)
def test_plain_scalar_stays_the_text_that_was_written(folder, text):
    # Every one of these becomes something else in YAML 1.1: false, true, 8, 45045, 1000, 0.1, a date ...
    folder.replace("sources/erp.yaml", '["", "-"]', f"[{text}]")
    assert folder.load().sources["erp"].null_tokens == {text}


def test_code_no_and_code_on_are_codes(folder):
    folder.replace(
        "mappings/erp.parts.yaml",
        "state: 1}, out: {part_id: P1, state: ON}",
        "state: 0}, out: {part_id: P1, state: NO}",
    )
    dictionary = folder.load()
    assert dictionary.codesets["state"].codes.keys() == {"ON", "NO"}
    assert dictionary.mappings[0].normalise(dictionary.mappings[0].examples[0].row) == ((("P1", "NO"),),)


def test_digest_ignores_comments_and_quotes_and_heeds_values_and_order(folder):
    first = folder.load()
    assert json.loads(first.content)["dictionary.yaml"] == {"dictionary": "small", "version": "1", "status": "draft"}
    folder.replace("fields.yaml", "owner: o", 'owner: "o"  # comment\n    ')
    folder.write("README.md", "notes")
    assert folder.load().digest == first.digest
    folder.replace("dictionary.yaml", '"1"', '"2"')
    second = folder.load()
    assert second.digest != first.digest
    folder.write("dictionary.yaml", 'version: "2"\ndictionary: small\nstatus: draft\n')
    assert folder.load().digest != second.digest


def test_packaged_dictionary_loads_the_same_from_any_place(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGED, copy)
    assert load(copy).digest == load().digest


def test_two_mappings_cannot_fill_one_table(folder):
    text = (folder.root / "mappings/erp.parts.yaml").read_text(encoding="utf-8")
    folder.write("mappings/erp.more.yaml", text.replace("erp.parts", "erp.more"))
    assert faults_of(folder) == [
        "mappings/erp.parts.yaml:7:10 DIC-112 `trace.part` is filled by another mapping or target already"
    ]


REFERENCE = "    state: {expr: state, required: true}\n"


@pytest.mark.parametrize(
    ("reference", "code", "part"),
    [("{columns: [part_id], to: trace.parts}", "DIC-111", "did you mean `trace.part`"),
     ("{columns: [part], to: trace.part}", "DIC-122", "did you mean `part_id`"),
     ("{columns: [state], to: trace.part}", "DIC-131", "part_id character varying(5)"),
     ("{columns: [part_id, state], to: trace.part}", "DIC-131", "key of `trace.part`")],
)  # fmt: skip
def test_reference_stands_for_the_whole_key(folder, reference, code, part):
    folder.replace("mappings/erp.parts.yaml", REFERENCE, f"{REFERENCE}  references:\n    - {reference}\n")
    found = faults_of(folder)
    assert any(f" {code} " in fault and part in fault for fault in found), found


def test_reference_is_required_unless_it_says_otherwise(folder):
    folder.replace(
        "mappings/erp.parts.yaml",
        REFERENCE,
        f"{REFERENCE}  references:\n"
        "    - {columns: [part_id], to: trace.part}\n    - {columns: [part_id], to: trace.part, required: false}\n",
    )
    (mapping,) = folder.load().mappings
    assert [reference.required for reference in mapping.targets[0].references] == [True, False]
    assert {reference.target_columns for reference in mapping.targets[0].references} == {("part_id",)}

"""Names that are meant to hurt: refused where the dictionary gives them, and any text where they are a source's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.transforms.attack.base import BASE, write
from transforms.errors import DictionaryError
from transforms.load import load
from transforms.yaml.name import CODE, NAME, TABLE, UNIT, WORD

INSP, STATE, PLACE = "mappings/erp.insp.yaml", "codesets/state.yaml", "folds/trace.place.yaml"
HOSTILE = (
    *('a"b', "a'b", "a; DROP TABLE x; --", "a b", "a.b", "a\nb", "a{0}b", "{t}", "%s", "", " ", "../a", "a\\b", "é"),
    *("x" * 64, "é" * 32, "p\u0430rt", "ｐart", "ﬁ", "part\u200b", "\u202ex", "a\u0301", "K\u212a", "批号", "\x7f"),
)
NOT_LOWER = ("PART", "_x", "__class__", "1a", "x" * 59)


# What YAML, or the dictionary, takes as escapes only.
ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "\x7f\u202e"}


def quoted(name: str) -> str:
    """Return a name as YAML in double quotes."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").translate(ESCAPED) + '"'


def put(file: str, before: str, text: str) -> Callable[[str], dict[str, str]]:
    """Return what makes the folder with a text, `@` in it the name, put in before a text of a file."""
    assert before in BASE[file]
    return lambda name: {**BASE, file: BASE[file].replace(before, text.replace("@", quoted(name)) + before, 1)}


def renamed(folder: str, old: str, key: str) -> Callable[[str], dict[str, str]]:
    """Return what makes the folder with one of its files, and what it defines, called otherwise."""

    def files(name: str) -> dict[str, str]:
        text = BASE[f"{folder}/{old}.yaml"].replace(f"{key}: {old}", f"{key}: {quoted(name)}", 1)
        # A name with a slash cannot be a file's.
        return {**BASE, f"{folder}/{'x' if '/' in name or not name.strip() else name}.yaml": text}

    return files


TARGETS = "  - table: trace.owned"
FIELD = "{label: {zh: n, en: n}, definition: d, type: string(3), owner: o, example: abc}"
CANONICAL = {
    "field": put("fields.yaml", "  part_id:", f"  @: {FIELD}\n"),
    "column": put(INSP, "note: value}", "@: {expr: value, field: note}, "),
    "table": lambda name: put(INSP, TARGETS, "  - {table: @, key: [part_id], columns: {part_id: no}}\n")(
        f"trace.{name}"
    ),
    "column of a fold": put(PLACE, "  state: last", "  @: {take: last, field: state}\n"),
    "code set": renamed("codesets", "state", "code_set"),
    "source": renamed("sources", "erp", "source"),
    "fold": lambda name: renamed("folds", "trace.place", "fold")(f"trace.{name}"),
}
OTHERS = {
    "code": put(STATE, "ON: {zh", "@: {zh: x, en: x}, "),
    "unit": put("units.yaml", "  XBX:", "  @: {label: {zh: u, en: u}, ucum: u, dimension: d}\n"),
    "let": put(INSP, "  number: CLEAN", "  @: no\n"),
    "look-up": put(INSP, "  owner:\n", "  @: {table: erp.o, match: owner_id = owner_id, columns: {id: integer}}\n"),
    "name of a part": put(INSP, "{at: 1, value: t1}", "{at: 1, value: t1, @: t1}], x: ["),
    "name of parts": lambda name: {**BASE, INSP: BASE[INSP].replace("as: piece", f"as: {quoted(name)}")},
}
SOURCES_OWN = {
    "column of a source": put(INSP, "no: text, part", "@: text, "),
    "alias of a unit": put("units.yaml", "PCS: C62", "@: C62, "),
    "code of a source": put(STATE, "unmapped:", "  - {system: erp, code: @, to: ON}\n"),
    "word for nothing": put("sources/erp.yaml", '""', "@, "),
}


def codes(root: Path, files: dict[str, str]) -> set[str]:
    """Return the codes of the faults."""
    with pytest.raises(DictionaryError) as refused:
        load(write(root, files))
    return {fault.code for fault in refused.value.faults}


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_spelling_has_it(name):
    assert not any(spelling.fits(name) for spelling in (NAME, UNIT, WORD))
    assert not TABLE.fits(f"trace.{name}")
    assert name == "a.b" or not CODE.fits(name)


@pytest.mark.parametrize("name", NOT_LOWER)
def test_canonical_names_are_of_lower_case(name):
    assert not NAME.fits(name)


@pytest.mark.parametrize("name", ["p\u0430rt", 'a"b', "PART"], ids=ascii)
@pytest.mark.parametrize("place", CANONICAL)
def test_a_canonical_name_is_plain(tmp_path, place, name):
    assert "DIC-105" in codes(tmp_path, CANONICAL[place](name))


@pytest.mark.parametrize("name", ["p\u0430rt", "a\nb"], ids=ascii)
@pytest.mark.parametrize("place", OTHERS)
def test_other_names_are_plain(tmp_path, place, name):
    assert "DIC-105" in codes(tmp_path, OTHERS[place](name))


@pytest.mark.parametrize("name", ["NULL", "true", "False"])
@pytest.mark.parametrize("place", ["let", "name of parts"])
def test_a_name_that_means_something_else_is_refused(tmp_path, place, name):
    assert "DIC-105" in codes(tmp_path, OTHERS[place](name))


@pytest.mark.parametrize(("place", "name"), [("code", "On"), ("code", "no"), ("let", "NUMBER"), ("look-up", "Owner")])
def test_names_that_differ_in_case_alone_are_refused(tmp_path, place, name):
    assert "DIC-112" in codes(tmp_path, OTHERS[place](name))


@pytest.mark.parametrize("place", SOURCES_OWN)
def test_what_sources_call_things_is_any_text(tmp_path, place):
    for name in HOSTILE:
        if name.strip():
            assert load(write(tmp_path, SOURCES_OWN[place](name))).mappings


BUILT_IN = ("__class__", "__import__", "eval", "exec", "open", "row", "memo", "None", "self", "lambda", "Refused", "v0")


@pytest.mark.parametrize("name", BUILT_IN)
def test_words_of_python_are_names_like_others(tmp_path, name):
    files = put(INSP, "  number: CLEAN", "  @: CONCAT('x', no)\n")(name)
    text = files[INSP].replace("note: value}", f"note: 'SUBSTRING(\"{name}\", 1, 1)'}}").replace("note: y}", "note: x}")
    (mapping,) = (one for one in load(write(tmp_path, {**files, INSP: text})).mappings if one.name == "erp.insp")
    assert mapping.examples


@pytest.mark.parametrize(
    "text",
    [
        *("no.__class__", "__builtins__", "no.upper()", "no.__class__.__mro__", "eval('1')", "exec('1')", "open('x')"),
        *("__import__('os').system('id')", "getattr(no, 'x')", "lambda: 1", "[x for x in no]", "no if no else no"),
        *("pg_read_file('/etc/passwd')", "lo_import('/etc/passwd')", "pg_sleep(10)", "dblink('x', 'y')", "version()"),
        *("current_setting('x')", "set_config('a', 'b', false)", "query_to_xml('SELECT 1')", "nextval('x')"),
        *("(SELECT no)", "no IN (SELECT no FROM x)", "EXISTS (SELECT 1)", "(TABLE x)", "(VALUES (1))", "xmlparse(no)"),
        *("no; DROP TABLE x", "no) ; (no", "no UNION SELECT 1", "no FROM pg_shadow", "no INTO x", "no WHERE TRUE"),
        *("%(no)s", "%s", ":no", ":1", "?", "@no", "$1", "${no}", "{no}", "{{ no }}", "#{no}", "`no`; x", "\\x00"),
        *("no -- comment", "no /* comment */", "/* no", "n --1", "n + /* 1 */ 2"),
        *("no /*! 1 */ || no", "no # comment", "--", "/**/"),
        *("no::text", "no::regclass", "no::int", "E'\\x41'", "U&'\\0041'", "X'41'", "B'1'", "$$no$$", "$tag$no$tag$"),
        *("no COLLATE \"C\"", "no AT TIME ZONE 'UTC'", "ROW(no)", "no[1]", "(no).x", "no.*", "*"),
        *("erp.insp.no", "no OPERATOR(+) no", "ARRAY(SELECT 1)"),
        *("ｎo", "n\u043e", "no\u200b", "\u202eno", "no\u00a0||\u00a0no\u037e", "＇no＇", "’no’", "ＮＵＬＬ"),
    ],
    ids=ascii,
)  # fmt: skip
def test_an_expression_reaches_nothing_but_the_row(tmp_path, text):
    quoted_text = quoted(text)
    files = {**BASE, INSP: BASE[INSP].replace("  number: CLEAN(no)", f"  number: {quoted_text}")}
    assert codes(tmp_path, files) & {"DIC-121", "DIC-122", "DIC-123"}

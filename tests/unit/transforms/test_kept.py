"""A version that has been loaded is read again from the content that is kept of it, as the dictionary that it was."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.transforms.attack.base import BASE, write
from tests.unit.transforms.attack.test_folder import changed
from transforms.errors import DictionaryError, Refused
from transforms.load import PACKAGED, load, load_content, read, read_content
from transforms.mapping import Mapping, Outcome
from transforms.model import Dictionary

EVERY_KEY = Path(__file__).parent / "every_key"
FEW = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
# What YAML has no character for, ends a line with, turns around, or reads as something else when it is not escaped.
HOSTILE = ("\x81@", "a\x7f", "a\u202eb", "a\ufffeb", "a\x85b", "a\u2028b", "\ufeffab", "a\x1db", "\x1b[2J", "\r\n", "~")


def outcome(mapping: Mapping, row: tuple[object, ...]) -> Outcome | str | None:
    try:
        return mapping.normalise(row)
    except Refused as refused:
        return str(refused)


def check(dictionary: Dictionary) -> None:
    """Read a dictionary from its content: nothing of it, and nothing that it gives, is otherwise."""
    kept = load_content(dictionary.content)
    compared = {field.name for field in fields(Dictionary)} - {"mappings", "tokens"}
    for name in compared:
        assert getattr(kept, name) == getattr(dictionary, name), name
    assert kept.tokens.domains == dictionary.tokens.domains
    for one, other in zip(dictionary.mappings, kept.mappings, strict=True):
        assert repr(other.examples) == repr(one.examples)  # as text: NaN is not equal to itself
        assert replace(other, normalise=one.normalise, examples=one.examples) == one
        for each in one.examples:
            assert outcome(other, each.row) == outcome(one, each.row)


def escaped(text: str) -> str:
    """Return a text as YAML in double quotes, with an escape for each of its characters."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def with_text(text: str) -> dict[str, str | bytes]:
    """Return the folder with a text in an example, in a label and among the codes of a source."""
    files: dict[str, str | bytes] = dict(BASE)
    mapping, codes = BASE["mappings/erp.parts.yaml"], BASE["codesets/state.yaml"]
    more = f"  - {{name: odd, in: {{no: P1, state: 1, part: {escaped(text)}}}, out: {{part_id: P1, state: ON}}}}\n"
    files["mappings/erp.parts.yaml"] = mapping + more
    synonym = f"  - {{system: erp, code: {escaped('x' + text)}, to: ON, note: {escaped(text)}}}\n"
    files["codesets/state.yaml"] = codes.replace("unmapped:", f"{synonym}unmapped:").replace(
        "en: On}", f"en: {escaped(text)}}}"
    )
    return files


@pytest.mark.parametrize("folder", [PACKAGED, EVERY_KEY], ids=["packaged", "every key"])
def test_a_dictionary_is_read_back(folder):
    check(load(folder))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_that_are_no_yaml_are_read_back(tmp_path, text):
    dictionary = load(write(tmp_path, with_text(text)))
    part = [each.row for mapping in dictionary.mappings for each in mapping.examples if each.name == "odd"]
    assert text in part[0]
    check(dictionary)


def test_a_layer_is_read_back_with_what_it_lies_over(tmp_path):
    header = 'dictionary: plant\nversion: "1"\nstatus: draft\nextends: med-device-core\n'
    check(load(write(tmp_path, {"dictionary.yaml": f"{header}without: [mappings/erp.SEOrderEntry]\n"})))


@FEW
@given(TEXTS)
@example("<<")
@example("null")
def test_any_text_is_read_back(text):
    with tempfile.TemporaryDirectory() as folder:
        dictionary, _ = read(write(Path(folder), with_text(text)))
    if dictionary is not None:
        check(dictionary)


def check_if_it_loads(files):
    with tempfile.TemporaryDirectory() as folder:
        dictionary, faults = read(write(Path(folder), files))
    if dictionary is not None and not faults:
        check(dictionary)


@settings(FEW, max_examples=25)
@given(changed())
def test_whatever_loads_is_read_back(files):
    check_if_it_loads(files)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(FEW, max_examples=10_000)
@given(changed())
def test_thousands_that_load_are_read_back(files):
    check_if_it_loads(files)


def test_what_the_rules_of_now_refuse_is_a_fault_of_the_file(tmp_path):
    content = load(write(tmp_path, BASE)).content
    with pytest.raises(DictionaryError, match=r"mappings/erp\.insp\.yaml:1:1 DIC-103 unknown key `maping`"):
        load_content(content.replace('{"mapping":', '{"maping":', 1))


@pytest.mark.parametrize(
    "content", ["", "[]", "1", '{"dictionary.yaml":1}', '{"dictionary.yaml":{"version":NaN}}', "["]
)
def test_what_is_no_content_is_a_fault(content):
    dictionary, faults = read_content(content)
    assert dictionary is None
    assert faults[0].code == "DIC-101"

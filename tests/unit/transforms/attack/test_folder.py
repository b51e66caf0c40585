"""Whatever stands in a dictionary's files, reading them ends in a dictionary or in faults with code and place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.transforms.attack.base import BASE, SCALARS, write
from transforms.errors import Fault
from transforms.load import load, read
from transforms.model import Dictionary

CODES = set(load().errors)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=20_000)


def outcome(files: dict[str, str | bytes]) -> tuple[Dictionary | None, list[Fault]]:
    """Read a folder with these files, and check what is said of it."""
    with tempfile.TemporaryDirectory() as folder:
        dictionary, faults = read(write(Path(folder), files))
    assert (dictionary is None) <= bool(faults)
    for fault in faults:
        assert fault.code in CODES
        assert fault.place.line >= 1 <= fault.place.column
        assert str(fault).encode()
    if dictionary is not None:
        assert dictionary.content.encode()
        assert all(mapping.targets for mapping in dictionary.mappings)
    return dictionary, faults


@st.composite
def changed(draw: st.DrawFn) -> dict[str, str | bytes]:
    """Draw the folder with some lines, words or characters of one of its files changed."""
    files: dict[str, str | bytes] = dict(BASE)
    file = draw(st.sampled_from(sorted(files)))
    text = str(files[file])
    for _ in range(draw(st.integers(1, 3))):
        text = draw(st.sampled_from((lines, words, characters)))(draw, text)
    return files | {file: text}


def lines(draw: st.DrawFn, text: str) -> str:
    """Delete, repeat, swap or indent lines."""
    rows = text.splitlines(keepends=True) or [""]
    one, other = (draw(st.integers(0, len(rows) - 1)) for _ in range(2))
    deed = draw(st.sampled_from(("delete", "repeat", "swap", "indent", "dedent")))
    if deed == "delete":
        del rows[min(one, other) : max(one, other) + draw(st.integers(0, 1))]
    elif deed == "repeat":
        rows.insert(other, rows[one])
    elif deed == "swap":
        rows[one], rows[other] = rows[other], rows[one]
    elif deed == "indent":
        rows[one] = "  " + rows[one]
    else:
        rows[one] = rows[one].removeprefix("  ")
    return "".join(rows)


def words(draw: st.DrawFn, text: str) -> str:
    """Put something else, or a word of the file, in the place of a word."""
    found = [place for place, character in enumerate(text) if character in " ,{[:"] or [0]
    start = draw(st.sampled_from(found)) + 1
    end = next((place for place in range(start, len(text)) if text[place] in ",}]\n:"), len(text))
    word = draw(st.sampled_from(SCALARS) | st.sampled_from(text.replace(",", " ").split() or ["x"]))
    return f"{text[:start]} {word}{text[end:]}"


def characters(draw: st.DrawFn, text: str) -> str:
    """Put characters in, or cut the text off."""
    place = draw(st.integers(0, len(text)))
    added = draw(st.text(max_size=3) | st.sampled_from(list("{}[],:&*#?|-<>=!%@`'\"\\\t\r\n\0 \ufeff\u2028\ud800")))
    rest = draw(st.sampled_from((text[place:], text[place + 1 :], "")))
    return text[:place] + added + rest


def test_the_folder_is_good_before_anything_is_changed():
    dictionary, faults = outcome(dict(BASE))
    assert dictionary is not None
    assert faults == []


@FEW
@given(changed())
def test_a_changed_folder_is_read_or_refused_with_codes_and_places(files):
    outcome(files)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@MANY
@given(changed())
def test_thousands_of_changed_folders_are_read_or_refused(files):
    outcome(files)


@settings(FEW, max_examples=40)
@given(
    st.sampled_from(sorted(BASE)),
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
def test_any_bytes_are_read_or_refused(file, content):
    _, faults = outcome(BASE | {file: content})
    assert file == "units.yaml" or faults


INSP, STATE = "mappings/erp.insp.yaml", "codesets/state.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("dictionary.yaml", "draft", '"\\Uffffffff"', "DIC-101"),
        ("dictionary.yaml", "dictionary: small", f"%YAML {'9' * 5000}.1\n---\ndictionary: small", "DIC-101"),
        (STATE, "en: On", 'en: "\\ud800"', "DIC-101"),
        (STATE, "en: On", 'en: "\\0"', "DIC-101"),
        (STATE, '"2021-06-01", relationship', "2021-W05-6, relationship", "DIC-105"),
        (STATE, '"2021-06-01", relationship', "20210601, relationship", "DIC-105"),
        (STATE, "note: re-used", "note: \u202ere-used", "DIC-102"),
        (STATE, "unmapped: COD-201", "unmapped: COD-201  # \u2066", "DIC-102"),
        (INSP, 'by: "|"', 'by: ""', "DIC-104"),
        (INSP, "match: owner.id = owner_id", f"match: {'(' * 5000}owner.id = owner_id", "DIC-121"),
        ("fields.yaml", "string(5)", "string(99999999999999999999)", "DIC-105"),
        ("units.yaml", "5/9", "5/0", "DIC-105"),
        ("units.yaml", "5/9", "1e999999999", "DIC-105"),
        ("sources/erp.yaml", "Asia/Shanghai", "../../../etc/passwd", "DIC-105"),
        (INSP, '"1.5"}', '"1e999999999"}', "DIC-141"),
        (INSP, 'much: "-1.500000"', 'much: "1e999999999"', "DIC-141"),
        (INSP, "number: CLEAN(no)", f"number: CLEAN({'x' * 900_000})", "DIC-121"),
    ],
    ids=lambda value: ascii(value[:25]),
)
def test_what_was_a_crash_or_might_be_one(file, old, new, code):
    assert old in BASE[file]
    _, faults = outcome(BASE | {file: BASE[file].replace(old, new, 1)})
    assert code in {fault.code for fault in faults if fault.place.file == file}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("file", sorted(BASE))
def test_no_value_of_any_key_is_a_crash(file):
    text = BASE[file]
    for place in [place for place, character in enumerate(text) if text[place : place + 2] == ": "]:
        end = next((at for at in range(place + 2, len(text)) if text[at] in ",}]\n"), len(text))
        for scalar in SCALARS:
            outcome(BASE | {file: f"{text[: place + 2]}{scalar}{text[end:]}"})

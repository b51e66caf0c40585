"""Any text ends in a label or in a code, in a number of steps that grows with its length and no faster."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.errors import Refused
from transforms.expression.device_label import READING
from transforms.udi import Udi, parse, parse_udi
from transforms.udi.mod43 import check_character, is_in_alphabet


def completed(text: str) -> str:
    """Return `text` with the HIBCC check character, if it can have one."""
    return text + check_character(text) if is_in_alphabet(text) else text


# Texts near those that are labels: the characters and words of all forms.
WORDS = (
    *("01", "06901234567892", "10", "17", "270200", "21", "11", "26L01", "(", ")", "(01)", "(10)", "\x1d", "<GS>", "~"),
    *("+", "A9991234", "5", "/", "$", "$$", "$$+", "3", "200131", "14D", "16D", "S1", "Q5", "*", "_", " ", "%", "MA."),
    *(
        "156.M0.100761.21234561",
        ".L1",
        ".M260412",
        ".C3",
        "=",
        "=/",
        "&,1",
        "=+06000",
        "A9999XYZ100T0944",
        "AHM",
        "]C1",
    ),
    *("https://", "d.example", "/01/", "/10/", "?17=", "%2F", "&", "7003", "8008", "批", "１", "\n", "\x00", "\ud800"),
)
BEGINNINGS = (
    "",
    "0106901234567892",
    "(01)06901234567892",
    "https://d.example",
    "+A99912345",
    "MA.156.M0.100761.21234561",
    "=",
    "&",
)
WORDS_AT_RANDOM = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
NEAR = st.one_of(
    WORDS_AT_RANDOM,
    st.builds(str.__add__, st.sampled_from(BEGINNINGS), WORDS_AT_RANDOM),
    st.builds(str.__add__, st.sampled_from(BEGINNINGS), WORDS_AT_RANDOM).map(completed),
)


@settings(max_examples=1500)
@given(st.one_of(NEAR, st.text(max_size=80)))
@example("https://[")
@example("https://]/01/1")
def test_any_text_is_a_label_or_refused_with_a_code(text):
    result = outcome(text)
    assert result == outcome(text)
    if isinstance(result, Udi):
        assert result.raw == text
        assert all((result.di or result.link or result.whole, result.agency))
    else:
        assert result in READING


def outcome(text: str) -> Udi | str:
    """Return the label, or the code of its refusal; parsed anew, not from the cache."""
    try:
        return parse_udi.__wrapped__(text)
    except Refused as refused:
        return refused.code


# Each a label of n repetitions, or nearly one.
FAMILIES = {
    "digits": "1",
    "elements": "17270200",
    "lots": "10A\x1d",
    "separators": "\x1d",
    "parentheses": "(",
    "identifiers": "(10)",
    "path": "/01",
    "escapes": "%41",
    "parameters": "&17=270200",
    "slashes": "/S1",
    "dollars": "$",
    "units": ".L1",
    "structures": "=,000025",
    "blanks": " ",
    "GTINs in one lot": "1727020011260131",
}


def steps(text: str) -> int:
    """Return how many calls reading `text` takes."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        parse_udi.__wrapped__(text)
    except Refused:
        pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("word", FAMILIES.values(), ids=FAMILIES)
def test_steps_grow_with_the_length_and_no_faster(beginning, word):
    lengths = [parse.MAX_CHARACTERS // 4, parse.MAX_CHARACTERS // 2]
    short, long = (steps(beginning + word * ((length - len(beginning)) // len(word))) for length in lengths)
    assert long <= 2.2 * short + 200


def test_what_is_longer_than_any_label_is_not_even_looked_at():
    with pytest.raises(Refused, match="UDI-103"):
        parse_udi("0106901234567892" + "\x1d" * parse.MAX_CHARACTERS)
    assert steps("1" * 10_000_000) == steps("1" * (parse.MAX_CHARACTERS + 1))

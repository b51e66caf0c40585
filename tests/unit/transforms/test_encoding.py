"""Texts in a column of the wrong character set: read as what was written, or refused."""

from __future__ import annotations

import pytest

from transforms.errors import Refused
from transforms.value.encoding import MEANT, recoder

# The column's characters as MariaDB gives them: windows-1252, and control characters where that has none.
UNDEFINED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def as_latin1(data: bytes) -> str:
    return "".join(chr(byte) if byte in UNDEFINED else bytes([byte]).decode("cp1252") for byte in data)


def all_of(encoding: str) -> str:
    characters = map(chr, [*range(0xD800), *range(0xE000, 0x10000), 0x20BB7])
    return "".join(one for one in characters if is_in(encoding, one))


def is_in(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def test_gbk_in_latin1():
    assert recoder("latin1", "gbk")("ÈÃ²½½ÓÊÕ") == "让步接收"


@pytest.mark.parametrize("meant", MEANT)
def test_every_character_of_the_set_that_was_meant(meant):
    text = all_of(meant)
    assert len(text) > 13_000
    assert recoder("latin1", meant)(as_latin1(text.encode(meant))) == text


@pytest.mark.parametrize("text", ["", "A-1 ", "让".encode("gbk").decode("latin-1")])
def test_what_needs_no_table(text):
    assert recoder("latin1", "gbk")(text) in (text, "让")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("让", "U+8BA9 is no character of latin1"),  # written right by another application
        ("\ufffd", "U+FFFD is no character of latin1"),
        ("A\u0080", "U+0080 is no character of latin1"),
        ("AÈ", "bytes c8 at 2 are no gbk"),  # the column was too short for it
        ("ÿÿ", "bytes ff at 1 are no gbk"),
    ],
)
def test_what_is_no_such_text_is_refused(text, told):
    with pytest.raises(Refused) as refused:
        recoder("latin1", "gbk")(text)
    assert (refused.value.code, refused.value.detail) == ("ENC-101", told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RECODE(t1, 'latin2', 'gbk')", "one of latin1 is wanted here"),
        ("RECODE(t1, 'latin1', 'klingon')", "one of gbk, gb18030, big5, utf8 is wanted here"),
        ("RECODE(t1, t2, 'gbk')", "RECODE needs the character sets in quotes"),
        ("RECODE(t1, 'gbk')", "write RECODE(text, 'latin1', 'gbk')"),
        ("RECODE(i1, 'latin1', 'gbk')", "text is wanted here"),
    ],
)
def test_faults_are_told(expressions, text, told):
    assert told in expressions.fault(text).message

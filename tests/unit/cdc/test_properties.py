"""Files of properties are read as Java reads them. What is expected here was read by `java.util.Properties` (17)."""

from __future__ import annotations

import pytest

from cdc.properties import read_properties


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=b", {"a": "b"}),
        ("a = b ", {"a": "b "}),
        (" a\t:\tb\r\nc d", {"a": "b", "c": "d"}),
        ("# x=y\n  ! x=y\n\na=1", {"a": "1"}),
        ("a=1\na=2", {"a": "2"}),
        ("a==b=c", {"a": "=b=c"}),
        ("a", {"a": ""}),
        (r"a=back\\slash", {"a": r"back\slash"}),
        (r"a=\q\=\:\#\ ", {"a": "q=:# "}),
        (r"a=\t\n\r\f", {"a": "\t\n\r\f"}),
        (r"a=\u652f\u67B6", {"a": "支架"}),
        ("a=支架", {"a": "支架"}),
        (r"a\ b\:c=d", {"a b:c": "d"}),
        ("a=one\\\n   two", {"a": "onetwo"}),
        ("a=one\\\\\n   two=2", {"a": "one\\", "two": "2"}),
        ("a=one\\\n# not a comment", {"a": "one# not a comment"}),
        ("", {}),
    ],
)
def test_a_file_reads_as_in_java(text: str, found: dict[str, str]) -> None:
    assert read_properties(text) == found


def test_what_java_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="four digits"):
        read_properties(r"a=\u12")

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.stream.image import has_names, read_image

NAMES = st.text(alphabet='ab":\\\\,{} 泵', max_size=4)
VALUES = NAMES | st.none() | st.integers() | st.lists(NAMES, max_size=2)


def spelled(pairs: list[tuple[str, Any]]) -> bytes:
    """Return an object in the form of JsonConverter, whatever its names are."""
    return ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_an_image_is_read_if_each_name_stands_once(pairs: list[tuple[str, Any]]) -> None:
    image, once = spelled(pairs), len(dict(pairs)) == len(pairs)
    if once:
        assert read_image(image) == dict(pairs)
    else:
        with pytest.raises(ValueError, match="twice"):
            read_image(image)
    if not any(name.endswith("\\") for name, _ in pairs):
        assert once or not has_names(image, len(dict(pairs)))


def test_names_of_plain_images_are_counted() -> None:
    pairs = [("id", 1), ("note", 'a "b": c\\'), ("泵", None)]
    assert has_names(spelled(pairs), 3)
    assert not has_names(spelled([*pairs, ("id", 2)]), 3)


def test_a_number_is_kept_as_it_is_spelled() -> None:
    image = read_image(b'{"a": 1e400, "b": 0.10000000000000000001, "c": -0.0, "d": 18446744073709551616}')
    assert list(map(str, image.values())) == ["1E+400", "0.10000000000000000001", "-0.0", "18446744073709551616"]
    assert isinstance(image["a"], Decimal)


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"null",
        b"[]",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\x01"}',
        b'{"a": 1} 2',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_anything_else_is_no_image(image: bytes) -> None:
    with pytest.raises(ValueError, match=r"not |codec"):
        read_image(image)


def test_a_depth_that_only_one_of_two_readers_takes_is_no_image() -> None:
    for depth in range(100, 1100, 50):
        with suppress(ValueError):
            read_image(b'{"a" :' + b"[" * depth + b"]" * depth + b"}")

from __future__ import annotations

import pytest

from cdc.land.contract.widening import is_widening


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("smallint", "integer"),
        ("smallint", "bigint"),
        ("integer", "bigint"),
        ("character varying(20)", "character varying(40)"),
        ("character varying(20)", "character varying"),
        ("character varying(20)", "text"),
        ("character varying", "text"),
        ("numeric(10,2)", "numeric(12,2)"),
    ],
)
def test_a_type_is_widened_one_way(old: str, new: str) -> None:
    assert is_widening(old, new)
    assert not is_widening(new, old)
    assert not is_widening(old, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("numeric(10,2)", "numeric(12,4)"),
        ("numeric(12,4)", "numeric(13,2)"),
        ("numeric(10,2)", "numeric"),
        ("integer", "numeric(20,0)"),
        ("character(20)", "character(40)"),
        ("character(20)", "text"),
        ("timestamp without time zone", "date"),
        ("date", "integer"),
        ("character varying(20)[]", "character varying(40)[]"),
        ("real", "double precision"),
    ],
)
def test_no_other_type_is_wider(old: str, new: str) -> None:
    assert not is_widening(old, new)

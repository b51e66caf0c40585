"""Types that the catalogues of both products print, and what becomes of them."""

from __future__ import annotations

import pytest

from cdc.capture.types import is_decoder, is_mirror_type
from cdc.capture.types_mariadb import of_mariadb
from cdc.capture.types_postgresql import SourceType, needs_full, of_postgresql
from cdc.errors import FatalError


def of_catalogue(text: str, declared: str = "") -> SourceType:
    return SourceType(text, declared or text, "b", "pg_catalog", text.partition("(")[0])


@pytest.mark.parametrize(
    ("text", "mirror_type", "decoder"),
    [
        ("numeric(5,-2)", "numeric(5,-2)", "decimal"),
        ("timestamp(3) without time zone", "timestamp(3) without time zone", "timestamp_us"),
        ('"char"', "text", "text"),
        ("money", "numeric(19,2)", "decimal"),
        ("xid8", "numeric(20,0)", "text_hex"),
        ("bit(10)", "bit(10)", "bit:10"),
        ("bit", "bit(1)", "bit:1"),
        ("interval second(3)", "interval", "interval"),
        ("oid[]", "bigint[]", "array:int"),
        ("character varying(5)[]", "character varying(5)[]", "array:text"),
        ("jsonb[]", "jsonb[]", "array:json"),
    ],
)
def test_a_type_of_postgresql(text: str, mirror_type: str, decoder: str) -> None:
    found = of_postgresql(of_catalogue(text), "s.t.c")
    assert (found.mirror_type, found.decoder) == (mirror_type, decoder)
    assert is_mirror_type(mirror_type)
    assert is_decoder(decoder)


@pytest.mark.parametrize(
    ("kind", "name", "mirror_type", "decoder"),
    [
        ("e", "mood", "text", "enum"),
        ("c", "address", "text", "text_hex"),
        ("b", "hstore", "jsonb", "hstore"),
        ("b", "citext", "text", "text"),
        ("b", "cube", "text", "text_hex"),
        ("r", "floatrange", "text", "text_hex"),
    ],
)
def test_a_type_that_somebody_made(kind: str, name: str, mirror_type: str, decoder: str) -> None:
    found = of_postgresql(SourceType(f"public.{name}", f"public.{name}", kind, "public", name), "s.t.c")
    assert (found.mirror_type, found.decoder) == (mirror_type, decoder)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("time with time zone", "SRC-202"),
        ("bit varying(5)", "SRC-202"),
        ("time without time zone[]", "SRC-202"),
        ("interval[]", "SRC-202"),
        ("int2vector", "SRC-201"),
        ("regclass", "SRC-201"),
    ],
)
def test_what_does_not_arrive_as_it_is_is_refused(text: str, code: str) -> None:
    with pytest.raises(FatalError, match=code):
        of_postgresql(of_catalogue(text), "s.t.c")


def test_arrays_of_what_somebody_made_are_refused_but_for_enums() -> None:
    assert (
        of_postgresql(SourceType("public.mood[]", "public.mood[]", "e", "public", "mood"), "p").decoder == "array:enum"
    )
    for kind, name in (("c", "address"), ("d", "positive"), ("b", "hstore")):
        with pytest.raises(FatalError, match="SRC-202"):
            of_postgresql(SourceType(f"public.{name}[]", f"public.{name}[]", kind, "public", name), "s.t.c")


@pytest.mark.parametrize(
    ("text", "declared", "decoder", "needs"),
    [
        ("text", "", "text", False),
        ("integer[]", "", "array:int", False),
        ("date[]", "", "array:date", False),
        ("character varying(9)[]", "", "array:text", False),
        ("smallint[]", "", "array:int", True),
        ("numeric(5,2)[]", "", "array:decimal", True),
        ("timestamp with time zone[]", "", "array:timestamptz_iso", True),
        # The log names the domain, and the log reader does not look what it is of.
        ("integer[]", "public.numbers", "array:int", True),
        ("bit(128)", "", "bit:128", False),
        ("bit(129)", "", "bit:129", True),
        ("path", "", "path", True),
    ],
)
def test_where_a_long_value_that_an_update_leaves_alone_has_to_be_in_the_log(
    text: str, declared: str, decoder: str, needs: bool
) -> None:
    assert needs_full(of_catalogue(text, declared), decoder) is needs


@pytest.mark.parametrize(
    ("column_type", "charset", "reason"),
    [
        ("uuid", None, "drops zero bytes"),
        ("varchar(100) /*M!100301 COMPRESSED*/", "utf8mb4", "COMPRESSED"),
        ("timestamp /* mariadb-5.3 */", None, "mariadb-5.3"),
        (r"enum('a\b','c')", "gbk", "alters members"),
        ("set('a\nb')", "gbk", "alters members"),
        ("enum('?')", "utf8mb4", "alters members"),
    ],
)
def test_a_type_of_mariadb_that_is_altered(column_type: str, charset: str | None, reason: str) -> None:
    with pytest.raises(FatalError, match=f"(?s)SRC-202.*{reason}"):
        of_mariadb(column_type, "s.t.c", charset)


def test_members_of_mariadb_that_arrive() -> None:
    for column_type, charset in (("enum('it''s','x,y','/* no */')", "utf8mb4"), ("set('?')", "gbk")):
        assert of_mariadb(column_type, "s.t.c", charset).mirror_type == "text"


def test_geometries_of_mariadb_are_kept_as_its_own_bytes() -> None:
    assert of_mariadb("multipolygon", "s.t.c").mirror_type == "bytea"

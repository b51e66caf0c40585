"""A label made of parts says these parts again, in every form that GS1 has."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from transforms.udi import parse_udi
from transforms.value.gs1 import check_digit

SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
FIXED = ("11", "17")

gtins = st.from_regex(r"[0-9]{13}", fullmatch=True).map(lambda payload: payload + check_digit(payload))
numbers = st.text(SET_82, min_size=1, max_size=20)
days = st.dates(date(1977, 1, 1), date(2076, 12, 31))  # what two digits can say in 2026


@st.composite
def labels(draw, number=numbers) -> dict[str, str]:
    """Return the elements of a label by identifier, (01) first."""
    parts = {"01": draw(gtins)}
    for ai, values in (("11", days), ("17", days), ("10", number), ("21", number), ("8012", number)):
        if draw(st.booleans()):
            value = draw(values)
            parts[ai] = f"{value:%y%m%d}" if isinstance(value, date) else value
    return parts


def check(text: str, parts: dict[str, str]) -> None:
    udi = parse_udi(text)
    assert dict(udi.elements) == parts
    assert (udi.di, udi.lot, udi.serial, udi.software) == (
        parts["01"],
        *(parts.get(ai) for ai in ("10", "21", "8012")),
    )
    for ai, day in (("11", udi.made), ("17", udi.expiry)):
        assert (f"{day.on(2026):%y%m%d}" if day else None) == parts.get(ai)


@given(labels(), st.sampled_from(["\x1d", "{GS}", "~", "^", "|", " "]), st.sampled_from(["", "]C1", "]d2"]), st.data())
def test_scanned(parts, separator, symbology, data):
    order = ["01", *data.draw(st.permutations([ai for ai in parts if ai != "01"]))]
    ends = ["" if ai in ("01", *FIXED) else separator for ai in order]
    check(symbology + "".join(ai + parts[ai] + end for ai, end in zip(order, ends, strict=True)), parts)


@given(labels(st.text(SET_82.replace("(", "").replace(")", ""), min_size=1, max_size=20)))
def test_printed(parts):
    check("".join(f"({ai}){value}" for ai, value in parts.items()), parts)


@given(labels())
def test_as_a_web_address(parts):
    path = "".join(f"/{ai}/{quote(parts[ai], safe='')}" for ai in ("01", "10", "21") if ai in parts)
    query = "&".join(f"{ai}={quote(parts[ai], safe='')}" for ai in ("11", "17", "8012") if ai in parts)
    check(f"https://d.example/shop{path}?{query}", parts)


@given(labels())
def test_without_separators_nothing_is_lost_silently(parts):
    """Numbers that run together are read as one, and warned about unless what follows is no element."""
    numbers_of = [ai for ai in parts if ai not in ("01", *FIXED)]
    text = "".join(ai + parts[ai] for ai in ("01", *FIXED, "10", "21") if ai in parts)
    if "<GS>" in text or not {"10", "21"} <= {*numbers_of} or len(parts["10"] + parts["21"]) > 18:
        return
    udi = parse_udi(text)
    assert udi.lot == f"{parts['10']}21{parts['21']}"
    assert udi.warnings == ("UDI-W07",)

"""The page as a browser takes it: links that lead somewhere, nothing from outside, texts that stay texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.unit.transforms.site.parsed import parse
from transforms.load import load
from transforms.review.site import Signature, Standing, describe, render
from transforms.review.site.render import breakable, seen

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "<!-- {{ 7 * 7 }} {% raw %} ${x} `",
    "&lt;b&gt; &amp;amp; \u2028 \u202e ]]>",
    "</style><style>*{display:none}",
)


@pytest.fixture(scope="module")
def packaged():
    return parse(render(describe(load())))


@pytest.fixture
def page(plant):
    return parse(render(describe(plant.load())))


@pytest.fixture(params=["packaged", "page"])
def any_page(request):
    return request.getfixturevalue(request.param)


def test_every_link_leads_to_one_place_of_the_page(any_page):
    ids = [element.attributes["id"] for element in any_page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [element.attributes["href"] for element in any_page.all("a")]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert all(link.startswith("#") for link in links)


def test_nothing_comes_from_outside(any_page):
    for element in any_page.all():
        assert element.tag not in {"link", "img", "iframe", "object", "embed", "base", "source", "video", "audio"}
        assert not {"src", "srcset", "style", "background", "action"} & element.attributes.keys()
        assert not [name for name in element.attributes if name.startswith("on")]
    style, script = any_page.one("style").text, any_page.one("script").text
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(|innerHTML|document\.write|eval\(", script)


def test_the_browser_runs_this_script_and_loads_nothing(any_page):
    policy = any_page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]

    def hashed(tag):
        return base64.b64encode(hashlib.sha256(any_page.one(tag).text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashed('style')}'; script-src 'sha256-{hashed('script')}'; "
        "base-uri 'none'"
    )


def test_every_table_has_a_cell_for_each_heading(any_page):
    """On a phone a cell carries its heading itself."""
    tables = list(any_page.all("table"))
    assert tables
    style = any_page.one("style").text
    for table in tables:
        heads = [head.text for head in table.all("th")]
        for row in (row for body in table.all("tbody") for row in body.all("tr")):
            cells = list(row.all("td"))
            assert len(cells) == len(heads)
            for cell, head in zip(cells, heads, strict=True):
                assert head.startswith(cell.attributes["data-zh"])
                assert cell.attributes["data-en"] in head
        for head in (head for head in table.all("th") if "class" in head.attributes):
            assert f".{head.attributes['class']} {{" in style


def test_what_can_be_found_has_a_name_and_a_kind_that_the_script_knows(any_page):
    known = set(re.findall(r'["]?([a-z-]+)["]?: \["', any_page.one("script").text))
    entries = [element for element in any_page.all() if "data-kind" in element.attributes]
    assert entries
    for entry in entries:
        assert entry.attributes["data-kind"] in known
        assert entry.attributes["data-name"]
        assert entry.attributes["id"]


def test_a_column_a_field_and_a_code_can_be_linked(packaged):
    for anchor in (
        "rule/mes.mes_lot/trace.material_lot/status",
        *("column/trace.material_lot/status", "field/lot_status", "codeset/lot_status", "code/lot_status/RELEASED"),
        *("unit/MMT", "error/COD-201", "mapping/mes.mes_lot", "source-column/mes.mes_lot/status", "table/trace.party"),
    ):
        packaged.one(id=anchor)


def test_a_row_shows_all_that_a_steward_asks_for(packaged):
    row = packaged.one("tr", id="rule/mes.mes_lot/trace.material_lot/status")
    column, label, sources, rule, code_set, error, example = (cell.text for cell in row.all("td"))
    assert column.startswith("status")
    assert label == "批次状态 Lot status"
    assert (sources, rule, code_set) == ("status", "status", "lot_status")
    assert "COD-201" in error
    assert "代码未登记" in error
    assert example == "status ok→ RELEASED 合格放行 Released"


def test_it_says_which_version_it_is_and_who_has_signed(plant):
    dictionary = plant.load()
    signed = Signature("li", "quality", "approval", "2026-01-31T00:00:00+00:00", None)
    void = Signature("wu", "author", "authorship", "2026-01-30T00:00:00+00:00", "not of this content")
    text = parse(render(describe(dictionary, Standing((signed, void), ("no valid signature by role author",))))).one(
        id="overview"
    ).text  # fmt: skip
    for part in ("small", "draft", dictionary.digest, "li", "approval", "not of this content", "by role author"):
        assert part in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_texts_wherever_they_stand(plant, text):
    """In labels, definitions, codes, units, names of examples and of source columns, rules, notes and errors."""
    quoted = json.dumps(text)
    sql = json.dumps('"' + text.replace('"', '""') + '"')
    plain = render(describe(plant.load()))
    plant.replace("fields.yaml", "{zh: 状态, en: State}", f"{{zh: {quoted}, en: {quoted}}}")
    plant.replace("fields.yaml", "How hot.", quoted).replace("fields.yaml", "owner: lab", f"owner: {quoted}")
    plant.replace("codesets/state.yaml", '{system: erp, code: "1"', f"{{system: erp, code: {quoted}")
    plant.replace("codesets/state.yaml", "re-used code", quoted)
    plant.replace("units.yaml", "PCS", quoted)
    plant.replace("errors.yaml", "cause: c.", f"cause: {quoted}")
    plant.replace("mappings/erp.parts.yaml", 'state: "1"', f"state: {quoted}")
    plant.replace("mappings/erp.parts.yaml", "name: two tops", f"name: {quoted}")
    plant.replace("mappings/erp.parts.yaml", "R1: text", f"{quoted}: text").replace(
        "mappings/erp.parts.yaml", "value: R1", f"value: {sql}"
    ).replace("mappings/erp.parts.yaml", "R1: a", f"{quoted}: a")
    hostile = render(describe(plant.load()))
    before, after = parse(plain), parse(hostile)
    assert [element.tag for element in after.all() if element.tag not in ("wbr", "i")] == [
        element.tag for element in before.all() if element.tag not in ("wbr", "i")
    ]
    assert after.text.count(text) >= 8
    assert after.one("script").text == before.one("script").text


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)


@given(TEXTS)
def test_a_value_is_shown_with_all_of_its_characters(text):
    shown = parse(str(seen(text)))
    back = "".join(child if isinstance(child, str) else "?" for child in shown.children)
    for character in back.replace("?", ""):
        assert character in text
    assert "<" not in str(seen(text)).replace('<i class="blank">', "").replace("</i>", "")


@given(TEXTS)
def test_a_name_that_may_be_broken_is_the_name(text):
    assert parse(str(breakable(text))).text == parse(str(Markup.escape(text))).text


def test_blanks_and_characters_without_a_shape_are_seen():
    assert str(seen(" a  b\u3000\t")) == (
        '<i class="blank">·</i>a <i class="blank">·</i>b\u3000<i class="blank">U+0009</i>'
    )
    assert str(seen("x\u3000")) == 'x<i class="blank">□</i>'


def test_the_same_dictionary_gives_the_same_page(plant):
    assert render(describe(plant.load())) == render(describe(plant.load()))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("fields.yaml", "{zh: 批号, en: Lot}", "{zh: 生产批次, en: Batch}"),
        ("codesets/state.yaml", 'code: "1", to: ON', 'code: "1", to: ON, valid_from: "1999-01-01"'),
        ("units.yaml", 'factor: "5/9"', 'factor: "50/90"'),
        ("errors.yaml", "zh: 提示", "zh: 请看"),
        ("mappings/mes.unit.yaml", "seq: n", "seq: n + 0"),
    ],
)
def test_what_changes_in_a_file_changes_on_the_page(plant, file, old, new):
    before = parse(render(describe(plant.load()))).text
    after = parse(render(describe(plant.replace(file, old, new).load()))).text
    assert before != after
    digests = re.findall(r"[0-9a-f]{64}", before + after)
    assert before.replace(digests[0], "") != after.replace(digests[1], "") or file == "units.yaml"


def test_what_happens_to_an_example_later_is_shown_below_it(page):
    texts = [" ".join(row.text.split()) for row in page.one("section", id="mappings").all("tr")]
    (deleted,) = (place for place, text in enumerate(texts) if "the source deletes the row" in text)
    assert "has left:" in texts[deleted]
    assert "stays, marked as deleted:" in texts[deleted]
    assert "the source has the row again" in texts[deleted + 1]
    assert "stays as it was:" not in texts[deleted]


def test_what_was_said_of_a_folded_row_and_not_taken_is_shown(page):
    both, gone, held = page.one("section", id="tables").all("tr", data_kind="fold-example")
    assert "(deleted since)" in both.text
    assert "said and not taken:" in both.text
    assert "said and not taken:" not in gone.text
    assert "marked as deleted:" in gone.text
    assert "REQ-101" in held.text

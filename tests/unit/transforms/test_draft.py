"""Drafts of mappings: how names are taken apart, what values show, and that whatever is drafted loads."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.local.env import REPO
from transforms.draft.draft import Drafter, Unmappable
from transforms.draft.guess import Guesser, Known
from transforms.draft.lookup import lookups_of
from transforms.draft.table import ForeignKey, Sample, SourceColumn, SourceTable, written
from transforms.draft.text import DraftText
from transforms.draft.values import codes_in, describe, nothing_in
from transforms.draft.words import snake, words_of
from transforms.load import load, read

SMALL = REPO / "tests" / "scaffold"
ZONE = "Asia/Shanghai"
KNOWN = Known(load(SMALL))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("FBatchNo", {"lot", "no"}),
        ("lotno", {"lot", "no"}),
        ("F_UDIDI", {"udi", "identifier"}),
        ("生产批号", {"manufacture", "lot"}),
        ("物料代码", {"material", "no"}),
        ("cInvCode", {"material", "no"}),
        ("MFG_DATE", {"manufacture", "date"}),
        ("xyzzy", {"xyzzy"}),
        ("", set()),
    ],
)
def test_names_are_taken_apart_into_words_that_mean_the_same(name: str, words: set[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("name", "canonical"), [("FDCStockID", "dc_stock_id"), ("t_ICItem", "t_ic_item"), ("101", "x_101"), ("批号", "")]
)
def test_a_canonical_name_is_of_lower_case_letters(name: str, canonical: str) -> None:
    assert snake(name) == canonical


@pytest.mark.parametrize(
    ("name", "shown"), [("FBatchNo", "FBatchNo"), ("select", '"select"'), ("no 1", '"no 1"'), ('a"b', '"a""b"')]
)
def test_a_name_is_quoted_where_an_expression_needs_it(name: str, shown: str) -> None:
    assert written(name) == shown


def column(name: str, kind: str = "text", comment: str = "") -> SourceColumn:
    return SourceColumn(name, kind, kind, comment=comment)


def guess(*columns: SourceColumn, sample: Sample | None = None, table: str = "t", source: str = "mes") -> Any:
    rows = SourceTable(source, table, (columns[0].name,), columns)
    return Guesser(KNOWN, rows, sample or Sample(), ZONE).best(columns[0])


def test_a_comment_says_what_a_name_does_not() -> None:
    assert guess(column("F_101")) is None
    found = guess(column("F_101", comment="生产批号（批次）"))
    assert (found.name, found.rule) == ("lot_number", "CLEAN(F_101)")
    assert "comment 生产批号（批次）" in found.reasons[0]


def test_the_table_says_whose_status_it_is() -> None:
    assert guess(column("status"), table="mes_lot").name == "lot_status"
    assert guess(column("status"), table="mes_wo").name == "job_order_state"


def test_a_gtin_is_one_whatever_the_column_is_called() -> None:
    values = Sample(30, None, {"x": ["6901234567892"] * 30}, {"x": 13})
    assert guess(column("x"), sample=values).name == "udi_di"
    wrong = Sample(30, None, {"x": ["6901234567890"] * 30}, {"x": 13})
    assert guess(column("x"), sample=wrong) is None


def test_registered_codes_tell_the_field() -> None:
    values = Sample(40, None, {"zt": ["OK", "hold "] * 20}, {"zt": 5})
    assert guess(column("zt"), sample=values).name == "lot_status"


def test_a_rule_that_most_values_fail_is_no_guess() -> None:
    values = Sample(40, None, {"lot_no": ["生产批号 26"] * 40}, {"lot_no": 7})
    assert guess(column("lot_no"), sample=values) is None


def test_a_foreign_key_is_followed_whatever_it_is_called() -> None:
    columns = (column("a", "integer"), column("zzz", "integer"))
    table = SourceTable("mes", "t", ("a",), columns, (ForeignKey("zzz", "other", "k"),))
    other = SourceTable("mes", "other", ("k",), (column("k", "integer"),))
    (found,) = lookups_of(table, (table, other), KNOWN, lambda _column, _other: None, ZONE)
    assert (found.column, found.table.name, found.reasons) == (
        "zzz",
        "other",
        ("foreign key of the source to mes.other.k",),
    )
    assert lookups_of(table, (table, other), KNOWN, lambda _column, _other: (1, 10), ZONE) == ()


def test_values_show_their_form_and_not_themselves() -> None:
    sample = Sample(4, None, {"n": ["李四 12", "张三 13", None, "-"]}, {"n": 5})
    assert describe(column("n"), sample, show=False) == "75 % filled, 3 distinct, longest 5, form 字字 99 (67 %)"
    assert "李四" in describe(column("n"), sample, show=True)
    assert nothing_in(sample) == {"-": 1}


@pytest.mark.parametrize("name", ["operator", "released_by", "FContact", "联系人", "patient", "user_id", "phone"])
def test_what_is_about_people_is_no_code_list(name: str) -> None:
    sample = Sample(40, None, {name: ["A", "B"] * 20}, {name: 1})
    assert codes_in(column(name), sample) == {}
    assert codes_in(column("kind"), Sample(40, None, {"kind": ["A", "B"] * 20}, {"kind": 1})) == {"A": 20, "B": 20}


def test_telephone_numbers_and_many_values_are_no_code_list() -> None:
    numbers = Sample(40, None, {"x": ["13800000001", "13800000002"] * 20}, {"x": 11})
    assert codes_in(column("x"), numbers) == {}
    many = Sample(40, None, {"x": [f"A{number}" for number in range(40)]}, {"x": 3})
    assert codes_in(column("x"), many) == {}


CODES = {
    code: {"kind": "row", "label": {"zh": "t", "en": "t"}, "cause": "c", "action": "a", "owner": "o"}
    for code in sorted(KNOWN.dictionary.mappings[0].codes)
    + [*("NUM-101", "DAT-101", "COD-201", "LOT-101", "UOM-201", "UOM-202", "UOM-203", "REF-302")]
    + [f"UDI-{number}" for number in range(101, 113)]
}
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=12),
    "character varying(20)": st.sampled_from(["OK", "HOLD", "NG", "-", "26A1", "6901234567892", 'a"b', "x: y #z"]),
    "character(8)": st.text("ab ", max_size=8),
    "integer": st.integers(-5, 5),
    "numeric(18,4)": st.decimals(-9, 9, places=4),
    "boolean": st.booleans(),
    "date": st.dates(date(1990, 1, 1), date(2050, 1, 1)),
    "timestamp without time zone": st.datetimes(datetime(1995, 1, 1), datetime(2050, 1, 1)),  # noqa: DTZ001
    "timestamp with time zone": st.datetimes(datetime(1995, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "uuid": st.just(None),
    "numeric": st.sampled_from([Decimal("NaN"), Decimal(1), Decimal("1.5")]),
}
PARTS = [*("lot", "no", "F", "Batch", "status", "qty", "uom", "item", "date"), *"12_ \"'#:}", "批号"]
NAMES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join).filter(str.strip)


@st.composite
def tables(draw: st.DrawFn) -> tuple[SourceTable, Sample]:
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    kinds = [draw(st.sampled_from(sorted(TYPES))) for _ in names]
    comments = [draw(st.text(max_size=10) | st.sampled_from(["生产批号", "数量\n# x: y"])) for _ in names]
    columns = tuple(
        SourceColumn(name, kind, kind, comment=comment)
        for name, kind, comment in zip(names, kinds, comments, strict=True)
    )
    key = tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)))
    rows = draw(st.integers(0, 40))
    values = {
        column.name: [draw(st.none() | TYPES[column.mirror_type]) for _ in range(min(rows, 3))] * (rows // 3)
        for column in columns
        if column.declared
    }
    count = len(next(iter(values.values()), []))
    return SourceTable("mes", draw(st.sampled_from(["t", "mes_lot", "批次 表", "x: #1"])), key, columns), Sample(
        count, None, values, dict.fromkeys(values, 12)
    )


@given(found=tables(), show=st.booleans())
@settings(deadline=None, max_examples=40)
def test_whatever_is_drafted_loads_but_for_its_example(
    found: tuple[SourceTable, Sample], show: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table, sample = found
    try:
        draft = Drafter(KNOWN, (table,), ZONE).draft(table, sample, lambda _column, _other: None)
    except Unmappable:
        return
    folder = Path(shutil.copytree(SMALL, tmp_path_factory.mktemp("draft") / "dictionary"))
    (folder / "errors.yaml").write_text(json.dumps(CODES), encoding="utf-8")  # a few are read sooner than all that ship
    for path, text in DraftText(KNOWN.dictionary, show).files(draft).items():
        (folder / path).write_text(text, encoding="utf-8")
    _, faults = read(folder)
    assert [fault.code for fault in faults] == ["DIC-142"], faults

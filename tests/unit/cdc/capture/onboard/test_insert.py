"""A table is put into a connector file that people have written: comments stay, and no other line changes."""

from __future__ import annotations

import pytest
import yaml

from cdc.capture.onboard.insert import insert_policy, insert_table, place_among
from cdc.errors import FatalError

FILE = """\
# The MES.
kind: postgresql
tables:   # parents first
  - public.a   # the first
  # b has no key
  - table: public.b
    key: [x,
      y]
    # of b, too

  - {table: public.c, key: none}   # one line
# behind the tables

drift: {column_added: halt}
"""
ENTRY = ["  # why", "  - table: public.new", "    without: [geom]"]


@pytest.mark.parametrize("index", range(4))
def test_only_lines_of_the_new_table_are_added(index: int) -> None:
    text = insert_table("mes.yaml", FILE, ENTRY, index)
    before, after = FILE.splitlines(), text.splitlines()
    at = after.index("  # why")
    assert after[at : at + 3] == ENTRY
    assert after[:at] + after[at + 3 :] == before
    tables = yaml.safe_load(FILE)["tables"]
    assert yaml.safe_load(text)["tables"] == [
        *tables[:index],
        {"table": "public.new", "without": ["geom"]},
        *tables[index:],
    ]


def test_it_stands_before_the_comment_of_the_table_behind_it() -> None:
    lines = insert_table("mes.yaml", FILE, ENTRY, 1).splitlines()
    assert lines[lines.index("  # b has no key") - 1] == "    without: [geom]"


@pytest.mark.parametrize("text", ["tables:\n- a\n- b\n", "tables:\n- a\n- b", "tables:\n    - a\n    - b\n\n# end\n"])
def test_it_is_indented_as_the_others_are(text: str) -> None:
    assert yaml.safe_load(insert_table("erp.yaml", text, ["  - table: n", "    key: none"], 2))["tables"] == [
        *("a", "b"),
        {"table": "n", "key": "none"},
    ]


@pytest.mark.parametrize("text", ["tables: [a, b]\n", "tables:\n  [a,\n   b]\n", "tables: []\n", "tables:\n  - - a\n"])
def test_a_list_without_a_line_for_each_table_is_left_alone(text: str) -> None:
    if "- -" in text:
        assert insert_table("erp.yaml", text, ["  - n"], 1) == f"{text}  - n\n"
        return
    with pytest.raises(FatalError, match=r"^SRC-353 .*erp\.yaml:[12]$"):
        insert_table("erp.yaml", text, ["  - n"], 0)


def test_a_policy_stands_before_the_tables() -> None:
    text = insert_policy("erp.yaml", "kind: mariadb\n# parents first\ntables:\n  - a\n", ["zero_dates: as_null"])
    assert text == "kind: mariadb\nzero_dates: as_null\n# parents first\ntables:\n  - a\n"


@pytest.mark.parametrize(
    ("parents", "children", "index"),
    [("", "", 3), ("a", "", 3), ("", "b c", 1), ("a", "c", 2), ("c", "a", 3), ("b", "a c", 2)],
)
def test_it_stands_behind_its_parents_and_before_its_children(parents: str, children: str, index: int) -> None:
    tables = [("", name) for name in "abc"]
    wanted = ({("", name) for name in names.split()} for names in (parents, children))
    assert place_among(tables, *wanted) == index

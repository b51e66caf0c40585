"""What a DBA's script printed becomes tables, contracts and decisions; a file that was cut off does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.capture.contract import from_document, to_document
from cdc.capture.onboard.catalogue_file import read_catalogue_file
from cdc.capture.onboard.decision import Plan
from cdc.capture.onboard.file import header, text_of
from cdc.capture.onboard.plan import Choice, plan
from cdc.capture.source import Source
from cdc.errors import FatalError
from compose.local.env import REPO

SQLSERVER = """\
cdc-catalogue|1|sqlserver|ERP
table|dbo|Line|5000|81920|
table|dbo|Order|100|8192|
table|dbo|Log|||
table|dbo|Mem|0|0|is memory-optimised
table|sales|order|7|8192|
column|dbo|Order|id|int|0|0|0
column|dbo|Order|place|geography|1|0|0
column|dbo|Line|order id|int|0|0|0
column|dbo|Line|no|smallint|0|0|0
column|dbo|Line|qty|decimal(18,4)|1|0|1
column|dbo|Line|total|decimal(18,4)|1|1|0
column|dbo|Log|text|nvarchar(max)|1|0|0
column|sales|order|id|int|0|0|0
primary|dbo|Order|PK|id
unique|dbo|Line|UX|order id
unique|dbo|Line|UX|no
parent|dbo|Line|dbo|Order
end|18
"""
ORACLE = """\
cdc-catalogue|1|oracle|ERPPDB
table|ERP|PART|10|100|
table|ERP|DOC|10|100|
column|ERP|PART|ID|NUMBER(10,0)|0|0|0
column|ERP|PART|MADE|TIMESTAMP(6)|1|0|0
column|ERP|PART|LIFE|INTERVAL DAY(2) TO SECOND(6)|1|0|0
column|ERP|DOC|ID|NUMBER|0|0|0
column|ERP|DOC|BODY|XMLTYPE|1|0|0
primary|ERP|PART|PK|ID
primary|ERP|DOC|PK2|ID
end|10
"""


def planned(folder: Path, text: str) -> Plan:
    file = folder / "db.catalogue"
    file.write_text(text.replace("|", "\t"), encoding="utf-8")
    given = read_catalogue_file(file)
    source = Source("erp", given.kind, "h", "1", given.database, "u", "${env:P}", "running", ())
    return plan(source, given, Choice())


def test_tables_come_parents_first_with_a_contract_each(tmp_path: Path) -> None:
    made = planned(tmp_path, SQLSERVER)
    assert [table.name for table in made.source.tables] == ["Log", "Order", "Line"]
    contracts = {contract.table: contract for contract in made.contracts}
    assert contracts["Line"].key == ("order id", "no")
    assert contracts["Line"].omitted == ("total",)
    assert contracts["Order"].without == ("place",)
    assert contracts["Log"].key_origin == "rows"
    assert [from_document(to_document(one), "f") for one in made.contracts] == list(made.contracts)


def test_every_decision_has_its_code_and_stands_in_the_file(tmp_path: Path) -> None:
    made = planned(tmp_path, SQLSERVER)
    assert {(one.table, one.what, one.code) for one in made.decisions} == {
        ("dbo.Mem", "left out", "SRC-120"),
        ("sales.order", "left out", "SRC-101"),
        ("dbo.Log", "key none", "SRC-121"),
        ("dbo.Order", "without place", "SRC-201"),
        ("dbo.Line", "key order id, no", "SRC-121"),
    }
    text = text_of(made, header("sqlserver", {"port": "1433"}, {}), ())
    for decision in made.decisions:
        assert decision.why in text
        assert decision.code in text
    assert "  - table: dbo.Line\n    key: [order id, 'no']\n" in text


def test_oracle_sends_nothing_of_a_table_with_such_a_column(tmp_path: Path) -> None:
    made = planned(tmp_path, ORACLE)
    assert [(one.table, one.code) for one in made.decisions] == [("ERP.DOC", "SRC-202")]
    assert [column.mirror_type for column in made.contracts[0].columns] == [
        *("numeric(10,0)", "timestamp(6) without time zone", "interval"),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "does not begin"),
        (SQLSERVER.replace("|1|sqlserver", "|2|sqlserver"), "does not begin"),
        (SQLSERVER.replace("sqlserver", "db2"), "does not begin"),
        (SQLSERVER.rpartition("end")[0], "its end is missing"),
        (SQLSERVER.replace("column|dbo|Log|text|nvarchar(max)|1|0|0\n", ""), "its end is missing"),
        (SQLSERVER.replace("|smallint|0|0|0", "|smallint|0"), r":10: is no line"),
        (SQLSERVER.replace("|5000|", "|5e3|"), r":2: rows or bytes"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(FatalError, match=rf"(?s)^SRC-352 .*{said}"):
        planned(tmp_path, wrong)


def test_a_misspelt_pattern_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(SQLSERVER.replace("|", "\t"))
    given = read_catalogue_file(tmp_path / "f")
    source = Source("erp", given.kind, "h", "1", given.database, "u", "${env:P}", "running", ())
    with pytest.raises(FatalError, match=r"^SRC-351 .*: no table is dbo\.Lines\*$"):
        plan(source, given, Choice(tables=["dbo.Lines*", "Order"]))


@pytest.mark.parametrize("script", ["sqlserver.sql", "oracle.sql"])
def test_a_script_says_that_it_was_never_run(script: str) -> None:
    text = (REPO / "connector-configs" / "init" / script).read_text(encoding="utf-8")
    assert "NEVER RUN ON A LIVE SERVER" in text
    assert f"'{script.removesuffix('.sql')}'" in text

"""What the scripts for SQL Server and Oracle print, judged. The outputs are written by hand: nobody asked a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits
from cdc.capture.preflight.output import read_output
from cdc.cli.main import execute
from cdc.errors import FatalError

_TOLD = Path(__file__).parent / "told"


def _findings(product: str, folder: Path, *edits: tuple[str, str]) -> tuple[Finding, ...]:
    text = (_TOLD / f"{product}.csv").read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    path = folder / "facts.csv"
    path.write_text(text, encoding="utf-8")
    return read_output(path, Limits()).findings


@pytest.mark.parametrize("product", ["sqlserver", "oracle"])
def test_nothing_is_found_on_a_healthy_server(product: str) -> None:
    report = read_output(_TOLD / f"{product}.csv", Limits())
    assert report.findings == ()
    assert report.unseen


@pytest.mark.parametrize(
    ("product", "before", "after", "code", "says", "statement"),
    [
        ("sqlserver", 'version,"16"', 'version,"11"', "SRC-301", "16.0", ""),
        ("sqlserver", 'agent,"Running"', 'agent,"Stopped"', "SRC-331", "Stopped", "xp_servicecontrol"),
        ("sqlserver", '"",cdc,"1"', '"",cdc,"0"', "SRC-330", "K3", "sp_cdc_enable_db"),
        ("sqlserver", '"dbo.ICMO",cdc,"1"', '"dbo.ICMO",cdc,"0"', "SRC-330", "dbo.ICMO", "@source_name = 'ICMO'"),
        ("sqlserver", '"4320"', '"1440"', "SRC-306", "24 hours, 72 are", "@retention = 4320"),
        ("sqlserver", 'ICMO",primary_key,"FInterID"', 'ICMO",primary_key,""', "SRC-121", "dbo.ICMO", ""),
        ("sqlserver", '"rowversion"', '"geography"', "SRC-201", "FModifyTime is geography", ""),
        ("sqlserver", "SELECT,", "UPDATE,", "SRC-304", "UPDATE ON dbo.ICMO", "REVOKE UPDATE ON dbo.ICMO FROM cdc_"),
        ("sqlserver", "db_datareader", "db_owner", "SRC-304", "db_owner", "REVOKE db_owner"),
        ("sqlserver", 'summer_time,"0"', 'summer_time,"1"', "SRC-320", "dbo.ICMO.FStartDate", ""),
        ("sqlserver", "\nend", '\nserver,"",here_s,"1795786060"\nend', "SRC-319", "60 s behind", ""),
        ("sqlserver", "\nend", '\ntransaction,"61",since,"2026-11-27T08:00:00"\nend', "SRC-311", "61", "KILL 61"),
        ("oracle", "major_version,19", "major_version,12", "SRC-301", "oldest is 19", ""),
        ("oracle", "READ WRITE", "READ ONLY WITH APPLY", "SRC-302", "READ ONLY WITH APPLY", ""),
        ("oracle", ",ARCHIVELOG", ",NOARCHIVELOG", "SRC-332", "NOARCHIVELOG", "ALTER DATABASE ARCHIVELOG"),
        ("oracle", "supplemental_log,YES", "supplemental_log,NO", "SRC-330", "no supplemental log", "ADD SUPPLEMENTAL"),
        ("oracle", "ALL COLUMN", "PRIMARY KEY", "SRC-330", "K3.ORDERS", 'ALTER TABLE "K3"."ORDERS" ADD SUPPLEMENTAL'),
        ("oracle", "archived_hours,168.0", "archived_hours,20.0", "SRC-306", "20 hours", "WINDOW OF 3 DAYS"),
        ("oracle", '"LOGMINING",', '"RESOURCE",', "SRC-303", "LOGMINING", "GRANT LOGMINING TO C##CDC"),
        (
            "oracle",
            '"SET CONTAINER",',
            '"DROP ANY TABLE",',
            "SRC-304",
            "DROP ANY TABLE",
            "REVOKE DROP ANY TABLE FROM C",
        ),
        ("oracle", 'primary_key,"ID"', 'primary_key,""', "SRC-121", "K3.ORDERS", ""),
        ("oracle", '"VARCHAR2(80)"', '"XMLTYPE"', "SRC-202", "XMLTYPE", ""),
        ("oracle", "summer_time,0", "summer_time,1", "SRC-320", "K3.ORDERS.MADE", ""),
        (
            "oracle",
            "\nend",
            '\ntransaction,"12,991",since,"11/27/26"\nend',
            "SRC-311",
            "12,991",
            "KILL SESSION '12,991'",
        ),
    ],
)
def test_a_fault_is_found(
    tmp_path: Path, product: str, before: str, after: str, code: str, says: str, statement: str
) -> None:
    found = _findings(product, tmp_path, (before, after))
    assert any(one.code == code and says in one.what and statement in one.statement for one in found), found


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("\nend", "", "the last line is not end"),
        ("area,object,item,value", "area,object,value", "the first line"),
        ('script,"1"', 'script,"2"', "is of form 2"),
        ('product,"sqlserver"', 'product,"db2"', "product db2"),
        ('version,"16"', 'version,"new"', "major_version is no number"),
        ('server,"",agent,"Running"\n', "", "no line server,,agent"),
        ('agent,"Running"', "agent", "line 10 has 3 values"),
    ],
)
def test_what_no_script_prints_is_refused(tmp_path: Path, before: str, after: str, why: str) -> None:
    with pytest.raises(FatalError, match=why) as caught:
        _findings("sqlserver", tmp_path, (before, after))
    assert caught.value.code == "SRC-340"


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text((_TOLD / "sqlserver.csv").read_text(encoding="utf-8"), encoding="utf-16")
    assert read_output(path, Limits()).findings == ()


def test_the_command_judges_a_file_without_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDC_CONFIG", raising=False)
    path = str(_TOLD / "oracle.csv")
    assert execute(["connectors", "preflight", "--from", path]) == 0
    assert "not seen: values of rows" in capsys.readouterr().err
    assert execute(["connectors", "preflight", "--from", path, "--outage", "30d"]) == 5
    assert "SRC-306\tarchived logs of 168 hours are there, 720 are allowed" in capsys.readouterr().out
    assert execute(["connectors", "preflight", "mes", "--from", path]) == 2
    assert execute(["connectors", "preflight", "--outage", "long"]) == 2

"""`cdc trace` and `cdc recall`: what is printed, how complete it is said to be, and that anybody can verify it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdc.cli.main import execute
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.evidence.genealogy import STAMP, TABLES

SOURCE = """
INSERT INTO cdc.position (stream, source, generations, next_offset, source_ts)
VALUES ('cdc.erp', 'erp', 1, 50, now()), ('cdc.mes', 'mes', 1, 50, now())
"""
NONCONFORMANCE = """
CREATE TABLE IF NOT EXISTS trace.nonconformance (nonconformance_id text PRIMARY KEY, test_result_id text,
    recorded_at date, _mapping text, _source_key text[], _source_offset bigint, _source_ts timestamptz,
    _deleted boolean)
"""


@pytest.fixture
def filled(target_dsn: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setattr("cdc.cli.recall.end_offsets", lambda _brokers, _names: {"cdc.erp": 51, "cdc.mes": 51})
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        connection.execute(
            f"DROP SCHEMA IF EXISTS trace CASCADE; DELETE FROM cdc.position; DELETE FROM cdc.stale;{TABLES}".encode()
        )
        connection.execute(NONCONFORMANCE.encode())
        connection.execute(SOURCE.encode())
        yield connection


@pytest.mark.usefixtures("filled")
def test_a_trace_goes_both_ways_with_the_evidence_of_each_edge(cdc: Cdc) -> None:
    done = cdc("trace", "serial", "SN1", "--json")
    assert done.code == 0, done.err
    told = done.document
    assert (told["start"], told["unknown"]) == ([{"kind": "serial", "key": ["SN1"]}], [])
    (supplied,) = [edge for edge in told["up"] if edge["what"] == "received"]
    assert (supplied["up"]["key"], supplied["table"], supplied["key"]) == (["S-1"], "trace.stock_movement", ["M1"])
    assert (supplied["stream"], supplied["offset"]) == ("cdc.erp", 42)
    (to,) = [edge for edge in told["down"] if edge["what"] == "to"]
    assert to["down"] == {"kind": "party", "key": ["C-1"]}
    lines = cdc("trace", "serial", "SN1").lines
    assert ["up", "party S-1", "received", "lot SCREW L1"] in [line[:4] for line in lines]
    assert cdc("trace", "udi", "(01)06901234000177(21)SN1", "--json").document["start"] == told["start"]


@pytest.mark.usefixtures("filled")
def test_what_nobody_knows(cdc: Cdc, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cdc("trace", "lot", "L9").code == 3
    done = cdc("recall", "L9", "--format", "json")
    assert (done.code, done.document["known"], done.document["holdings"]) == (3, False, [])
    assert (done.document["complete"], len(done.document["sources"])) == (True, 2)
    assert cdc("trace", "bill", "1").code == 2
    # That it is unknown says little while nobody knows what has not landed.
    monkeypatch.setattr("cdc.cli.recall.end_offsets", lambda _brokers, _names: {})
    done = cdc("recall", "L9", "--format", "json")
    assert (done.code, done.document["known"], done.document["complete"]) == (4, False, False)
    assert "erp: NOT COMPLETE" in done.err
    assert "knows no lot L9" in done.err


@pytest.mark.usefixtures("filled")
def test_a_recall_lists_who_has_what(cdc: Cdc) -> None:
    done = cdc("recall", "L1", "--material", "SCREW", "--format", "json")
    assert done.code == 0, done.err
    assert done.document["complete"] is True
    held = {(one["serial"], one["shipment"], one["customer"]) for one in done.document["holdings"]}
    assert held == {("SN1", "D1", "C-1"), ("SN2", None, None), (None, "D2", "C-2")}
    (clinic,) = [one for one in done.document["holdings"] if one["customer"] == "C-1"]
    assert clinic["facts"]["name"] == "Clinic"
    assert "trace.shipment D1 (cdc.erp offset 42)" in clinic["evidence"]
    assert "2 units, 2 customers, 3 lines" in done.err
    assert "erp: complete; landed up to" in done.err
    rows = list(csv.DictReader(cdc("recall", "L1", "--material", "SCREW", "--format", "csv").out.splitlines()))
    assert {(row["serial"], row["name"]) for row in rows} == {("SN1", "Clinic"), ("SN2", ""), ("", "Other")}
    assert ["SN2", "-", "-"] in [[line[1], line[3], line[5]] for line in cdc("recall", "L1").lines[1:]]


def test_a_recall_lists_lots_that_others_went_into(cdc: Cdc, filled: psycopg.Connection) -> None:
    """Made in one job of the screws: a kit that was shipped without serial numbers, and one that is still there."""
    for lot, movement in (("K1", "M8"), ("K2", "M9")):
        filled.execute(
            f"INSERT INTO trace.stock_movement VALUES ('{movement}', 'PRODUCTION_RECEIPT', '2026-01-04+00', 'KIT',"
            f" '{lot}', 'J1', NULL, {STAMP})".encode()
        )
    filled.execute(
        f"INSERT INTO trace.shipment VALUES ('D8', 'C-2', 'KIT', 'K1', NULL, '2026-01-07+00', {STAMP})".encode()
    )
    done = cdc("recall", "L1", "--material", "SCREW", "--format", "json")
    held = {(one["lot"], one["shipment"], one["customer"]) for one in done.document["holdings"] if not one["serial"]}
    assert held == {("SCREW L1", "D2", "C-2"), ("KIT K1", "D8", "C-2"), ("KIT K2", None, None)}
    # The kit has no row of its own: it is known by its receipt and its shipment.
    done = cdc("recall", "K1", "--format", "json")
    assert (done.code, [one["customer"] for one in done.document["holdings"]]) == (0, ["C-2"])
    assert cdc("trace", "lot", "K1").code == 0


def test_a_source_of_which_nothing_has_landed_is_not_complete(cdc: Cdc, filled: psycopg.Connection) -> None:
    filled.execute("DELETE FROM cdc.position WHERE source = 'mes'")
    done = cdc("recall", "L1", "--format", "json")
    told = {one["source"]: (one["landed_to"], one["in_snapshot"], one["batch"]) for one in done.document["sources"]}
    assert (done.code, done.document["complete"], told["mes"]) == (4, False, (None, True, 0))
    assert "mes: NOT COMPLETE; landed up to nothing" in done.err


def test_what_is_not_complete_is_said(cdc: Cdc, filled: psycopg.Connection) -> None:
    filled.execute("INSERT INTO cdc.stale VALUES ('erp.some', '{1}', 'VAL-101', 'cdc.erp', 7)")
    done = cdc("recall", "L1", "--format", "json")
    assert (done.code, done.document["complete"], done.document["sources"][0]["stale"]) == (4, False, 1)
    assert "erp: NOT COMPLETE" in done.err
    filled.execute("DELETE FROM cdc.stale")
    filled.execute("DROP TABLE trace.nonconformance")
    done = cdc("recall", "L1", "--format", "json")
    assert (done.code, done.document["unknown"]) == (4, ["nonconformance"])


def verifies(public: Path, file: Path) -> bool:
    """Say whether a file's signature holds, by what everybody has."""
    command = ("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin", "-in", str(file))
    return subprocess.run((*command, "-sigfile", f"{file}.sig"), check=False, capture_output=True).returncode == 0


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one is beside it, as `recall.pub`."""
    assert execute(("dictionary", "keygen", str(tmp_path / "recall"))) == 0
    return tmp_path / "recall"


@pytest.mark.usefixtures("filled")
def test_a_signed_extract_is_verified_without_this_software(cdc: Cdc, tmp_path: Path, key: Path) -> None:
    file = tmp_path / "recall.json"
    done = cdc("recall", "L1", "--format", "json", "--output", str(file), "--key", str(key))
    assert done.code == 0, done.err
    assert json.loads(file.read_text())["lot"] == "L1"
    assert verifies(key.with_suffix(".pub"), file)
    file.write_text(file.read_text().replace("C-1", "C-9"))
    assert not verifies(key.with_suffix(".pub"), file)
    assert cdc("recall", "L1", "--key", str(key)).code == 2
    assert "EVD-116" in cdc("recall", "L1", "--output", str(file), "--key", str(file)).err


@pytest.mark.usefixtures("filled")
def test_the_signature_of_a_csv_covers_its_statement(
    cdc: Cdc, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdc.cli.recall.end_offsets", lambda _brokers, _names: {"cdc.erp": 58, "cdc.mes": 51})
    file = tmp_path / "notice.csv"
    words = ("recall", "L1", "--material", "SCREW", "--format", "csv", "--output", str(file), "--key", str(key))
    assert cdc(*words).code == 4
    statement, digests = tmp_path / "notice.csv.statement.csv", tmp_path / "notice.csv.sha256"
    told = {(row["of"], row["what"]): row["value"] for row in csv.DictReader(statement.read_text().splitlines())}
    assert (told["extract", "lot"], told["extract", "complete"], told["extract", "lines"]) == ("L1", "no", "3")
    assert (told["erp", "complete"], told["erp", "lag"], told["mes", "complete"]) == ("no", "7", "yes")
    assert {row["serial"] for row in csv.DictReader(file.read_text().splitlines())} == {"SN1", "SN2", ""}
    assert verifies(key.with_suffix(".pub"), digests)

    def are_whole() -> bool:
        check = ("sha256sum", "--check", "--quiet", digests.name)
        return subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 0

    assert are_whole()
    for forged in (file, statement):
        honest = forged.read_text()
        forged.write_text(honest.replace("C-1", "C-9").replace("erp,complete,no", "erp,complete,yes"))
        assert not are_whole(), forged
        forged.write_text(honest)


@pytest.mark.usefixtures("filled")
def test_a_table_is_written_as_text(cdc: Cdc, tmp_path: Path) -> None:
    file = tmp_path / "notice.txt"
    assert cdc("recall", "L1", "--material", "SCREW", "--output", str(file)).code == 0
    text = file.read_text()
    assert [line.count("\u2502") for line in text.splitlines() if "SN1" in line] == [9]
    assert "erp: complete; landed up to" in text
    assert text.rstrip().splitlines()[-1].startswith("mes: ")

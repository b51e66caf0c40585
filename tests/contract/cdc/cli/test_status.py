from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.capture.progress import progress
from cdc.capture.readings import PAUSED, READING, STARTING, Unread
from cdc.capture.source import Source, SourceTable
from cdc.config import Target
from cdc.derive.lease import take_lease
from cdc.derive.plan import Plan
from cdc.errors import FatalError
from cdc.evidence.anchor import Anchor
from cdc.evidence.published import note_failure, note_published
from cdc.land.position import COUNTED
from cdc.observe.status import read_domains, read_streams
from cdc.observe.stopping import forget_stop, note_stop
from cdc.observe.tables import count_held, read_tables
from cdc.store.connection import connect
from cdc.stream.signal import Signal
from transforms.load import load as load_dictionary

Cdc = Callable[..., Any]
LOT, CERT, LABEL = (SourceTable("q", name) for name in ("lot", "cert", "label"))


@pytest.fixture
def connection(cdc: Cdc, target: Target) -> Iterator[psycopg.Connection]:
    """A target that is prepared and empty."""
    assert cdc("target", "apply").code == 0
    with connect(target, "test") as connection:
        yield connection


def land(connection: psycopg.Connection, stream: str, batch: int, counts: str, age_s: int = 0) -> None:
    """Put a batch into the ledger; `counts` are captured, landed, superseded, filtered, replayed, refused, control."""
    sums = ", ".join(f"{name} = position.{name} + excluded.{name}" for name in ("captured", *COUNTED))
    connection.execute(
        "INSERT INTO cdc.position (stream, source, next_offset, batch, generations, source_ts, backend_pid,"
        f" backend_start, captured, {', '.join(COUNTED)})"
        f" SELECT %s, %s, %s, %s, 1, clock_timestamp() - make_interval(secs => %s), pid, backend_start, {counts}"
        " FROM pg_stat_activity WHERE pid = pg_backend_pid() ON CONFLICT (stream) DO UPDATE SET"
        " next_offset = excluded.next_offset, batch = excluded.batch, source_ts = excluded.source_ts,"
        f" {sums}".encode(),
        (stream, stream.removeprefix("cdc."), batch * 100, batch, age_s),
    )
    connection.execute(
        "INSERT INTO cdc.batch (stream, batch, first_offset, next_offset, units, captured, landed, superseded,"
        " filtered, replayed, refused, control, landed_at, seconds)"
        f" SELECT %s, %s, %s, %s, 1, {counts}, clock_timestamp() - make_interval(secs => %s), 0.1".encode(),
        (stream, batch, (batch - 1) * 100, batch * 100, age_s),
    )


def test_counts_are_the_sums_of_the_ledger_and_lag_is_the_distance_to_the_end(connection: psycopg.Connection) -> None:
    land(connection, "cdc.erp", 1, "20, 10, 3, 2, 1, 0, 4")
    land(connection, "cdc.erp", 2, "21, 10, 3, 2, 1, 1, 4")
    land(connection, "cdc.mes", 1, "5, 0, 0, 0, 0, 0, 5")
    erp, mes = read_streams(connection, {"cdc.erp": 217})
    assert (erp.stream, erp.position, erp.batch, erp.generations, erp.lag) == ("cdc.erp", 200, 2, 1, 17)
    assert (erp.captured, erp.landed, erp.superseded, erp.filtered, erp.replayed, erp.refused, erp.control) == (
        *(41, 20, 6, 4, 2, 1, 8),
    )
    assert (mes.captured, mes.control, mes.lag) == (5, 5, None)


def test_a_row_of_a_fold_that_is_held_counts_wherever_it_comes_from(connection: psycopg.Connection) -> None:
    dictionary = load_dictionary(None)
    for mapping in ("trace.party", "trace.material_lot", "mes.mes_lot"):
        connection.execute(
            "INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary)"
            " VALUES (%s, '{1}', 'REF-301', '', '')",
            (mapping,),
        )
    (domain,) = read_domains(connection, dictionary.domains())
    assert domain.held == {"REF-301": 3}
    of_tables = {
        table.mirror: table.held
        for source in ("erp", "mes")
        for table in read_tables(connection, source, f"cdc.{source}", dictionary.made_of())
        if table.held
    }
    assert of_tables == {"erp.ICStockBillEntry": 1, "erp.t_Organization": 1, "erp.t_Supplier": 1, "mes.mes_lot": 2}
    # A party comes from two tables of the ERP, and is one row.
    assert [count_held(connection, source, dictionary.made_of()) for source in ("erp", "mes")] == [2, 2]


def test_the_reading_of_tables_beside_the_stream_is_what_landed_of_them_since(connection: psycopg.Connection) -> None:
    source = Source("mes", "postgresql", "h", "1", "mes", "u", "p", "running", (LOT, CERT, LABEL))
    for batch, age_s, mirror, landed, superseded in (
        *((1, 900, "lot", 50, 0), (2, 500, "lot", 0, 300), (3, 400, "cert", 70, 10), (4, 30, "cert", 60, 60)),
        (5, 20, "label", 9, 0),
    ):
        land(connection, "cdc.mes", batch, f"{landed + superseded}, {landed}, {superseded}, 0, 0, 0, 0", age_s)
        row = ("cdc.mes", batch, f"mes.{mirror}", landed, superseded)
        connection.execute(
            "INSERT INTO cdc.batch_table (stream, batch, mirror, landed, superseded) VALUES (%s, %s, %s, %s, %s)", row
        )
    begun = datetime.now(UTC) - timedelta(seconds=450)
    unread = [Unread("q.cert", READING, begun_at=begun), Unread("q.label", STARTING), Unread("q.lot", PAUSED)]
    estimates = {"mes.cert": 1000, "mes.label": 10}
    found = progress(connection, source, unread, estimates)
    assert found is not None
    # Of the label, whose turn has not come, something has landed; it is none of the reader's.
    assert [(table.mirror, table.state, table.rows, table.estimated_rows) for table in found.tables] == [
        ("mes.cert", "loading", 200, 1000),
        ("mes.label", "waiting", 0, 10),
    ]
    assert (found.rows, found.estimated_rows, found.rows_per_s, found.eta_s) == (200, 1010, 2.0, 405.0)
    some = progress(connection, source, unread, estimates, {"q.cert"})
    assert some is not None
    assert (some.rows, some.eta_s) == (200, None)  # how many fit a condition nobody knows
    assert progress(connection, source, unread[2:], estimates) is None


def test_a_stream_has_a_worker_as_long_as_its_owners_session_lives(
    connection: psycopg.Connection, target: Target
) -> None:
    with connect(target, "owner") as owner:
        land(owner, "cdc.erp", 1, "0, 0, 0, 0, 0, 0, 0")
        owner.commit()
        assert [stream.has_worker for stream in read_streams(connection, {})] == [True]
        connection.commit()
    # The server ends a session a moment after its client has left.
    connection.execute("SELECT pg_terminate_backend(backend_pid, 5000) FROM cdc.position")
    connection.commit()
    assert [stream.has_worker for stream in read_streams(connection, {})] == [False]


def test_a_domain_has_a_worker_as_long_as_somebody_holds_its_lease(
    connection: psycopg.Connection, target: Target
) -> None:
    domains = load_dictionary().domains()
    domain = domains[0].name
    with connect(target, "worker") as worker:
        worker.autocommit = True
        assert take_lease(worker, Plan(domain, "", (), (), ())) == 1
        assert [found.has_worker for found in read_domains(connection, domains)] == [True]
        worker.execute("SELECT pg_advisory_unlock_all()")
        assert [found.has_worker for found in read_domains(connection, domains)] == [False]


def test_a_domain_shows_rows_held_by_code_and_how_far_it_is_behind(connection: psycopg.Connection) -> None:
    domains = load_dictionary().domains()
    (domain,) = read_domains(connection, domains)
    assert (domain.behind_batches, domain.behind_s, domain.derivation, set(domain.tables.values())) == (
        None,
        None,
        0,
        {0},
    )
    for batch in (1, 2, 3):
        land(connection, "cdc.erp", batch, "1, 1, 0, 0, 0, 0, 0", age_s=1000 - batch)
    land(connection, "cdc.mes", 1, "1, 1, 0, 0, 0, 0, 0", age_s=5000)
    connection.execute("INSERT INTO cdc.domain (name, derivation) VALUES (%s, 7)", (domain.domain,))
    connection.execute("INSERT INTO cdc.watermark VALUES (%s, 'cdc.erp', 1), (%s, 'cdc.mes', 1)", (domain.domain,) * 2)
    connection.execute(
        "INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary)"
        " SELECT %s, ARRAY[n::text], CASE n WHEN 1 THEN 'COD-201' ELSE 'KEY-201' END, '', ''"
        " FROM generate_series(1, 3) n",
        (domains[0].mappings[0].name,),
    )
    (domain,) = read_domains(connection, domains)
    assert (domain.behind_batches, domain.derivation, domain.held) == (2, 7, {"COD-201": 1, "KEY-201": 2})
    assert domain.behind_s is not None
    assert 998 <= domain.behind_s < 1100
    connection.execute("UPDATE cdc.watermark SET batch = 3 WHERE stream = 'cdc.erp'")
    (domain,) = read_domains(connection, domains)
    assert (domain.behind_batches, domain.behind_s) == (0, 0)


def test_status_asks_for_attention_where_a_person_has_to_look(
    connection: psycopg.Connection, cdc: Cdc, target: Target
) -> None:
    land(connection, "cdc.erp", 1, "2, 1, 0, 0, 0, 1, 0", age_s=500)
    connection.execute("UPDATE cdc.position SET backend_pid = NULL")
    connection.execute("INSERT INTO cdc.stale VALUES ('erp.t_ICItem', ARRAY['1'], 'VAL-101', 'cdc.erp', 5)")
    connection.commit()
    shown = cdc("status", "--json")
    assert shown.code == 4
    document = shown.document
    assert [(item["object"], item["code"]) for item in document["attention"]] == [
        ("kafka", "STR-109"),
        ("cdc.mes", None),
        ("cdc.erp", None),
        ("cdc.erp", None),
        ("cdc.erp", None),
        ("adverse_event", None),
    ]
    texts = " ".join(item["text"] for item in document["attention"])
    for part in (
        "nothing of this stream has landed",
        "no worker",
        "said nothing for 50",
        "a change of theirs was refused: 1",
    ):
        assert part in texts
    assert document["streams"][0]["lag"] is None
    assert document["streams"][0]["freshness_s"] >= 500


def test_why_the_last_worker_ended_is_told_while_its_work_lies(
    connection: psycopg.Connection, cdc: Cdc, target: Target
) -> None:
    def ended() -> list[str | None]:
        found = cdc("status", "--json").document["attention"]
        assert all("see `cdc code LND-105`" in item["text"] for item in found if item["code"] == "LND-105")
        return [item["code"] for item in found if item["object"] == f"land on {socket.gethostname()}"]

    note_stop(target, "land", FatalError("LND-102", "erp.t"))
    note_stop(target, "land", FatalError("LND-105", "cdc.erp"))
    land(connection, "cdc.erp", 1, "0, 0, 0, 0, 0, 0, 0")
    connection.commit()
    assert ended() == []  # somebody is at work
    connection.execute("UPDATE cdc.position SET backend_pid = NULL")
    connection.commit()
    assert ended() == ["LND-105"]
    forget_stop(target, "derive")
    assert ended() == ["LND-105"]
    forget_stop(target, "land")
    assert ended() == []


def test_a_target_that_is_away_does_not_hide_why_a_worker_ends(target: Target) -> None:
    note_stop(dataclasses.replace(target, port=1), "land", FatalError("LND-105", "cdc.erp"))


def test_status_in_a_pipe_is_lines_of_tabs(connection: psycopg.Connection, cdc: Cdc) -> None:
    land(connection, "cdc.erp", 1, "20, 10, 3, 2, 1, 0, 4")
    connection.commit()
    lines = cdc("status").lines
    assert lines[0] == ["stream", "position", "captured", "landed", "refused", "stale", "lag", "freshness s", "worker"]
    assert lines[1][:7] == ["cdc.erp", "100", "20", "10", "0", "0", "-"]
    assert ["adverse_event", "trace.party", "0"] in lines


def test_files_that_are_not_usable_do_not_hide_the_streams(
    connection: psycopg.Connection, cdc: Cdc, config: Path, tmp_path: Path
) -> None:
    land(connection, "cdc.erp", 1, "20, 10, 3, 2, 1, 0, 4")
    connection.commit()
    (tmp_path / "dictionary").mkdir()
    config.write_text(config.read_text().rstrip().removesuffix("}") + f", dictionary: {tmp_path / 'dictionary'}}}\n")
    shown = cdc("status", "--json")
    assert shown.code == 4
    assert ("dictionary", "DRV-106") in [(item["object"], item["code"]) for item in shown.document["attention"]]
    assert [stream["landed"] for stream in shown.document["streams"]] == [10]
    assert shown.document["domains"] == []


@pytest.mark.usefixtures("empty_target")
def test_status_of_a_target_that_was_not_prepared_says_what_to_do(cdc: Cdc) -> None:
    shown = cdc("status")
    assert (shown.code, shown.out) == (1, "")
    assert "TGT-109" in shown.err
    assert "cdc target apply" in shown.err


def test_a_table_that_nobody_reads_asks_for_attention_once_the_first_snapshot_has_landed(
    cdc: Cdc, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdc.cli.status.end_offsets", lambda _bootstrap, names: dict.fromkeys(names, 100))
    signals = [Signal(b"mes/needed", b'{"tables": ["public.mes_wo"]}')]
    monkeypatch.setattr("cdc.capture.reading.read_signals", lambda _bootstrap, _topic: signals)

    def unread() -> list[str]:
        found = cdc("status", "--json").document["attention"]
        return [item["text"] for item in found if "have not been read" in item["text"]]

    assert unread() == []
    land(connection, "cdc.mes", 1, "5, 0, 0, 0, 0, 0, 5")
    connection.commit()
    (said,) = unread()
    assert said.endswith("(public.mes_wo: needed): run `cdc connectors apply mes`")
    signals.append(Signal(b"mes/paused", b'{"tables": ["public.mes_wo"]}'))
    (said,) = unread()
    assert said.endswith("(public.mes_wo: paused): run `cdc connectors snapshot --resume mes`")


def load(connection: psycopg.Connection, batch: int, age_s: int, **rows: int) -> None:
    """Put a batch of snapshot rows into the ledger of the MES, whose snapshot began at offset 100."""
    land(connection, "cdc.mes", batch, f"{sum(rows.values())}, {sum(rows.values())}, 0, 0, 0, 0, 0", age_s)
    connection.execute("UPDATE cdc.position SET generation_from = 100, snapshot_position = '0/1', generations = 0")
    for table, count in rows.items():
        connection.execute(
            "INSERT INTO cdc.batch_table (stream, batch, mirror, landed) VALUES ('cdc.mes', %s, %s, %s)",
            (batch, f"mes.{table}", count),
        )


def test_an_open_snapshot_shows_how_far_each_table_is(
    connection: psycopg.Connection, cdc: Cdc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdc.cli.status.end_offsets", lambda _brokers, names: dict.fromkeys(names, 400))
    estimates = {"mes.mes_wo": 900, "mes.mes_lot": 1000, "mes.mes_sn": 2000}
    monkeypatch.setattr("cdc.cli.status.estimate_rows", lambda source, _variables: estimates)
    land(connection, "cdc.mes", 1, "9, 0, 0, 0, 0, 0, 9", 3000)  # before the snapshot
    load(connection, 2, 900, mes_wo=700)
    load(connection, 3, 30, mes_wo=100, mes_lot=200)
    load(connection, 4, 10, mes_lot=400)
    connection.commit()
    (found,) = cdc("status", "--json").document["loads"]
    tables = {table["mirror"]: table for table in found["tables"]}
    assert [tables[f"mes.{name}"]["state"] for name in ("mes_wo", "mes_lot", "mes_sn")] == [
        "loaded",
        "loading",
        "waiting",
    ]
    assert tables["mes.mes_wo"]["estimated_rows"] == 800
    assert (tables["mes.mes_lot"]["rows"], tables["mes.mes_lot"]["percent"]) == (600, 60.0)
    # Six tables are not in the statistics: nobody knows when it ends.
    assert (found["rows"], found["estimated_rows"], found["eta_s"]) == (1400, None, None)
    assert found["rows_per_s"] == pytest.approx(700 / 60)
    assert 900 <= found["seconds"] < 1000
    estimates |= {
        f"mes.{name}": 0
        for name in ("mes_item", "mes_insp_h", "mes_insp_d", "mes_genealogy", "mes_label", "mes_complaint")
    }
    (found,) = cdc("status", "--json").document["loads"]
    assert (found["estimated_rows"], found["eta_s"]) == (3800, pytest.approx(2400 / (700 / 60)))
    lines = cdc("status").lines
    assert ["cdc.mes", "2 of 9 tables", "loading", "1400", "3800", "36.8", "12", "3 min"] in lines
    assert ["cdc.mes", "mes.mes_lot", "loading", "600", "1000", "60.0", "-", "-"] in lines
    connection.execute("UPDATE cdc.position SET snapshot_position = NULL, generations = 1")
    connection.commit()
    assert cdc("status", "--json").document["loads"] == []


def test_a_source_that_does_not_answer_leaves_its_rows_unknown_and_is_named(
    connection: psycopg.Connection, cdc: Cdc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdc.cli.status.end_offsets", lambda _brokers, names: dict.fromkeys(names, 400))
    land(connection, "cdc.mes", 1, "9, 0, 0, 0, 0, 0, 9")
    load(connection, 2, 1, mes_wo=700)
    connection.commit()
    shown = cdc("status", "--json")
    (found,) = shown.document["loads"]
    assert (found["rows"], found["estimated_rows"], found["percent"], found["eta_s"]) == (700, None, None, None)
    assert "How many rows mes has is not known: SRC-110" in shown.err
    assert "secret-of-source" not in shown.err
    (line,) = [line for line in cdc("status").lines if line[1:2] == ["1 of 9 tables"]]
    assert (line[2:6], line[7]) == (["loading", "700", "-", "-"], "unknown")


def test_heads_that_are_not_published_ask_for_attention(
    connection: psycopg.Connection, cdc: Cdc, config: Path, tmp_path: Path
) -> None:
    def said() -> dict[str, str]:
        found = cdc("status", "--json").document["attention"]
        return {item["object"]: item["text"] for item in found if item["code"] == "EVD-121"}

    land(connection, "cdc.erp", 1, "1, 1, 0, 0, 0, 0, 0", age_s=1000)
    connection.commit()
    assert said() == {}  # the settings do not ask for it
    file = tmp_path / "heads.jsonl"
    config.write_text(f"{config.read_text()}anchors: {{key: key, file: {file}, topic: heads, every_minutes: 5}}\n")
    assert "is in no head that was published to topic heads" in said()["cdc.erp"]
    anchor = Anchor("cdc.erp", 100, "00" * 32, "2026-03-02T08:00:00+00:00")
    for place in (f"file {file}", "topic heads"):
        note_published(connection, place, [anchor])
    connection.commit()
    assert said() == {}
    note_failure(connection, "topic heads", "topic heads: STR-109")
    note_failure(connection, "topic of before", "which the settings do not name any more")
    connection.commit()
    assert list(said()) == ["anchors"]
    assert "cannot publish heads since" in said()["anchors"]

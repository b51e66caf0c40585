"""The derive worker as it runs: woken by landing, one at a time, through restarts, until it is told to stop."""

from __future__ import annotations

import dataclasses
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from cdc.cli.target import apply_target
from cdc.config import Approval, Connect, Derive, Folders, Kafka, Settings, Target
from cdc.derive import worker
from cdc.derive.bind import mirror_refs
from cdc.derive.ddl import plan_target
from cdc.derive.mirror import read_mirrors
from cdc.derive.worker import run
from cdc.errors import CdcError, FatalError
from cdc.reference import Secret
from compose.local.env import REPO
from compose.local.postgres import PostgresServer
from transforms.load import PACKAGED, load

PATIENCE_S = 60


@pytest.fixture
def settings(target: Target, tmp_path: Path) -> Settings:
    """Settings for the throw-away target, with a copy of the dictionary that a test may edit."""
    dictionary = tmp_path / "dictionary"
    shutil.copytree(PACKAGED, dictionary)
    folders = Folders(REPO / "connector-configs", dictionary)
    # A worker that is not woken by landing would wait for a minute.
    return Settings(
        target,
        Kafka("127.0.0.1:9"),
        Connect("http://127.0.0.1:9"),
        folders,
        derive=Derive(60_000),
        approval=Approval(required=False),
    )


class Sources:
    """Lands parties of the ERP by hand."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.batch = 0

    def close_snapshots(self) -> None:
        self.connection.execute(
            "INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.erp', 'erp', 1), ('cdc.mes', 'mes', 1)"
        )

    def land(self, number: int) -> None:
        with self._landing(number):
            self.connection.execute(
                'INSERT INTO erp."t_Organization" ("FItemID", "FNumber", "FName", "FDeleted", _offset)'
                " VALUES (%s, %s, 'Clinic', 0, 1)",
                (number, f"C{number}"),
            )

    def commit(self, number: int, country: str, at: str | None = None) -> None:
        """Land a party, and then its country, by a commit of that time."""
        self.land(number)
        self.change(number, country, at)

    def change(self, number: int, country: str, at: str | None = None) -> None:
        """Change the country of a party."""
        with self._landing(number):
            self.connection.execute(
                'UPDATE erp."t_Organization" SET "FCountry" = %s, _source_ts = %s WHERE "FItemID" = %s',
                (country, at, number),
            )

    @contextmanager
    def _landing(self, number: int) -> Iterator[None]:
        self.batch += 1
        with self.connection.transaction():
            yield
            self.connection.execute(
                "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
                " VALUES ('cdc.erp', %s, 'erp.t_Organization', %s, 'u')",
                (self.batch, [str(number)]),
            )
            self.connection.execute("UPDATE cdc.position SET batch = %s WHERE stream = 'cdc.erp'", (self.batch,))
            self.connection.execute("NOTIFY cdc_landed")

    def parties(self) -> list[str]:
        rows = self.connection.execute("SELECT party_id FROM trace.party ORDER BY 1").fetchall()
        return [row[0] for row in rows]

    def domain(self) -> tuple:
        row = self.connection.execute("SELECT epoch, dictionary, derivation FROM cdc.domain").fetchone()
        assert row is not None
        return row


@pytest.fixture
def sources(settings: Settings, target_dsn: str) -> Iterator[Sources]:
    with prepared(settings, target_dsn) as sources:
        yield sources


@contextmanager
def prepared(settings: Settings, target_dsn: str) -> Iterator[Sources]:
    """Apply the target as the dictionary's files want it now; workers end with the block."""
    apply_target(settings)
    sources = Sources(target_dsn)
    try:
        yield sources
    finally:
        for each in Worker.running:  # one that goes on would keep a failed test from ending
            each.end(sources)
        Worker.running.clear()
        sources.connection.close()


class Worker:
    """A worker in a thread of its own."""

    running: ClassVar[list[Worker]] = []

    def __init__(self, settings: Settings) -> None:
        self.running.append(self)
        self.stop = threading.Event()
        self.error: CdcError | None = None
        self.thread = threading.Thread(target=self._run, args=(settings,), daemon=True)
        self.thread.start()

    def _run(self, settings: Settings) -> None:
        try:
            run(settings, self.stop)
        except CdcError as error:
            self.error = error

    def end(self, sources: Sources) -> CdcError | None:
        self.stop.set()
        sources.connection.execute("NOTIFY cdc_landed")
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        return self.error


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def started(sources: Sources, number: int = 1) -> Callable[[], bool]:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cdc derive%' AND state = 'idle'"
    return lambda: sources.connection.execute(query).fetchone() == (number,)


def test_a_code_means_what_it_meant_when_its_row_was_committed(settings: Settings, target_dsn: str) -> None:
    folder = settings.folders.dictionary
    assert folder is not None
    file = folder / "mappings/erp.t_Organization.yaml"
    edit(file, "FCountry: text", "FCountry: text\n    _source_ts: timestamptz")
    edit(file, "country: FCountry", "country: {expr: FCountry, at: _source_ts}")
    was = '  - {system: erp, code: "SU", to: DE, valid_to: "2020-01-01"}\n'
    became = '  - {system: erp, code: "SU", to: JP, valid_from: "2020-01-01"}\n'
    edit(folder / "codesets/country.yaml", "synonyms:\n", f"synonyms:\n{was}{became}")
    with prepared(settings, target_dsn) as sources:
        sources.close_snapshots()
        worker = Worker(settings)
        # Clocks of the source (Asia/Shanghai) decide which day it is.
        sources.commit(1, "SU", "2019-12-31T15:59:59Z")
        sources.commit(2, "SU", "2019-12-31T16:00:00Z")
        query = "SELECT party_id, country FROM trace.party ORDER BY 1"
        wait_until(lambda: sources.connection.execute(query).fetchall() == [("C1", "DE"), ("C2", "JP")])
        assert worker.end(sources) is None


def test_the_largest_of_what_is_true_and_of_texts(settings: Settings, sources: Sources) -> None:
    folder = settings.folders.dictionary
    assert folder is not None
    edit(folder / "folds/trace.party.yaml", "is_customer: owner erp", "is_customer: max")
    edit(folder / "folds/trace.party.yaml", "country: owner erp", "country: max")
    sources.close_snapshots()
    Worker(settings)
    sources.commit(1, "中国")
    query = "SELECT is_customer, country FROM trace.party"
    wait_until(lambda: sources.connection.execute(query).fetchall() == [(True, "CN")])


def test_a_row_of_which_two_parts_have_one_key_is_held_and_heals(settings: Settings, target_dsn: str) -> None:
    """Whatever the source has in it: neither the database nor the worker has to decide."""
    folder = settings.folders.dictionary
    assert folder is not None
    file = folder / "mappings/erp.t_Organization.yaml"
    edit(file, "party_id: CLEAN(FNumber)", "party_id: CLEAN(part)")
    edit(file, "table: trace.party\n", "table: trace.member\n  explode: {split: FCountry, by: '|', as: part}\n")
    edit(file, "    country: FCountry\n", "")
    file.write_text(file.read_text().partition("examples:")[0] + MEMBERS)
    fold = folder / "folds/trace.party.yaml"
    fold.write_text(fold.read_text().partition("examples:")[0])  # which speak of what it contributed
    with prepared(settings, target_dsn) as sources:
        sources.close_snapshots()
        worker = Worker(settings)
        sources.commit(1, "A|B")
        sources.commit(2, "C|D| C")
        members = "SELECT party_id FROM trace.member ORDER BY 1"
        held = "SELECT source_key, code, field FROM cdc.held"
        wait_until(lambda: sources.connection.execute(held).fetchall() == [(["2"], "KEY-201", "party_id")])
        assert sources.connection.execute(members).fetchall() == [("A",), ("B",)]
        sources.commit(3, "E")
        sources.change(2, "C|D")
        wait_until(lambda: [one for (one,) in sources.connection.execute(members).fetchall()] == list("ABCDE"))
        assert worker.end(sources) is None


MEMBERS = """examples:
  - name: one part
    in: {FNumber: X, FName: n, FCountry: M}
    out: {trace.member: [{party_id: M, name: n, is_customer: "true"}]}
"""


def edit(file: Path, old: str, new: str) -> None:
    """Edit a file of the dictionary."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_a_worker_derives_what_is_landed_as_soon_as_it_is_told(settings: Settings, sources: Sources) -> None:
    sources.close_snapshots()
    sources.land(1)
    worker = Worker(settings)
    wait_until(lambda: sources.parties() == ["C1"])
    sources.land(2)
    wait_until(lambda: sources.parties() == ["C1", "C2"])
    assert worker.end(sources) is None


def test_temporary_tables_do_not_grow_with_the_age_of_a_session(
    settings: Settings, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEFT_ROWS", 2)
    sources.close_snapshots()
    running = Worker(settings)
    wait_until(lambda: sources.connection.execute("SELECT FROM cdc.domain WHERE derivation = 1").rowcount == 1)

    def storage() -> list[tuple]:
        query = "SELECT relfilenode FROM pg_class WHERE relpersistence = 't' AND relname = 'changed'"
        return sources.connection.execute(query).fetchall()

    before = storage()
    sources.land(1)  # one change, one row taken, one staged
    wait_until(lambda: storage() not in ([], before))
    sources.land(2)
    wait_until(lambda: sources.parties() == ["C1", "C2"])
    assert running.end(sources) is None


def test_one_worker_derives_and_the_other_takes_over(settings: Settings, sources: Sources) -> None:
    sources.close_snapshots()
    first = Worker(settings)
    wait_until(lambda: sources.connection.execute("SELECT FROM cdc.domain WHERE derivation = 1").rowcount == 1)
    second = Worker(settings)
    wait_until(started(sources, 2))
    assert sources.domain()[0] == 1
    assert first.end(sources) is None
    wait_until(lambda: sources.domain()[0] == 2)
    sources.land(1)
    wait_until(lambda: sources.parties() == ["C1"])
    assert second.end(sources) is None


def test_a_worker_goes_on_after_its_session_was_ended(settings: Settings, sources: Sources) -> None:
    sources.close_snapshots()
    worker = Worker(settings)
    wait_until(lambda: sources.connection.execute("SELECT FROM cdc.domain WHERE derivation = 1").rowcount == 1)
    sources.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cdc derive%'"
    )
    sources.land(1)
    wait_until(lambda: sources.parties() == ["C1"])
    assert sources.domain()[0] == 2
    assert worker.end(sources) is None


def test_a_worker_goes_on_after_its_password_was_replaced(
    settings: Settings, sources: Sources, target_server: PostgresServer, tmp_path: Path
) -> None:
    def replace(word: str) -> None:
        with psycopg.connect(target_server.dsn(target_server.superuser), autocommit=True) as administrator:
            administrator.execute(f"ALTER ROLE {settings.target.user} PASSWORD '{word}'".encode())

    first = settings.target.password.reveal()
    file = tmp_path / "password"
    file.write_text(first)
    password = Secret.behind(f"${{dir:{tmp_path}:password}}", {})
    worker = Worker(dataclasses.replace(settings, target=dataclasses.replace(settings.target, password=password)))
    sources.close_snapshots()
    wait_until(lambda: sources.connection.execute("SELECT FROM cdc.domain WHERE derivation = 1").rowcount == 1)
    try:
        replace("second")
        sources.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cdc derive%'"
        )
        sources.land(1)
        file.write_text("second\n")
        wait_until(lambda: sources.parties() == ["C1"])
    finally:
        replace(first)
    assert worker.end(sources) is None


def test_a_target_without_canonical_tables_stops_the_worker(settings: Settings, sources: Sources) -> None:
    sources.connection.execute("DROP TABLE trace.test_result CASCADE")
    with pytest.raises(FatalError, match="DRV-107"):
        run(settings, threading.Event())


def test_a_dictionary_with_faults_stops_the_worker_with_all_of_them(settings: Settings, sources: Sources) -> None:
    folder = settings.folders.dictionary
    for path in sorted((folder / "mappings").iterdir())[:2]:
        path.write_text(path.read_text() + "\nnonsense: 1\n")
    with pytest.raises(FatalError, match=r"(?s)DRV-106.*nonsense.*nonsense"):
        run(settings, threading.Event())


def test_a_worker_finds_a_history_that_was_applied(settings: Settings, target_dsn: str) -> None:
    mapping = settings.folders.dictionary / "mappings" / "mes.mes_sn.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(
        text.replace("  table: trace.serial_unit\n", "  table: trace.serial_unit\n  history: trace.serial_history\n")
    )
    planned = apply_target(settings, keep=False)
    assert "keep all versions of mes.mes_sn from now on; nothing of mes lands meanwhile" in planned
    assert apply_target(settings) == planned
    assert apply_target(settings) == []
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        for domain in load(settings.folders.dictionary).domains():
            mirrors = read_mirrors(connection, mirror_refs(domain))
            assert plan_target(connection, (domain,), mirrors) == ()

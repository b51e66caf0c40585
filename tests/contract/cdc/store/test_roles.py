"""The roles of `cdc target grants`: each can do its work as its own login, and nothing that is not its work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from cdc.cli.main import execute
from cdc.cli.target import apply_target
from cdc.config import Derive, Protection, Settings, Target, load
from cdc.derive.given import Keeper, Of
from cdc.errors import FatalError
from cdc.land.contract.in_force import put_in_force
from cdc.land.position import take_over
from cdc.land.session import Session
from cdc.land.stream import StreamSource
from cdc.protect.role import Roles
from cdc.protect.seal import Opener
from cdc.reference import Secret
from cdc.store.action import record_action
from cdc.store.connection import connect
from compose.local.env import REPO
from compose.local.postgres import PostgresServer
from tests.contract.cdc.cli.conftest import SETTINGS
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, column, item
from tests.contract.cdc.land.test_following import DirectLanding, Land, with_columns
from tests.contract.cdc.test_derive_worker import Sources, Worker, wait_until
from tests.owner import EVIDENCE
from tests.unit.cdc.stream.wire import PostgresWire

PREFIX = "roles_test_"
PASSWORD = "of-a-test"
PROTECTION = Protection({"m1": Secret("m" * 32)}, "m1")


@dataclasses.dataclass
class Ready:
    """A target that was prepared by one login that may do everything, and then given its roles, twice."""

    settings: Settings
    superuser: str
    folder: Path

    def target(self, role: str) -> Target:
        return dataclasses.replace(self.settings.target, user=PREFIX + role, password=Secret(PASSWORD))

    def as_role(self, role: str) -> psycopg.Connection:
        return connect(self.target(role), "test")


@pytest.fixture(scope="module")
def ready(target_server: PostgresServer, module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    folder = tmp_path_factory.mktemp("roles")
    parts = conninfo.conninfo_to_dict(module_dsn)
    named = {"host": parts["host"], "port": parts["port"], "database": parts["dbname"], "user": parts["user"]}
    (folder / "cdc.yaml").write_text(SETTINGS.format(**named, connector_configs=REPO / "connector-configs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TARGET_PASSWORD", str(parts["password"]))
        settings = load(folder / "cdc.yaml")
        superuser = conninfo.make_conninfo(target_server.dsn(target_server.superuser), dbname=str(parts["dbname"]))
        found = Ready(settings, superuser, folder)
        # Nothing is there; then everything, made by somebody else, who has no right to it afterwards; then all is well.
        give(found)
        apply_target(settings)
        give(found)
        text = (folder / "cdc.yaml").read_text()
        (folder / "cdc.yaml").write_text(text.replace(f"user: {settings.target.user}", f"user: {PREFIX}deploy"))
        patch.setenv("TARGET_PASSWORD", PASSWORD)
        give(found)
        yield found
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in Roles.named(PREFIX):
            connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())


@pytest.fixture(scope="module")
def wire() -> PostgresWire:
    """One stream, of which each test lands what comes next."""
    return PostgresWire()


def give(ready: Ready) -> None:
    with redirect_stdout(StringIO()) as printed:
        assert execute(["--config", str(ready.folder / "cdc.yaml"), "target", "grants", "--role-prefix", PREFIX]) == 0
    with psycopg.connect(ready.superuser, autocommit=True) as connection:
        connection.execute(printed.getvalue().encode())
        for role in ("deploy", "worker", "ops", "reader"):
            connection.execute(f"ALTER ROLE {PREFIX}{role} PASSWORD '{PASSWORD}'".encode())


def refused(connection: psycopg.Connection, statement: str) -> bool:
    """Tell whether a statement is refused for want of a privilege; it is undone in any case."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def allowed_of(connection: psycopg.Connection, statements: list[str]) -> list[str]:
    return [statement for statement in statements if not refused(connection, statement)]


def changes_of_evidence() -> list[str]:
    made = ("UPDATE cdc.{} SET {} = {}", "DELETE FROM cdc.{}", "TRUNCATE cdc.{} CASCADE")
    columns = {"operator_action": "reason", "audited": "rows", "anchor": "line"}
    return [
        text.format(table, *[columns.get(table, "stream")] * (text.count("{}") - 1))
        for table in EVIDENCE
        for text in made
    ]


DDL = [
    "CREATE TABLE public.x (a int)",
    "CREATE TABLE cdc.x (a int)",
    "CREATE SCHEMA x",
    "ALTER TABLE trace.party ADD x int",
    'ALTER TABLE erp."t_Organization" ADD x int',
    "DROP TABLE trace.party",
    "ALTER TABLE cdc.journal DISABLE TRIGGER ALL",
    "CREATE INDEX ON trace.party (country)",
    "TRUNCATE trace.party CASCADE",
    'TRUNCATE erp."t_Organization"',
    f"SET ROLE {PREFIX}owner",
]
WRITES = [
    "UPDATE trace.party SET country = country",
    "DELETE FROM trace.party",
    'DELETE FROM erp."t_Organization"',
    "UPDATE cdc.position SET batch = 0",
    "DELETE FROM cdc.held",
    "UPDATE cdc.active SET digest = digest",
    "DELETE FROM cdc.derive_queue",
]


def test_workers_make_and_change_no_tables_and_no_evidence(ready: Ready) -> None:
    with closing(ready.as_role("worker")) as connection:
        forged = "INSERT INTO cdc.operator_action (actor, action, object) VALUES ('somebody', 'x', 'x')"
        look = "SELECT cdc.reveal('x', 'x', 'x', 'x')"
        assert allowed_of(connection, [*DDL, *changes_of_evidence(), forged, look]) == []


def test_operators_write_no_rows_and_no_evidence_but_what_they_did(ready: Ready) -> None:
    with closing(ready.as_role("ops")) as connection:
        forged = "INSERT INTO cdc.operator_action (actor, action, object) VALUES ('somebody', 'x', 'x')"
        look = "SELECT cdc.reveal('x', 'x', 'x', 'x')"
        assert allowed_of(connection, [*DDL, *WRITES, *changes_of_evidence(), forged, look]) == []
        record_action(connection, "test", "object", [])
        actors = connection.execute("SELECT actor FROM cdc.operator_action ORDER BY id DESC LIMIT 1").fetchall()
        assert actors[0][0].startswith(f"{PREFIX}ops ")


def test_readers_see_what_is_public_or_internal_and_nothing_else(ready: Ready) -> None:
    with closing(ready.as_role("reader")) as connection:
        connection.execute("SELECT party_id, country, _source_ts FROM trace.party")
        connection.rollback()
        hidden = ["address", "contact", "phone", "_source_key", "_conflicts", "*"]
        reads = [f"SELECT {name} FROM trace.party" for name in hidden]
        reads += ['SELECT FROM erp."t_Organization"', "SELECT FROM cdc.journal", "SELECT FROM trace_held.party"]
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        assert allowed_of(connection, [*reads, *DDL, *WRITES, *changes_of_evidence()]) == []


def test_who_may_look_is_on_record_before_he_sees_anything(ready: Ready) -> None:
    with psycopg.connect(ready.superuser, autocommit=True) as connection:
        connection.execute(f"GRANT {PREFIX}reveal TO {PREFIX}ops".encode())
    try:
        with closing(ready.as_role("ops")) as connection:
            connection.execute("SELECT cdc.reveal('ann@desk', 'held show', 'party 1', 'complaint 7')")
            query = "SELECT actor, action, object, reason FROM cdc.operator_action ORDER BY id DESC LIMIT 1"
            row = connection.execute(query).fetchone()
            assert row == (f"{PREFIX}ops ann@desk", "held show --reveal", "party 1", "complaint 7")
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                connection.execute("SELECT cdc.reveal('ann@desk', 'held show', 'party 1', ' ')")
    finally:
        with psycopg.connect(ready.superuser, autocommit=True) as connection:
            connection.execute(f"REVOKE {PREFIX}reveal FROM {PREFIX}ops".encode())


def test_the_deployer_prepares_the_target_as_its_owner(ready: Ready) -> None:
    as_deployer = dataclasses.replace(ready.settings, target=ready.target("deploy"))
    assert apply_target(as_deployer) == []
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
    with closing(ready.as_role("deploy")) as connection:
        assert connection.execute(owners).fetchall() == [(f"{PREFIX}owner",)]


def test_a_worker_derives_what_landed(ready: Ready) -> None:
    sources = Sources(ready.superuser)
    settings = dataclasses.replace(ready.settings, target=ready.target("worker"), derive=Derive(60_000))
    try:
        sources.close_snapshots()
        sources.land(1)
        sources.commit(2, "nowhere")
        Worker(settings)
        wait_until(lambda: sources.parties() == ["C1"])
    finally:
        for each in Worker.running:
            assert each.end(sources) is None
        Worker.running.clear()
        sources.connection.close()


@pytest.mark.parametrize(
    "command",
    [
        "status --json",
        "held list",
        "held retry --code COD-201 --reason synonym --wait 0",
        "ledger check",
        "audit verify",
        "audit mirrors",
        "explain trace.party C1",
        "held waivers",
        "refused list",
        "protect keys",
        "worker audit rows",
        "worker held retry --code COD-201 --dry-run",
    ],
)
def test_operators_commands_work_as_their_role(ready: Ready, command: str, tmp_path: Path) -> None:
    """After the derivation above: what they find is another test's business."""
    words = command.removeprefix("worker ").split()
    code, said = done_by(ready, "worker" if command.startswith("worker ") else "ops", tmp_path, *words)
    assert code in {0, 3, 4, 6 if "--wait" in words else 0}, said
    assert "TGT-" not in said


def test_operators_seal_what_waivers_give(ready: Ready) -> None:
    waiver = Of("erp.t_Organization", ["2"], "")
    with closing(ready.as_role("ops")) as connection, connection.transaction(force_rollback=True):
        kept = Keeper(connection, PROTECTION, waiver.mapping).keep(waiver, ["canary"])
        assert kept.data_key is not None
        assert kept.open(Opener(connection, PROTECTION), waiver) == ["canary"]


def done_by(ready: Ready, role: str, folder: Path, *words: str) -> tuple[int, str]:
    """Run a command with the login of a role; return its exit code and all that it said."""
    text = (ready.folder / "cdc.yaml").read_text().replace(f"user: {PREFIX}deploy", f"user: {PREFIX}{role}")
    (folder / "cdc.yaml").write_text(text + 'protection: {keys: {m1: "${env:MASTER}"}, current: m1}\n')
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said), redirect_stdout(said):
        patch.setenv("TARGET_PASSWORD", PASSWORD)
        patch.setenv("MASTER", PROTECTION.keys["m1"].reveal())
        return execute(["--config", str(folder / "cdc.yaml"), *words]), said.getvalue()


@pytest.mark.parametrize(
    "command",
    [
        "protect hold --reason case",
        "protect shred personal 2026-03 --yes --reason erasure",
        "protect rewrap",
    ],
)
def test_what_is_not_an_operator_s_is_refused_to_him(ready: Ready, command: str, tmp_path: Path) -> None:
    code, said = done_by(ready, "ops", tmp_path, *command.split())
    assert (code, "TGT-106" in said) == (5, True), said


def test_the_deployer_archives_months_of_the_journal_and_nobody_else_does(
    ready: Ready, wire: PostgresWire, tmp_path: Path
) -> None:
    with closing(ready.as_role("deploy")) as owner, closing(ready.as_role("worker")) as worker:
        with owner.transaction():
            put_in_force(owner, "src", CONTRACTS)
            owner.execute(
                "CREATE TABLE cdc.journal_2025_06 (LIKE cdc.journal INCLUDING DEFAULTS INCLUDING INDEXES);"
                "ALTER TABLE cdc.journal ATTACH PARTITION cdc.journal_2025_06"
                " FOR VALUES FROM ('2025-06-01 00:00Z') TO ('2025-07-01 00:00Z');"
                "SELECT cdc.keep_evidence('cdc.journal_2025_06');"
                "INSERT INTO cdc.journal_month VALUES ('journal_2025_06', '2025-06-01 00:00Z', '2025-07-01 00:00Z');"
                "ALTER TABLE cdc.journal ALTER landed_at SET DEFAULT '2025-06-15'"
            )
        wire.begin()
        wire.insert("item", "id", item(9))
        wire.end()
        land(worker, wire)
        with owner.transaction():
            owner.execute("ALTER TABLE cdc.journal ALTER landed_at SET DEFAULT now()")
        # What is made later has no rights of workers that evidence does not have.
        rights = (
            "SELECT has_table_privilege('cdc.journal_2025_06', r) FROM unnest('{UPDATE,DELETE,TRUNCATE}'::text[]) r"
        )
        assert worker.execute(rights).fetchall() == [(False,)] * 3
    archive = ("journal", "archive", "--folder", str(tmp_path))
    for role in ("ops", "worker"):
        code, said = done_by(ready, role, tmp_path, *archive, "--dry-run")
        assert (code, "journal_2025_06" in said) == (0, True), said
        code, said = done_by(ready, role, tmp_path, *archive)
        assert (code, "TGT-106" in said) == (5, True), said
        assert [*tmp_path.glob("*.gz")] == []  # nor has it written anything by then
    code, said = done_by(ready, "deploy", tmp_path, *archive)
    assert code == 0, said
    code, said = done_by(ready, "ops", tmp_path, "journal", "verify", "--folder", str(tmp_path))
    assert (code, "Every file holds." in said) == (0, True), said


def test_a_worker_lands_into_mirrors_that_the_deployer_made_and_waits_for_him_where_they_have_to_grow(
    ready: Ready, wire: PostgresWire
) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2, qty="12.345"))  # refused
    wire.end()
    grown = with_columns(ITEM, shift=column("shift", "name"))
    with closing(ready.as_role("deploy")) as owner, closing(ready.as_role("worker")) as connection:
        with owner.transaction():
            put_in_force(owner, "src", CONTRACTS)
        land(connection, wire)
        assert connection.execute("SELECT count(*) FROM src.item").fetchone() == (2,)
        connection.commit()
        wire.begin()
        wire.insert("item", "id", {**item(3), "shift": "night"})
        wire.end()
        with pytest.raises(FatalError, match=r"add column src\.item\.shift") as caught:
            land(connection, wire, grown)
        assert caught.value.code == "TGT-117"
        with owner.transaction():
            put_in_force(owner, "src", (grown,))
        land(connection, wire, grown)
        assert connection.execute("SELECT id, shift FROM src.item ORDER BY id").fetchall() == [
            (1, None),
            (3, "night"),
            (9, None),
        ]


def land(connection: psycopg.Connection, wire: PostgresWire, *catalogue: object) -> None:
    position = take_over(connection, "cdc.src", "src")
    source = StreamSource(*("src", "cdc.src", "postgresql", lambda: catalogue or CONTRACTS, lambda: {"src.item"}))
    landing = DirectLanding(source, Session(connection, protection=PROTECTION), position, Land())
    landing.feed(record for record in wire.records if record.offset >= position.next_offset)
    landing.flush()
    while landing.has_pending:
        landing.land_next()

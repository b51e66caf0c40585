"""The service runs no statement that changes a source: by the servers' own logs of statements, and their catalogues."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose.local.stack import Stack
from tests.integration.connectors import catalogue
from tests.integration.connectors.account import drop_account
from tests.integration.connectors.statements import changing_mariadb, changing_postgresql, read_log, volatile
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side

KINDS = {"quay": "postgresql", "dock": "mariadb"}
TABLES = {
    "mark": "id int PRIMARY KEY, text varchar(99)",
    "part": "id int PRIMARY KEY, name varchar(40)",
    "lot": "id int PRIMARY KEY, part int REFERENCES part (id)",
    "remark": "text varchar(40)",
}
ACCOUNT = "recorded"
PASSWORD = "recorded-by-the-server"


class Recorded:
    """A source whose server writes down what the account of the service says to it."""

    def __init__(self, shapes: Shapes, side: Side, log: Path) -> None:
        self.shapes, self.side = shapes, side
        self._log, self._begin = log, 0
        self._volatile: set[str] = set()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Have the account's statements written down meanwhile."""
        if self.side.kind == "postgresql":
            self.side.run(f"ALTER ROLE {ACCOUNT} SET log_statement = 'all'")
            self.side.run(f"ALTER ROLE {ACCOUNT} SET log_replication_commands = on")
            self._begin = self._log.stat().st_size
            yield
            return
        self.side.run("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = 1")
        try:
            yield
        finally:
            self.side.run("SET GLOBAL general_log = 0", "SET GLOBAL log_output = 'FILE'")

    def statements(self) -> list[tuple[str, str]]:
        """Return them, each with who said it (PostgreSQL: application), or as which command (MariaDB)."""
        if self.side.kind == "postgresql":
            return list(read_log(self._log, self._begin))
        with self.side.connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT command_type, CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE user_host LIKE %s",
                (f"{ACCOUNT}[%",),
            )
            return list(cursor.fetchall())

    def changing(self) -> list[str]:
        """Return those that may change the source."""
        if self.side.kind == "mariadb":
            return changing_mariadb(self.statements())
        with self.side.connection() as connection:
            return changing_postgresql((text for _, text in self.statements()), volatile(connection))

    def catalogue(self) -> dict[str, list[str]]:
        """Return the source's catalogue."""
        of = catalogue.of_postgresql if self.side.kind == "postgresql" else catalogue.of_mariadb
        with self.side.connection() as connection:
            return of(connection)

    def run_script(self, script: str) -> None:
        """Run the DBA's script as the DBA does."""
        if self.side.kind == "postgresql":
            with self.side.connection() as connection:
                connection.execute(f"SET capture.password = '{PASSWORD}'")
                connection.execute(script.encode())
            return
        plain = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
        with self.side.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SET @capture_password = %s", (PASSWORD,))
            for statement in filter(str.strip, re.split(r";\s*\n|;\s*$", plain)):
                cursor.execute(statement)


@pytest.fixture(params=KINDS)
def recorded(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Iterator[Recorded]:
    """A source with tables, and its connector file; its account is not there yet."""
    name = str(request.param)
    side = Side(name, KINDS[name], ("mark", "part", "lot"), stack.env, keyless=("remark",))
    secret = Path(stack.env["CDC_LOCAL"]) / "secrets" / "recorded.properties"  # where Connect may read
    secret.write_text(f"password={PASSWORD}\n")
    shapes = make_deployment(tmp_path, stack, "recorded", side)
    drop_account(stack, ACCOUNT)
    side.run(*(f"CREATE TABLE {table} ({columns})" for table, columns in TABLES.items()))
    side.run("INSERT INTO mark VALUES (1, 'none')", "INSERT INTO part VALUES (1, 'first'), (2, 'second')")
    side.run("INSERT INTO lot VALUES (1, 1)", "INSERT INTO remark VALUES ('same'), ('same')")
    prefix = "CDC_MES" if side.kind == "postgresql" else "CDC_ERP"
    file = side.file.replace(f"${{env:{prefix}_DBA_USER}}", ACCOUNT)
    file = file.replace(f"${{env:{prefix}_DBA_PASSWORD}}", f"${{file:{secret}:password}}")
    (tmp_path / "connector-configs" / f"{name}.yaml").write_text(file)
    yield Recorded(shapes, side, Path(stack.env["CDC_LOCAL"]) / "log" / "mes.log")
    clear(shapes)
    drop_account(stack, ACCOUNT)
    secret.unlink()


def taken_back(file: Path) -> None:
    """Remove the files of a source."""
    shutil.rmtree(file.parent / "contracts" / file.stem)
    file.with_suffix(".dba.sql").unlink(missing_ok=True)
    file.unlink()


@pytest.mark.slow  # minutes each: every command that speaks to a source
@pytest.mark.timeout(900)
def test_no_command_changes_the_source(recorded: Recorded) -> None:
    cdc, name, side = recorded.shapes.deployment.cdc, recorded.side.name, recorded.side
    dba = ("--user", "${env:CDC_MES_DBA_USER}", "--password", "${env:CDC_MES_DBA_PASSWORD}")
    recorded.run_script(cdc("connectors", "grants", name, *(dba if side.kind == "postgresql" else ())))
    file = recorded.shapes.deployment.folder / "connector-configs" / f"{name}.yaml"
    lot = "public.lot" if side.kind == "postgresql" else "lot"
    file.write_text(file.read_text().replace(f"  - {lot}\n", ""))  # it is added later
    with recorded.recording():
        before = recorded.catalogue()
        for command in ("grants", "preflight", "lint", "render"):
            recorded.shapes.deployment.exit_code("connectors", command, name)
        place = re.findall(r"^(host|port|database|user|password): (.*)$", file.read_text(), re.MULTILINE)
        options = [part for key, value in place for part in (f"--{key}", value)]
        cdc("connectors", "init", f"{name}2", "--kind", side.kind, *options)
        taken_back(file.with_stem(f"{name}2"))
        cdc("source", "contract", name)
        cdc("target", "apply")
        cdc("connectors", "plan", name, exit_code=3)
        cdc("connectors", "apply", name)
        with recorded.shapes.running():
            recorded.shapes.check(f"{name}.part")
            side.run("INSERT INTO lot VALUES (2, 2)", "UPDATE part SET name = 'other' WHERE id = 2")
            cdc("connectors", "add-table", name, lot, "--apply")
            part = lot.replace("lot", "part")
            cdc("connectors", "snapshot", name, part, "--where", "id > 1", "--watch")
            for command in ("pause", "resume", "stop", "resume", "restart"):
                cdc("connectors", command, name)
            cdc("connectors", "stop", name)
            kept = file.parent.parent / "place.json"
            kept.write_text(cdc("connectors", "offsets", "show", name, "--json"))
            cdc("connectors", "offsets", "set", name, str(kept), "--reason", "a test", "--yes")
            cdc("connectors", "resume", name)
            recorded.shapes.deployment.exit_code("connectors", "status")
            recorded.shapes.deployment.exit_code("check")
            recorded.shapes.check(f"{name}.part", f"{name}.lot")
            cdc("connectors", "offsets", "reset", name, "--reason", "a test", "--yes")
            side.run("DELETE FROM lot WHERE id = 1")
            recorded.shapes.until(f"SELECT generations FROM cdc.position WHERE source = '{name}'", [(2,)])
            recorded.shapes.check(f"{name}.part", f"{name}.lot")
            cdc("connectors", "reload", name, "--yes")
            recorded.shapes.until(f"SELECT generations FROM cdc.position WHERE source = '{name}'", [(3,)])
            steps = ("--yes-stop", "--yes-offsets", "--yes-connector", "--yes-topics")
            recorded.shapes.deployment.exit_code("connectors", "remove", name, "--reason", "a test", *steps)
        cdc("drift", "show", name)
        recorded.shapes.deployment.exit_code("drift", "accept", name, "--reason", "a test")
        after = recorded.catalogue()
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}
    said = recorded.statements()
    assert len(said) > 100
    if side.kind == "postgresql":
        assert {"cdc contract", "Debezium Streaming"} <= {who for who, _ in said}
        assert any("pg_logical_emit_message" in text for _, text in said)
    else:
        assert {"Query", "Binlog Dump"} <= {command for command, _ in said}
    assert recorded.changing() == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO part VALUES (1)",
        "with gone as (delete from part returning *) select * from gone",
        "SELECT * INTO other FROM part",
        "SELECT * FROM part FOR UPDATE",
        "SELECT * FROM part FOR SHARE",
        "SELECT nextval('numbers')",
        "SELECT set_config('a', 'b', false)",
        "SELECT pg_create_logical_replication_slot('a', 'pgoutput')",
        "/* only a look */ DROP TABLE part",
        "CREATE PUBLICATION cdc FOR ALL TABLES",
        "LOCK TABLE part",
        "ALTER SYSTEM SET wal_level = 'logical'",
        "DO $$ BEGIN END $$",
        "COPY part FROM STDIN",
        "VACUUM part",
    ],
)
def test_a_change_is_found(statement: str) -> None:
    known = {"nextval", "set_config", "pg_create_logical_replication_slot", "pg_logical_emit_message"}
    assert changing_postgresql([statement], known) == [statement]
    if "nextval" in statement or not statement.startswith("SELECT "):
        assert changing_mariadb([("Query", statement)])


@pytest.mark.parametrize(
    "statement",
    [
        "SET GLOBAL read_only = 0",
        "SET @@global.read_only = 0",
        "SET STATEMENT max_statement_time=1 FOR DELETE FROM part",
        "SELECT * FROM part INTO OUTFILE 'part'",
        "SELECT * FROM part LOCK IN SHARE MODE",
        "FLUSH TABLES part FOR EXPORT",
        "KILL 5",
        "REPLACE INTO part VALUES (1)",
    ],
)
def test_a_change_of_mariadb_is_found(statement: str) -> None:
    assert changing_mariadb([("Query", statement)]) == [f"Query: {statement}"]


def test_what_only_reads_is_let_pass() -> None:
    read = ["SELECT 'DELETE', deleted FROM part -- INSERT", "SHOW wal_level", "SET search_path = ''", "BEGIN READ ONLY"]
    assert changing_postgresql([*read, "SELECT pg_logical_emit_message(true, 'a', 'b')"], {"nextval"}) == []
    own = [
        "SHOW CREATE TABLE part",
        "UNLOCK TABLES",
        "SELECT @@GLOBAL.gtid_binlog_pos AS gtids",
        "set @master_binlog_checksum= @@global.binlog_checksum",
        "SET STATEMENT max_statement_time=600 FOR SHOW GLOBAL VARIABLES LIKE 'binlog_format'",
    ]
    assert changing_mariadb([("Query", text) for text in [*read, *own]]) == []

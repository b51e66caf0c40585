"""A deployment of the service for a test of its own: sources, target, connectors; and how it is cleared away."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from kafka.admin import KafkaAdminClient

from cdc import access
from cdc.capture.connect import Connect
from cdc.stream.envelope import READER_SUFFIX
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import NO_ENDPOINTS, Deployment, connect, settings, write_no_dictionary
from tests.integration.shapes.side import Side
from transforms.load import PACKAGED

HERE = Path(__file__).parent
_SETTINGS = settings('land: {group: "${env:CDC_GROUP}", catalogue_every_s: 1}\n', NO_ENDPOINTS)
_LEDGER = "captured - (landed + superseded + filtered + replayed + refused + control)"


@dataclass(frozen=True, slots=True)
class Shapes:
    """The deployment and its sources, by name."""

    deployment: Deployment
    sides: dict[str, Side]
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """Variables of the stack, and of this deployment."""
        return dict(self.deployment.env)

    @contextmanager
    def running(self) -> Iterator[None]:
        """`cdc run` in the background, to be ended by SIGTERM at the end of the block."""
        with self.deployment.running() as process:
            self._processes.append(process)
            yield
            self._processes.remove(process)

    def check(self, *tables: str) -> None:
        """Wait until everything has landed, then compare tables (`source.table`) with their mirrors, row by row."""
        for name in sorted({table.partition(".")[0] for table in tables}):
            self.until(f"SELECT text FROM {name}.mark", [(self.sides[name].leave_mark(),)])
        with self.deployment.target() as target:
            for table in tables:
                name, _, own = table.partition(".")
                # As Python spells them: NaN is no other NaN, 1.0 is not 1.00, 0 is not -0.
                found, wanted = (
                    map(repr, rows) for rows in (self.sides[name].mirror(target, own), self.sides[name].rows(own))
                )
                assert list(found) == list(wanted), table
            assert target.execute(f"SELECT stream, batch FROM cdc.batch WHERE {_LEDGER} <> 0").fetchall() == []
            assert target.execute("SELECT mirror, key, code FROM cdc.stale").fetchall() == []
            for table in {*tables} & {name for (name,) in target.execute("SELECT mirror FROM cdc.change_mirror")}:
                check_versions(target, table)

    def keep_versions(self, tables: Iterable[str]) -> None:
        """Have all versions of tables kept, as if a dictionary made histories of them."""
        text = "INSERT INTO cdc.change_mirror (mirror) SELECT mirror FROM cdc.contract WHERE split_part(mirror, '.', 2)"
        with self.deployment.target() as target:
            target.execute(f"{text} = ANY (%s)".encode(), (list(tables),))
        self.deployment.cdc("target", "apply")

    def until(self, text: str, wanted: Any, timeout_s: float = 90) -> None:
        """Wait until the target answers so; whoever runs must go on running."""
        deadline = time.monotonic() + timeout_s
        while (found := self.query(text)) != wanted:
            for process in self._processes:
                assert process.poll() is None, (self.deployment.folder / "run.log").read_text()[-3000:]
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def workers(self, kind: str) -> list[int]:
        """Return the processes of the running service that do one kind of work."""
        children = [
            int(child)
            for process in self._processes
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        ]
        return [pid for pid in children if kind in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()]

    def status(self) -> str:
        """Return what `cdc connectors status --json` prints, whatever its exit code."""
        command = (sys.executable, "-m", "cdc", "connectors", "status", "--json")
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False).stdout

    def empty_target(self) -> None:
        """Go on with an empty target database of the same name, as if it were another one."""
        self.drop_target()
        _administer(self.env, "TARGET", "ADMIN_", f"CREATE DATABASE {self.env['CDC_TARGET_DATABASE']} OWNER cdc")

    def drop_target(self) -> None:
        """Remove the target database."""
        database = self.env["CDC_TARGET_DATABASE"]
        _administer(self.env, "TARGET", "ADMIN_", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def apply(self, *names: str) -> None:
        """Have contracts, connectors and mirrors made as the files of these sources are."""
        for name in names:
            self.deployment.cdc("source", "contract", name)
        self.deployment.cdc("connectors", "apply")
        self.deployment.cdc("target", "apply")

    def apply_stopped(self, *names: str) -> None:
        """Have connectors created that do not run; their files say that they do."""
        for name in names:
            self.write(dataclasses.replace(self.sides[name], more=("state: stopped",)))
            self.deployment.cdc("connectors", "apply", name)
            self.write(self.sides[name])

    def keep_only(self, name: str) -> Side:
        """Have one source alone, before anything was made of the others; return it."""
        for other in self.sides.keys() - {name}:
            del self.sides[other]
            (self.deployment.folder / "connector-configs" / f"{other}.yaml").unlink()
        return self.sides[name]

    def write(self, side: Side) -> None:
        """Write a source's connector file again."""
        (self.deployment.folder / "connector-configs" / f"{side.name}.yaml").write_text(side.file)

    def write_otherwise(self, name: str, line: str, other: str) -> None:
        """Write a source's connector file with another line."""
        text = self.sides[name].file
        assert line in text
        (self.deployment.folder / "connector-configs" / f"{name}.yaml").write_text(text.replace(line, other))

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the target; what is not there yet has no rows."""
        with (
            self.deployment.target() as target,
            suppress(psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn),
        ):
            return target.execute(text.encode(), parameters).fetchall()
        return []


def check_versions(target: psycopg.Connection[Any], table: str) -> None:
    """See that the last versions of a table's rows are its mirror, and that no two of a row overlap or leave a gap."""
    schema, _, own = table.partition(".")
    key = target.execute(
        "SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_index JOIN pg_attribute a ON a.attrelid = indrelid"
        " AND a.attnum = ANY (indkey) WHERE indrelid = %s::regclass AND indisprimary",
        (table,),
    ).fetchone()
    columns = target.execute(
        "SELECT string_agg(quote_ident(attname) || '::text', ', ') FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('_offset', '_source_ts')",
        (table,),
    ).fetchone()
    assert key is not None
    assert columns is not None
    shown = f"SELECT {columns[0]} FROM {table}"
    kept = f"SELECT {columns[0]} FROM {schema}_change.{own} WHERE _valid_to IS NULL AND _op <> 'd'"
    for one, other in ((shown, kept), (kept, shown)):
        assert target.execute(f"{one} EXCEPT ALL {other}".encode()).fetchall() == [], table
    uneven = (
        f"SELECT {key[0]}, _version FROM (SELECT *, lead(_valid_from) OVER w AS next, lead(_version) OVER w AS later"
        f" FROM {schema}_change.{own} WINDOW w AS (PARTITION BY {key[0]} ORDER BY _version)) v"
        " WHERE _valid_to IS DISTINCT FROM next OR (later IS NOT NULL AND _valid_to IS NULL)"
    )
    assert target.execute(uneven.encode()).fetchall() == [], table


def make_deployment(folder: Path, stack: Stack, database: str, *sides: Side, with_mappings: bool = False) -> Shapes:
    """Make connector files, settings and empty databases of sources and target; there are no tables yet."""
    (folder / "connector-configs").mkdir()
    for side in sides:
        (folder / "connector-configs" / f"{side.name}.yaml").write_text(side.file)
    if with_mappings:
        shutil.copytree(HERE / "dictionary", folder / "dictionary")
        shutil.copy(PACKAGED / "errors.yaml", folder / "dictionary")
    else:
        write_no_dictionary(folder)
    (folder / "cdc.yaml").write_text(_SETTINGS)
    own = {"CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": database, "CDC_GROUP": database}
    shapes = Shapes(Deployment(folder, process_environment(stack.env | own)), {side.name: side for side in sides})
    make_databases(shapes)
    return shapes


def make_databases(shapes: Shapes) -> None:
    """Make the databases of target and sources, empty, whatever was there before."""
    env = shapes.env
    clear(shapes)
    _administer(env, "TARGET", "ADMIN_", f"CREATE DATABASE {env['CDC_TARGET_DATABASE']} OWNER cdc")
    for side in shapes.sides.values():
        if side.kind == "postgresql":
            _administer(env, "MES", "DBA_", f"CREATE DATABASE {side.name}")
        else:
            _mariadb(env, f"CREATE DATABASE {side.name} CHARACTER SET utf8mb4")


def clear(shapes: Shapes) -> None:
    """Remove connectors with their offsets, topics, databases and slots."""
    env = shapes.env
    names = [name + suffix for name in shapes.sides for suffix in (READER_SUFFIX, "")]
    with Connect(access.Connect(env["CDC_CONNECT_URL"])) as client:
        for name in names:
            if client.config(name) is not None:
                client.remove(name)
    admin = KafkaAdminClient(bootstrap_servers=env["CDC_KAFKA"])
    topics = [topic for topic in admin.list_topics() if topic.rpartition(".")[2] in names]
    if topics:
        admin.delete_topics(topics)
    admin.close()
    _administer(env, "TARGET", "ADMIN_", f"DROP DATABASE IF EXISTS {env['CDC_TARGET_DATABASE']} WITH (FORCE)")
    for side in shapes.sides.values():
        if side.kind == "postgresql":
            slots = f"FROM pg_replication_slots WHERE database = '{side.name}'"
            _administer(env, "MES", "DBA_", f"SELECT pg_drop_replication_slot(slot_name) {slots}")
            _administer(env, "MES", "DBA_", f"DROP DATABASE IF EXISTS {side.name} WITH (FORCE)")
        else:
            _mariadb(env, f"DROP DATABASE IF EXISTS {side.name}")


def _administer(env: dict[str, str], server: str, role: str, statement: str) -> None:
    with connect({**env, f"CDC_{server}_DATABASE": "postgres"}, server, role) as connection:
        connection.execute(statement.encode())


def _mariadb(env: dict[str, str], statement: str) -> None:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)

"""The two sources of the connector tests: their files, databases and streams."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pymysql
from kafka import KafkaConsumer, TopicPartition

from cdc.capture.source import Source, load_sources
from cdc.cli.connectors.on_record import NOT_ON_RECORD
from cdc.cli.main import execute
from compose.local.env import REPO
from tests.integration.service import without_anchors, write_no_dictionary

SOURCES = ("books", "plant")
FILES = {
    "books": """\
kind: mariadb
host: 127.0.0.1
port: ${env:CDC_ERP_PORT}
database: books
user: ${env:CDC_ERP_DBA_USER}
password: ${env:CDC_ERP_DBA_PASSWORD}
tables: [parent, child, {table: loose, key: [code, place]}]
""",
    "plant": """\
kind: postgresql
host: 127.0.0.1
port: ${env:CDC_MES_PORT}
database: plant
user: ${env:CDC_MES_DBA_USER}
password: ${env:CDC_MES_DBA_PASSWORD}
tables: [public.parent, public.child]
""",
}
_BOOKS = """
DROP DATABASE IF EXISTS books; CREATE DATABASE books CHARACTER SET gbk; USE books;
CREATE TABLE child (id int PRIMARY KEY, parent int, name varchar(40));
CREATE TABLE parent (id int PRIMARY KEY, name varchar(40));
CREATE TABLE loose (code int NOT NULL, place int NOT NULL, name varchar(40));
INSERT INTO child VALUES (10, 1, '导管'); INSERT INTO parent VALUES (1, '支架')"""
_PLANT = """
CREATE TABLE child (id int PRIMARY KEY, parent int, name text);
CREATE TABLE parent (id int PRIMARY KEY, name text);
INSERT INTO child VALUES (10, 1, '导管'); INSERT INTO parent VALUES (1, '支架');
CREATE PUBLICATION cdc FOR TABLE parent, child"""
_SETTINGS_FILE = REPO / "compose" / "cdc.yaml"


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one test, and the command line as their DBA uses it."""

    folder: Path
    env: Mapping[str, str]
    mariadb: pymysql.Connection
    plant: psycopg.Connection

    def make(self) -> None:
        """Create databases, connector files, a dictionary that derives nothing, settings and contracts."""
        for statement in _BOOKS.split(";"):
            self.books(statement)
        self.plant.execute(_PLANT)
        write_no_dictionary(self.folder)
        (self.folder / "connector-configs").mkdir()
        for name, text in FILES.items():
            self.write(name, text)
        settings = without_anchors(_SETTINGS_FILE.read_text()).replace("../connector-configs", "connector-configs")
        (self.folder / "cdc.yaml").write_text(settings)
        for name in SOURCES:
            self.cdc("source", "contract", name)

    def books(self, statement: str) -> None:
        """Run one statement in the MariaDB source, committed."""
        with self.mariadb.cursor() as cursor:
            cursor.execute(statement)

    def write(self, name: str, text: str) -> None:
        """Write a connector file."""
        (self.folder / "connector-configs" / f"{name}.yaml").write_text(text)

    def source(self, name: str) -> Source:
        """Return a source as its file has it now."""
        return load_sources(self.folder / "connector-configs")[name]

    def cdc(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command in this process, as the console script would; return what it printed on both outputs.

        But for the line that says, of the target that most tests here do without, that nothing is put on record there.
        """
        code, printed = self._run(arguments)
        assert code == exit_code, f"{arguments}: {code}\n{printed}"
        return printed.replace(f"{NOT_ON_RECORD}\n", "")

    def status(self, *names: str) -> list[dict[str, Any]]:
        """Return what `cdc connectors status --json` says, however it ends: after a minute, that nobody lands here."""
        code, printed = self._run(("connectors", "status", *names, "--json"))
        assert code in (0, 3, 4), printed
        found: list[dict[str, Any]] = json.loads(printed)
        return found

    def _run(self, arguments: Sequence[str]) -> tuple[int, str]:
        printed = io.StringIO()
        with patch.dict(os.environ, self.env, clear=True), redirect_stdout(printed), redirect_stderr(printed):
            return execute(arguments), printed.getvalue()

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the values of all committed records of a stream."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.env["CDC_KAFKA"], isolation_level="read_committed", enable_auto_commit=False
        )
        partition = TopicPartition(f"cdc.{name}", 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        found: list[dict[str, Any]] = []
        while consumer.position(partition) < end:
            for records in consumer.poll(200).values():
                found += [json.loads(record.value) for record in records]
        consumer.close()
        return found

    def await_records(
        self, name: str, enough: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 60
    ) -> list[dict[str, Any]]:
        """Read the stream again and again until it holds enough."""
        deadline = time.monotonic() + timeout_s
        while not enough(records := self.records(name)):
            assert time.monotonic() < deadline, [kind_of(record) for record in records]
            time.sleep(0.2)
        return records


def kind_of(record: Mapping[str, Any]) -> str:
    """Return what a record is: an operation, BEGIN, END, ddl or heartbeat."""
    if "ddl" in record:
        return "ddl"
    return record.get("op") or record.get("status") or "heartbeat"

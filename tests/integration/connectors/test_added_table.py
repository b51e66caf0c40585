"""A source whose connector runs gets one more table, which holds rows and is being written to: none of them is lost."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pymysql
import pytest
from kafka import KafkaConsumer, TopicPartition

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.reading import Reading
from cdc.capture.readings import Unread
from tests.integration.connectors.deployment import FILES, Sources
from tests.integration.service import connect, eventually, start

ROWS = 20_000
# Long and not compressible: PostgreSQL's log leaves it out of an update that does not change it (TOAST).
TABLE = {
    "plant": f"""
        CREATE TABLE "Cert-1" (id int PRIMARY KEY, state int NOT NULL, text text);
        ALTER TABLE "Cert-1" ALTER text SET STORAGE EXTERNAL;
        INSERT INTO "Cert-1" SELECT n, 0, repeat(md5(n::text), 90) FROM generate_series(1, {ROWS}) n;
        ALTER PUBLICATION cdc ADD TABLE "Cert-1\"""",
    "books": f"""
        CREATE TABLE books.`Cert-1` (id int PRIMARY KEY, state int NOT NULL, text longtext);
        INSERT INTO books.`Cert-1` SELECT seq, 0, repeat(md5(seq), 90) FROM seq_1_to_{ROWS}""",
}
QUOTE = {"plant": '"', "books": "`"}
LISTED = {"plant": "tables: [public.parent, public.child", "books": "tables: [parent, child"}
ADDED = {"plant": "public.Cert-1", "books": "Cert-1"}
NAMED = {"plant": "public.Cert-1", "books": "books.Cert-1"}
MIRRORS = ("parent", "child", "Cert-1")
LEDGER = "captured - (landed + superseded + filtered + replayed + refused + control)"


@pytest.mark.slow  # a minute each; CI has `one_more_table`
@pytest.mark.parametrize("name", ["plant", "books"])
def test_a_table_that_is_added_while_it_is_written_to_arrives_whole(sources: Sources, name: str) -> None:
    other = "books" if name == "plant" else "plant"
    (sources.folder / "connector-configs" / f"{other}.yaml").unlink()
    sources.cdc("source", "contract", name)
    sources.cdc("connectors", "apply")
    sources.cdc("target", "apply")
    with landing(sources), connect(sources.env, "TARGET", "") as target:
        eventually(target, f"SELECT generations FROM cdc.position WHERE stream = 'cdc.{name}'", [(1,)])
        for statement in TABLE[name].split(";"):
            run(sources, name)(statement)
        with writing(sources, name) as written:
            await_(lambda: written[0] > 20, "the writer writes")
            sources.write(name, FILES[name].replace(LISTED[name], f"{LISTED[name]}, {ADDED[name]}"))
            sources.cdc("source", "contract", name)
            sources.cdc("target", "apply")
            told = sources.cdc("connectors", "apply").splitlines()
            # MariaDB's table has a column of which the snapshot has to be told how to select it.
            select = "snapshot.select.statement.overrides"
            more = f"{select}, {select}.{NAMED[name]}, " if name == "books" else ""
            assert told == [
                f"{name}: settings changed: {more}table.include.list",
                f"{name}: reading of {NAMED[name]} begun",
            ]
            with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as client:
                for connector in (name, f"{name}-read"):
                    client.restart(connector, only_failed=False)
            await_(lambda: not unread(sources, name), "the reader reads the table")
            more = written[0] + 50
            await_(lambda: written[0] > more, "the writer writes on")
        over = f"{name}: reading is over: connector {name}-read removed\n"
        assert sources.cdc("connectors", "apply") == over
        assert sources.cdc("connectors", "apply") == f"{name}: nothing to do\n"
        sources.cdc("connectors", "status")
        drained(sources, target, name)
        overlooked = target.execute("SELECT count(*) FROM cdc.stale WHERE stream = %s", (f"cdc.{name}",)).fetchone()
        if overlooked != (0,):
            # An update that left the long value out fell into the moment in which the row was read.
            sources.cdc("connectors", "snapshot", name, ADDED[name])
            await_(lambda: not unread(sources, name), "the reader reads the table again")
            assert sources.cdc("connectors", "apply") == over
            drained(sources, target, name)
        for mirror in MIRRORS:
            assert rows(target.execute, f'{name}."{mirror}"', '"') == rows(
                lambda text: source_rows(sources, name, text), table(name, mirror), QUOTE[name]
            ), mirror
        assert target.execute("SELECT FROM cdc.stale WHERE stream = %s", (f"cdc.{name}",)).fetchall() == []
        assert target.execute(f"SELECT generations FROM cdc.position WHERE stream = 'cdc.{name}'").fetchone() == (1,)
    with connect(sources.env, "TARGET", "") as target:
        position, captured, off = target.execute(
            f"SELECT max(next_offset), sum(captured), sum(abs({LEDGER})) FROM cdc.batch WHERE stream = %s",
            (f"cdc.{name}",),
        ).fetchone() or (0, 0, 0)
        assert off == 0
        assert captured == records_before(sources, name, position)


def run(sources: Sources, name: str) -> Callable[[str], Any]:
    return sources.books if name == "books" else lambda text: sources.plant.execute(text.encode())


def table(name: str, table: str) -> str:
    return f"books.`{table}`" if name == "books" else f'"{table}"'


@contextmanager
def writing(sources: Sources, name: str) -> Iterator[list[int]]:
    """Transactions of several statements against old and new tables, on a connection of their own; yields their count.

    Most leave the long value as it is, some move rows to another key, some delete rows and bring them back.
    """
    count, stop, failed = [0], threading.Event(), []
    thread = threading.Thread(target=_write, args=(sources, name, count, stop, failed))
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()
    assert not failed, failed


def _write(sources: Sources, name: str, count: list[int], stop: threading.Event, failed: list[Exception]) -> None:
    try:
        draw, ids = random.Random(7), itertools.count(ROWS + 1)
        cert, child = table(name, "Cert-1"), table(name, "child")
        with own_connection(sources, name) as connection:
            while not stop.is_set():
                cursor = connection.cursor()
                for _ in range(draw.randint(1, 8)):
                    row, fresh = draw.randint(1, ROWS), next(ids)
                    cursor.execute(
                        draw.choice(
                            [
                                *[f"UPDATE {cert} SET state = state + 1 WHERE id = {row}"] * 6,
                                f"UPDATE {cert} SET text = concat(text, 'x') WHERE id = {row}",
                                f"DELETE FROM {cert} WHERE id = {row}",
                                f"UPDATE {cert} SET id = {fresh} WHERE id = {row}",
                                f"INSERT INTO {cert} VALUES ({fresh}, 0, repeat(md5('{row}'), 90))",
                                f"UPDATE {child} SET name = '{row}' WHERE id = 10",
                                f"INSERT INTO {child} SELECT max(id) + 1, 1, '{row}' FROM {child}",
                            ]
                        )
                    )
                connection.commit()
                count[0] += 1
    except Exception as error:  # noqa: BLE001 - told by the test
        failed.append(error)


def own_connection(sources: Sources, name: str) -> Any:
    if name == "plant":
        return psycopg.connect(sources.plant.info.dsn, password=sources.plant.info.password)
    env = sources.env
    return pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
    )


@contextmanager
def landing(sources: Sources) -> Iterator[None]:
    """`cdc land` in the background, from before the table is there; it must drain and exit 0 on SIGTERM."""
    path = sources.folder / "land.log"
    process = start(sources.env, path, "land")
    try:
        yield
        assert process.poll() is None, path.read_text()[-3000:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, path.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def unread(sources: Sources, name: str) -> list[Unread]:
    return Reading(sources.source(name), Kafka(sources.env["CDC_KAFKA"])).unread()


def drained(sources: Sources, target: psycopg.Connection, name: str) -> None:
    """Wait until a last change of the source has landed, and all before it."""
    mark = f"mark {time.monotonic()}"
    run(sources, name)(f"UPDATE {table(name, 'parent')} SET name = '{mark}'")
    eventually(target, f"SELECT name FROM {name}.parent", [(mark,)])


def rows(execute: Callable[[str], Any], table: str, quote: str) -> list[tuple[Any, ...]]:
    columns = "id, name" if "Cert" not in table else f"id, state, md5({quote}text{quote})"
    return list(execute(f"SELECT {columns} FROM {table} ORDER BY id"))


def source_rows(sources: Sources, name: str, text: str) -> list[tuple[Any, ...]]:
    if name == "plant":
        return sources.plant.execute(text.encode()).fetchall()
    with sources.mariadb.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def records_before(sources: Sources, name: str, position: int) -> int:
    """Count the committed records of a stream before an offset, whatever they hold."""
    consumer = KafkaConsumer(bootstrap_servers=sources.env["CDC_KAFKA"], isolation_level="read_committed")
    partition = TopicPartition(f"cdc.{name}", 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    count = 0
    while consumer.position(partition) < position:
        for found in consumer.poll(200).values():
            count += sum(record.offset < position for record in found)
    consumer.close()
    return count


def await_(holds: Callable[[], bool], what: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)

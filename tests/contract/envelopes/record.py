"""Records the envelopes beside this file again, from the real connectors: after a connector or a setting has changed.

    python -m compose.local.ports 29000 python -m tests.contract.envelopes.record [FOLDER]

Starts a stack of its own, runs `<source>_snapshot.sql`, applies the connectors, runs `<source>_stream.sql` and writes
`<source>.jsonl` into FOLDER (by default this one): one committed record per line, key and value as they were sent.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pymysql
from kafka import KafkaConsumer, TopicPartition

from cdc.cli.main import execute
from compose.local.env import environment
from compose.local.stack import Stack
from compose.simulator.install import install

HERE = Path(__file__).parent
SOURCES = ("erp", "mes")
# As an application would: apart from each other, so that heartbeats fall between and inside transactions.
_PAUSE_S = 0.05
_IDLE_S = 3.0


def main() -> None:
    """Record both sources."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with tempfile.TemporaryDirectory(prefix="envelopes-") as local:
        env = environment({**os.environ, "CDC_LOCAL": local})
        os.environ.update(env)
        stack = Stack(env)
        try:
            stack.start(["kafka", "connect", "erp", "mes"])
            _play(env)
            for name in SOURCES:
                _write(folder / f"{name}.jsonl", list(_records(env["CDC_KAFKA"], f"cdc.{name}")))
        finally:
            stack.stop()


def _play(env: Mapping[str, str]) -> None:
    install(env, print)
    run = {"erp": _mariadb(env), "mes": _postgresql(env)}
    for name in SOURCES:
        for table in _tables(env, name):
            run[name](f"DELETE FROM {table}")
        for statement in _statements(HERE / f"{name}_snapshot.sql"):
            run[name](statement)
    assert execute(["connectors", "apply"]) == 0
    for name in SOURCES:
        while not any(
            '"snapshot":"last"' in str(record["value"]) for record in _records(env["CDC_KAFKA"], f"cdc.{name}")
        ):
            time.sleep(0.5)
    time.sleep(_IDLE_S)
    for name in SOURCES:
        for statement in _statements(HERE / f"{name}_stream.sql"):
            run[name](statement)
            time.sleep(_PAUSE_S)
    time.sleep(_IDLE_S)


def _tables(env: Mapping[str, str], name: str) -> list[str]:
    files = Path(env["CDC_CONFIG"]).parent.parent / "connector-configs" / "contracts" / name
    return [file.stem for file in files.glob("*.yaml")]


def _statements(path: Path) -> Iterator[str]:
    """Yield the statements of a file; each ends with its line, and none holds a line that ends with a semicolon."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    yield from filter(None, (statement.strip() for statement in "\n".join(lines).split(";\n")))


def _mariadb(env: Mapping[str, str]) -> Callable[[str], object]:
    connection = pymysql.connect(
        host=env["CDC_ERP_HOST"],
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_ADMIN_USER"],
        password=env["CDC_ERP_ADMIN_PASSWORD"],
        database=env["CDC_ERP_DATABASE"],
        charset="utf8mb4",
        autocommit=True,
    )
    return connection.cursor().execute


def _postgresql(env: Mapping[str, str]) -> Callable[[str], object]:
    connection = psycopg.connect(
        host=env["CDC_MES_HOST"],
        port=env["CDC_MES_PORT"],
        user=env["CDC_MES_ADMIN_USER"],
        password=env["CDC_MES_ADMIN_PASSWORD"],
        dbname=env["CDC_MES_DATABASE"],
        autocommit=True,
    )
    return lambda statement: connection.execute(statement.encode())


def _records(bootstrap: str, topic: str) -> Iterator[dict[str, object]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    while consumer.position(partition) < end:
        for records in consumer.poll(200).values():
            for record in records:
                yield {
                    "offset": record.offset,
                    "key": record.key and record.key.decode(),
                    "value": record.value and record.value.decode(),
                    "headers": {name: value.decode() for name, value in record.headers},
                }
    consumer.close()


def _write(path: Path, records: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    sys.stdout.write(f"{path}: {len(records)} records\n")


if __name__ == "__main__":
    main()

"""Kafka Connect as it fails: tasks that are started again, a worker that is killed, or that keeps no transactions."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from kafka import KafkaConsumer, TopicPartition

from compose.local.connect import ConnectWorker
from compose.local.service import bring_up
from compose.local.stack import Stack
from tests.integration.shapes.shapes import Shapes

START_S = 120


def restart_tasks(shapes: Shapes, *names: str) -> None:
    """Have the tasks of connectors begin again from their stored offsets, at once."""
    deadline = time.monotonic() + START_S
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        for name in names:
            order = f"/connectors/{name}/restart"
            while (answer := client.post(order, params={"includeTasks": "true"})).status_code == httpx.codes.CONFLICT:
                assert time.monotonic() < deadline, answer.text  # its workers agree on something else at the moment
                time.sleep(0.1)
            answer.raise_for_status()


def resume(shapes: Shapes, name: str) -> None:
    """Have a stopped connector run; returns at once."""
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        client.put(f"/connectors/{name}/resume").raise_for_status()


def stop(shapes: Shapes, name: str) -> None:
    """Stop a connector, and wait until its place is kept."""
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        client.put(f"/connectors/{name}/stop").raise_for_status()
        deadline = time.monotonic() + START_S
        while True:
            now = client.get(f"/connectors/{name}/status").json()
            if now["connector"]["state"] == "STOPPED" and not now["tasks"]:
                return
            assert time.monotonic() < deadline, now
            time.sleep(0.05)


def kill(stack: Stack) -> None:
    """SIGKILL the worker, and start it again."""
    stack.services()["connect"].daemon().kill()
    stack.start(["connect"])


@contextmanager
def without_transactions(stack: Stack) -> Iterator[ConnectWorker]:
    """Run the worker without exactly-once support, whatever its connectors ask for."""
    worker = stack.services()["connect"]
    assert isinstance(worker, ConnectWorker)
    plain = dataclasses.replace(worker, settings={**worker.settings, "exactly.once.source.support": "disabled"})
    stack.stop(["connect"])
    bring_up(plain, START_S, threading.Event())
    try:
        yield plain
    finally:
        plain.daemon().stop()
        stack.start(["connect"])


def exists(shapes: Shapes, name: str) -> bool:
    """Tell whether there is a connector of that name."""
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        return name in client.get("/connectors").raise_for_status().json()


def offsets(shapes: Shapes, name: str) -> Any:
    """Return a connector's stored offsets, as `set_offsets` takes them."""
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        return client.get(f"/connectors/{name}/offsets").raise_for_status().json()


def recorded(shapes: Shapes, name: str) -> list[dict[str, Any]]:
    """Return the same without the names of their partitions."""
    return [entry["offset"] for entry in offsets(shapes, name)["offsets"]]


def set_offsets(shapes: Shapes, name: str, stored: Any) -> None:
    """Put a connector back to where it was."""
    with httpx.Client(base_url=shapes.env["CDC_CONNECT_URL"], timeout=60, trust_env=False) as client:
        client.put(f"/connectors/{name}/stop").raise_for_status()
        deadline = time.monotonic() + 60
        while client.patch(f"/connectors/{name}/offsets", json=stored).status_code != httpx.codes.OK:
            assert time.monotonic() < deadline, "the connector does not stop"
            time.sleep(0.2)
        client.put(f"/connectors/{name}/resume").raise_for_status()


def await_rows(shapes: Shapes, rows: int, *names: str) -> None:
    """Wait until each stream has grown by some rows (in transactions that are not committed in Kafka yet, too)."""
    consumer = KafkaConsumer(bootstrap_servers=shapes.env["CDC_KAFKA"])
    partitions = [TopicPartition(f"cdc.{name}", 0) for name in names]
    begins = consumer.end_offsets(partitions)
    deadline = time.monotonic() + 60
    while any(end < begins[partition] + rows for partition, end in consumer.end_offsets(partitions).items()):
        assert time.monotonic() < deadline, names
        time.sleep(0.05)
    consumer.close()

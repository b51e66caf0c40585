"""The land worker looks at the catalogue of an idle stream's source; Kafka is a stand-in without a record."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, cast

import pytest

from cdc.capture.contract import Contract
from cdc.change import Record
from cdc.config import Connect, Folders, Kafka, Land, Settings, Target
from cdc.errors import FatalError
from cdc.land.contract.in_force import put_in_force
from cdc.land.stream import StreamSource
from cdc.land.worker import LandWorker
from cdc.store.connection import connect
from cdc.stream.consumer import StreamConsumer
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR

STREAM = "cdc.src"


class IdleKafka:
    """A group of one member, and a topic that says nothing."""

    streams = frozenset({STREAM})

    def __init__(self) -> None:
        self._new = {STREAM}

    def take_new(self) -> set[str]:
        new, self._new = self._new, set()
        return new

    def topic_id(self, _stream: str) -> str:
        return "topic"

    def poll(self, wait_ms: int) -> dict[str, Any]:
        time.sleep(wait_ms / 1000)  # lets the reading thread run
        return {}

    def open(self, _stream: str, _offset: int, *_known: Record | None) -> None: ...

    def is_open(self, _stream: str) -> bool:
        return True

    def hold(self, _stream: str, *, held: bool) -> None: ...

    def last_read(self, _stream: str) -> Record | None:
        return None

    def before_revoking(self, _settle: Any) -> None: ...

    def commit(self, _offsets: dict[str, int]) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(("database", "stops"), [("postgresql", True), ("mariadb", False)])
def test_a_changed_type_stops_an_idle_stream(target: Target, database: str, stops: bool) -> None:
    with connect(target, "test") as connection, connection.transaction():
        put_in_force(connection, "src", CONTRACTS)
    dates = tuple(dataclasses.replace(c, mirror_type="date") if c.name == "seen" else c for c in ITEM.columns)
    catalogue: tuple[Contract, ...] = (dataclasses.replace(ITEM, columns=dates), PAIR)
    source = StreamSource("src", STREAM, database, lambda: catalogue, frozenset)
    settings = Settings(target, Kafka(""), Connect(""), Folders(Path()), Land(drain_wait_ms=1))
    worker = LandWorker(settings, {STREAM: source}, cast(StreamConsumer, IdleKafka()))
    try:
        if stops:
            with pytest.raises(FatalError, match="TGT-110"):
                turn(worker, 10_000)
        else:
            turn(worker, 100)
    finally:
        worker.close()


def turn(worker: LandWorker, times: int) -> None:
    for _ in range(times):
        worker.turn()

"""Heads on their way out of the database: what is published when, and what comes of a place that takes nothing."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cdc.access import Kafka
from cdc.cli.main import execute
from cdc.config import Anchors, Target
from cdc.errors import TransientError
from cdc.evidence.anchor import Anchor
from cdc.evidence.place import AnchorFile, AnchorTopic, Place
from cdc.evidence.published import read_failures, read_lines, read_overdue
from cdc.evidence.publisher import Publisher
from cdc.observe.monitor import Monitor
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import PostgresWire


@dataclass
class Shelf:
    """A place in memory that may be out of order."""

    anchors: list[Anchor] = field(default_factory=list)
    fault: str = ""

    def __str__(self) -> str:
        return "topic heads"

    def append(self, anchors: Sequence[Anchor]) -> None:
        if self.fault:
            raise TransientError("EVD-121", self.fault)
        self.anchors += anchors

    def close(self) -> None:
        self.anchors = []


class Plant:
    """A stream that lands when it is told to, a publisher with a clock of its own, and its two places."""

    def __init__(self, dsn: str, target: Target, folder: Path) -> None:
        self.stage = Stage(dsn, "src", CONTRACTS)
        self.wire = PostgresWire()
        self.target, self.shelf, self.clock = target, Shelf(), 1000.0
        self.settings = Anchors(folder / "key", folder / "heads.jsonl", "heads", every_minutes=5, every_batches=3)
        self.file = AnchorFile(self.settings.file)
        self.publisher = self.start()

    def start(self, target: Target | None = None) -> Publisher:
        places: tuple[Place, ...] = (self.file, self.shelf)
        return Publisher(target or self.target, self.settings, places, Monitor("watch"), lambda: self.clock)

    def land(self, *numbers: int) -> None:
        """Land a batch for each number."""
        for number in numbers:
            self.wire.begin()
            self.wire.insert("item", "id", item(number))
            self.wire.end()
            self.stage.land(self.wire.records)

    def turn(self, minutes: float = 0) -> None:
        self.clock += minutes * 60
        self.publisher.turn()

    @property
    def offsets(self) -> tuple[list[int], list[int]]:
        """The offsets of the heads in the file and at the other place."""
        lines = self.settings.file.read_text().splitlines() if self.settings.file.exists() else []
        return [json.loads(line)["offset"] for line in lines], [anchor.offset for anchor in self.shelf.anchors]

    def failures(self) -> list[tuple[str, str]]:
        places = (str(self.file), str(self.shelf))
        with self.stage.connection.transaction():
            return [(one.place, one.detail) for one in read_failures(self.stage.connection, places)]


@pytest.fixture
def plant(target_dsn: str, target: Target, tmp_path: Path) -> Iterator[Plant]:
    assert execute(("dictionary", "keygen", str(tmp_path / "key"))) == 0
    plant = Plant(target_dsn, target, tmp_path)
    yield plant
    plant.publisher.close()
    plant.stage.close()


def test_a_head_is_published_at_once_and_then_when_time_or_batches_are_over(plant: Plant) -> None:
    plant.turn()
    assert plant.offsets == ([], [])  # nothing has landed
    ends = []
    for numbers, minutes in (((1,), 0.0), ((2,), 5.0), ((3, 4, 5), 0.0)):
        plant.land(*numbers)
        ends.append(plant.stage.position.next_offset)
        plant.turn(minutes)
        assert plant.offsets == (ends, ends)
        plant.turn(6)  # nothing has landed since
        assert plant.offsets == (ends, ends)
    plant.land(6)
    ends.append(plant.stage.position.next_offset)
    plant.turn()
    plant.land(7, 8)
    plant.turn(4.9)  # too soon, and too few
    assert plant.offsets == (ends, ends)


def test_a_line_is_what_its_contract_says_and_is_verified_without_this_software(plant: Plant, tmp_path: Path) -> None:
    plant.land(1, 2)
    plant.turn()
    line = json.loads(plant.settings.file.read_text())
    ((chain,),) = plant.stage.query("SELECT chain FROM cdc.position")
    assert (line["stream"], line["offset"], line["head"]) == ("cdc.src", plant.stage.position.next_offset, chain.hex())
    signature = base64.b64decode(line.pop("signature"))
    message = "cdc-anchor-v1\n" + json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = load_pem_public_key((tmp_path / "key.pub").read_bytes())
    key.verify(signature, message.encode())  # type: ignore[call-arg, union-attr, arg-type]
    assert read_lines(plant.stage.connection) == [
        plant.settings.file.read_bytes().rstrip(),
        plant.shelf.anchors[0].line(),
    ]


def test_a_place_that_takes_nothing_keeps_the_other_one_from_nothing(plant: Plant) -> None:
    plant.land(1)
    plant.shelf.fault = "the brokers are away"
    plant.turn()
    first = plant.stage.position.next_offset
    assert plant.offsets == ([first], [])
    assert plant.failures() == [("topic heads", "the brokers are away")]
    plant.land(2)
    plant.shelf.fault = ""
    wait_and_turn(plant)
    assert plant.offsets == ([first], [plant.stage.position.next_offset])  # the head of now, not that of before
    assert plant.failures() == []


def test_a_file_that_cannot_be_written_is_on_record_and_its_folder_is_not_made(plant: Plant, tmp_path: Path) -> None:
    plant.settings = replace(plant.settings, file=tmp_path / "not" / "mounted")
    plant.file = AnchorFile(plant.settings.file)
    plant.publisher = plant.start()
    plant.land(1)
    plant.turn()
    assert len(plant.shelf.anchors) == 1
    ((place, detail),) = plant.failures()
    assert (place, "No such file" in detail) == (f"file {tmp_path}/not/mounted", True)


def test_brokers_that_are_away_are_told_with_the_code_of_why() -> None:
    place = AnchorTopic(Kafka("127.0.0.1:9"), "heads")
    with pytest.raises(TransientError, match=r"EVD-121 .* topic heads: STR-109"):
        place.append([Anchor("cdc.src", 3, "00" * 32, "2026-03-02T08:00:00+00:00")])
    place.close()


def test_nothing_is_published_without_a_key(plant: Plant, tmp_path: Path) -> None:
    os.rename(tmp_path / "key", tmp_path / "away")
    plant.land(1)
    plant.turn()
    assert plant.offsets == ([], [])
    assert [("EVD-116" in detail) for _, detail in plant.failures()] == [True, True]
    os.rename(tmp_path / "away", tmp_path / "key")
    wait_and_turn(plant)
    assert plant.offsets == ([3], [3])
    assert plant.failures() == []


def test_a_target_that_is_away_ends_nothing(plant: Plant) -> None:
    plant.land(1)
    away = plant.start(replace(plant.target, port=9))
    away.turn()
    away.close()
    plant.turn()
    plant.publisher._connection.close()  # type: ignore[union-attr]  # as the network does it
    plant.land(2, 3, 4)
    plant.turn()
    wait_and_turn(plant)
    assert len(plant.shelf.anchors) == 2


def test_another_publisher_says_the_same(plant: Plant) -> None:
    plant.land(1)
    plant.turn()
    with closing(plant.start()) as other:
        other.turn()
        first, second = plant.shelf.anchors
    assert (first.offset, first.head) == (second.offset, second.head)


def test_a_line_that_a_crash_has_torn_does_not_take_the_next_one_with_it(plant: Plant) -> None:
    plant.settings.file.write_bytes(b'{"stream": "cdc.src", "off')
    plant.land(1)
    plant.turn()
    torn, whole = plant.settings.file.read_bytes().splitlines()
    assert torn == b'{"stream": "cdc.src", "off'
    assert whole == plant.shelf.anchors[0].line()


def test_a_head_that_nobody_publishes_is_missed(plant: Plant) -> None:
    plant.land(1)
    plant.turn()
    assert overdue(plant) == []  # what has landed is published
    plant.land(2)
    assert [one[:2] for one in overdue(plant)] == [(str(plant.file), "cdc.src"), (str(plant.shelf), "cdc.src")]
    plant.turn(6)
    assert overdue(plant) == []


def overdue(plant: Plant) -> list[tuple[str, str]]:
    with plant.stage.connection.transaction():
        return [
            (one.place, one.stream)
            for one in read_overdue(plant.stage.connection, (str(plant.file), str(plant.shelf)), 0)
        ]


def wait_and_turn(plant: Plant) -> None:
    """Turn until the waits after failures are over: the first ones take a tenth of a second."""
    for shelf in plant.publisher._shelves:
        shelf.backoff.until = 0.0
    plant.publisher._away.until = 0.0
    plant.publisher.turn()

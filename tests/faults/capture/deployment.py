"""Two real sources, `north` (PostgreSQL) and `south` (MariaDB), their connectors, `cdc run`, and what has to hold."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.reading import Reading
from cdc.capture.source import load_sources
from cdc.change import Record
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.beside import beside
from tests.faults.accounts import evidence
from tests.faults.capture.application import TABLES, TOTAL, make_tables
from tests.faults.judge import Judge
from tests.faults.picture import WITNESS, look
from tests.faults.tables import HERE
from tests.faults.topic import record_of
from tests.integration.service import NO_ENDPOINTS, Deployment, settings
from tests.integration.shapes.connect import resume
from tests.integration.shapes.shapes import Shapes, clear, make_databases
from tests.integration.shapes.side import Side
from transforms.load import PACKAGED

SETTINGS = settings('land: {group: "${env:CDC_GROUP}", catalogue_every_s: 1}\n', NO_ENDPOINTS)
DATABASE = "captured"
KINDS = {"north": "postgresql", "south": "mariadb"}
BOTH = tuple(KINDS)


class Captured:
    """The deployment; `sides` are its sources. Connectors are started by the tests."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        env = process_environment(stack.env)
        own = {"CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": DATABASE, "CDC_GROUP": folder.name}
        self.sides = {name: Side(name, kind, tuple(TABLES[name]), env) for name, kind in KINDS.items()}
        self.deployment = Deployment(folder, env | own)
        self.service = Shapes(self.deployment, self.sides)
        self._judge = Judge({}, folder / "dictionary")
        self._snapshots: list[Snapshot] = []
        self._uneven = frozenset[str]()

    def make(self) -> None:
        """Make files, sources with rows in them, a target, and connectors that do not run yet."""
        folder = self.deployment.folder
        (folder / "connector-configs").mkdir()
        shutil.copytree(HERE / "dictionary", folder / "dictionary")
        shutil.copy(PACKAGED / "errors.yaml", folder / "dictionary")
        (folder / "cdc.yaml").write_text(SETTINGS)
        make_databases(self.service)
        for side in self.sides.values():
            make_tables(side)
            (folder / "connector-configs" / f"{side.name}.yaml").write_text(side.file)
            self.deployment.cdc("source", "contract", side.name)
        self.deployment.cdc("target", "apply")
        with self.deployment.target() as target:
            target.execute(WITNESS)
        self.service.apply_stopped(*BOTH)

    def clear(self) -> None:
        """Take everything away."""
        for snapshot in self._snapshots:
            snapshot.close()
        clear(self.service)

    def capture(self) -> None:
        """Let the connectors run; returns at once."""
        for name in BOTH:
            resume(self.service, name)

    def snapshot(self, name: str) -> Snapshot:
        """Look into the stream of a source."""
        self._snapshots.append(Snapshot(self.deployment.env["CDC_KAFKA"], name))
        return self._snapshots[-1]

    def in_snapshot(self, name: str) -> bool:
        """Whether the connector of a source reads its tables."""
        with Connect(access.Connect(self.deployment.env["CDC_CONNECT_URL"])) as client:
            return client.in_snapshot(name)

    @contextmanager
    def replicating(self, *uneven: str) -> Iterator[None]:
        """`cdc run`; whoever looks at the target meanwhile sees no half of a transaction.

        Sources in `uneven` have a snapshot interrupted: nobody looks at them before `is_loaded`, since tables are of
        different moments until PostgreSQL's has been taken once more (cdc/limits.md).
        """
        self._uneven = frozenset(uneven)
        with self.service.running(), self._watched():
            yield

    def until(self, wanted: Callable[[], bool], what: str, timeout_s: float = 90) -> None:
        """Wait; `cdc run` must not have ended meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not wanted():
            self.service.until("SELECT 1", [(1,)])  # which asks whether the service runs
            assert time.monotonic() < deadline, f"not {what} after {timeout_s} s\n{self.log()[-3000:]}"
            time.sleep(0.05)

    def is_loaded(self) -> bool:
        """Whether the first snapshots of both sources have landed, and none is begun again."""
        closed = "SELECT count(*) FROM cdc.position WHERE snapshot_position IS NULL AND generations > 0"
        if self.service.query(closed) != [(2,)]:
            return False
        sources = load_sources(self.deployment.folder / "connector-configs")
        kafka = Kafka(self.deployment.env["CDC_KAFKA"])
        with Connect(access.Connect(self.deployment.env["CDC_CONNECT_URL"])) as client:
            if not all(not client.in_snapshot(name) and is_sound(Reading(sources[name], kafka), name) for name in BOTH):
                return False
        self._uneven = frozenset()
        return True

    def log(self) -> str:
        """Return what `cdc run` said."""
        return (self.deployment.folder / "run.log").read_text()

    def require_in_order(self, timeout_s: float = 120) -> None:
        """Wait until all has landed and is derived; then nothing may be missing, doubled or different."""
        self.require_alike(timeout_s)
        faults = [fault for name in BOTH for fault in self._faults(name)]
        assert not faults, "\n".join(faults[:20])

    def require_alike(self, timeout_s: float = 120) -> None:
        """The same without what is on record of each record of the topics: some of them may have been passed over."""
        self.until(self._is_through, "through", timeout_s)
        # A row that is behind its source waits to be read again: by a snapshot that may be on its way.
        self.until(lambda: self.service.query("SELECT FROM cdc.stale LIMIT 1") == [], "whole", timeout_s)
        for side in self.sides.values():
            with self.deployment.target() as target:
                for table in side.tables:
                    found, wanted = (
                        Counter(map(repr, rows)) for rows in (side.mirror(target, table), side.rows(table))
                    )
                    lost, more = sorted((wanted - found).elements()), sorted((found - wanted).elements())
                    assert not lost + more, f"{side.name}.{table}: {len(lost)} lost {lost[:5]}, {len(more)} {more[:5]}"
        with self.deployment.target() as target:
            faults = list(self._judge.derived(look(target, BOTH), BOTH))
        assert not faults, "\n".join(faults[:20])

    def _is_through(self) -> bool:
        for side in self.sides.values():
            last = side.rows("(SELECT max(id) FROM tx) t")
            if self.service.query(f"SELECT max(id) FROM {side.name}.tx") != last:
                return False
        behind = (
            "SELECT count(*) FROM cdc.position p LEFT JOIN cdc.watermark w USING (stream)"
            " WHERE w.batch IS DISTINCT FROM p.batch"
        )
        return self.service.query(behind) == [(0,)]

    def _faults(self, name: str) -> Iterator[str]:
        """Evidence and ledger of a stream against its topic, up to the position."""
        with self.deployment.target() as target:
            # Heartbeats go on landing meanwhile.
            target.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            ((end,),) = target.execute(
                "SELECT next_offset FROM cdc.position WHERE stream = %s", (f"cdc.{name}",)
            ).fetchall()
            yield from evidence(target, f"cdc.{name}", read_stream(self.deployment.env["CDC_KAFKA"], name, end))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        torn = list[object]()
        with beside(partial(self._look, torn)):
            yield
        assert not torn, torn

    def _look(self, torn: list[object], enough: threading.Event) -> None:
        """Sum up what moves between two tables, as soon as the first snapshot is there."""
        sums = " UNION ALL ".join(
            f"SELECT '{name}', sum(qty) FROM (SELECT qty FROM {name}.shelf UNION ALL SELECT qty FROM {name}.cart) t"
            f" WHERE EXISTS (SELECT FROM cdc.position WHERE source = '{name}' AND generations > 0)"
            for name in BOTH
        )
        while not enough.wait(0.05):
            with self.deployment.target() as target:
                while not enough.wait(0.05):
                    uneven = self._uneven  # before the look: what it sees may be loaded right behind it
                    found = target.execute(sums.encode()).fetchall()
                    torn += [row for row in found if row[0] not in uneven and row[1] not in (None, TOTAL)]


class Snapshot:
    """Reads a stream for the rows of its snapshot: how many there are so far, and whether the last one is there."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._topic = TopicPartition(f"cdc.{name}", 0)
        self._consumer = _reader(bootstrap, self._topic)
        self.rows = 0
        self.is_over = False

    def read(self) -> Snapshot:
        """Read on to the end of the stream."""
        end = self._consumer.end_offsets([self._topic])[self._topic]
        while self._consumer.position(self._topic) < end:
            for message in self._consumer.poll(100).get(self._topic, ()):
                self.rows += b'"op":"r"' in (message.value or b"")
                self.is_over |= b'"snapshot":"last"' in (message.value or b"")
        return self

    def close(self) -> None:
        """Read no more."""
        self._consumer.close()


def read_stream(bootstrap: str, name: str, end: int) -> list[Record]:
    """Return what a plain reader sees of a stream before an offset."""
    topic = TopicPartition(f"cdc.{name}", 0)
    found: list[Record] = []
    with closing(_reader(bootstrap, topic)) as consumer:
        while consumer.position(topic) < end:
            found += [record_of(message) for message in consumer.poll(1000).get(topic, ())]
    return [record for record in found if record.offset < end]


def _reader(bootstrap: str, topic: TopicPartition) -> KafkaConsumer:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 * 1024 * 1024,
    )
    consumer.assign([topic])
    consumer.seek(topic, 0)
    return consumer


def is_sound(record: Reading, name: str) -> bool:
    """Tell whether nothing on record asks for another snapshot."""
    told = record.fold()
    return told.beginning(name) is None and record.snapshot_fault(told) is None

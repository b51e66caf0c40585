"""A source taken off, step by step in the one order that leaves nothing behind.

The connector stands still before its place is forgotten, its place is forgotten while it is there, its slot is free
once it has gone, and its topics may go once everything in them has landed. Each step asks the world whether it is done,
so whoever was interrupted goes on where he was.

Kafka Connect keeps the place of a connector that somebody has deleted otherwise, and tells nobody of it. As long as its
stream is there, one of that name would go on from it: it is made again, stopped, to have it forgotten. What this
service has deleted itself it has noted (`cdc.capture.reading`).

The service writes nothing into a source: slot, publication and account are the DBA's, who gets the statements.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from cdc.access import Kafka
from cdc.capture.answer import ABSENT
from cdc.capture.connect import Connect
from cdc.capture.connector import history_topic, publication, reader_name, render, signal_topic, table_names
from cdc.capture.reading import Reading
from cdc.capture.slot import drop_statement, has_slot
from cdc.capture.source import Source
from cdc.errors import FatalError, TransientError
from cdc.stream.search import count_records
from cdc.stream.topic import Extent, delete_topics, existing_topics, extent

DONE: Final = "done"
NOTHING: Final = "nothing to do"
LEFT: Final = "left"
WAITS: Final = "waits"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `name` is that of its option, `question` says what is lost by it. `what` are the things that are there
    to be removed; nothing: it is done. `do` returns what is left, and why, if it could not be done and later steps can.
    `is_needed` says that later steps cannot be done without it.
    """

    name: str
    question: str
    what: Callable[[], list[str]]
    do: Callable[[], str | None]
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: done, nothing to do, left (nobody said yes, or it could not be done), waits (for an earlier
    step, or the DBA).
    """

    step: str
    outcome: str
    what: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it to be done."""
        return self.outcome in (DONE, NOTHING)


def take(
    steps: Iterable[Step], agrees: Callable[[Step, list[str]], bool], record: Callable[[Step, list[str]], None]
) -> list[Outcome]:
    """Do the steps that somebody agrees to, each on record before; none behind a needed one that was left."""
    done: list[Outcome] = []
    is_stopped = False
    for step in steps:
        what = [] if is_stopped else step.what()
        if is_stopped:
            done.append(Outcome(step.name, WAITS, "for the steps before"))
        elif not what:
            done.append(Outcome(step.name, NOTHING))
        elif agrees(step, what):
            record(step, what)
            left = step.do()
            done.append(Outcome(step.name, DONE, ", ".join(what)) if left is None else Outcome(step.name, LEFT, left))
        else:
            done.append(Outcome(step.name, LEFT, f"{', '.join(what)}; --yes-{step.name} does it"))
            is_stopped = step.is_needed
    return done


def is_over(done: Iterable[Outcome], step: str) -> bool:
    """Tell whether nothing is left to be done of a step."""
    return any(one.is_over for one in done if one.step == step)


class ConnectorRemoval:
    """The steps that take connectors away with their places; `name` is what is asked for. They raise CON-1xx.

    `lost` returns the configuration by which that one is made again if it is gone, and Kafka Connect may have kept its
    place. `note` is told of each that is about to be deleted.
    """

    def __init__(
        self,
        name: str,
        connectors: Iterable[str],
        connect: Connect,
        lost: Callable[[], Mapping[str, str] | None] = lambda: None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._connectors = tuple(connectors)
        self._connect = connect
        self._lost = lost
        self._note = note

    def steps(self) -> list[Step]:
        """Return the steps in order."""
        name = self._name
        return [
            Step("stop", f"Stop connector {name}?", self._running, self._stop, is_needed=True),
            Step(
                "offsets",
                f"Have Kafka Connect forget how far connector {name} has read? One that is made anew reads all tables."
                " One that is gone is made again for that, stopped, and deleted.",
                self._placed,
                self._forget,
                is_needed=True,  # of a connector that is not there only by making it again
            ),
            Step("connector", f"Delete connector {name}?", self._existing, self._remove, is_needed=True),
        ]

    def _existing(self) -> list[str]:
        return [name for name in self._connectors if self._connect.config(name) is not None]

    def _running(self) -> list[str]:
        return [name for name in self._existing() if not self._connect.status(name).is_in("stopped")]

    def _stop(self) -> None:
        for name in self._running():
            self._connect.stop(name)

    def _placed(self) -> list[str]:
        may_be_kept = f"{self._name}, which is gone: what Kafka Connect may have kept"
        return [*self._placed_there(), *[may_be_kept] * (self._lost_config() is not None)]

    def _placed_there(self) -> list[str]:
        return [name for name in self._existing() if self._connect.has_place(name) or self._connect.is_unbegun(name)]

    def _lost_config(self) -> Mapping[str, str] | None:
        return None if self._connect.config(self._name) is not None else self._lost()

    def _forget(self) -> str | None:
        for name in self._placed_there():
            self._connect.forget(name)
        config = self._lost_config()
        return None if config is None else self._forget_lost(config)

    def _forget_lost(self, config: Mapping[str, str]) -> str | None:
        """Make the connector again to have its place forgotten; return why it could not be made, or None."""
        try:
            self._connect.create(self._name, config, "stopped")
        except FatalError as error:
            if error.code not in ("CON-102", "CON-118"):
                raise
            # Its source may be gone for good; then only the topics are left, and no place leads into new ones.
            return (
                f"what Kafka Connect may have kept of {self._name}: it forgets only of a connector that is there, and"
                f" does not make this one again ({error.code} {error.detail.strip()}); once its topics are deleted,"
                " none of that name goes on from it"
            )
        self._connect.forget(self._name)
        # At once: who watches connectors would find one that its file wants running.
        self._delete(self._name)
        return None

    def _remove(self) -> None:
        for name in self._existing():
            self._delete(name)

    def _delete(self, name: str) -> None:
        self._note(name)
        self._connect.delete(name)
        status = self._connect.until(name, lambda now: now.state == ABSENT, 0.0)
        if status.state != ABSENT:
            raise TransientError("CON-104", f"{name} is {status.state}, wanted gone")


class Removal:
    """The steps of one source. All of them raise what Connect's client (CON-1xx) or Kafka's (STR-109, STR-110) does."""

    def __init__(self, source: Source, connect: Connect, kafka: Kafka, folder: Path) -> None:
        self._source = source
        self._kafka = kafka
        self._folder = folder
        # The reader of added tables goes with the connector.
        connectors = (reader_name(source), source.name)
        self._of_connectors = ConnectorRemoval(source.name, connectors, connect, self._lost, self._note)
        self._topics = [source.stream, signal_topic(source)]
        if source.has_binlog:
            self._topics += [history_topic(source), f"cdc-history.{reader_name(source)}"]

    def steps(self, landed: Callable[[], int | None]) -> list[Step]:
        """Return the steps in order. `landed` tells where the stream would be read on in its topic, by its own count;
        None where nothing has landed. It raises STR-120 while a worker lands the stream.
        """
        name = self._source.name
        return [
            *self._of_connectors.steps(),
            Step(
                "topics",
                f"Delete the topics of {name}, with every change that is in no journal?",
                lambda: existing_topics(self._kafka, self._topics),
                lambda: self._delete(landed),
            ),
            Step("files", f"Delete connector file and contracts of {name}?", self._files, self._unlink),
        ]

    def slot(self, variables: Mapping[str, str]) -> str | None:
        """Return the DBA's statement if the slot is there, or nobody can say; None if it is gone."""
        if self._source.kind != "postgresql":
            return None
        try:
            return drop_statement(self._source) if has_slot(self._source, variables) else None
        except (FatalError, TransientError) as error:
            return f"{drop_statement(self._source)}  -- whether it is there is not known: {error.code}"

    def hints(self, others: Iterable[Source]) -> list[str]:
        """Return what the DBA may run in the source besides; `others` are the other sources of the deployment."""
        source = self._source
        if source.kind != "postgresql":
            return [f"the account of {source.name} has no more use: REVOKE its rights or DROP USER"]
        own = publication(source)
        place = (source.kind, source.host, source.port, source.database)
        shared = [
            one for one in others if (one.kind, one.host, one.port, one.database) == place and publication(one) == own
        ]
        if not shared:
            return [f'DROP PUBLICATION "{own}";', "the account has no more use: DROP OWNED BY it, then DROP ROLE"]
        kept = {table for one in shared for table in table_names(one)}
        gone = [_quoted(table) for table in table_names(source) if table not in kept]
        named = ", ".join(one.name for one in shared)
        return [f'ALTER PUBLICATION "{own}" DROP TABLE {", ".join(gone)};  -- {named} reads the others'] if gone else []

    def _lost(self) -> Mapping[str, str] | None:
        there = existing_topics(self._kafka, [self._source.stream, signal_topic(self._source)])
        if self._source.stream not in there:  # into a new one no place is gone on from
            return None
        record = Reading(self._source, self._kafka)
        if signal_topic(self._source) in there and record.fold().is_removed(self._source.name):
            return None
        return render(self._source, self._kafka.for_connectors, {})

    def _note(self, connector: str) -> None:
        if existing_topics(self._kafka, [signal_topic(self._source)]):
            Reading(self._source, self._kafka).note_removed(connector)

    def _delete(self, landed: Callable[[], int | None]) -> None:
        """Delete the topics. Raises CON-170 if the stream has records that have not landed."""
        there = existing_topics(self._kafka, self._topics)
        if self._source.stream in there:
            topic = extent(self._kafka, self._source.stream)
            position = landed()
            first = topic.first if position is None else max(topic.first, position)
            missing = count_records(self._kafka, self._source.stream, Extent(topic.id, first, topic.end))
            if missing:
                raise FatalError("CON-170", f"{self._source.stream}: {missing} records from offset {first} on")
        delete_topics(self._kafka, there)

    def _files(self) -> list[str]:
        own = (self._folder / f"{self._source.name}.yaml", self._folder / "contracts" / self._source.name)
        return [str(path.relative_to(self._folder)) for path in own if path.exists()]

    def _unlink(self) -> None:
        """Delete them, the connector file last: without it nobody can go on."""
        shutil.rmtree(self._folder / "contracts" / self._source.name, ignore_errors=True)
        (self._folder / f"{self._source.name}.dba.sql").unlink(missing_ok=True)
        (self._folder / f"{self._source.name}.yaml").unlink()


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return psycopg.sql.Identifier(schema, name).as_string(None)

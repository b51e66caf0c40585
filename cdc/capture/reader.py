"""The reader of a source: a second connector that reads tables which were added later, beside the stream, and goes.

What it has to read, and has read, is on record (`cdc.capture.reading`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cdc.access import Kafka
from cdc.capture.answer import ABSENT
from cdc.capture.connect import Connect
from cdc.capture.connector import SELECTS, reader_name, render_reader, selects_of, table_names
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reading import Reading, captured
from cdc.capture.readings import FAILED, NEEDED, PAUSED, READING, STARTING, Unread
from cdc.capture.selects_now import Reselect, selects_now
from cdc.capture.snapshot_select import condition_of
from cdc.capture.source import Source
from cdc.errors import CdcError, FatalError, TransientError
from cdc.stream.topic import apply_topics, history_plan

# It has to get at the source's catalogue first.
_BEGIN_S: Final = 60.0
_POLL_S: Final = 0.5


class Reader:
    """A source's second connector. All methods raise STR-109 or STR-110 if Kafka does not do its part.

    `selects` as of `cdc.capture.lifecycle.Lifecycle`.
    """

    def __init__(
        self,
        source: Source,
        kafka: Kafka,
        connect: Connect,
        selects: Callable[[Source], Reselect] = selects_now,
        *,
        begin_s: float = _BEGIN_S,
    ) -> None:
        self.name = reader_name(source)
        self.record = Reading(source, kafka)
        self._source = source
        self._kafka = kafka
        self._connect = connect
        self._selects = selects
        self._begin_s = begin_s

    def tidy(self) -> list[str]:
        """Remove the reader if it has read all of its tables; return what was done, in words."""
        if self.is_over():
            self._connect.remove(self.name)
            return [f"reading is over: connector {self.name} removed"]
        return []

    def is_over(self) -> bool:
        """Tell whether there is a reader which has read all of its tables.

        They are those of its own configuration: whoever asks may have read the connector file before one was added.
        """
        tables = self._tables()
        return bool(tables) and not self.record.fold().unread(tables)

    def is_skipped(self) -> bool:
        """Tell whether the reader has passed over its snapshot, which had not begun."""
        return self.record.is_skipped_by_reader(self._tables())

    def begin(self, selects: Mapping[str, str], *, anew: bool = False) -> list[str]:
        """Have what is unread read, and wait until that has begun; return what was done, in words.

        `selects` as of `cdc.capture.connector.render`, and renewed by the catalogue; of a table that was being read,
        some rows of it by a condition, it is these again. Where the connector itself skipped its snapshot, it takes it.
        What is under way is left to it, unless it is to be read `anew`, by a reader that has no more than that.

        Nothing is done while the connector does not run, whoever has halted it, or takes its first snapshot: that one
        reads all; nor while reading is paused, for any of the tables: it is one connector that reads them all, or none.
        Raises what reading the catalogue does (`cdc.capture.selects_now`); FatalError CON-107 if a table could not be
        read, CON-108 if it was captured before, CON-113 if it has no key, CON-180 if the file has another server by
        now; TransientError CON-109 if nothing is heard of the reading; CON-102 to CON-104 if the reader does not run.
        """
        own = self._source.name
        if not self.record.unread() or self._reads_nothing_now:
            return []
        # Asked again, and last: what was on before may have ended.
        told = self.record.fold()
        names = table_names(self._source)
        if told.is_skipped(names):
            self._lifecycle(own).begin()
            return ["snapshot that was skipped is begun again"]
        unread = told.unread(names)
        again = [state.table for state in unread if state.again]
        if again:
            raise FatalError("CON-108", f"{own}: {', '.join(again)}")
        is_left = self.is_under_way(unread) and not anew
        if not unread or is_left or any(state.state == PAUSED for state in unread):
            return []
        due = [state.table for state in unread]
        self.record.require_keys(due)
        self._lifecycle(own).require_same_source()
        selects = {**selects, **self._conditions(unread)}
        config = render_reader(self._source, due, self._kafka.for_connectors, selects)
        # First of all: of a scan that ended now it would be said that these tables have been read.
        if self._connect.config(self.name) is not None:
            # Until it is replaced, it knows of which tables only some rows were asked for.
            self._connect.validate(config)
            self._connect.remove(self.name)
        self.record.note_starting(due)
        try:
            self._start(config)
        except TransientError:
            # A small table has been read, and the reader taken away by `cdc run`, before anybody saw it run.
            if any(state.table in due for state in self.record.unread()):
                raise
        self._await(due)
        return [f"reading of {table} begun" for table in due]

    def follow(self, state: str, own: Callable[[], list[str]]) -> list[str]:
        """Bring the source's connector to a state, by `own`, and the reader, too; return what was done, in words.

        The reader stands still first, and goes on last. One that has read its tables goes. One whose reading is paused
        stays stopped, and so does one that is outdated, until `begin` replaces it. A snapshot that was stopped begins
        again. Raises CON-103 if the reader fails, CON-104 if it takes too long.
        """
        return [*own(), *self._move(state)] if state == "running" else [*self._move(state), *own()]

    def is_outdated(self) -> bool:
        """Tell whether there is a reader that reads otherwise than the connector file says by now.

        What it selects of each table is not compared: the catalogue says that, and whoever asked for some rows of it.
        """
        live = self._connect.config(self.name)
        if live is None:
            return False
        wanted = render_reader(self._source, captured(live), self._kafka.for_connectors, {})
        return _but_selects(live) != _but_selects(wanted)

    def halt_outdated(self) -> list[str]:
        """Stop a reader that is outdated; return what was done, in words. Raises CON-104 if it does not stop in time.

        Before its connector becomes another one: it would bring columns that are to be left out, or rows of another
        server. It is not removed, because it knows of which tables only some rows were asked for; `begin` replaces it.
        """
        if not self.is_outdated() or self._connect.status(self.name).state in (ABSENT, "STOPPED"):
            return []
        self._connect.stop(self.name)
        return [f"connector {self.name} stopped, its file says something else by now"]

    def behind(self, state: str) -> str | None:
        """Return the state in which the reader is, if `follow` would bring it to this one; else None."""
        now = self._connect.status(self.name)
        if now.state == ABSENT or now.is_in(state) or self._is_paused or self.is_over():
            return None
        if state == "running" and self.is_outdated():
            return None
        return None if state == "running" and now.state not in ("STOPPED", "PAUSED") else now.state

    def require_beginnable(self) -> None:
        """Raise FatalError CON-190 if nothing would be begun now: what is noted for later has no condition."""
        if self._is_paused or self._reads_nothing_now:
            raise FatalError("CON-190", self._source.name)

    def require_keys(self) -> None:
        """Raise FatalError CON-113 if `begin` would once the connector runs, which is asked before that is changed."""
        told, names = self.record.fold(), table_names(self._source)
        unread = told.unread(names)
        is_left = any(state.again or state.state == PAUSED for state in unread)
        if self._source.state != "running" or not unread or is_left:
            return
        # A snapshot that is still to be taken reads those, too.
        own = self._source.name
        if told.is_skipped(names) or told.beginning(own) is not None or self._connect.config(own) is None:
            return
        if not self._connect.in_snapshot(own):
            self.record.require_keys(state.table for state in unread)

    def cancel(self, tables: Sequence[str], selects: Callable[[], Mapping[str, str]]) -> list[str]:
        """Give up reading tables again, and the reader with it: what else is unread is begun anew.

        Returns what was done, in words. `selects` as of `begin`, and asked only if something is to be begun: a table
        is given up while the source is away, too. What else is unread waits paused, if it cannot be begun anew now:
        the reader knows of which tables only some rows were asked for. So one that is paused stays what it is.
        Raises CON-187; as `begin`, but for what `selects` raises.
        """
        self.record.keep(tables)
        if self._is_paused or self._connect.config(self.name) is None:
            return []
        left = self.record.unread()
        if not left or self._reads_nothing_now:
            return (self.pause() if self._conditions(left) else []) or self._remove()
        try:
            known = selects()
        except CdcError as error:
            return [*self.pause(), f"nothing is begun anew ({error.code}): `--resume` goes on with the rest"]
        return self.begin(known, anew=True)

    def pause(self) -> list[str]:
        """Stop reading, until `resume`; return what was done, in words. Raises CON-104 if the reader does not stop.

        A table that has been read stays so; of one that was begun, the rows that have come stay, and are read again.
        The connector's own first snapshot is not this reader's: then nothing is done.
        """
        left = [state.table for state in self.record.unread() if state.state != PAUSED]
        if left and self._connect.in_snapshot(self._source.name):
            return []
        self.record.note_paused(left)
        done = [f"reading of {table} paused" for table in left]
        if self._connect.status(self.name).state not in (ABSENT, "STOPPED"):
            self._connect.stop(self.name)
            done.append(f"connector {self.name} stopped")
        return done

    def resume(self, selects: Mapping[str, str]) -> list[str]:
        """Go on with the tables that are left, a table that was begun from its first row; else as `begin`.

        Where some rows of a table were asked for, by a condition, it is these again. Nothing is done, and all stays
        paused, while the connector does not run or takes its first snapshot.
        """
        paused = [state.table for state in self.record.unread() if state.state == PAUSED]
        if not paused or self._reads_nothing_now:
            return []
        # Before it is replaced; a table that was asked for meanwhile is read whole.
        conditions = {table: select for table, select in self.conditions().items() if table in paused}
        self.record.need(paused)
        return self.begin({**selects, **conditions})

    def conditions(self) -> dict[str, str]:
        """Return the selects of those of the reader's tables of which it reads only some rows."""
        selects = selects_of(self._connect.config(self.name) or {})
        return {table: select for table, select in selects.items() if condition_of(select) is not None}

    def _conditions(self, unread: Iterable[Unread]) -> dict[str, str]:
        """Return the same of tables that it was given; one that was asked for since is read whole."""
        begun = {state.table for state in unread if state.state != NEEDED}
        return {table: select for table, select in self.conditions().items() if table in begun}

    def _remove(self) -> list[str]:
        self._connect.remove(self.name)
        return [f"connector {self.name} removed"]

    def waiting(self, unread: Iterable[Unread]) -> list[Unread]:
        """Return the unread tables if nobody reads them and somebody should: `begin` is due, or would refuse them.

        It is due, too, where the connector was halted by hand: an `apply` has it run before.
        """
        due = list(unread)
        if self._source.state != "running" or not due or any(state.state == PAUSED for state in due):
            return []
        if self._connect.in_snapshot(self._source.name):
            return []
        return due if any(state.again for state in due) or not self.is_under_way(due) else []

    def is_under_way(self, unread: Iterable[Unread]) -> bool:
        """Tell whether the reader is reading all of these tables, as the connector file has them, or is about to.

        What was noted as needed since the reader began it does not read: it may have been at this table before.
        """
        tables = self._tables()
        if any(state.table not in tables or state.state not in (STARTING, READING) for state in unread):
            return False
        return self._connect.status(self.name).is_in("running") and not self.is_outdated()

    def _move(self, state: str) -> list[str]:
        if gone := self.tidy():
            return gone
        config = self._connect.config(self.name)
        if config is None or self.behind(state) is None:
            return []
        try:
            done = self._lifecycle(self.name).apply(config, state)
        except TransientError:
            if self._connect.config(self.name) is not None:
                raise
            done = [f"{state}, and gone by now"]  # it has read the rest, and `cdc run` has taken it away
        return [f"connector {self.name}: {action}" for action in done]

    def _lifecycle(self, name: str) -> Lifecycle:
        return Lifecycle(self._connect, self._kafka, self._source, name, self._selects)

    @property
    def _reads_nothing_now(self) -> bool:
        """Whether nothing is to be read beside the connector: it is halted, or reads all tables itself."""
        name = self._source.name
        is_halted = self._source.state != "running" or self._connect.status(name).state in ("STOPPED", "PAUSED")
        return is_halted or self._connect.in_snapshot(name)

    @property
    def _is_paused(self) -> bool:
        return any(state.state == PAUSED for state in self.record.unread())

    def _tables(self) -> set[str]:
        config = self._connect.config(self.name)
        return set() if config is None else captured(config)

    def _start(self, config: Mapping[str, str]) -> None:
        """Create the reader. Another one was there if it had failed, or lacked a table: a snapshot starts over."""
        if self._source.has_binlog:
            apply_topics(self._kafka, [history_plan(config["schema.history.internal.kafka.topic"])])
        self._lifecycle(self.name).apply(config, "running")

    def _await(self, due: Sequence[str]) -> None:
        deadline = time.monotonic() + self._begin_s
        while waiting := [state for state in self.record.unread() if state.table in due and state.state != READING]:
            failed = [str(state) for state in waiting if state.state == FAILED]
            if failed:
                raise FatalError("CON-107", f"{self._source.name}: {', '.join(failed)}")
            if time.monotonic() > deadline:
                raise TransientError("CON-109", f"{self._source.name}: {', '.join(map(str, waiting))}")
            time.sleep(_POLL_S)


def _but_selects(config: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in config.items() if not key.startswith(SELECTS)}

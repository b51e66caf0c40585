"""An activation: prepare, build, follow, compare, swap. Each step can be broken off anywhere and be begun again.

    prepare     what the mirrors need for the new look-ups; empty tables in the shadow
    build       every source row of what is affected, out of the mirrors; then indexes
    follow      what has landed since then, as a derive worker does
    compare     rows and cells, of one cut
    swap        at one cut; the tables that were there are the shadow from then on, which a roll-back swaps again

Where a version is to be put in force again whose tables are still the shadow, they are followed, not built.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from cdc.activate.build import close, stage_source_rows
from cdc.activate.compare import Difference, compare
from cdc.activate.edition import Change, Edition, Scope, scope_of
from cdc.activate.gate import Connect, Deriver, Gate
from cdc.activate.shadow import (
    BUILD,
    CATCH_UP,
    CLOSE,
    State,
    bind_shadow,
    create,
    create_indexes,
    enter,
    mirrors_for,
    prepare_mirrors,
    read_state,
    take_epoch,
    take_shadow,
)
from cdc.activate.swap import Swap, end_vacuums, hindrances, older_transactions, swap
from cdc.config import Protection
from cdc.crash import crash_point
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.foreign_key import validate_foreign_keys
from cdc.derive.label import plan_labels
from cdc.derive.lease import open_session
from cdc.derive.limit import NO_LIMIT
from cdc.derive.mirror import read_mirrors
from cdc.derive.plan import Plan
from cdc.derive.session import empty_tables
from cdc.derive.table import tables_of
from cdc.errors import FatalError, TransientError
from cdc.store.connection import LONG_STATEMENT_S, as_service_errors

Connection = psycopg.Connection[Any]


NEAR_S = 1.0
"""A turn of so long leaves so little behind that the next one is short."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an activation is: source rows derived, of about so many."""

    phase: str
    rows: int = 0
    total: int = 0


Report = Callable[[Progress], None]


def live_plans(connection: Connection, edition: Edition) -> tuple[Plan, ...]:
    """Return the plans by which an edition derives what consumers read."""
    return tuple(
        bind(domain, edition.digest, read_mirrors(connection, mirror_refs(domain))) for domain in edition.domains()
    )


def finish(connection: Connection, edition: Edition) -> None:
    """Do what readers and workers need not wait for, and `cdc target apply` would do as well. Autocommit.

    Foreign keys that were added without a look at the rows are checked; tables that stayed get the labels of now.
    """
    connection.execute(f"SET statement_timeout = '{LONG_STATEMENT_S}s'")
    for plan in live_plans(connection, edition):
        validate_foreign_keys(connection, plan)
        for statement in (one for table in tables_of(plan) for one in plan_labels(connection, table)):
            with suppress(psycopg.errors.LockNotAvailable):  # a VACUUM, for one; `cdc target plan` goes on naming it
                connection.execute(statement.text.encode())
    connection.execute("RESET statement_timeout")


@dataclass(slots=True)
class Activation:
    """One activation, from `old`, which is in force, to `new`. `change` is what can come out otherwise by itself.

    `held_limit`: how many rows a domain may hold with one code until then (`cdc.derive.limit`). `protection`: the
    settings', which open what waivers give.
    """

    connect: Connect
    old: Edition
    new: Edition
    change: Change
    reason: str = ""
    report: Report = lambda _: None
    held_limit: int = NO_LIMIT
    protection: Protection | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _keeper: Connection | None = None
    _shadow: Deriver | None = None
    _gate: Gate | None = None
    _whole: Plan | None = None
    _older: dict[str, str] | None = None

    @property
    def scope(self) -> Scope:
        """What is derived in the shadow."""
        return scope_of(self.new, self.change)

    @property
    def keeper(self) -> Connection:
        """The session that has the lease of the shadow; nobody else activates anything meanwhile."""
        if self._keeper is None:
            keeper = self._open.enter_context(self.connect("cdc activate"))
            keeper.autocommit = True
            if not take_shadow(keeper):
                raise FatalError("DRV-112", "another activation is going on")
            self._keeper = keeper
        return self._keeper

    def end(self) -> None:
        """End every session; what was built stays."""
        if self._gate is not None:
            self._gate.end()
        self._open.close()
        self._keeper = self._shadow = self._gate = self._older = None

    def prepare(self) -> State | None:
        """Make the empty shadow, or find the one that was begun; None if no table has to be derived.

        Raises DRV-101, DRV-102, DRV-112 and DRV-113.
        """
        with as_service_errors():
            scope = self.scope
            if not scope.swapped:
                return None
            found = hindrances(self.keeper, scope.swapped)
            if found:
                raise FatalError("DRV-113", "".join(f"\n  {one}" for one in found))
            self._require_snapshots(scope)
            plan, self._whole = bind_shadow(scope, self.new.digest, self._mirrors(scope))
            state = read_state(self.keeper)
            prepare_mirrors(self.keeper, plan)
            if state is None or not self._is_mine(state, scope):
                create(self.keeper, self._whole, scope, self.old.digest)
                crash_point("A1")
            self._shadow = self._derive(plan)
            return read_state(self.keeper)

    def build(self) -> Iterator[Progress]:
        """Derive every source row in the shadow, as far as that has not been done; yields in between."""
        state = read_state(self.keeper)
        if self._shadow is None or state is None or self._whole is None:
            return
        with as_service_errors():
            if state.phase == BUILD:
                for rows in stage_source_rows(self._shadow.connection, self._whole, self.protection):
                    yield Progress(BUILD, rows, state.rows_total)
                with self._shadow.connection.transaction():
                    close(self._shadow.connection, self._whole, self.protection)
                    enter(self._shadow.connection, CLOSE)
                # What the closure took is not what the turns that follow take.
                self._shadow.connection.execute(empty_tables(self._shadow.plan).encode())
            crash_point("A3")
            if state.phase in (BUILD, CLOSE):
                live = bind(self.scope.domain, self.new.digest, self._mirrors(self.scope))
                self.keeper.execute(f"SET statement_timeout = '{LONG_STATEMENT_S}s'")
                create_indexes(self.keeper, live, self._shadow.plan)
                self.keeper.execute("RESET statement_timeout")
                enter(self.keeper, CATCH_UP)
                yield Progress(CATCH_UP)

    def follow(self) -> None:
        """Derive in the shadow what has landed, until it is as near as a worker is: a busy stream never ends."""
        with as_service_errors():
            begun = time.monotonic()
            while self._shadow is not None and self._shadow.turn():
                before, begun = begun, time.monotonic()
                if begun - before < NEAR_S:
                    return

    def compare(self) -> Difference:
        """Return what changes for consumers, as of one cut. Raises TransientError when turns go on for too long."""
        with as_service_errors(), self.connect("cdc activate compare") as reader:
            reader.autocommit = True
            with self._closed():
                reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                reader.execute(f"SET LOCAL statement_timeout = '{LONG_STATEMENT_S}s'")
                reader.execute("SELECT FROM cdc.active")
            return compare(reader, self.old, self.new, self.scope.swapped)

    def swap(self) -> None:
        """Let the tables change places. Raises TransientError as long as readers have them, or older ones are left."""
        with as_service_errors():
            self._require_new_snapshots()
            live = live_plans(self.keeper, self.new)
            what = Swap(self.old, self.new, self.scope.swapped, live, self.reason)
            end_vacuums(self.keeper, what)
            with self._closed():
                swap(self.keeper, what)
            crash_point("A6")

    def finish(self) -> None:
        """Do what need not be done at once, after the swap."""
        with as_service_errors():
            finish(self.keeper, self.new)

    def _closed(self) -> Any:
        if self._gate is None:
            live = live_plans(self.keeper, self.old)
            self._gate = Gate(self.connect, self.old.version, live, self.held_limit, self.protection)
        return self._gate.closed(self.keeper, self._shadow)

    def _require_new_snapshots(self) -> None:
        """Wait, without a lock, for whoever may see the shadow as it was before it was whole."""
        if self._shadow is None:
            return
        if self._older is None:
            self._older = older_transactions(self.keeper)
        self._older = older_transactions(self.keeper, self._older)
        if self._older:
            raise TransientError("DRV-115", "".join(f"\n  {words}" for words in sorted(self._older.values())))

    def _require_snapshots(self, scope: Scope) -> None:
        sources = sorted({ref.schema for ref in mirror_refs(scope.domain)})
        rows = self.keeper.execute(
            "SELECT s FROM unnest(%s::text[]) s WHERE NOT EXISTS (SELECT FROM cdc.position WHERE source = s"
            " AND generations > 0)",
            (sources,),
        ).fetchall()
        if rows:
            raise FatalError("DRV-112", f"no snapshot has landed of {', '.join(name for (name,) in rows)}")

    def _is_mine(self, state: State, scope: Scope) -> bool:
        """Tell whether the shadow that is there is what this activation builds, or the tables that it goes back to."""
        return (state.digest, state.base, state.tables, state.swapped) == (
            self.new.digest,
            self.old.digest,
            scope.tables,
            scope.swapped,
        )

    def _mirrors(self, scope: Scope) -> Any:
        return mirrors_for(self.keeper, mirror_refs(scope.domain))

    def _derive(self, plan: Plan) -> Deriver:
        connection = self._open.enter_context(self.connect("cdc activate shadow"))
        connection.autocommit = True
        open_session(connection, plan)
        connection.execute("UNLISTEN *")
        return Deriver(connection, plan, self.new.version, take_epoch(self.keeper), protection=self.protection)

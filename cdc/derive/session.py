"""One turn's session: how statements run, what the turn may see, and what it has taken so far.

A turn of a few rows and a turn of a million run the same statements, planned in two ways. Small: prepared once, with
nested loops over indexes enforced, so that the plan is right at any size of the mirrors. Large (from LARGE taken rows
on): planned at each use, after ANALYZE of the temporary tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from cdc.config import Protection
from cdc.derive.mirror import Mirror, max_bytes
from cdc.derive.names import columns, quoted
from cdc.derive.plan import Fill, Origin, Output, Plan
from cdc.observe.pulse import Pulse
from cdc.store.connection import LONG_SILENCE_S, LONG_STATEMENT_S

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

INDEXED_BYTES = 2000
"""How long the values of a key or reference may be together: an entry of an index has room for 2704 bytes."""

LARGE = 2000
"""Where planning for the actual sizes starts to pay."""

SMALL_SETTINGS = (
    "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET plan_cache_mode = force_generic_plan; SET client_min_messages = warning"
)
# A cursor is read to its end here: a plan that is quick with the first tenth is the wrong one. What an index finds is
# in memory for the most part; with the server's own costs twenty thousand rows would be compared with all of two
# million instead of being looked up.
LARGE_SETTINGS = (
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
    "SET LOCAL cursor_tuple_fraction = 1; SET LOCAL random_page_cost = 1.1;"
    f"SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = '{LONG_STATEMENT_S}s'"
)

STAGE_META = ("_source_key", "_source_offset", "_source_ts", "_deleted")
"""What a candidate says of its source row, in a stage as in the tables that it goes to."""

SOUND = "_candidate AND _code IS NULL AND NOT _shadowed"
"""Staged rows that nothing speaks against, of themselves."""

ALIVE = f"{SOUND} AND NOT _withheld"
"""Staged rows that are in the canonical table after this turn, as far as is decided."""


@dataclass(frozen=True, slots=True)
class Span:
    """Batches of one stream: behind the watermark, up to the last one that is visible."""

    stream: str
    after: int
    last: int


@dataclass(frozen=True, slots=True)
class Window:
    """What a turn has to bring in: everything (first build, other dictionary), or batches and queued rows.

    `waived`: whether there may be waivers in force. `held`: how many rows of the domain are held so far, by code.
    """

    everything: bool
    spans: tuple[Span, ...]
    queued: frozenset[str] = frozenset()
    queued_whole: frozenset[str] = frozenset()
    stale: bool = False
    held_as_stale: bool = False
    waived: bool = False
    held: Mapping[str, int] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """Whether there is a batch behind a watermark."""
        return any(span.last > span.after for span in self.spans)


@dataclass(slots=True)
class Work:
    """A turn at work. `careful`: each COPY is split until the row that the database refuses is found.

    `rows` counts what was put into temporary tables; `held` tells of which tables any candidate is held. `protection`
    opens what waivers give.
    """

    connection: Connection
    plan: Plan
    window: Window
    careful: bool = False
    large: bool = False
    round_trips: int = 0
    rows: int = 0
    taken: dict[Origin, int] = field(default_factory=dict)
    staged: dict[Output, int] = field(default_factory=dict)
    changed: dict[str, set[str]] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    held: dict[Fill, bool] = field(default_factory=dict)
    protection: Protection | None = None

    def run(self, statement: bytes, parameters: Iterable[object] | None = None) -> Cursor:
        """Execute one statement, the way the size of the turn wants it."""
        self.round_trips += 1
        self.beat()
        return self.connection.execute(statement, parameters, prepare=not self.large)  # type: ignore[arg-type]

    def run_all(self, statements: Iterable[bytes]) -> list[Cursor]:
        """Execute statements of which none needs the answer of another one.

        In a small turn they share a round trip: on the way most of its time would be spent. What may take long, because
        nobody knows how much there is, does not belong here.
        """
        listed = list(statements)
        if self.large or len(listed) < 2:
            return [self.run(statement) for statement in listed]
        with self.connection.pipeline():
            cursors = [self.run(statement) for statement in listed]
        self.round_trips -= len(listed) - 1
        self.beat()
        return cursors

    def beat(self) -> None:
        """Say that the turn goes on, and how long the next statement may take."""
        self.pulse.beat(LONG_SILENCE_S if self.large else 0)

    def has_changed(self, mirror: Mirror) -> bool:
        """Tell whether the window changed rows of the mirror."""
        return str(mirror.ref) in self.changed

    def is_truncated(self, mirror: Mirror) -> bool:
        """Tell whether the source truncated the mirror's table in the window."""
        return "t" in self.changed.get(str(mirror.ref), ())

    def take_one(self, origin: Origin, statement: bytes) -> None:
        """Run a statement that adds keys, nobody knows how many, to what a step or merge takes."""
        self.take([(origin, statement)])

    def take(self, statements: Iterable[tuple[Origin, bytes]]) -> None:
        """Run statements each of which adds a few keys to what a step or merge takes."""
        listed = list(statements)
        cursors = self.run_all(statement for _, statement in listed)
        for (origin, _), cursor in zip(listed, cursors, strict=True):
            self.note_taken(origin, cursor.rowcount)

    def note_taken(self, origin: Origin, count: int) -> None:
        """Count keys that have been added to what a step or merge takes."""
        if count:
            self.taken[origin] = self.taken.get(origin, 0) + count
            self.grow(count, origin.take)

    def grow(self, count: int, table: str) -> None:
        """Plan for actual sizes from now on if `count` more rows, now in a temporary table, make the turn large."""
        self.rows += count
        if not self.large and (count > LARGE or sum(self.taken.values()) > LARGE):
            self.large = True
            self.round_trips += 1
            self.connection.execute(LARGE_SETTINGS, prepare=False)
            self.beat()
        if self.large and count > LARGE:
            self.run(f"ANALYZE {table} {_compared_columns(self.plan, table)}".encode())

    def note_staged(self, output: Output, count: int) -> None:
        """Count rows that have been added to a stage."""
        if count:
            self.staged[output] = self.staged.get(output, 0) + count

    def ask_held(self, fills: Iterable[Fill]) -> None:
        """Find out of which tables any candidate of an earlier turn waits beside the canonical one."""
        unknown = [fill for fill in dict.fromkeys(fills) if fill not in self.held]
        cursors = self.run_all(f"SELECT FROM {fill.held} LIMIT 1".encode() for fill in unknown)
        self.held.update({fill: cursor.rowcount > 0 for fill, cursor in zip(unknown, cursors, strict=True)})


def taking(step: Origin, query: str) -> bytes:
    """Return the statement that adds the keys of a query, of one column, to what the step or merge takes.

    Nothing is taken twice, but no unique index sees to it: its comparisons of arrays took longer than all the rest.
    """
    return (
        f"INSERT INTO {step.take} SELECT DISTINCT q.key FROM ({query}) q (key)"
        f" WHERE NOT EXISTS (SELECT FROM {step.take} t WHERE t.key = q.key)"
    ).encode()


def _compared_columns(plan: Plan, table: str) -> str:
    """Return the columns that statements of a large turn search or join a temporary table by; "" stands for all."""
    for fill in plan.fills:
        if table == fill.stage:
            references = [name for link in plan.links if link.child is fill for name in link.reference.columns]
            names = dict.fromkeys([*fill.key, *references])
            return f"(_source_key, _candidate, _deleted, _code, _shadowed, _withheld, {columns(names)})"
    return ""


def create_tables(plan: Plan) -> str:
    """Return the statements that make a session's temporary tables; they outlive transactions and are emptied."""
    statements = [
        'CREATE TEMP TABLE changed (mirror text, key text[] COLLATE "C", op "char", old jsonb)',
        *(f'CREATE TEMP TABLE {_bare(origin.take)} (key text[] COLLATE "C" NOT NULL)' for origin in plan.origins),
        *(f"CREATE TEMP TABLE stage_{one.number} {stage_definition(plan, one)}" for one in plan.outputs),
        *(_create_before(fill) for fill in plan.fills),
        # Ordered, so that it can be read as a whole where scans are off: small turns have to begin with what is taken.
        *(f"CREATE INDEX ON {origin.take} (key)" for origin in plan.origins),
        *(f"CREATE INDEX ON {one.stage} USING hash (_source_key)" for one in plan.outputs),
        *(f"CREATE INDEX ON {fill.before} USING hash (_source_key)" for fill in plan.fills),
        _seem_small(plan),
    ]
    return "; ".join(statements)


def _seem_small(plan: Plan) -> str:
    """Let the planner know that few rows are in a temporary table: of one it knows nothing about it expects many."""
    few = "FROM generate_series(1, 3) n"
    statements = [f"INSERT INTO pg_temp.changed (key) SELECT ARRAY[n::text] {few}"]
    statements += [f"INSERT INTO {origin.take} SELECT ARRAY[n::text] {few}" for origin in plan.origins]
    statements += [
        f"INSERT INTO {name} (_source_key) SELECT ARRAY[n::text] {few}"
        for name in (
            *(output.stage for output in plan.outputs),
            *(fill.before for fill in plan.fills),
        )
    ]
    tables = _tables(plan)
    return "; ".join([*statements, f"ANALYZE {', '.join(tables)}", *(f"DELETE FROM {table}" for table in tables)])


def _tables(plan: Plan) -> list[str]:
    return ["pg_temp.changed", *(table for origin in plan.origins for table in _tables_of(origin))]


def _tables_of(origin: Origin) -> list[str]:
    return [origin.take, *(one.stage for one in origin.outputs), *(fill.before for fill in origin.fills)]


def _bare(table: str) -> str:
    return table.removeprefix("pg_temp.")


def stage_definition(plan: Plan, fill: Output) -> str:
    """Return the columns of a stage, and its checks: they find what is wrong while the row can still be held for it.

    A candidate lacks no required value, and no key or reference is too long to be indexed.
    """
    target = fill.target
    values = ", ".join(f"{quoted(column.name)} {column.type}" for column in target.columns)
    required = [column.name for column in target.columns if column.required or column.name in target.key]
    sound = [*(f"{quoted(name)} IS NOT NULL" for name in required), *_short_enough(plan, fill)]
    return (
        '(_source_key text[] COLLATE "C" NOT NULL, _source_offset bigint,'
        " _source_ts timestamptz, _deleted boolean, _candidate boolean, _code text, _field text, _detail text,"
        f" _waits_for text, _waits_key text[], {values}, _shadowed boolean NOT NULL DEFAULT false,"
        " _withheld boolean NOT NULL DEFAULT false,"
        f" CONSTRAINT sound CHECK (NOT _candidate OR ({' AND '.join(sound)})))"
    )


def _create_before(fill: Fill) -> str:
    """`_row` is the place of the canonical row, `_same` whether what is staged would not change it."""
    types = {column.name: column.type for column in fill.target.columns}
    key = ", ".join(f"{quoted(name)} {types[name]}" for name in fill.key)
    return f'CREATE TEMP TABLE before_{fill.number} (_source_key text[] COLLATE "C", _row tid, _same boolean, {key})'


def _short_enough(plan: Plan, fill: Output) -> Iterator[str]:
    types = {column.name: column.type for column in fill.target.columns}
    references = (link.reference.columns for link in plan.links if link.child is fill)
    for indexed in (fill.key, *references):
        if sum(max_bytes(types[name]) for name in indexed) > INDEXED_BYTES:
            sizes = " + ".join(f"coalesce(pg_column_size({quoted(name)}), 0)" for name in indexed)
            yield f"{sizes} <= {INDEXED_BYTES}"


def empty_tables(plan: Plan) -> str:
    """Return the statements that give the space of the temporary tables back."""
    return f"TRUNCATE {', '.join(_tables(plan))}; {_seem_small(plan)}"


def clear_tables(work: Work) -> str:
    """Return the statements that remove this turn's rows: cheaper than TRUNCATE for few, and plans stay valid."""
    used = [origin for origin in work.plan.origins if origin in work.taken]
    tables = ["pg_temp.changed", *(table for origin in used for table in _tables_of(origin))]
    return "; ".join(f"DELETE FROM {table}" for table in tables)


def stored_columns(fill: Output, alias: str = "") -> str:
    """Return what a stage and the tables of a target have in common: source of the row, then its values."""
    return columns((*STAGE_META, *fill.columns), alias)


def written_columns(fill: Output, alias: str) -> str:
    """Return what is written of a staged row: those, but one that stays as it was does not say that it is deleted."""
    return _with_deleted(fill, alias, "false") if fill.keeps_unmarked else stored_columns(fill, alias)


def restaged_columns(fill: Fill, alias: str) -> str:
    """Return what to stage of a stored row: those, and of one that stays as it was the mirror says what it is now."""
    if not fill.keeps_unmarked or fill.source is None:
        return stored_columns(fill, alias)
    gone = f"SELECT FROM {fill.source.deleted} d WHERE {fill.source.has_key('d', f'{alias}._source_key')}"
    return _with_deleted(fill, alias, f"EXISTS ({gone})")


def _with_deleted(fill: Output, alias: str, deleted: str) -> str:
    return f"{columns(STAGE_META[:-1], alias)}, {deleted}, {columns(fill.columns, alias)}"

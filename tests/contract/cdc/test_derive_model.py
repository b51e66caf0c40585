"""The derive worker against D from scratch: random domains, sources, batch cuts, interleavings, restarts.

Landing does not wait for a turn, and a turn may end anywhere: batches land between its statements, mirrors are
rewritten beside it, its session is killed. What is found afterwards must be D of what its snapshot showed, with the
watermarks of just that; or all of it as it was before.

The model test alone would not show that each clause is needed. So each clause of what a turn takes, of how it decides
and of how it is one transaction is taken out in turn, and the same cases must then find a difference.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psycopg
import pytest

from cdc.derive import decide, fold, pull, session, stage, take, turn
from cdc.derive.bind import bind, mirror_refs
from cdc.derive.change_mirror import versions_of
from cdc.derive.ddl import plan_target
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import Mirror, read_mirrors
from cdc.derive.plan import Output, Step
from cdc.derive.session import Span
from cdc.derive.turn import Version, run_turn
from cdc.errors import CdcError
from cdc.store.migrate import migrate
from tests.contract.derive_model import Held, Outcome, Row, World, evaluate
from tests.contract.derive_world import Batch, Landing, RandomDomain, collation
from transforms.mapping import Lookup

DOMAINS, CASES_PER_DOMAIN = 106, 25


class Killed(Exception):
    """Stands for SIGKILL: the session is gone, nothing is committed."""


class Session(psycopg.Connection):
    """A deriving session that tells what it is about to execute; BEGIN, LOCK and COMMIT go to the server one by one."""

    before: Callable[[bytes], None] | None = None

    def execute(self, query, params=None, **options):
        done = None
        for part in parts(query if isinstance(query, bytes) else query.encode()):
            if self.before is not None:
                self.before(part)
            done = super().execute(part, params, **options)
        return done


def parts(query: bytes) -> list[bytes]:
    if query.startswith(b"BEGIN"):
        return query.split(b"; ")
    if query.endswith(b"; COMMIT"):
        return [query.removesuffix(b"; COMMIT"), b"COMMIT"]
    return [query]


@dataclass
class State:
    """What a turn moves, all of it or nothing: rows, what is said of them, watermarks by source, the queue."""

    outcome: Outcome
    watermarks: dict[str, int]
    queue: list[tuple]


class Bench:
    """A random domain made in the target, and the sessions that land into it and derive from it."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.dsn, self.schema = dsn, RandomDomain(seed)
        self.landing = psycopg.connect(dsn, autocommit=True)
        self.landing.execute("SET client_min_messages = warning")
        self.landing.execute(self.schema.ddl().encode())
        domain = self.schema.domain
        refs = mirror_refs(domain)
        mirrors = read_mirrors(self.landing, tuple({replace(ref, versions=False) for ref in refs}))
        mirrors |= {ref: versions_of(mirrors[replace(ref, versions=False)]) for ref in refs if ref.versions}
        for statement in plan_target(self.landing, (domain,), mirrors):
            self.landing.execute(statement.text.encode())
        self.watched: dict[str, list[str]] = {}
        for mirror, name in self.landing.execute("SELECT mirror, name FROM cdc.watched_column").fetchall():
            self.watched.setdefault(mirror, []).append(name)
        self.mirrors = mirrors
        self.plan = bind(domain, "digest", mirrors)
        self.version = Version("digest", "1", "{}", (domain.name,), self.plan.names)
        self.deriving: Session | None = None
        self.epoch = 0

    def end_session(self) -> None:
        """End the deriving session, so that the next case begins with another one."""
        if self.deriving is not None:
            self.deriving.close()
        self.deriving = None

    def reset(self, *, anew: bool) -> None:
        """Empty everything: another case, with nothing landed yet; `anew`: with another dictionary before."""
        refs = self.schema.types
        tables = [f'"{ref.schema}{more}"."{ref.table}"' for ref in refs for more in ("", "_deleted")]
        tables += [mirror.name for mirror in self.plan.mirrors if mirror.ref.versions]
        tables += [table for fill in self.plan.fills for table in (fill.canonical, fill.held)]
        tables += sorted({contribution.stored for contribution in self.plan.contributions})
        tables += [f"cdc.{name}" for name in ("stale", "changed_key", "held", "derive_queue", "watermark", "position")]
        texts = [f"DELETE FROM {table}" for table in tables]
        texts.append(f"UPDATE cdc.domain SET dictionary = '{'other' if anew else self.plan.digest}'")
        texts += [
            f"INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.{source}', '{source}', 1)"
            for source in self.plan.sources
        ]
        self.landing.execute("; ".join(texts).encode())

    def restart(self) -> None:
        """Another worker: the session of the old one ends, however far it was."""
        self.end_session()
        self.deriving = Session.connect(self.dsn, autocommit=True)
        open_session(self.deriving, self.plan)
        while not (epoch := take_lease(self.deriving, self.plan)):
            pass  # the server has not noticed yet that the old session is gone
        self.epoch = epoch

    def turn(self, before: Callable[[bytes], None]) -> None:
        assert self.deriving is not None
        self.deriving.before = before
        run_turn(self.deriving, self.plan, self.version, self.epoch)
        self.deriving.before = None

    def found(self) -> State:
        """Read what the turns so far have come to."""
        watermarks = self.landing.execute("SELECT stream, batch FROM cdc.watermark").fetchall()
        queue = self.landing.execute("SELECT mapping, source_key FROM cdc.derive_queue ORDER BY id").fetchall()
        return State(self._outcome(), {stream.removeprefix("cdc."): batch for stream, batch in watermarks}, queue)

    def expected(self, world: World, batches: dict[str, int]) -> State:
        """Return what a turn must come to whose snapshot shows this."""
        watermarks = {source: batches[source] for source in self.plan.sources}
        return State(evaluate(self.schema.mappings, world, self.schema.folds), watermarks, [])

    def rewrite(self, mirror: Mirror) -> None:
        """Give a mirror new storage, empty for every older snapshot; not if that has to wait for a turn."""
        kind = mirror.types["v0"]
        text = f"ALTER TABLE {mirror.name} ALTER v0 TYPE {kind}{collation(kind)} USING coalesce(v0, NULL)"
        with suppress(psycopg.errors.LockNotAvailable), self.landing.transaction():
            self.landing.execute("SET LOCAL lock_timeout = 1")
            self.landing.execute(text.encode())

    def _outcome(self) -> Outcome:
        outcome = Outcome({str(fill.target): set() for fill in self.plan.fills}, {})
        said = [target for mapping in self.schema.mappings for target in mapping.targets if not target.contributes]
        targets = {str(target): target for target in (*said, *(fold.target for fold in self.schema.folds))}
        for fill in self.plan.fills:
            names = ", ".join(f'"{column.name}"' for column in targets[str(fill.target)].columns)
            text = f"SELECT _mapping, _source_key, _source_offset, _deleted, {names} FROM {fill.canonical}"
            for mapping, key, offset, deleted, *found in self.landing.execute(text.encode()).fetchall():
                values = [json.dumps(value, sort_keys=True) if isinstance(value, list) else value for value in found]
                row = Row(tuple(values), mapping, tuple(key), offset, deleted)
                outcome.canonical[str(fill.target)].add(row)
        text = "SELECT mapping, source_key, code, waits_for, waits_key FROM cdc.held"
        for mapping, key, code, waits_for, waits_key in self.landing.execute(text.encode()).fetchall():
            outcome.held[mapping, tuple(key)] = Held(code, waits_for, None if waits_key is None else tuple(waits_key))
        return outcome


def damage(bench: Bench, pick: random.Random) -> None:
    """Spoil one stored row and queue it, as an audit does that found a difference."""
    rows = bench.landing.execute("SELECT mapping, source_key FROM cdc.held ORDER BY 1, 2").fetchall()
    texts = ["UPDATE cdc.held SET code = 'SPOILT' WHERE (mapping, source_key) = (%s, %s)"]
    for fill in bench.plan.fills:
        rows += bench.landing.execute(
            f"SELECT _mapping, _source_key FROM {fill.canonical} ORDER BY 2".encode()
        ).fetchall()
        texts.append(f"UPDATE {fill.canonical} SET _source_offset = -1 WHERE (_mapping, _source_key) = (%s, %s)")
    if rows:
        row = pick.choice(rows)
        for text in texts:
            bench.landing.execute(text.encode(), row)
        whole = pick.random() < 0.2
        bench.landing.execute(
            "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES (%s, %s, 'audit', 'test')",
            (row[0], None if whole else row[1]),
        )


class Meanwhile:
    """What happens beside one turn, and what the turn's snapshot shows of it."""

    def __init__(self, bench: Bench, landing: Landing, pick: random.Random, *, kills: bool) -> None:
        self.bench, self.landing = bench, landing
        self.statements = 0
        self.last = b""
        self.opens = False
        self.actions: dict[int, Callable[[], object]] = {}
        if pick.random() < 0.4:
            self.actions |= {pick.randrange(2, 45): self._land for _ in range(pick.choice((1, 2)))}
        if pick.random() < 0.04:
            mirror = pick.choice(bench.plan.mirrors)
            self.actions[pick.randrange(5)] = lambda: bench.rewrite(mirror)
        self.kill = pick.choice(KILLS) if kills and pick.random() < 0.03 else None
        self.killed_at = pick.randrange(45)
        self._see()

    def __call__(self, statement: bytes) -> None:
        self.actions.get(self.statements, lambda: None)()
        if self.kill is not None and self.kill(self, statement):
            raise Killed
        if self.opens and not statement.startswith(b"LOCK"):
            self._see()
        self.opens = statement.startswith(b"BEGIN") or (self.opens and statement.startswith(b"LOCK"))
        self.statements, self.last = self.statements + 1, statement

    def expected(self) -> State:
        return self.bench.expected(self.world, self.batches)

    def _land(self) -> None:
        self.bench.landing.execute(self.landing.land().encode())

    def _see(self) -> None:
        self.world, self.batches = self.landing.world.copy(), dict(self.landing.batches)


KILLS: list[Callable[[Meanwhile, bytes], bool]] = [
    lambda beside, _: beside.statements == beside.killed_at,
    lambda _, statement: statement == b"COMMIT",
    lambda beside, _: beside.last == b"COMMIT",
]


def play_turn(bench: Bench, landing: Landing, pick: random.Random, *, kills: bool = True) -> None:
    """Play one turn with what happens beside it; killed, it is played again by another worker."""
    beside = Meanwhile(bench, landing, pick, kills=kills)
    before = bench.found() if beside.kill else None
    try:
        bench.turn(beside)
    except Killed:
        bench.restart()
        assert bench.found() in (before, beside.expected())
        play_turn(bench, landing, pick, kills=False)
    else:
        assert bench.found() == beside.expected()


def run_case(bench: Bench, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play one case; after each turn, what is found must be what D says."""
    pick = random.Random(seed)
    if bench.deriving is None:
        bench.restart()
    bench.reset(anew=pick.random() < 0.5)
    landing = Landing(bench.schema, seed, bench.watched)
    bench.landing.execute(landing.fill().encode())
    with monkeypatch.context() as patch:
        if pick.random() < 0.1:  # every turn the way large ones go, in chunks of two rows
            patch.setattr(session, "LARGE", 0)
            patch.setattr(stage, "CHUNK", 2)
        for _ in range(pick.choice((2, 3, 4, 6))):
            if pick.random() < 0.01:
                bench.restart()
            play_turn(bench, landing, pick)
            for _ in range(pick.choice((1, 1, 2, 3))):
                bench.landing.execute(landing.land().encode())
            if pick.random() < 0.15:
                damage(bench, pick)
            if pick.random() < 0.03:  # another dictionary is active: everything anew, over the rows that are there
                bench.landing.execute("UPDATE cdc.domain SET dictionary = 'other'")


@contextmanager
def opened(dsn: str, seed: int) -> Iterator[Bench]:
    """Make one bench in a target that is prepared for it."""
    with psycopg.connect(dsn) as connection:
        migrate(connection)
    made = Bench(dsn, seed)
    yield made
    made.end_session()
    made.landing.close()


@pytest.fixture(scope="module")
def benches(module_dsn: str) -> Iterator[Callable[[int], Bench]]:
    """Benches by seed, each made once."""
    made: dict[int, Bench] = {}
    with psycopg.connect(module_dsn) as connection:
        migrate(connection)

    def bench(seed: int) -> Bench:
        if seed not in made:
            made[seed] = Bench(module_dsn, seed)
        return made[seed]

    yield bench
    for each in made.values():
        each.end_session()
        each.landing.close()


def in_time(domain: int) -> object:
    """Two domains of each of the later kinds are enough for every day."""
    return pytest.param(domain, marks=pytest.mark.slow) if domain in {*range(94, 100), *range(102, 106)} else domain


EVERY_DAY = 6
"""Cases of each domain: over five hundred in all."""


@pytest.mark.parametrize(
    "cases", [range(EVERY_DAY), pytest.param(range(EVERY_DAY, CASES_PER_DOMAIN), marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("domain", [*map(in_time, range(DOMAINS))])
def test_every_turn_arrives_at_what_the_model_says(
    benches, domain: int, cases: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(domain)
    for case in cases:
        run_case(bench, domain * 1000 + case, monkeypatch)
    bench.end_session()


def without(clause: Callable[..., object]) -> Callable[[pytest.MonkeyPatch], None]:
    """Take a function out of the list of clauses that it stands in."""

    def patch(patch: pytest.MonkeyPatch) -> None:
        for module, name in LISTS:
            kept = [each for each in getattr(module, name) if each is not clause]
            patch.setattr(module, name, kept)

    return patch


LISTS = [
    (take, "CLAUSES"),
    (take, "PATHS"),
    (take, "VALUES"),
    (pull, "PULLS"),
    (pull, "CLAIMED"),
    (pull, "OWN"),
    (decide, "CLAIM_RULES"),
    (decide, "RESOLVERS"),
    (decide, "SPREAD"),
    (fold, "TOUCHED"),
]


def without_stale(patch: pytest.MonkeyPatch) -> None:
    """Derive from stale rows as if they were good ones."""
    select = stage.select_rows
    patch.setattr(stage, "select_rows", lambda step, _: select(step, False))


def without_waiters(patch: pytest.MonkeyPatch) -> None:
    """Leave alone who waits for a key that is claimed now."""
    patch.setattr(pull, "pull_waiting", lambda *_: set())


def waiters_once(patch: pytest.MonkeyPatch) -> None:
    """Pull in who waits, but not who waits for those."""
    pull_waiting = pull.pull_waiting

    def once(work, fresh):
        pull_waiting(work, fresh)
        return set()

    patch.setattr(pull, "pull_waiting", once)


def without_children(patch: pytest.MonkeyPatch) -> None:
    """Leave alone who refers to a key that vanishes."""
    patch.setattr(decide, "pull_children", lambda *_: set())


def pessimistic(patch: pytest.MonkeyPatch) -> None:
    """Let nothing hold itself up: what waits counts only once what it waits for is there."""
    patch.setattr(decide, "RESOLVERS", [decide.not_stored])


def one_batch(patch: pytest.MonkeyPatch) -> None:
    """Take the oldest batch of each stream instead of all that are visible."""

    def oldest(spans):
        return tuple(Span(span.stream, span.after, min(span.last, span.after + 1)) for span in spans)

    patch.setattr(turn, "CUT", [oldest])


def each_statement_sees_more(patch: pytest.MonkeyPatch) -> None:
    """Let landing move the mirrors under a turn."""
    opening = turn.one_cut
    patch.setattr(turn, "OPENING", [lambda plan: ("BEGIN", *opening(plan)[1:])])


def without_locks(patch: pytest.MonkeyPatch) -> None:
    """Let DDL into a turn."""
    opening = turn.one_cut
    patch.setattr(turn, "OPENING", [lambda plan: opening(plan)[:1]])


def locks_after_the_snapshot(patch: pytest.MonkeyPatch) -> None:
    """Let DDL in between the snapshot and the locks."""
    opening = turn.one_cut
    patch.setattr(turn, "OPENING", [lambda plan: (opening(plan)[0], "SELECT 1", *opening(plan)[1:])])


def watermark_first(patch: pytest.MonkeyPatch) -> None:
    """Move the watermarks in a transaction of their own, before the rows."""
    move, write = turn.move_watermarks, turn.write_rows

    def both(work, *version):
        move(work, *version)
        work.connection.execute(b"COMMIT")
        work.connection.execute(b"BEGIN")
        write(work)

    patch.setattr(turn, "write_rows", lambda _: None)
    patch.setattr(turn, "move_watermarks", both)


def watermark_later(patch: pytest.MonkeyPatch) -> None:
    """Move the watermarks in a transaction of their own, after the rows."""
    move = turn.move_watermarks

    def later(work, *version):
        work.connection.execute(b"COMMIT")
        work.connection.execute(b"BEGIN")
        move(work, *version)

    patch.setattr(turn, "move_watermarks", later)


def any_tombstone(patch: pytest.MonkeyPatch) -> None:
    """Let tombstones count whoever else claims their key."""
    without(decide.shadow_deleted)(patch)


def without_twins(patch: pytest.MonkeyPatch) -> None:
    """Land as if the values of a deleted row did not matter when the row comes back with others."""
    note = Batch.old_values

    def of_live_rows(self, ref, key):
        return note(self, ref, key) if key in self.world.live[ref] else None

    patch.setattr(Batch, "old_values", of_live_rows)


def versions_without_the_deleted(patch: pytest.MonkeyPatch) -> None:
    """Let versions of rows look up what is there now, and nothing else."""
    patch.setattr(Step, "is_history", False)


def never_forbidden(patch: pytest.MonkeyPatch) -> None:
    """Hold nothing for being deleted."""
    patch.setattr(Output, "forbids", False)


def never_forgetting(patch: pytest.MonkeyPatch) -> None:
    """Keep what rows contributed and do not say any more."""
    patch.setattr(fold, "_forget", lambda _: b"SELECT")


def without_queued_folds(patch: pytest.MonkeyPatch) -> None:
    """Leave alone the folded rows that somebody queued."""
    keys = fold._keys

    def unqueued(work, merge, taken):
        window = replace(work.window, queued=frozenset(), queued_whole=frozenset())
        return keys(replace(work, window=window), merge, taken)

    patch.setattr(fold, "_keys", unqueued)


def without_moments(patch: pytest.MonkeyPatch) -> None:
    """Forget that a look-up hangs on the moment at which a row has to be valid, too."""
    sides = property(lambda lookup: [(match.alias, match.source_column) for match in lookup.match])
    patch.setattr(Lookup, "sides", sides)


MUTANTS = {
    "keys that changed": without(take.take_changed),
    "truncated tables": without(take.take_truncated),
    "healed look-ups": without(take.take_healed),
    "queue": without(take.take_queued),
    "look-ups": without(take.take_looking_up),
    "direct look-ups": without(take.direct),
    "look-ups of look-ups": without(take.chained),
    "new look-up values": without(take.new_values),
    "old look-up values": without(take.old_values),
    "stale": without_stale,
    "claimants": without(pull.pull_claimants),
    "keys that nobody had": without(pull.claimed_anew),
    "keys that were claimed in vain": without(pull.claimed_in_vain),
    "keys that rows had": without(pull.had),
    "waiters": without_waiters,
    "waiters of waiters": waiters_once,
    "children of vanished parents": without_children,
    "optimism": pessimistic,
    "references to rows left alone": without(decide.not_stored),
    "contested keys": without(decide.refuse_contested),
    "tombstones that do not count": any_tombstone,
    "deleted rows that must not be": never_forbidden,
    "look-ups of deleted rows by versions": versions_without_the_deleted,
    "all visible batches": one_batch,
    "old values of deleted rows": without_twins,
    "one snapshot": each_statement_sees_more,
    "locks": without_locks,
    "locks before the snapshot": locks_after_the_snapshot,
    "watermark not before the rows": watermark_first,
    "watermark not after the rows": watermark_later,
    "all of a row or none": without(decide.withhold_siblings),
    "keys that rows contributed to": without(fold.said_before),
    "keys that rows contribute to": without(fold.said_now),
    "contributions that are withdrawn": never_forgetting,
    "queued folds": without_queued_folds,
    "moments at which rows are valid": without_moments,
}


# Whether a clause matters in a domain is decided by its mappings: few cases of each domain, then further ones.
ROUNDS = [range(first, first + 5) for first in range(0, CASES_PER_DOMAIN, 5)]

# A domain whose cases are known to find the rarer ones is tried first, which saves minutes and decides nothing.
FIRST = {
    "truncated tables": 2,
    "healed look-ups": 8,
    "look-ups of look-ups": 1,
    "new look-up values": 1,
    "old look-up values": 1,
    "waiters": 2,
    "children of vanished parents": 19,
    "optimism": 2,
    "references to rows left alone": 11,
    "old values of deleted rows": 4,
    "one snapshot": 2,
    "locks": 26,
    "locks before the snapshot": 26,
    "all of a row or none": 40,
    "keys that rows contributed to": 60,
    "keys that rows contribute to": 60,
    "contributions that are withdrawn": 60,
    "queued folds": 61,
    "moments at which rows are valid": 86,
    "deleted rows that must not be": 92,
    "look-ups of deleted rows by versions": 100,
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_worker_without_this_clause_is_found_out(benches, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FIRST.get(mutant, 0)
    tries = [(first, cases) for cases in ROUNDS] + [(domain, cases) for cases in ROUNDS for domain in range(DOMAINS)]
    with monkeypatch.context() as patch:
        MUTANTS[mutant](patch)
        assert any(_differs(benches(domain), domain, cases, patch) for domain, cases in tries)


def _differs(bench: Bench, domain: int, cases: range, monkeypatch: pytest.MonkeyPatch) -> bool:
    bench.plan = bind(bench.schema.domain, "digest", bench.mirrors)
    try:
        for case in cases:
            run_case(bench, domain * 1000 + case, monkeypatch)
    except (AssertionError, CdcError):
        return True
    finally:
        bench.end_session()
    return False

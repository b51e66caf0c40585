"""The derive worker against D from scratch: random domains, sources, batch cuts, interleavings, restarts.

The model test alone would not show that each clause is needed. So each clause of what a turn takes and of how it
decides is taken out in turn, and the same cases must then find a difference.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cdc.derive import decide, session, stage, take, turn
from cdc.derive.ddl import plan_target
from cdc.derive.lease import open_session, take_lease
from cdc.derive.mirror import read_mirrors
from cdc.derive.plan import bind, mirror_refs
from cdc.derive.session import Span
from cdc.derive.turn import Version, run_turn
from cdc.errors import CdcError
from cdc.store.migrate import migrate
from tests.contract.derive_model import Held, Outcome, Row, evaluate
from tests.contract.derive_world import Batch, Landing, RandomDomain

DOMAINS, CASES_PER_DOMAIN = 40, 25


class Killed(Exception):
    """Stands for SIGKILL: the session is gone, nothing is committed."""


class Bench:
    """A random domain made in the target, and the sessions that land into it and derive from it."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.dsn, self.schema = dsn, RandomDomain(seed)
        self.landing = psycopg.connect(dsn, autocommit=True)
        self.landing.execute("SET client_min_messages = warning")
        self.landing.execute(self.schema.ddl().encode())
        domain = self.schema.domain
        mirrors = read_mirrors(self.landing, mirror_refs(domain))
        for statement in plan_target(self.landing, (domain,), mirrors):
            self.landing.execute(statement.text.encode())
        self.watched: dict[str, list[str]] = {}
        for mirror, name in self.landing.execute("SELECT mirror, name FROM cdc.watched_column").fetchall():
            self.watched.setdefault(mirror, []).append(name)
        self.mirrors = mirrors
        self.plan = bind(domain, "digest", mirrors)
        self.version = Version("digest", "1", "{}", tuple(mapping.name for mapping in domain.mappings))
        self.deriving: psycopg.Connection | None = None
        self.epoch = 0

    def end_session(self) -> None:
        """End the deriving session, so that the next case begins with another one."""
        if self.deriving is not None:
            self.deriving.close()
        self.deriving = None

    def reset(self) -> None:
        """Empty everything: another case, with nothing derived yet."""
        tables = [table for mirror in self.plan.mirrors for table in (mirror.name, mirror.deleted)]
        tables += [table for step in self.plan.steps for table in (step.canonical, step.held)]
        tables += [
            f"cdc.{name}"
            for name in ("stale", "journal_key", "held", "derive_queue", "watermark", "domain", "position")
        ]
        texts = [f"DELETE FROM {table}" for table in tables]
        texts += [
            f"INSERT INTO cdc.position (stream, source, generations) VALUES ('cdc.{source}', '{source}', 1)"
            for source in self.plan.sources
        ]
        self.landing.execute("; ".join(texts).encode())
        if self.deriving is not None:
            self.epoch = take_lease(self.deriving, self.plan) or 0

    def restart(self) -> None:
        """Another worker: the session of the old one ends, however far it was."""
        self.end_session()
        self.deriving = psycopg.connect(self.dsn, autocommit=True)
        open_session(self.deriving, self.plan)
        while not (epoch := take_lease(self.deriving, self.plan)):
            pass  # the server has not noticed yet that the old session is gone
        self.epoch = epoch

    def turn(self):
        assert self.deriving is not None
        return run_turn(self.deriving, self.plan, self.version, self.epoch)

    def found(self) -> Outcome:
        """Read what is canonical and what is held."""
        outcome = Outcome({str(step.mapping.target): set() for step in self.plan.steps}, {})
        for step in self.plan.steps:
            names = ", ".join(f'"{name}"' for name in step.columns)
            text = f"SELECT _mapping, _source_key, _source_offset, _deleted, {names} FROM {step.canonical}"
            for mapping, key, offset, deleted, *values in self.landing.execute(text.encode()).fetchall():
                row = Row(tuple(values), mapping, tuple(key), offset, deleted)
                outcome.canonical[str(step.mapping.target)].add(row)
        text = "SELECT mapping, source_key, code, waits_for, waits_key FROM cdc.held"
        for mapping, key, code, waits_for, waits_key in self.landing.execute(text.encode()).fetchall():
            outcome.held[mapping, tuple(key)] = Held(code, waits_for, None if waits_key is None else tuple(waits_key))
        return outcome


def damage(bench: Bench, pick: random.Random) -> None:
    """Spoil one stored row and queue it, as an audit does that found a difference."""
    rows = bench.landing.execute("SELECT mapping, source_key FROM cdc.held ORDER BY 1, 2").fetchall()
    texts = ["UPDATE cdc.held SET code = 'SPOILT' WHERE (mapping, source_key) = (%s, %s)"]
    for step in bench.plan.steps:
        rows += bench.landing.execute(
            f"SELECT _mapping, _source_key FROM {step.canonical} ORDER BY 2".encode()
        ).fetchall()
        texts.append(f"UPDATE {step.canonical} SET _source_offset = -1 WHERE (_mapping, _source_key) = (%s, %s)")
    if rows:
        row = pick.choice(rows)
        for text in texts:
            bench.landing.execute(text.encode(), row)
        whole = pick.random() < 0.2
        bench.landing.execute(
            "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES (%s, %s, 'audit', 'test')",
            (row[0], None if whole else row[1]),
        )


def run_case(bench: Bench, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play one case; after each turn, what is found must be what D says."""
    pick = random.Random(seed)
    bench.reset()
    landing = Landing(bench.schema, seed, bench.watched)
    bench.landing.execute(landing.fill().encode())
    for _ in range(pick.choice((2, 3, 4, 6))):
        if bench.deriving is None or pick.random() < 0.03:
            bench.restart()
        elif pick.random() < 0.03:
            kill_in_a_turn(bench, monkeypatch)
        bench.turn()
        assert bench.found() == evaluate(bench.schema.mappings, landing.world)
        for _ in range(pick.choice((1, 1, 2, 3))):
            bench.landing.execute(landing.land().encode())
        if pick.random() < 0.15:
            damage(bench, pick)


def kill_in_a_turn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(turn, "_finish", kill)
        try:
            bench.turn()
        except Killed:
            bench.restart()


@pytest.fixture(scope="module")
def benches(target_dsn: str) -> Iterator[Callable[[int], Bench]]:
    """Benches by seed, each made once."""
    made: dict[int, Bench] = {}
    with psycopg.connect(target_dsn) as connection:
        migrate(connection)

    def bench(seed: int) -> Bench:
        if seed not in made:
            made[seed] = Bench(target_dsn, seed)
        return made[seed]

    yield bench
    for each in made.values():
        each.end_session()
        each.landing.close()


@pytest.mark.parametrize("domain", range(DOMAINS))
def test_every_turn_arrives_at_what_the_model_says(benches, domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = benches(domain)
    if domain % 5 == 0:  # every turn the way large ones go, in chunks of two rows
        monkeypatch.setattr(session, "LARGE", 0)
        monkeypatch.setattr(stage, "CHUNK", 2)
    for case in range(CASES_PER_DOMAIN):
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
    (decide, "PULLS"),
    (decide, "CLAIM_RULES"),
    (decide, "RESOLVERS"),
]


def without_stale(patch: pytest.MonkeyPatch) -> None:
    """Derive from stale rows as if they were good ones."""
    select = stage.select_rows
    patch.setattr(stage, "select_rows", lambda step, _: select(step, False))


def without_waiters(patch: pytest.MonkeyPatch) -> None:
    """Leave alone who waits for a key that is claimed now."""
    patch.setattr(decide, "pull_waiting", lambda *_: set())


def waiters_once(patch: pytest.MonkeyPatch) -> None:
    """Pull in who waits, but not who waits for those."""
    pull = decide.pull_waiting

    def once(work, fresh):
        pull(work, fresh)
        return set()

    patch.setattr(decide, "pull_waiting", once)


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


def any_tombstone(patch: pytest.MonkeyPatch) -> None:
    """Let tombstones count whoever else claims their key."""
    without(decide.shadow_tombstones)(patch)


def without_twins(patch: pytest.MonkeyPatch) -> None:
    """Land as if the values of a deleted row did not matter when the row comes back with others."""
    note = Batch.old_values

    def of_live_rows(self, ref, key):
        return note(self, ref, key) if key in self.world.live[ref] else None

    patch.setattr(Batch, "old_values", of_live_rows)


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
    "claimants": without(decide.pull_claimants),
    "waiters": without_waiters,
    "waiters of waiters": waiters_once,
    "children of vanished parents": without_children,
    "optimism": pessimistic,
    "references to rows left alone": without(decide.not_stored),
    "contested keys": without(decide.refuse_contested),
    "tombstones that do not count": any_tombstone,
    "all visible batches": one_batch,
    "old values of deleted rows": without_twins,
}


# Whether a clause matters in a domain is decided by its mappings: few cases of each domain, then further ones.
ROUNDS = [range(first, first + 5) for first in range(0, CASES_PER_DOMAIN, 5)]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_worker_without_this_clause_is_found_out(benches, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        MUTANTS[mutant](patch)
        tries = ((domain, cases) for cases in ROUNDS for domain in range(DOMAINS))
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

"""Whose outcome may change because of what is staged: their candidates are staged as well, as they are stored.

Suppose that every staged candidate can be derived. Then it concerns who else claims a key that a staged row claims or
claimed, and who waits for a key that one claims and nobody held before. Whoever is not pulled in keeps its outcome:
suppose some held rows that were not pulled in could now be derived together. None of them refers to a newly claimed
key, so all that they refer to was derived before, or is among them; then they could have been derived before, and were
not held. Who refers to a key that vanishes is pulled in once that is decided (`cdc.derive.decide`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from cdc.derive.before import keeps_key, read_step
from cdc.derive.names import columns, equal, literal
from cdc.derive.plan import Link, Step
from cdc.derive.session import ALIVE, Work, stored_columns

UNRESOLVED = "REF-301"
"""The dictionary's code for rows that refer to a row which is not there."""

Keys = Callable[[Step], str]


def pull_in(work: Work) -> None:
    """Stage everything whose outcome may change because of what is staged."""
    if work.window.everything:
        return
    fresh = set(work.taken)
    while fresh:
        for pull in PULLS:
            pull(work, fresh)
        fresh = pull_waiting(work, fresh)


def pull_claimants(work: Work, fresh: set[Step]) -> None:
    """Pull in who claims a key of which a staged row has, or had, a candidate."""
    for step in sorted(fresh, key=lambda step: step.number):
        if work.has_candidates_held(step):
            _pull(work, step, _claimants(step, tuple(CLAIMED), tuple(OWN)))
        else:
            _pull(work, step, _claimants(step, (claimed_anew,), ()))


def pull_waiting(work: Work, fresh: set[Step]) -> set[Step]:
    """Pull in who waits for a key that a staged candidate claims and no canonical row has; return where."""
    grown = set()
    for link in work.plan.links:
        if link.parent in fresh and _pull(work, link.child, _waiting(link)):
            grown.add(link.child)
    return grown


def pull_children(work: Work, parents: set[Step]) -> set[Step]:
    """Pull in canonical rows that refer to a key which vanishes from one of `parents`; return where."""
    grown = set()
    for parent in parents:
        links = [link for link in work.plan.links if link.parent is parent]
        if links and work.run(_vanishes(parent)).fetchone() is not None:
            grown |= {link.child for link in links if _pull(work, link.child, _children(link))}
    return grown


def _pull(work: Work, step: Step, statement: bytes) -> int:
    count = work.take(step, statement)
    if count:
        work.staged[step] = work.staged.get(step, 0) + count
        work.grow(count, step.stage)
        read_step(work, step)
    return count


def _stored(step: Step, queries: list[str], before: str) -> bytes:
    """Return the statement that stages stored candidates; each query yields stored columns of what is not taken yet."""
    return (
        f"WITH {before}, pulled AS (INSERT INTO {step.stage} ({stored_columns(step)}, _candidate)"
        f" {' UNION ALL '.join(queries)} RETURNING _source_key)"
        f" INSERT INTO {step.take} SELECT _source_key FROM pulled"
    ).encode()


def not_taken(step: Step, row: str) -> str:
    """Return the condition that a stored row is of a source row that this turn leaves alone."""
    return f"NOT EXISTS (SELECT FROM {step.take} t WHERE t.key = {row}._source_key)"


@cache
def _claimants(step: Step, claims: tuple[Keys, ...], own: tuple[Keys, ...]) -> bytes:
    """Stage who claims a key that a staged candidate claims, or that a taken row had.

    A canonical row is the only one with its key: who keeps or leaves one (`own`) meets others among held candidates
    alone; where nobody is held there are none.
    """
    queries, named = [_claiming(step, step.canonical, "claimed")], f"claimed AS ({_union(step, claims)})"
    if own:
        queries.append(_claiming(step, step.held, "contested"))
        named += f", contested AS (SELECT * FROM claimed UNION {_union(step, own)})"
    return _stored(step, queries, named)


def _union(step: Step, keys: tuple[Keys, ...]) -> str:
    return " UNION ".join(each(step) for each in keys)


def claimed_anew(step: Step) -> str:
    """Return the query for the keys that staged candidates claim and do not have already."""
    return f"SELECT DISTINCT {columns(step.key, 's')} FROM {_newly_claimed(step)}"


def claimed_in_vain(step: Step) -> str:
    """Return the query for the keys that held candidates of taken rows claim."""
    return f"SELECT {columns(step.key, 'h')} FROM {step.take} t JOIN {step.held} h ON {step.is_of('h', 't.key')}"


def had(step: Step) -> str:
    """Return the query for the keys of the canonical rows of what is taken."""
    return f"SELECT {columns(step.key)} FROM {step.before}"


# The functions of these lists are clauses: a test takes them out one by one.
PULLS: list[Callable[[Work, set[Step]], None]] = [pull_claimants]
CLAIMED: list[Keys] = [claimed_anew, claimed_in_vain]
OWN: list[Keys] = [had]


def _claiming(step: Step, table: str, keys: str) -> str:
    return (
        f"SELECT {stored_columns(step, 'o')}, true FROM {keys} k JOIN {table} o ON {equal(step.key, 'o', 'k')}"
        f" WHERE {not_taken(step, 'o')}"
    )


@cache
def _waiting(link: Link) -> bytes:
    child, parent, reference = link.child, link.parent, link.reference
    names = reference.target_columns
    claimed = (
        f"SELECT DISTINCT {columns(names, 's')} FROM {_newly_claimed(parent)}"
        f" AND NOT EXISTS (SELECT FROM {parent.canonical} c WHERE {equal(names, 'c', 's')})"
    )
    query = (
        f"SELECT {stored_columns(child, 'o')}, true FROM claimed k"
        f" JOIN {child.held} o ON {equal(reference.columns, 'o', 'k', names)} WHERE {not_taken(child, 'o')}"
    )
    return _stored(child, [query], f"claimed AS ({claimed})")


def _newly_claimed(step: Step) -> str:
    """Return the query for staged candidates, as `s`, whose key is not the one that they have already."""
    return (
        f"{step.stage} s WHERE s._candidate AND NOT EXISTS (SELECT FROM {step.before} b WHERE {keeps_key(step, 's')})"
    )


def _vanishing(step: Step) -> str:
    """Return the query for the canonical keys, as `b`, that no staged row will have."""
    return (
        f"SELECT {columns(step.key, 'b')} FROM {step.before} b WHERE NOT EXISTS"
        f" (SELECT FROM {step.stage} s WHERE {ALIVE} AND {equal(step.key, 's', 'b')})"
    )


@cache
def _vanishes(step: Step) -> bytes:
    return f"{_vanishing(step)} LIMIT 1".encode()


@cache
def _children(link: Link) -> bytes:
    """Canonical children, and held ones too: they may now wait for another row than before."""
    child = link.child
    joined = f"JOIN {{}} o ON {equal(link.reference.columns, 'o', 'k', link.reference.target_columns)}"
    waits = (
        f" JOIN cdc.held h ON h.mapping = {child.name} AND h.source_key = o._source_key"
        f" AND h.code = {literal(UNRESOLVED)}"
    )
    queries = [
        f"SELECT {stored_columns(child, 'o')}, true FROM vanished k {joined.format(table)}{more}"
        f" WHERE {not_taken(child, 'o')}"
        for table, more in ((child.canonical, ""), (child.held, waits))
    ]
    return _stored(child, queries, f"vanished AS MATERIALIZED ({_vanishing(link.parent)})")

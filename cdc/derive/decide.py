"""Which staged candidates become canonical rows: the greatest set in which references resolve and no key is contested.

Three movements, each to a fixed point.

1. Pull in, supposing that every staged candidate can be derived: who else claims a key that a staged row claims or
   claimed, and who waits for a key that one claims and nobody held before. Their candidates are taken as they are
   stored. Whoever is not pulled in keeps its outcome: suppose some held rows that were not pulled in could now be
   derived together. None of them refers to a newly claimed key, so all that they refer to was derived before, or is
   among them; then they could have been derived before, and were not held.
2. Claims, which depend on the claimants alone.
3. References, from the optimistic side (a cycle of rows that refer to each other holds itself up): refuse what does not
   resolve, pull in canonical rows that refer to a key which vanishes, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from cdc.derive.before import newly_claimed, read_step, vanishing
from cdc.derive.names import all_present, columns, equal, literal, quoted
from cdc.derive.plan import Link, Step
from cdc.derive.session import ALIVE, Work, stored_columns

CONTESTED = "KEY-201"
"""The dictionary's code for rows of which several claim one canonical key."""
UNRESOLVED = "REF-301"
"""The dictionary's code for rows that refer to a row which is not there."""


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
        _pull(work, step, _claimants(step, work.has_candidates_held(step)))


def pull_waiting(work: Work, fresh: set[Step]) -> set[Step]:
    """Pull in who waits for a key that a staged candidate claims and no canonical row has; return where."""
    grown = set()
    for link in work.plan.links:
        if link.parent in fresh and _pull(work, link.child, _waiting(link)):
            grown.add(link.child)
    return grown


def refuse_contested(work: Work, step: Step) -> None:
    """Hold all live claimants of a key that has several."""
    work.run(_contested(step))


def shadow_tombstones(work: Work, step: Step) -> None:
    """Leave out tombstones whose key a live row claims, or a tombstone of a later delete."""
    if step.tombstones:
        work.run(_shadowed(step))


def refuse_unresolved(work: Work, links: list[Link]) -> set[Step]:
    """Hold candidates whose required reference does not resolve; return where."""
    return {link.child for link in links if work.run(_unresolved(link, tuple(RESOLVERS))).rowcount}


def pull_children(work: Work, parents: set[Step]) -> set[Step]:
    """Pull in canonical rows that refer to a key which vanishes from one of `parents`; return where."""
    grown = set()
    for parent in parents:
        links = [link for link in work.plan.links if link.parent is parent]
        if links and work.run(_vanishes(parent)).fetchone() is not None:
            grown |= {link.child for link in links if _pull(work, link.child, _children(link))}
    return grown


PULLS: list[Callable[[Work, set[Step]], None]] = [pull_claimants]
CLAIM_RULES: list[Callable[[Work, Step], None]] = [refuse_contested, shadow_tombstones]


def decide(work: Work) -> None:
    """Decide claims, then references."""
    for step, count in work.staged.items():
        if count > 1:
            for rule in CLAIM_RULES:
                rule(work, step)
    resolve(work)


def resolve(work: Work) -> None:
    """Hold what does not resolve, and what hangs on it, until nothing changes."""
    doubtful, lost = set(work.staged), set(work.taken)
    held: set[Step] = set()
    while doubtful or lost:
        links = [link for link in work.plan.links if link.child in work.staged]
        refused = refuse_unresolved(work, [link for link in links if link.child in doubtful or link.parent in lost])
        held |= refused
        lost |= refused
        pulled = set() if work.window.everything else pull_children(work, lost)
        doubtful, lost = pulled, refused
    _name_what_they_wait_for(work, held)


def _name_what_they_wait_for(work: Work, held: set[Step]) -> None:
    """Name the first reference, as declared, that does not resolve now that all is decided: the last one written."""
    for step in held:
        links = [link for link in work.plan.links if link.child is step]
        for link in reversed(links if len(links) > 1 else []):
            work.run(_waits(link, tuple(RESOLVERS)))


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


def _not_taken(step: Step, row: str) -> str:
    return f"NOT EXISTS (SELECT FROM {step.take} t WHERE t.key = {row}._source_key)"


@cache
def _claimants(step: Step, among_held: bool) -> bytes:  # noqa: FBT001 - part of the cache's key
    """Stage who claims a key that a staged candidate claims, or that a taken row had.

    A canonical row is the only one with its key: who keeps or leaves one meets others among held candidates alone.
    """
    claimed = f"SELECT DISTINCT {columns(step.key, 's')} FROM {newly_claimed(step)}"
    if not among_held:
        return _stored(step, [_claiming(step, step.canonical, "claimed")], f"claimed AS ({claimed})")
    left = (
        f"SELECT {columns(step.key, 'h')} FROM {step.take} t JOIN {step.held} h"
        f" ON h._mapping = {step.name} AND h._source_key = t.key"
    )
    own = f"SELECT {columns(step.key)} FROM {step.before} UNION SELECT * FROM claimed"
    queries = [_claiming(step, step.canonical, "claimed"), _claiming(step, step.held, "contested")]
    return _stored(step, queries, f"claimed AS ({claimed} UNION {left}), contested AS ({own})")


def _claiming(step: Step, table: str, keys: str) -> str:
    return (
        f"SELECT {stored_columns(step, 'o')}, true FROM {keys} k JOIN {table} o ON {equal(step.key, 'o', 'k')}"
        f" WHERE {_not_taken(step, 'o')}"
    )


@cache
def _waiting(link: Link) -> bytes:
    child, parent, reference = link.child, link.parent, link.reference
    names = reference.target_columns
    claimed = (
        f"SELECT DISTINCT {columns(names, 's')} FROM {newly_claimed(parent)}"
        f" AND NOT EXISTS (SELECT FROM {parent.canonical} c WHERE {equal(names, 'c', 's')})"
    )
    query = (
        f"SELECT {stored_columns(child, 'o')}, true FROM claimed k"
        f" JOIN {child.held} o ON {equal(reference.columns, 'o', 'k', names)} WHERE {_not_taken(child, 'o')}"
    )
    return _stored(child, [query], f"claimed AS ({claimed})")


@cache
def _contested(step: Step) -> bytes:
    key = columns(step.key)
    return (
        f"UPDATE {step.stage} s SET _code = {literal(CONTESTED)}, _field = {literal(step.key[0])},"
        " _detail = 'several live rows claim one key'"
        f" FROM (SELECT {key} FROM {step.stage} WHERE _candidate AND NOT _deleted GROUP BY {key} HAVING count(*) > 1) k"
        f" WHERE s._candidate AND NOT s._deleted AND {equal(step.key, 's', 'k')}"
    ).encode()


@cache
def _shadowed(step: Step) -> bytes:
    later = "(o._source_offset, o._source_key) > (s._source_offset, s._source_key)"
    return (
        f"UPDATE {step.stage} s SET _shadowed = true WHERE s._candidate AND s._deleted AND EXISTS (SELECT"
        f" FROM {step.stage} o WHERE o._candidate AND {equal(step.key, 'o', 's')} AND (NOT o._deleted OR {later}))"
    ).encode()


def not_staged(link: Link) -> str:
    """Return the condition that no staged row which will be canonical is what `s` refers to."""
    matched = equal(link.reference.target_columns, "p", "s", link.reference.columns)
    return f"NOT EXISTS (SELECT FROM {link.parent.stage} p WHERE {ALIVE} AND {matched})"


def not_stored(link: Link) -> str:
    """Return the condition that no canonical row which this turn leaves alone is what `s` refers to."""
    matched = equal(link.reference.target_columns, "c", "s", link.reference.columns)
    left_alone = _not_taken(link.parent, "c")
    return f"NOT EXISTS (SELECT FROM {link.parent.canonical} c WHERE {matched} AND {left_alone})"


RESOLVERS: list[Callable[[Link], str]] = [not_staged, not_stored]


@cache
def _unresolved(link: Link, resolvers: tuple[Callable[[Link], str], ...]) -> bytes:
    return (
        f"UPDATE {link.child.stage} s SET _code = {literal(UNRESOLVED)}, {_waits_for(link)}"
        f" WHERE {ALIVE} AND {_is_open(link, resolvers)}"
    ).encode()


@cache
def _waits(link: Link, resolvers: tuple[Callable[[Link], str], ...]) -> bytes:
    return (
        f"UPDATE {link.child.stage} s SET {_waits_for(link)}"
        f" WHERE _candidate AND _code = {literal(UNRESOLVED)} AND {_is_open(link, resolvers)}"
    ).encode()


def _waits_for(link: Link) -> str:
    names = link.reference.columns
    key = ", ".join(f"s.{quoted(name)}::text" for name in names)
    return (
        f"_field = {literal(names[0])}, _detail = 'the row referred to is not here',"
        f" _waits_for = {literal(str(link.parent.mapping.target))}, _waits_key = ARRAY[{key}]"
    )


def _is_open(link: Link, resolvers: tuple[Callable[[Link], str], ...]) -> str:
    return " AND ".join([all_present(link.reference.columns, "s"), *(resolver(link) for resolver in resolvers)])


@cache
def _vanishes(step: Step) -> bytes:
    return f"{vanishing(step)} LIMIT 1".encode()


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
        f" WHERE {_not_taken(child, 'o')}"
        for table, more in ((child.canonical, ""), (child.held, waits))
    ]
    return _stored(child, queries, f"vanished AS MATERIALIZED ({vanishing(link.parent)})")

"""Which staged candidates become canonical rows: the greatest set in which references resolve and no key is contested.

Three movements, each to a fixed point.

1. Pull in what is concerned (`cdc.derive.pull`), supposing that every staged candidate can be derived.
2. Claims, which depend on the claimants alone.
3. References, from the optimistic side (a cycle of rows that refer to each other holds itself up): refuse what does not
   resolve, pull in canonical rows that refer to a key which vanishes, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from cdc.derive.names import all_present, columns, equal, literal, quoted
from cdc.derive.plan import Link, Step
from cdc.derive.pull import UNRESOLVED, not_taken, pull_children
from cdc.derive.session import ALIVE, Work

CONTESTED = "KEY-201"
"""The dictionary's code for rows of which several claim one canonical key."""


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
    left_alone = not_taken(link.parent, "c")
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

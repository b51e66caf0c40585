"""Which staged candidates become canonical rows: the greatest set in which references resolve and no key is contested.

Three movements, each to a fixed point.

1. Pull in what is concerned (`cdc.derive.pull`), supposing that every staged candidate can be derived.
2. Claims, which depend on the claimants alone.
3. References, from the optimistic side (a cycle of rows that refer to each other holds itself up): refuse what does not
   resolve, and whatever else the same source row gives; pull in canonical rows that refer to a key which vanishes;
   until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from cdc.derive.names import all_present, columns, equal, literal, quoted
from cdc.derive.plan import Fill, Link, Origin
from cdc.derive.pull import UNRESOLVED, not_taken, pull_children, pull_on
from cdc.derive.session import ALIVE, SOUND, Work

CONTESTED = "KEY-201"
"""The dictionary's code for rows of which several claim one canonical key."""


def refuse_contested(fill: Fill) -> Iterator[bytes]:
    """Hold all live claimants of a key that has several."""
    yield _contested(fill)


def shadow_deleted(fill: Fill) -> Iterator[bytes]:
    """Leave out candidates of deleted rows whose key a live row claims, or one that was deleted later."""
    if fill.keeps_deleted:
        yield _shadowed(fill)


def refuse_unresolved(work: Work, links: list[Link]) -> set[Fill]:
    """Hold candidates whose required reference does not resolve; return where."""
    cursors = work.run_all(_unresolved(link, tuple(RESOLVERS)) for link in links)
    return {link.child for link, cursor in zip(links, cursors, strict=True) if cursor.rowcount}


def withhold_siblings(work: Work, origins: set[Origin]) -> set[Fill]:
    """Hold all candidates of a source row of which one is held: it has all of its rows or none. Return where."""
    pairs = [(origin, fill) for origin in origins if not origin.alone for fill in origin.fills if fill in work.staged]
    cursors = work.run_all(_withheld(origin, fill) for origin, fill in pairs)
    return {fill for (_, fill), cursor in zip(pairs, cursors, strict=True) if cursor.rowcount}


CLAIM_RULES: list[Callable[[Fill], Iterator[bytes]]] = [refuse_contested, shadow_deleted]
SPREAD: list[Callable[[Work, set[Origin]], set[Fill]]] = [withhold_siblings]


def decide(work: Work) -> None:
    """Decide claims, then references."""
    decide_claims(work)
    resolve(work)


def decide_claims(work: Work) -> None:
    """Decide who has a key that several claim."""
    fills = [fill for fill, count in work.staged.items() if count > 1 and isinstance(fill, Fill)]
    work.run_all(statement for fill in fills for rule in CLAIM_RULES for statement in rule(fill))


def resolve(work: Work) -> None:
    """Hold what does not resolve, and what hangs on it, until nothing changes."""
    doubtful = {fill for fill in work.staged if isinstance(fill, Fill)}
    lost = {fill for origin in work.taken for fill in origin.fills}
    held = set[Fill]()
    spread_from = set(work.taken)
    while doubtful or lost:
        links = [link for link in work.plan.links if link.child in work.staged]
        refused = refuse_unresolved(work, [link for link in links if link.child in doubtful or link.parent in lost])
        held |= refused
        spread_from |= {work.plan.origin_of(fill) for fill in refused}
        refused |= {fill for spread in SPREAD for fill in spread(work, spread_from)}
        lost |= refused
        pulled = set[Origin]() if work.window.everything else _pull_children(work, lost)
        doubtful, lost, spread_from = {fill for origin in pulled for fill in origin.fills}, refused, pulled
    _name_what_they_wait_for(work, held)


def _pull_children(work: Work, lost: set[Fill]) -> set[Origin]:
    """Pull in canonical rows that refer to a key which vanishes; return where.

    Those of a source row with several candidates may have another one whose key is contested.
    """
    pulled = pull_children(work, lost)
    if all(origin.alone for origin in pulled):
        return pulled
    before = dict(work.staged)
    pull_on(work, pulled)
    decide_claims(work)
    grown = [fill for fill in work.plan.fills if before.get(fill) != work.staged.get(fill)]
    return pulled | {work.plan.origin_of(fill) for fill in grown}


def _name_what_they_wait_for(work: Work, held: set[Fill]) -> None:
    """Name the first reference, as declared, that does not resolve now that all is decided: the last one written."""
    for fill in held:
        links = [link for link in work.plan.links if link.child is fill]
        for link in reversed(links if len(links) > 1 else []):
            work.run(_waits(link, tuple(RESOLVERS)))


@cache
def _contested(fill: Fill) -> bytes:
    key = columns(fill.key)
    return (
        f"UPDATE {fill.stage} s SET _code = {literal(CONTESTED)}, _field = {literal(fill.key[0])},"
        " _detail = 'several live rows claim one key'"
        f" FROM (SELECT {key} FROM {fill.stage} WHERE _candidate AND NOT _deleted GROUP BY {key} HAVING count(*) > 1) k"
        f" WHERE s._candidate AND NOT s._deleted AND {equal(fill.key, 's', 'k')}"
    ).encode()


@cache
def _shadowed(fill: Fill) -> bytes:
    later = "(o._source_offset, o._source_key) > (s._source_offset, s._source_key)"
    return (
        f"UPDATE {fill.stage} s SET _shadowed = true WHERE s._candidate AND s._deleted AND EXISTS (SELECT"
        f" FROM {fill.stage} o WHERE o._candidate AND {equal(fill.key, 'o', 's')} AND (NOT o._deleted OR {later}))"
    ).encode()


@cache
def _withheld(origin: Origin, fill: Fill) -> bytes:
    """What speaks against a candidate itself is found out as well: the code of the row must not hang on the order."""
    siblings = " UNION ALL ".join(
        f"SELECT FROM {one.stage} o WHERE o._candidate AND o._code IS NOT NULL AND o._source_key = s._source_key"
        for one in origin.fills
    )
    return f"UPDATE {fill.stage} s SET _withheld = true WHERE {ALIVE} AND EXISTS ({siblings})".encode()


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
        f" WHERE {SOUND} AND {_is_open(link, resolvers)}"
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
        f" _waits_for = {literal(str(link.parent.target))}, _waits_key = ARRAY[{key}]"
    )


def _is_open(link: Link, resolvers: tuple[Callable[[Link], str], ...]) -> str:
    return " AND ".join([all_present(link.reference.columns, "s"), *(resolver(link) for resolver in resolvers)])

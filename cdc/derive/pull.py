"""Whose outcome may change because of what is staged: their candidates are staged as well, as they are stored.

Suppose that every staged candidate can be derived. Then it concerns who else claims a key that a staged row claims or
claimed, and who waits for a key that one claims and nobody held before. Whoever is not pulled in keeps its outcome:
suppose some held rows that were not pulled in could now be derived together. None of them refers to a newly claimed
key, so all that they refer to was derived before, or is among them; then they could have been derived before, and were
not held. Who refers to a key that vanishes is pulled in once that is decided (`cdc.derive.decide`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from cdc.derive.before import keeps_key, read_origins
from cdc.derive.names import columns, equal, literal
from cdc.derive.plan import Fill, Link, Origin
from cdc.derive.session import ALIVE, Cursor, Work, restaged_columns, stored_columns

UNRESOLVED = "REF-301"
"""The dictionary's code for rows that refer to a row which is not there."""

Keys = Callable[[Fill], str]


class Found(NamedTuple):
    """Stored candidates, as `o`: what their sources name (a list of WITH), and the sources, joins after FROM."""

    keys: str
    sources: tuple[str, ...]


def pull_in(work: Work) -> None:
    """Stage everything whose outcome may change because of what is staged."""
    if not work.window.everything:
        pull_on(work, set(work.taken))


def pull_on(work: Work, fresh: set[Origin]) -> None:
    """Stage everything whose outcome may change because of what is staged of the steps and merges in `fresh`."""
    while fresh:
        for pull in PULLS:
            pull(work, fresh)
        fresh = pull_waiting(work, fresh)


def pull_claimants(work: Work, fresh: set[Origin]) -> None:
    """Pull in who claims a key of which a staged row has, or had, a candidate.

    Who is pulled in claims the same key, and others as well if its source row has several candidates.
    """
    while fresh:
        fills = [fill for origin in work.plan.origins if origin in fresh for fill in origin.fills]
        work.ask_held(fills)
        pulled = _pull(work, ((fill, _rivals(work, fill)) for fill in fills))
        fresh = {work.plan.origin_of(fill) for fill in pulled if not fill.alone}


def _rivals(work: Work, fill: Fill) -> Found:
    if work.held[fill]:
        return _claiming_keys(fill, tuple(CLAIMED), tuple(OWN))
    return _claiming_keys(fill, (claimed_anew,), ())


def pull_waiting(work: Work, fresh: set[Origin]) -> set[Origin]:
    """Pull in who waits for a key that a staged candidate claims and no canonical row has; return where."""
    parents = {fill for origin in fresh for fill in origin.fills}
    links = [link for link in work.plan.links if link.parent in parents]
    return {work.plan.origin_of(fill) for fill in _pull(work, ((link.child, _waiting(link)) for link in links))}


def pull_children(work: Work, parents: set[Fill]) -> set[Origin]:
    """Pull in canonical rows that refer to a key which vanishes from one of `parents`; return where."""
    referred = [fill for fill in parents if any(link.parent is fill for link in work.plan.links)]
    cursors = work.run_all(_vanishes(fill) for fill in referred)
    losing = {fill for fill, cursor in zip(referred, cursors, strict=True) if cursor.rowcount}
    links = [link for link in work.plan.links if link.parent in losing]
    return {work.plan.origin_of(fill) for fill in _pull(work, ((link.child, _children(link)) for link in links))}


def _pull(work: Work, concerned: Iterable[tuple[Fill, Found]]) -> list[Fill]:
    """Stage what is stored of the source rows that are found, in all tables of their mapping; return whose were."""
    of_origin: dict[Origin, list[tuple[Fill, Found]]] = {}
    for fill, found in concerned:
        of_origin.setdefault(work.plan.origin_of(fill), []).append((fill, found))
    statements = [
        (origin, statement) for origin, where in of_origin.items() for statement in _pulling(origin, tuple(where))
    ]
    cursors = work.run_all(statement for _, statement in statements)
    pulled = [
        origin for (origin, _), cursor in zip(statements, cursors, strict=True) if _note_pulled(work, origin, cursor)
    ]
    read_origins(work, list(dict.fromkeys(pulled)))
    return [fill for origin in pulled for fill, _ in of_origin[origin]]


def _note_pulled(work: Work, origin: Origin, cursor: Cursor) -> int:
    """Note how many source rows, and how many rows of each fill; return the former."""
    count, *counts = cursor.fetchone() or (0,)
    work.note_taken(origin, count)
    for fill, staged in zip(origin.fills, counts, strict=True):
        work.note_staged(fill, staged)
        if staged:
            work.grow(staged, fill.stage)
    return int(count)


def _pulling(origin: Origin, concerned: tuple[tuple[Fill, Found], ...]) -> Iterator[bytes]:
    """Yield the statements that take source rows and stage what is stored of them; each counts them, and that."""
    if origin.alone:
        yield from (_stored(fill, found) for fill, found in concerned)
    else:
        yield _stored_in_all(origin, concerned)


@cache
def _stored(fill: Fill, found: Found) -> bytes:
    """Return the statement for candidates each of which is the only one of its source row."""
    queries = " UNION ALL ".join(
        f"SELECT {restaged_columns(fill, 'o')}, true FROM {source} WHERE {not_taken(fill, 'o')}"
        for source in found.sources
    )
    return (
        f"WITH {found.keys}, pulled AS (INSERT INTO {fill.stage} ({stored_columns(fill)}, _candidate)"
        f" {queries} RETURNING _source_key),"
        f" taken AS (INSERT INTO {fill.take} SELECT _source_key FROM pulled RETURNING 1)"
        " SELECT count(*), count(*) FROM taken"
    ).encode()


@cache
def _stored_in_all(origin: Origin, concerned: tuple[tuple[Fill, Found], ...]) -> bytes:
    """Return the statement for source rows with several candidates: all of them are staged."""
    keys = " UNION ALL ".join(f"({_source_keys(fill, found)})" for fill, found in concerned)
    inserts = ", ".join(f"staged_{one.number} AS ({_stage_all(one)})" for one in origin.fills)
    counts = ", ".join(f"(SELECT count(*) FROM staged_{one.number})" for one in origin.fills)
    return (
        f"WITH pulled AS (INSERT INTO {origin.take} SELECT DISTINCT * FROM ({keys}) q RETURNING key), {inserts}"
        f" SELECT (SELECT count(*) FROM pulled), {counts}"
    ).encode()


def _source_keys(fill: Fill, found: Found) -> str:
    sources = " UNION ALL ".join(
        f"SELECT o._source_key FROM {source} WHERE {not_taken(fill, 'o')}" for source in found.sources
    )
    return f"WITH {found.keys} {sources}"


def _stage_all(fill: Fill) -> str:
    rows = " UNION ALL ".join(
        f"SELECT {restaged_columns(fill, 'o')}, true FROM pulled JOIN {table} o ON {fill.is_of('o', 'pulled.key')}"
        for table in (fill.canonical, fill.held)
    )
    return f"INSERT INTO {fill.stage} ({stored_columns(fill)}, _candidate) {rows} RETURNING 1"


def not_taken(fill: Fill, row: str) -> str:
    """Return the condition that a stored row is of a source row that this turn leaves alone."""
    return f"NOT EXISTS (SELECT FROM {fill.take} t WHERE t.key = {row}._source_key)"


@cache
def _claiming_keys(fill: Fill, claims: tuple[Keys, ...], own: tuple[Keys, ...]) -> Found:
    """Return who claims a key that a staged candidate claims, or that a taken row had.

    A canonical row is the only one with its key: who keeps or leaves one (`own`) meets others among held candidates
    alone; where nobody is held there are none.
    """
    sources = [_claiming(fill, fill.canonical, "claimed")]
    named = f"claimed AS ({_union(fill, claims)})"
    if own:
        sources.append(_claiming(fill, fill.held, "contested"))
        named += f", contested AS (SELECT * FROM claimed UNION {_union(fill, own)})"
    return Found(named, tuple(sources))


def _union(fill: Fill, keys: tuple[Keys, ...]) -> str:
    return " UNION ".join(each(fill) for each in keys)


def claimed_anew(fill: Fill) -> str:
    """Return the query for the keys that staged candidates claim and do not have already."""
    return f"SELECT DISTINCT {columns(fill.key, 's')} FROM {_newly_claimed(fill)}"


def claimed_in_vain(fill: Fill) -> str:
    """Return the query for the keys that held candidates of taken rows claim."""
    return f"SELECT {columns(fill.key, 'h')} FROM {fill.take} t JOIN {fill.held} h ON {fill.is_of('h', 't.key')}"


def had(fill: Fill) -> str:
    """Return the query for the keys of the canonical rows of what is taken."""
    return f"SELECT {columns(fill.key)} FROM {fill.before}"


# The functions of these lists are clauses: a test takes them out one by one.
PULLS: list[Callable[[Work, set[Origin]], None]] = [pull_claimants]
CLAIMED: list[Keys] = [claimed_anew, claimed_in_vain]
OWN: list[Keys] = [had]


def _claiming(fill: Fill, table: str, keys: str) -> str:
    return f"{keys} k JOIN {table} o ON {equal(fill.key, 'o', 'k')}"


@cache
def _waiting(link: Link) -> Found:
    child, parent, reference = link.child, link.parent, link.reference
    names = reference.target_columns
    claimed = (
        f"SELECT DISTINCT {columns(names, 's')} FROM {_newly_claimed(parent)}"
        f" AND NOT EXISTS (SELECT FROM {parent.canonical} c WHERE {equal(names, 'c', 's')})"
    )
    source = f"claimed k JOIN {child.held} o ON {equal(reference.columns, 'o', 'k', names)}"
    return Found(f"claimed AS ({claimed})", (source,))


def _newly_claimed(fill: Fill) -> str:
    """Return the query for staged candidates, as `s`, whose key is not the one that they have already."""
    return (
        f"{fill.stage} s WHERE s._candidate AND NOT EXISTS (SELECT FROM {fill.before} b WHERE {keeps_key(fill, 's')})"
    )


def _vanishing(fill: Fill) -> str:
    """Return the query for the canonical keys, as `b`, that no staged row will have."""
    return (
        f"SELECT {columns(fill.key, 'b')} FROM {fill.before} b WHERE NOT EXISTS"
        f" (SELECT FROM {fill.stage} s WHERE {ALIVE} AND {equal(fill.key, 's', 'b')})"
    )


@cache
def _vanishes(fill: Fill) -> bytes:
    return f"{_vanishing(fill)} LIMIT 1".encode()


@cache
def _children(link: Link) -> Found:
    """Canonical children, and held ones too: they may now wait for another row than before.

    Of a source row with several candidates another one's code may stand in `cdc.held`.
    """
    child = link.child
    joined = f"vanished k JOIN {{}} o ON {equal(link.reference.columns, 'o', 'k', link.reference.target_columns)}"
    waits = (
        f" JOIN {child.codes} h ON h.mapping = {child.name} AND h.source_key = o._source_key"
        f" AND h.code = {literal(UNRESOLVED)}"
    )
    return Found(
        f"vanished AS MATERIALIZED ({_vanishing(link.parent)})",
        (joined.format(child.canonical), joined.format(child.held) + (waits if child.alone else "")),
    )

"""What final sources imply: canonical rows and held rows, evaluated from scratch and in the plainest way.

1. Each source row gives its rows in canonical tables, or is left out, or is held by its own code. Rows that are gone
   give tombstones, where the tables keep them.
2. What several source rows say of one row of a fold is folded, column by column (`compose.compare.fold`).
3. Live candidates that claim one key hold each other (KEY-201). A tombstone counts only if nothing live claims its key,
   and of several only the one that went last.
4. The greatest set in which every reference resolves is derived, the rest is held (REF-301); a source row has all of
   its rows or none.

All of it is held in memory: it is the demo's data. Mirrors, which may be large, are compared as streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from compose.compare import erp, mes
from compose.compare.fold import Candidate, Key, fold
from compose.compare.log import Row
from compose.compare.table import Feed, Lookups, Source, Table
from compose.compare.value import Held

TABLES: tuple[Table, ...] = (*erp.TABLES, *mes.TABLES)
FEEDS: tuple[Feed, ...] = (*erp.FEEDS, *mes.FEEDS)


@dataclass(slots=True)
class Implied:
    """Canonical rows by table and key; codes of held rows by mapping and source key."""

    rows: dict[str, dict[Key, Candidate]] = field(default_factory=dict)
    held: dict[tuple[str, Key], str] = field(default_factory=dict)


def imply(source: Source) -> Implied:
    """Evaluate all tables."""
    implied = Implied()
    said: dict[str, list[Candidate]] = {table.name: [] for table in TABLES}
    for feed in FEEDS:
        _feed(feed, source, said, implied)
    for table in TABLES:
        if table.fold:
            implied.rows[table.name] = _folded(table, said[table.name], implied)
        else:
            implied.rows[table.name] = _claimed(table, said[table.name], implied)
    _withhold(implied)
    while sum(_drop_unresolved(table, implied) for table in TABLES):
        _withhold(implied)  # what a dropped row leaves unresolved is found by the next round
    return implied


def _feed(feed: Feed, source: Source, said: dict[str, list[Candidate]], implied: Implied) -> None:
    _derive(feed, source.live.get(feed.source, ()), Lookups(source, gone=False), said, implied)
    if feed.tombstones:
        _derive(feed, source.gone.get(feed.source, ()), Lookups(source, gone=True), said, implied)


def _derive(feed: Feed, rows: Iterable[Row], look: Lookups, said: dict[str, list[Candidate]], implied: Implied) -> None:
    for row in rows:
        source_key = tuple(row[column] for column in feed.source_key)
        try:
            outputs = feed.derive(row, look)
        except Held as held:
            implied.held[feed.source, source_key] = str(held)
            continue
        for name, values in (outputs or {}).items():
            said[name] += [Candidate(feed.source, source_key, each, look.gone) for each in values]


def _folded(table: Table, said: list[Candidate], implied: Implied) -> dict[Key, Candidate]:
    rows = {}
    for key, candidate in fold(table, said).items():
        if table.fold and any(candidate.values[column] is None for column in table.fold.required):
            implied.held[table.mapping, key] = "REQ-101"
        else:
            rows[key] = candidate
    return rows


def _claimed(table: Table, said: list[Candidate], implied: Implied) -> dict[Key, Candidate]:
    claims: dict[Key, list[Candidate]] = {}
    for candidate in said:
        if not candidate.deleted:
            claims.setdefault(candidate.key(table), []).append(candidate)
    for claimants in claims.values():
        if len(claimants) > 1:
            implied.held.update({(claimant.mapping, claimant.source_key): "KEY-201" for claimant in claimants})
    # The tombstone that went last wins: rows come in the order of the log.
    tombstones = {candidate.key(table): candidate for candidate in said if candidate.deleted}
    rows = {key: candidate for key, candidate in tombstones.items() if key not in claims}
    return rows | {key: claimants[0] for key, claimants in claims.items() if len(claimants) == 1}


def _drop_unresolved(table: Table, implied: Implied) -> int:
    rows = implied.rows[table.name]
    unresolved = [key for key, candidate in rows.items() if not _resolves(table, candidate, implied)]
    for key in unresolved:
        dropped = rows.pop(key)
        implied.held[dropped.mapping, dropped.source_key] = "REF-301"
    return len(unresolved)


def _withhold(implied: Implied) -> None:
    """Take away what else a held source row gives."""
    for rows in implied.rows.values():
        for key in [key for key, one in rows.items() if (one.mapping, one.source_key) in implied.held]:
            del rows[key]


def _resolves(table: Table, candidate: Candidate, implied: Implied) -> bool:
    for reference in table.references:
        key = tuple(candidate.values[column] for column in reference.columns)
        if None not in key and key not in implied.rows[reference.table]:
            return False
    return True

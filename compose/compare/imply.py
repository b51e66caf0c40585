"""What final sources imply: canonical rows and held rows, evaluated from scratch and in the plainest way.

1. Each source row gives a candidate, or is left out, or is held by its own code. Rows that are gone give tombstones,
   where the table keeps them.
2. Live candidates that claim one key hold each other (KEY-201). A tombstone counts only if nothing live claims its key,
   and of several only the one that went last.
3. The greatest set in which every reference resolves is derived, the rest is held (REF-301).

All of it is held in memory: it is the demo's data. Mirrors, which may be large, are compared as streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from compose.compare import erp, mes
from compose.compare.log import Row
from compose.compare.table import Lookups, Source, Table, Values
from compose.compare.value import Held, Text

TABLES: tuple[Table, ...] = (*erp.TABLES, *mes.TABLES)

Key = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A canonical row that a source row would give."""

    source_key: Key
    values: Values
    deleted: bool


@dataclass(slots=True)
class Implied:
    """Canonical rows by table and key; codes of held rows by table and source key."""

    rows: dict[str, dict[Key, Candidate]] = field(default_factory=dict)
    held: dict[tuple[str, Key], str] = field(default_factory=dict)


def imply(source: Source, tables: Iterable[Table] = TABLES) -> Implied:
    """Evaluate all tables."""
    implied = Implied()
    tables = tuple(tables)
    for table in tables:
        live, gone = _candidates(table, source, implied)
        implied.rows[table.name] = _claimed(table, live, gone, implied)
    while sum(_drop_unresolved(table, implied) for table in tables):
        pass  # what a dropped row leaves unresolved is found by the next round
    return implied


def _candidates(table: Table, source: Source, implied: Implied) -> tuple[list[Candidate], list[Candidate]]:
    live = _derived(table, source.live.get(table.source, ()), Lookups(source, gone=False), implied)
    gone_rows = source.gone.get(table.source, ()) if table.tombstones else ()
    return live, _derived(table, gone_rows, Lookups(source, gone=True), implied)


def _derived(table: Table, rows: Iterable[Row], look: Lookups, implied: Implied) -> list[Candidate]:
    candidates = []
    for row in rows:
        source_key = tuple(row[column] for column in table.source_key)
        try:
            values = table.derive(row, look)
        except Held as held:
            implied.held[table.name, source_key] = str(held)
            continue
        if values is not None:
            candidates.append(Candidate(source_key, values, look.gone))
    return candidates


def _claimed(table: Table, live: list[Candidate], gone: list[Candidate], implied: Implied) -> dict[Key, Candidate]:
    claims: dict[Key, list[Candidate]] = {}
    for candidate in live:
        claims.setdefault(_key(table, candidate), []).append(candidate)
    for claimants in claims.values():
        if len(claimants) > 1:
            implied.held.update({(table.name, claimant.source_key): "KEY-201" for claimant in claimants})
    tombstones = {_key(table, candidate): candidate for candidate in gone}  # the last one wins: rows come in log order
    rows = {key: candidate for key, candidate in tombstones.items() if key not in claims}
    return rows | {key: claimants[0] for key, claimants in claims.items() if len(claimants) == 1}


def _drop_unresolved(table: Table, implied: Implied) -> int:
    rows = implied.rows[table.name]
    unresolved = [key for key, candidate in rows.items() if not _resolves(table, candidate, implied)]
    for key in unresolved:
        implied.held[table.name, rows.pop(key).source_key] = "REF-301"
    return len(unresolved)


def _resolves(table: Table, candidate: Candidate, implied: Implied) -> bool:
    for reference in table.references:
        key = tuple(candidate.values[column] for column in reference.columns)
        if None not in key and key not in implied.rows[reference.table]:
            return False
    return True


def _key(table: Table, candidate: Candidate) -> Key:
    return tuple(candidate.values[column] for column in table.key)

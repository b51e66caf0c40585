"""A fold, in the plainest way: all that is said of a key, sorted, and the first value of each column taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from compose.compare.table import ORDER, Fold, Table, Values
from compose.compare.value import Text

Key = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A canonical row that a source row would give, or what it says of one."""

    mapping: str
    source_key: Key
    values: Values
    deleted: bool

    def key(self, table: Table) -> Key:
        """Return the canonical key."""
        return tuple(self.values[column] for column in table.key)


def fold(table: Table, said: list[Candidate]) -> dict[Key, Candidate]:
    """Fold what is said of each key; what deleted rows said counts where nothing else is said."""
    assert table.fold
    by_key: dict[Key, list[Candidate]] = {}
    for one in said:
        by_key.setdefault(one.key(table), []).append(one)
    folded = {}
    for key, all_said in by_key.items():
        live = [one for one in all_said if not one.deleted]
        values = _fold(table.fold, live or all_said)
        own: Values = dict(zip(table.key, key, strict=True))
        folded[key] = Candidate(table.mapping, key, own | values, not live)
    return folded


def _fold(rule: Fold, said: list[Candidate]) -> Values:
    values: Values = {}
    conflicts: list[Mapping[str, object]] = []
    for column, take in rule.rules.items():
        speaking = [one for one in _sorted(said, take) if one.values.get(column) is not None]
        heard = [one for one in speaking if not take.startswith("owner") or _source(one) == take.removeprefix("owner ")]
        values[column] = heard[0].values[column] if heard else None
        conflicts += [_conflict(rule, column, one) for one in speaking if one.values[column] != values[column]]
    values["_conflicts"] = in_order(conflicts) if conflicts else None
    return values


def _sorted(said: list[Candidate], take: str) -> list[Candidate]:
    ties = sorted(said, key=lambda one: (_source(one), one.mapping, one.source_key))
    known = [one for one in ties if one.values.get(ORDER) is not None]
    known.sort(
        key=lambda one: Decimal(str(one.values[ORDER])), reverse=take != "first"
    )  # stable: ties stay as they are
    return [*known, *(one for one in ties if one.values.get(ORDER) is None)]


def _source(one: Candidate) -> str:
    return one.mapping.partition(".")[0]


def _conflict(rule: Fold, column: str, one: Candidate) -> Mapping[str, object]:
    value = one.values[column]
    printed = {"t": "true", "f": "false"}[str(value)] if column in rule.flags else value
    return {"column": column, "mapping": one.mapping, "source_key": list(one.source_key), "value": printed}


def in_order(conflicts: list[Mapping[str, object]]) -> str:
    """Print conflicts in one order, whatever the collation of the database is."""
    texts = sorted(json.dumps(conflict, sort_keys=True, ensure_ascii=False) for conflict in conflicts)
    return f"[{', '.join(texts)}]"

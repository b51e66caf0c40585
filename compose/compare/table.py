"""What a canonical table is to the comparison, and how its rows look other source rows up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from compose.compare.log import Row
from compose.compare.value import Held, Text

Values = dict[str, Text]
SCHEMA = "trace"
ORDER = "_order"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to another canonical table's key; it binds where all its columns hold a value."""

    columns: tuple[str, ...]
    table: str


@dataclass(frozen=True, slots=True)
class Fold:
    """How contributions become one row: whose value each column takes, and which columns a row must have.

    A rule is `first` (the smallest `_order` of the contribution), `last`, or `owner SOURCE`. `flags` are the columns
    of truth values, which conflicts print as true and false.
    """

    rules: Mapping[str, str]
    required: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table. A fold has no rows of its own mappings but what all of them say of one key."""

    name: str
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    fold: Fold | None = None

    @property
    def mapping(self) -> str:
        """What rows of a fold are held under."""
        return f"{SCHEMA}.{self.name}"


Outputs = Mapping[str, list[Values]]


@dataclass(frozen=True, slots=True)
class Feed:
    """What one source table feeds: `derive` makes, of a source row, the values of its rows in canonical tables.

    It returns None where the mapping leaves the row out. Contributions to a fold say in `_order` what they are ordered
    by. `tombstones`: rows that are gone from the source stay, marked. The dictionary names mappings after the source
    table.
    """

    source: str
    source_key: tuple[str, ...]
    derive: Callable[[Row, Lookups], Outputs | None]
    tombstones: bool = True


@dataclass(slots=True)
class Source:
    """The final rows of the source tables, and the last images of the rows that are gone, by mirror."""

    live: Mapping[str, Iterable[Row]]
    gone: Mapping[str, Iterable[Row]]
    _indexes: dict[tuple[str, tuple[str, ...], bool], dict[tuple[Text, ...], list[Row]]] = field(default_factory=dict)

    def find(self, mirror: str, match: Mapping[str, Text], *, gone: bool) -> list[Row]:
        """Return the rows whose columns equal the given values; NULL equals nothing."""
        if None in match.values():
            return []
        columns = tuple(match)
        index = self._indexes.get((mirror, columns, gone))
        if index is None:
            index = self._indexes[mirror, columns, gone] = {}
            for row in (self.gone if gone else self.live).get(mirror, ()):
                index.setdefault(tuple(row[column] for column in columns), []).append(row)
        return index.get(tuple(match.values()), [])


@dataclass(frozen=True, slots=True)
class Lookups:
    """Finds other source rows for one row. A row that is gone may find rows that are gone too."""

    source: Source
    gone: bool

    def one_at(self, mirror: str, at: Text, period: tuple[str, str], **match: Text) -> Row | None:
        """Return the one row that is valid at a moment, from the first column of `period` up to the second one."""
        if at is None:
            return None
        begin, end = period
        found = [row for row in self._found(mirror, match) if (row[begin] or "") <= at < (row[end] or "9999")]
        if len(found) > 1:
            raise Held("REF-302")
        return found[0] if found else None

    def _found(self, mirror: str, match: Mapping[str, Text]) -> list[Row]:
        found = self.source.find(mirror, match, gone=False)
        return found or (self.source.find(mirror, match, gone=True) if self.gone else [])

    def one(self, mirror: str, missing: str | None, **match: Text) -> Row | None:
        """Return the one row, or hold with `missing` (None: nothing found is NULL) or REF-302."""
        found = self._found(mirror, match)
        if len(found) > 1:
            raise Held("REF-302")
        if not found:
            if missing is not None:
                raise Held(missing)
            return None
        return found[0]

    def need(self, mirror: str, missing: str, **match: Text) -> Row:
        """Return the one row, or hold with `missing` or REF-302."""
        row = self.one(mirror, missing, **match)
        if row is None:
            raise Held(missing)
        return row

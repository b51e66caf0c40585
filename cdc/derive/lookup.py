"""The query that reads taken rows with everything their mapping's `normalise` wants, look-ups included.

A look-up by the whole key of a mirror is a plain join. Any other may find several rows: two are read at most, and its
values are NULL unless exactly one was found. Rows that the source has deleted, and versions of rows, read the last
images of other deleted rows where nothing live is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from cdc.derive.mirror import Mirror, same
from cdc.derive.names import literal, quoted
from cdc.derive.plan import Step
from cdc.derive.take import columns_read
from transforms.mapping import Lookup

FIXED_COLUMNS = 5
"""Columns before the inputs: source key as text, offset, time, deleted, what is stale (mirror, then its key).

Behind the inputs of a step that keeps deleted rows as they were stand offset and time of the row's last image.
"""

_FOUND = "_look_up_found"


@cache
def select_rows(step: Step, stale: bool) -> bytes:  # noqa: FBT001 - part of the cache's key
    """Return the query for what is taken. `stale`: whether any mirror of the domain has stale rows."""
    queries = [_Query(step, False, stale).text()]
    if step.keeps_deleted:
        queries.append(_Query(step, True, stale).text())
    return " UNION ALL ".join(queries).encode()


def select_range(step: Step, deleted: bool, stale: bool, within: str) -> bytes:  # noqa: FBT001
    """Return the query for source rows whatever is taken: live or deleted ones, of which `within` is true as `x`."""
    return _Query(step, deleted, stale, within).text().encode()


def select_images(step: Step, images: str) -> bytes:
    """Return the query for rows that are not in the mirror: `images` is an item of FROM that gives rows of its type."""
    return _Images(step, images).text().encode()


class _Query:
    """One half of the query: live rows, or rows that are deleted. `within`: not what is taken but rows of a range."""

    def __init__(self, step: Step, deleted: bool, stale: bool, within: str = "") -> None:  # noqa: FBT001
        self.step, self.deleted, self.stale, self.within = step, deleted, stale, within
        self.lasting = deleted or step.is_history
        self.alias = {alias: f"t{place}" for place, alias in enumerate(step.mirrors)}

    def text(self) -> str:
        step, row = self.step, self.alias[""]
        prefix = "_deleted" if self.deleted else ""
        name = step.source.deleted if self.deleted else step.source.name
        inputs = ", ".join(self._value(value.alias, value.column) for value in step.mapping.inputs)
        lookups = " ".join(self._join(lookup) for lookup in step.mapping.lookups)
        image = f", {row}._offset, {row}._source_ts" if step.keeps_unmarked else ""
        return (
            f"SELECT {self._key()}::text, {row}.{prefix}_offset, {row}.{prefix or '_source'}_ts,"
            f" {str(self.deleted).lower()}, {self._stale()}{', ' if inputs else ''}{inputs}{image}"
            f" FROM {self._rows(name, row)} {lookups}"
        )

    def _key(self) -> str:
        return self.step.source.key_text(self.alias[""]) if self.within else "t.key"

    def _rows(self, name: str, row: str) -> str:
        if self.within:
            return f"(SELECT x.* FROM {name} x WHERE {self.within}{self._is_known('x')}) {row}"
        has_key = self.step.source.has_key(row, "t.key")
        return f"{self.step.take} t JOIN {name} {row} ON {has_key}{self._is_known(row)}"

    def _value(self, alias: str, column: str | None) -> str:
        row = self.alias[alias]
        if alias == "":
            return f"{row}.{quoted(str(column))}"
        if self._is_plain(self.step.lookup(alias)):
            first = quoted(self.step.mirrors[alias].key[0])
            return f"{row}.{quoted(column)}" if column else f"CASE WHEN {row}.{first} IS NULL THEN 0 ELSE 1 END"
        if column is None:
            return f"coalesce({row}.{_FOUND}, 0)::int"
        return f"CASE WHEN {row}.{_FOUND} = 1 THEN {row}.{quoted(column)} END"

    def _is_plain(self, lookup: Lookup) -> bool:
        types = {match.column: self.step.type_of(match.alias, match.source_column) for match in lookup.match}
        return not self.lasting and self.step.mirrors[lookup.alias].is_identified_by(types)

    def _join(self, lookup: Lookup) -> str:
        row, mirror = self.alias[lookup.alias], self.step.mirrors[lookup.alias]
        if self._is_plain(lookup):
            return f"LEFT JOIN {mirror.name} {row} ON {self._match(lookup, row)}"
        names = columns_read(self.step, lookup.alias) or [mirror.key[0]]
        found = self._matching(lookup, ", ".join(f"y.{quoted(name)}" for name in names), " LIMIT 2")
        return f"LEFT JOIN LATERAL (SELECT x.*, count(*) OVER () AS {_FOUND} FROM ({found}) x LIMIT 1) {row} ON true"

    def _matching(self, lookup: Lookup, selected: str, limit: str) -> str:
        """Select the rows that a look-up finds: live ones, else (for a deleted row, or a version) deleted ones."""
        mirror = self.step.mirrors[lookup.alias]
        live = f"SELECT {selected} FROM {mirror.name} y WHERE {self._match(lookup, 'y')}{limit}"
        if not self.lasting:
            return live
        none = f"NOT EXISTS (SELECT FROM {mirror.name} z WHERE {self._match(lookup, 'z')})"
        return (
            f"({live}) UNION ALL (SELECT {selected} FROM {mirror.deleted} y"
            f" WHERE {self._match(lookup, 'y')} AND {none}{limit})"
        )

    def _match(self, lookup: Lookup, row: str) -> str:
        step = self.step
        pairs = (
            same(
                (f"{row}.{quoted(match.column)}", step.type_of(lookup.alias, match.column)),
                (self._value(match.alias, match.source_column), step.type_of(match.alias, match.source_column)),
            )
            for match in lookup.match
        )
        return " AND ".join([*pairs, *self._valid(lookup, row)])

    def _valid(self, lookup: Lookup, row: str) -> Iterator[str]:
        """Yield the conditions under which a row counts that is valid for a time."""
        if lookup.valid is not None:
            at = self._value(lookup.valid.alias, lookup.valid.at)
            start, end = f"{row}.{quoted(lookup.valid.start)}", f"{row}.{quoted(lookup.valid.end)}"
            yield f"{at} IS NOT NULL AND ({start} IS NULL OR {start} <= {at}) AND ({end} IS NULL OR {at} < {end})"

    def _stale(self) -> str:
        """Return the first stale row among the row itself and those it looks up, as mirror and key."""
        if not self.stale:
            return self._stale_version() if self.step.is_history else "NULL::text[]"
        own = literal(str(self.step.source.ref)) + "::text"
        parts = [
            f"(SELECT array_prepend({own}, s.key) FROM cdc.stale s WHERE s.mirror = {own} AND s.key = {self._key()})"
        ]
        if self.step.is_history:
            parts = [self._stale_version()]
        parts += [self._stale_lookup(lookup, self.step.mirrors[lookup.alias]) for lookup in self.step.mapping.lookups]
        return f"coalesce({', '.join(parts)})"

    def _is_known(self, row: str) -> str:
        """Return the condition that a version is one of a row, or the last one of a row that is behind its source."""
        known = f" AND {row}._op <> 'd' AND ({row}._op <> 's' OR {row}._valid_to IS NULL)"
        return known if self.step.is_history else ""

    def _stale_version(self) -> str:
        """Return the row, as mirror and key, whose state since some commit nobody knows."""
        mirror, row = self.step.source, self.alias[""]
        own = literal(f"{mirror.ref.schema}.{mirror.ref.table}") + "::text"
        return f"CASE WHEN {row}._op = 's' THEN array_prepend({own}, ({self._key()})[1:{len(mirror.key) - 1}]) END"

    def _stale_lookup(self, lookup: Lookup, mirror: Mirror) -> str:
        ref = literal(str(mirror.ref)) + "::text"
        found = self._matching(lookup, f"{mirror.key_text('y')} AS key", "")
        return (
            f'(SELECT array_prepend({ref}, min(s.key COLLATE "C")) FROM ({found}) x'
            f" JOIN cdc.stale s ON s.mirror = {ref} AND s.key = x.key HAVING count(*) > 0)"
        )


class _Images(_Query):
    """Rows as they were once, with look-ups of now: what they found then may have been deleted since."""

    def __init__(self, step: Step, images: str) -> None:
        super().__init__(step, False, False, "true")
        self.images, self.lasting = images, True

    def _rows(self, name: str, row: str) -> str:  # noqa: ARG002 - not the mirror, but what is given
        return f"{self.images} {row}"

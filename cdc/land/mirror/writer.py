"""Writes the images of one mirror: reads what only the mirror knows, stages, then set-wise statements.

The statements run in this order because each relies on the ones before: keys are noted while the mirror still holds
the old values, rows are written before those that come and go within the batch are deleted, tombstones fall last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg import pq
from psycopg.sql import Composed

from cdc.change import UNCHANGED, Change, Key, Record, Refusal
from cdc.crash import crash_point
from cdc.land.change import reread
from cdc.land.change.commit import Commits
from cdc.land.change.duplicate import Claim
from cdc.land.change.fold import Folded, Image
from cdc.land.change.reread import Known
from cdc.land.mirror import changed_keys, generation, multiset, staging, stale_rows, versions
from cdc.land.mirror import rows as mirror_rows
from cdc.land.mirror.table import MirrorTable
from cdc.land.refused import open_parts
from cdc.protect.seal import Opener, ShreddedError, key_token

# Up to how many rows, deleted ones included, a staging table may have before it is truncated.
STAGED_ROWS = 1000
# COPY costs two round trips and leaves the pipeline; below this many rows single inserts are faster.
COPY_FROM_ROWS = 100
# What the database says of a single row: a type does not take its value, an index or a page does not have the room.
MISFITS = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded)


class RowMissing(Exception):
    """A mirror lacks a row that an update completes; the batch is landed again with a look at every such row.

    `mirror` is its name.
    """

    def __init__(self, mirror: str) -> None:
        super().__init__(mirror)
        self.mirror = mirror


@dataclass(slots=True)
class Expectation:
    """Partial updates of rows that have to be there: `cursor` knows how many were, once the pipeline is synced."""

    cursor: psycopg.Cursor
    rows: int
    mirror: str

    def check(self) -> None:
        """Raise RowMissing if a row was."""
        if self.cursor.rowcount != self.rows:
            raise RowMissing(self.mirror)


@dataclass(slots=True)
class _Staged:
    """The rows of one stretch, and the shapes that their columns come in."""

    rows: list[list[str | None]] = field(default_factory=list)
    plain: list[list[Any]] = field(default_factory=list)
    shapes: dict[tuple[str, tuple[str, ...]], list[int]] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    marks_stale: bool = False


class MirrorWriter:
    """Writes one mirror on one connection; keeps its statements, which are costly to compose.

    `opener` returns what opens refused records, for one transaction.
    """

    def __init__(self, connection: psycopg.Connection, table: MirrorTable, opener: Callable[[], Opener]) -> None:
        self.table = table
        self._opener = opener
        self._connection = connection
        self._statements: dict[tuple[Any, ...], bytes] = {}
        self._left = 0

    def create_stage(self) -> None:
        """Make the staging table, in a transaction of its own: it outlives the batch."""
        with self._connection.transaction():
            self._execute(self._sql(staging.drop_stage), ())
            self._execute(self._sql(staging.create_stage), ())

    def resolve(self, folded: Folded, *, has_stale: bool) -> None:
        """Read from the mirror what the log left out, where an update in place cannot leave it as it is.

        Refuses a change of a row that is not there: VAL-104 if its insert was refused, VAL-110 if it has not been read.
        With stale rows around, every partial update is looked at.
        """
        if all(image.is_complete for image in folded.images.values()):
            return
        careful = has_stale or any(image.lacks or image.missing or image.lost for image in folded.images.values())
        looked_at: set[int] = set()
        # A refused image uncovers the one that it replaced, which may hang on the mirror as well.
        while images := [
            image
            for image in folded.images.values()
            if id(image) not in looked_at and image.unchanged and (careful or image.mirror_key != image.key)
        ]:
            looked_at.update(map(id, images))
            self._resolve(images, folded)

    def _resolve(self, images: list[Image], folded: Folded) -> None:
        columns = tuple(sorted({name for image in images for name in image.unchanged}))
        keys = [image.mirror_key or image.key for image in images]
        for place, row_offset, code, offset, *values in self._select(keys, columns):
            origin = Refusal(offset, images[place - 1].key, code, self.table.contract.mirror) if code else None
            self._fill(
                images[place - 1],
                dict(zip(columns, values, strict=True)) if row_offset is not None else None,
                origin,
                folded,
            )

    def _fill(self, image: Image, values: dict[str, Any] | None, stale: Refusal | None, folded: Folded) -> None:
        if values is None:
            unread = Refusal(image.offset, image.key, "VAL-110", self.table.contract.mirror)
            folded.refuse(image, unread if stale is None and image.lacks is None else None)
        elif image.mirror_key != image.key:
            assert image.values is not None  # noqa: S101 - it has unchanged columns
            image.values.update({name: values[name] for name in image.unchanged})
            image.mirror_key = None
            image.lacks = image.lacks or stale

    def write(
        self, folded: Folded, stream: str, batch: int, *, has_stale: bool, commits: Commits | None = None
    ) -> list[Expectation]:
        """Write the images; returns what to check once the results are there.

        `commits` are the batch's: for a table that keeps its changes.
        """
        staged = self._stage(folded.images.values())
        self._load(staged)
        asks_mirror = self.table.watched or "s" in staged.operations
        note = changed_keys.note_keys if asks_mirror else changed_keys.note_written_keys
        self._execute(self._sql(note), (stream, batch))
        expectations = [self._write_shape(kind, columns, known) for (kind, columns), known in staged.shapes.items()]
        if staged.operations & {"d", "x"}:
            self._execute(self._sql(mirror_rows.delete), ())
        if "u" in staged.operations:
            self._execute(self._sql(mirror_rows.revive), ())
        if has_stale:
            self._execute(self._sql(stale_rows.heal), ())
            crash_point("W11")
        if staged.marks_stale:
            self._execute(self._sql(stale_rows.mark_stale), (stream,))
        if commits is not None:
            self._keep_versions(staged, commits, {"stream": stream, "batch": batch, **self._moves(commits.moves)})
        self._empty_stage(len(staged.rows) + len(staged.plain))
        return [expectation for expectation in expectations if expectation is not None]

    def _keep_versions(self, staged: _Staged, commits: Commits, place: dict[str, Any]) -> None:
        parameters = {
            "starts": commits.starts,
            "versions": commits.versions,
            "times": commits.times,
            "refused": list(commits.refused),
            "refused_at": list(commits.refused.values()),
            "shapes": [numbers[0] for (kind, _), numbers in staged.shapes.items() if kind == "reread"],
        }
        self._execute(self._sql(versions.keep_staged), parameters | place)

    def keep_absent(self, parameters: dict[str, Any]) -> None:
        """Keep that rows are gone in versions of their own; `parameters` as `versions.keep_absent` names them."""
        self._execute(self._sql(versions.keep_absent), parameters)

    def _moves(self, moves: Mapping[Key, Key]) -> dict[str, list[str]]:
        places = range(len(self.table.contract.key))
        new = {f"k{place}": [str(key[place]) for key in moves] for place in places}
        return new | {f"o{place}": [str(key[place]) for key in moves.values()] for place in places}

    def write_rows(self, changes: list[Change], place: tuple[str, int], generation_from: int | None) -> None:
        """Write rows of a table without a key, as `cdc.land.mirror.multiset` says."""
        for is_read, group in groupby(changes, key=lambda change: change.op == "r"):
            staged = multiset.write_rows(self._connection, self.table, group, place, generation_from if is_read else 0)
            self._empty_stage(staged)

    def _empty_stage(self, staged: int) -> None:
        """Remove the rows that were staged."""
        self._left += staged
        if self._left <= STAGED_ROWS:
            self._execute(self._sql(staging.empty_stage), ())
        else:
            self._execute(self._sql(staging.truncate_stage), ())
            self._left = 0

    def truncate(
        self, offset: int, source_ts: datetime | None, stream: str, batch: int, commits: Commits | None = None
    ) -> None:
        """Empty the mirror as the source's TRUNCATE did; one marker stands for all keys of the batch so far.

        `commits` as of `write`.
        """
        self._execute(self._sql(mirror_rows.truncate), {"deleted_offset": offset, "deleted_ts": source_ts})
        mirror = self.table.contract.mirror
        self._execute(
            "DELETE FROM cdc.changed_key USING cdc.changed_mirror m"
            " WHERE m.id = mirror AND (m.stream, m.name) = (%s, %s) AND batch = %s",
            (stream, mirror, batch),
        )
        self._execute("DELETE FROM cdc.stale WHERE mirror = %s", (mirror,))
        self._execute(
            "INSERT INTO cdc.journal_key (stream, batch, mirror, op) VALUES (%s, %s, %s, 't')", (stream, batch, mirror)
        )
        if commits is not None:
            place = {"version": commits.version(offset), "deleted_ts": commits.time(offset, source_ts)}
            self.keep_absent({**place, "stream": stream, "batch": batch})

    def delete_ghosts(self, parameters: dict[str, Any]) -> None:
        """Delete what the generation did not bring; `parameters` as `generation.delete_ghosts` names them."""
        self._execute(self._sql(generation.delete_ghosts), parameters)

    def refuse(self, parameters: Sequence[Any]) -> None:
        """Keep a refused record; `parameters` in the order of `stale_rows.refuse`."""
        self._execute(self._sql(stale_rows.refuse), parameters)

    def claims(self, keys: Sequence[Key]) -> dict[Key, Claim]:
        """Read which of the keys the mirror, or a mark of a stale row, knows a row of."""
        return {keys[place - 1]: Claim.of(*found) for place, *found in self._select(keys, ())}

    def known(self, keys: Sequence[Key]) -> dict[Key, Known]:
        """Read what is known of the keys of rows that were read beside the stream."""
        found = self._given(reread.select_known, keys)
        known = {keys[place - 1]: Known(*values) for place, *values in found}
        stale = [key for key, row in known.items() if row.code is not None]
        refused = self._refused(stale) if stale else {}
        return {key: replace(row, refused=refused.get(key, ())) for key, row in known.items()}

    def _refused(self, keys: Sequence[Key]) -> dict[Key, list[tuple[str, Record | None]]]:
        """Read the refused changes of keys, each key's last first."""
        opener = self._opener()
        tokens, are_all = self._tokens(opener, keys)
        found = [(keys[place - 1], *kept) for place, *kept in self._given(reread.select_refused, keys)]
        if tokens:
            rows = self._execute(self._sql(reread.select_refused_by_token), (list(tokens),)).fetchall()
            found += [(tokens[token], *kept) for token, *kept in rows]
        unread: list[tuple[str, Record | None]] = [] if are_all else [(reread.PARTIAL[0], None)]
        refused = {key: [*unread] for key in keys}
        for key, code, stream, data_key, *kept in sorted(found, key=lambda row: row[4], reverse=True):
            refused[key].append((code, _record(opener, stream, data_key, tuple(kept))))
        return refused

    def _tokens(self, opener: Opener, keys: Sequence[Key]) -> tuple[dict[str, Key], bool]:
        """Return what refused changes of keys may be found by instead of the key, and whether none of that is lost."""
        tokens: dict[str, Key] = {}
        are_all = True
        mirror = self.table.contract.mirror
        for (number,) in self._execute(self._sql(reread.select_data_keys), ()).fetchall():
            try:
                tokens |= {key_token(opener.key(number), mirror, key): key for key in keys}
            except ShreddedError:
                are_all = False
        return tokens, are_all

    def matching(
        self, columns: Sequence[str], values: Sequence[tuple[Any, ...]], limit: int
    ) -> list[tuple[int, tuple[Any, ...]]]:
        """Read rows whose columns have one of the given values: which of them, from 1 on, and the row as text."""
        arrays = [[str(part) for part in parts] for parts in zip(*values, strict=True)]
        found = self._execute(self._sql(mirror_rows.select_matching, tuple(columns)), [*arrays, limit]).fetchall()
        return [(place, tuple(row)) for place, *row in found]

    def find_misfits(self, folded: Folded) -> dict[int, str]:
        """Return offset and code of the images that the target refuses, trying one after the other."""
        misfits: dict[int, str] = {}
        for image in folded.images.values():
            try:
                with self._connection.transaction(force_rollback=True):
                    self._try(image)
            except MISFITS as misfit:
                misfits[image.offset] = "VAL-105" if isinstance(misfit, psycopg.DataError) else "VAL-109"
        return misfits

    def _try(self, image: Image) -> None:
        """Write one image: to the staging table, whose types may refuse it, and to the mirror with its indexes."""
        staged = _Staged()
        self._execute(self._sql(staging.insert_stage), self._row(image, staged))
        for (kind, columns), known in staged.shapes.items():
            self._write_shape(kind, columns, known)

    def _write_shape(self, kind: str, columns: tuple[str, ...], rows: list[int]) -> Expectation | None:
        shape = rows[0]
        if kind == "partial":
            cursor = self._execute(self._sql(mirror_rows.update, columns), (shape,))
            return Expectation(cursor, len(rows), self.table.contract.mirror)
        build = mirror_rows.upsert_reread if kind == "reread" else mirror_rows.upsert
        self._execute(self._sql(build, columns), (shape,))
        return None

    def _stage(self, images: Iterable[Image]) -> _Staged:
        staged = _Staged()
        whole = ("whole", self.table.columns)
        takes_plain = not self._is_pipelined
        moment, moment_text = None, None  # all rows of a transaction have the same, and text is costly to make
        for image in images:
            if takes_plain and _is_plain(image):
                if image.source_ts is not moment:
                    moment, moment_text = image.source_ts, _text(image.source_ts)
                staged.plain.append([*(image.values or {}).values(), image.offset, moment_text])
            else:
                staged.rows.append(self._row(image, staged))
        if staged.plain:
            staged.operations.add("u")
            staged.shapes.setdefault(whole, []).extend([staging.PLAIN_SHAPE] * len(staged.plain))
        return staged

    def _row(self, image: Image, staged: _Staged) -> list[str | None]:
        operation, behind = _operation(image), image.behind
        values = image.values or {}
        row = [_text(values.get(name)) for name in self.table.columns]
        if image.values is None:
            _put_key(row, self.table.columns, self.table.contract.key, image)
        shape = _shape(image, staged, self.table.columns) if operation in "ux" else None
        row += map(_text, (None if image.values is None else image.offset, image.source_ts))
        row += map(_text, (image.deleted_at, image.deleted_ts, operation, shape, image.whole))
        row += map(_text, (behind and behind.code, behind and behind.offset))
        staged.operations.add(operation)
        staged.marks_stale |= behind is not None
        return row

    @property
    def _is_pipelined(self) -> bool:
        return self._connection.pgconn.pipeline_status != pq.PipelineStatus.OFF

    def _load(self, staged: _Staged) -> None:
        with self._connection.cursor() as cursor:
            if self._is_pipelined:
                cursor.executemany(self._sql(staging.insert_stage), staged.rows)
                crash_point("W4")
                return
            for statement, rows in ((staging.copy_plain, staged.plain), (staging.copy_stage, staged.rows)):
                if rows:
                    with cursor.copy(self._sql(statement), ()) as copy:
                        for row in rows:
                            copy.write_row(row)
                        crash_point("W4")

    def _select(self, keys: Sequence[Key], columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
        return self._given(mirror_rows.select_values, keys, columns)

    def _given(self, build: Callable[..., Composed], keys: Sequence[Key], *arguments: Any) -> list[tuple[Any, ...]]:
        arrays = [[str(part) for part in parts] for parts in zip(*keys, strict=True)]
        return self._execute(self._sql(build, *arguments), arrays).fetchall()

    def _execute(self, query: bytes | str, parameters: Any) -> psycopg.Cursor:
        return self._connection.execute(query, parameters)

    def _sql(self, build: Callable[..., Composed], *arguments: Any) -> bytes:
        key = (build, *arguments)
        known = self._statements.get(key)
        if known is None:
            known = self._statements[key] = build(self.table, *arguments).as_bytes(self._connection)
        return known


def _operation(image: Image) -> str:
    if image.values is None:
        return "d" if image.is_deleted else "s"
    return "x" if image.is_deleted else "u"


def _is_plain(image: Image) -> bool:
    """Whether the row is all that there is to say: its values replace what the mirror has."""
    return image.is_complete and not (image.is_deleted or image.reread or image.lacks)


def _record(
    opener: Opener, stream: str, data_key: int | None, kept: tuple[int, bytes | None, bytes | None]
) -> Record | None:
    """Return a refused record; None if its key was shredded."""
    try:
        return Record(kept[0], *open_parts(opener, stream, data_key, kept))
    except ShreddedError:
        return None


def _shape(image: Image, staged: _Staged, all_columns: tuple[str, ...]) -> int:
    values = image.values or {}
    columns = tuple(name for name, value in values.items() if value is not UNCHANGED)
    kind = "partial" if len(columns) < len(values) else "reread" if image.reread else "whole"
    number = staging.PLAIN_SHAPE if (kind, columns) == ("whole", all_columns) else len(staged.shapes) + 1
    known = staged.shapes.setdefault((kind, columns), [])
    known.append(known[0] if known else number)
    return known[0]


def _put_key(row: list[str | None], columns: Sequence[str], key: Sequence[str], image: Image) -> None:
    for name, value in zip(key, image.key, strict=True):
        row[columns.index(name)] = _text(value)


def _text(value: Any) -> str | None:
    return None if value is None or value is UNCHANGED else value if type(value) is str else str(value)

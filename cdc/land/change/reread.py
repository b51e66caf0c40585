"""Rows that were read beside the stream fill in what it has not told, and change nothing that it has.

A second connector reads a table that was added later (`cdc.capture.reading`), at any time after its capture began. Such
a row may be older than a change that stands before it in the stream, or younger than one that comes after it. Since
the stream lacks nothing from the capture on, the order is made right here:

- A row that the mirror has, or that the batch brought, is as the stream says: there is nothing to fill in.
- A row that the stream took away, by a delete, a move or a TRUNCATE, is gone.
- Of a row that was changed before it was read, the refused changes (VAL-110, VAL-104) are laid over it.
- Partial changes of the same batch come after it, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from psycopg.sql import SQL, Composed

from cdc.change import UNCHANGED, Change, Event, Key, Record, Refusal
from cdc.land.change.decode import LONG_KEY, Item, TableDecoder, Truncation
from cdc.land.mirror.table import MirrorTable, text_of
from cdc.stream.envelope import read_event

PARTIAL: Final = ("VAL-104", "VAL-110")
"""Codes of changes that were refused only because the row that they complete was not there."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a key before the batch: `is_there` in the mirror, `code` of its stale mark, `is_gone` says that
    the stream took the row away. `refused` are the records of its refused changes with their codes, the last first;
    None for one that nobody can read any more.
    """

    is_there: bool = False
    code: str | None = None
    is_gone: bool = False
    refused: Sequence[tuple[str, Record | None]] = ()

    @property
    def waits(self) -> bool:
        """Whether a row that was read is what the key waits for."""
        if self.code is not None:
            return self.code in PARTIAL or not self.is_there
        return not self.is_there and not self.is_gone


@dataclass(slots=True)
class Filling:
    """The items of one table in one batch, with the rows that were read put where they belong.

    `overlaid` are the events of changes that were refused in earlier batches, by offset; `superseded` counts the rows
    that were read in vain.
    """

    items: list[Item]
    overlaid: dict[int, Event] = field(default_factory=dict)
    superseded: int = 0


def reread_keys(items: Iterable[Item], events: Mapping[int, Event]) -> list[Key]:
    """Return the keys of the rows that were read beside the stream."""
    return list({item.key: None for item in items if not isinstance(item, Truncation) and _is_reread(item, events)})


def fill_in(
    items: Iterable[Item],
    events: Mapping[int, Event],
    known: Mapping[Key, Known],
    decoder: TableDecoder,
    refused: Mapping[int, str],
) -> Filling:
    """Return the items in the order in which they have to land. `refused` as of `TableDecoder.items`."""
    streamed: list[Item] = []
    read: dict[Key, Change | Refusal] = {}
    told: set[Key] = set()
    count = 0
    is_truncated = False
    for item in items:
        if isinstance(item, Truncation):
            is_truncated = True
            streamed.append(item)
        elif not _is_reread(item, events):
            told.update(_told(item))
            streamed.append(item)
        else:
            count += 1
            if not is_truncated and item.key not in told and known[item.key].waits:
                read[item.key] = item
    filling = Filling([])
    for key, item in read.items():
        filling.items += _completed(item, known[key], decoder, refused, filling.overlaid)
    filling.superseded = count - sum(
        not isinstance(item, Truncation) and item.offset in events for item in filling.items
    )
    filling.items += streamed
    return filling


def _completed(
    item: Change | Refusal,
    known: Known,
    decoder: TableDecoder,
    refused: Mapping[int, str],
    overlaid: dict[int, Event],
) -> list[Item]:
    """Return the row and the changes to lay over it; nothing if one of them cannot be taken, so that it stays stale."""
    if isinstance(item, Refusal):
        return [item]
    found: dict[int, Event] = {}
    changes: list[Item] = []
    for code, record in known.refused:
        if code not in PARTIAL:
            break
        if record is None:
            return []
        event = read_event(record, decoder.database)
        (change, *more) = decoder.items(event, refused)
        if more or not isinstance(change, Change):
            return []
        found[record.offset] = event
        changes.append(msgspec.structs.replace(change, op="u", old_key=None))
        if event.op == "c":
            break  # with it the row began to be
    overlaid.update(found)
    return [item, *reversed(changes)]


def _told(item: Change | Refusal) -> Iterable[Key]:
    """Yield the keys whose row the stream tells, or takes away."""
    if isinstance(item, Refusal):
        return
    if item.old_key is not None:
        yield item.old_key
    if item.old_key is not None or UNCHANGED not in item.values.values():
        yield item.key


def _is_reread(item: Change | Refusal, events: Mapping[int, Event]) -> bool:
    event = events[item.offset]
    return event.op == "r" and event.snapshot == "incremental"


def select_known(table: MirrorTable) -> Composed:
    """Read what is known of keys. One row per key: its place, is_there, code, is_gone.

    The last that the journal has of a key, or of the whole table, says whether the stream took the row away.
    """
    given, match, key = table.given_keys()
    return SQL(
        "SELECT k.n, m._offset IS NOT NULL, c.code,"
        " CASE WHEN j.batch IS NULL THEN t.batch IS NOT NULL ELSE j.op = 'd' OR j.batch < coalesce(t.batch, 0) END"
        " FROM {given} LEFT JOIN {mirror} m ON {match}"
        " LEFT JOIN cdc.stale c ON c.mirror = {text} AND c.key = {key}"
        " LEFT JOIN LATERAL (SELECT op, batch FROM cdc.journal_key"
        " WHERE hashes @> ARRAY[hash_array({key})] AND mirror = {text} AND key = {key}"
        " ORDER BY batch DESC LIMIT 1) j ON true"
        " CROSS JOIN (SELECT max(batch) AS batch FROM cdc.journal_key WHERE mirror = {text} AND op = 't') t"
    ).format(given=given, mirror=table.name, match=match, text=table.text, key=key)


def select_refused(table: MirrorTable) -> Composed:
    """Read the refused changes of keys, each key's last first.

    One row per change: its place, code, stream, data key, offset, record key and value.
    """
    given, _, key = table.given_keys()
    return SQL(
        'SELECT k.n, r.code, r.stream, r.data_key, r."offset", r.record_key, r.record_value FROM {given}'
        " JOIN cdc.refused r ON r.mirror = {text} AND r.key = {key} AND r.code <> {long}"
        ' ORDER BY k.n, r."offset" DESC'
    ).format(given=given, text=table.text, key=key, long=text_of(LONG_KEY))


def select_data_keys(table: MirrorTable) -> Composed:
    """Read which data keys the tokens are made by that stand for keys of refused changes."""
    return SQL("SELECT DISTINCT data_key FROM cdc.refused WHERE mirror = {} AND key_token IS NOT NULL").format(
        table.text
    )


def select_refused_by_token(table: MirrorTable) -> Composed:
    """Read the refused changes whose keys tokens stand for. Parameter: tokens.

    One row per change: its token, then as of `select_refused`.
    """
    return SQL(
        'SELECT key_token, code, stream, data_key, "offset", record_key, record_value FROM cdc.refused'
        " WHERE mirror = {} AND key_token = ANY (%s) AND code <> {}"
    ).format(table.text, text_of(LONG_KEY))

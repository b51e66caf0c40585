"""What is on record once all has landed: evidence, ledger, positions, held against the topic and the history.

Equal tables are not enough: a batch that landed twice, or was lost under later changes of the same rows, leaves them
equal. Each function yields what is wrong, in words.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import psycopg
import zstandard

from cdc.change import Record
from tests.faults.history import Event
from tests.faults.judge import Judge
from tests.faults.picture import look
from tests.faults.topic import Topic
from tests.integration.service import Deployment

_HEAD: Final = struct.Struct(">4q")
Batch = dict[str, Any]


def require_in_order(deployment: Deployment, judge: Judge) -> None:
    """Judge a target in which everything has landed and is derived. Raises AssertionError with all that is wrong."""
    faults = audit(deployment, judge)
    assert not faults, "\n".join(faults[:20])


def audit(deployment: Deployment, judge: Judge) -> list[str]:
    """Return all that is wrong."""
    with deployment.target() as target:
        picture = look(target, judge.topics)
        faults = [*judge.mirrors(picture), *judge.canonical(picture), *_open_ends(judge, picture)]
        for topic in judge.topics.values():
            faults += faults_of(target, topic)
    return faults


def _open_ends(judge: Judge, picture: Any) -> Iterator[str]:
    for topic in judge.topics.values():
        end = topic.offsets[-1] + 1
        if picture.positions[topic.name]["next_offset"] != end:
            yield f"{topic.name} is at {picture.positions[topic.name]['next_offset']}, not at {end}"
        if picture.watermarks.get(topic.name, end) != end:
            yield f"{topic.name} is derived up to {picture.watermarks[topic.name]}, not to {end}"


def faults_of(target: psycopg.Connection[Any], topic: Topic) -> Iterator[str]:
    """Judge what is on record of one stream."""
    yield from evidence(target, topic.name, topic.read())
    for batch in _batches(target, topic.name):
        yield from _fates(target, topic, batch)
    yield from _units(target, topic)
    yield from _refused(target, topic)
    yield from _torn(target, topic)


def evidence(target: psycopg.Connection[Any], stream: str, records: list[Record]) -> Iterator[str]:
    """Judge ledger, journal and moves of a stream of which these are all records that have landed."""
    batches = _batches(target, stream)
    yield from _cover(batches, records)
    yield from _balance(batches)
    yield from _journal(target, stream, batches, records)
    yield from _moves(target, stream)


def _batches(target: psycopg.Connection[Any], stream: str) -> list[Batch]:
    query = "SELECT to_jsonb(b) FROM cdc.batch b WHERE stream = %s ORDER BY batch"
    return [row[0] for row in target.execute(query, (stream,)).fetchall()]


def _cover(batches: list[Batch], records: list[Record]) -> Iterator[str]:
    """Batches are numbered without gaps, and every record is in exactly one."""
    if [batch["batch"] for batch in batches] != list(range(1, len(batches) + 1)):
        yield "batches are not numbered 1, 2, 3, ..."
    for before, after in pairwise(batches):
        if after["first_offset"] != before["next_offset"]:
            yield f"batch {after['batch']} does not begin where the one before ended"
    covered = [record for batch in batches for record in _records_of(batch, records)]
    if [record.offset for record in covered] != [record.offset for record in records]:
        yield f"the ledger covers {len(covered)} of {len(records)} records"
    for batch in batches:
        if batch["captured"] != len(_records_of(batch, records)):
            yield f"batch {batch['batch']} captured {batch['captured']} of {len(_records_of(batch, records))} records"


def _balance(batches: list[Batch]) -> Iterator[str]:
    """Every captured record has one fate."""
    fates = ("landed", "superseded", "filtered", "replayed", "refused", "control")
    for batch in batches:
        if batch["captured"] != sum(batch[fate] for fate in fates):
            yield f"batch {batch['batch']}: fates do not add up"


def _records_of(batch: Batch, records: list[Record]) -> list[Record]:
    first, end = (
        bisect_left(records, batch[name], key=lambda record: record.offset) for name in ("first_offset", "next_offset")
    )
    return records[first:end]


def _journal(
    target: psycopg.Connection[Any], stream: str, batches: list[Batch], records: list[Record]
) -> Iterator[str]:
    """The journal has every record as it is in the topic, once, in its batch; the chain over them ends in the head."""
    rows = target.execute(
        "SELECT batch, chunk, chain FROM cdc.journal WHERE stream = %s ORDER BY batch, first_offset", (stream,)
    ).fetchall()
    kept: list[Record] = []
    chain = b""
    for number, chunk, head in rows:
        found = list(_unpacked(zstandard.ZstdDecompressor().decompress(chunk)))
        kept += found
        for record in found:
            chain = hashlib.sha256(chain + _digest(record)).digest()
        if chain != head:
            yield f"the chain is broken in batch {number}"
        if number > len(batches) or not set(found) <= set(_records_of(batches[number - 1], records)):
            yield f"the journal has other records in batch {number} than the ledger"
    if kept != records:
        yield f"the journal has {len(kept)} records, the topic {len(records)}"
    row = target.execute("SELECT chain FROM cdc.position WHERE stream = %s", (stream,)).fetchone()
    if row is None or row[0] != chain:
        yield "the position has another chain than the journal"


def _unpacked(raw: bytes) -> Iterator[Record]:
    """Yield the records of a chunk: numbers and parts of one after the other, as the page of the archive has it."""
    at = 0
    while at < len(raw):
        offset, *sizes = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        parts = []
        for size in sizes:
            parts.append(None if size < 0 else raw[at : at + size])
            at += max(size, 0)
        yield Record(offset, *parts)


def _digest(record: Record) -> bytes:
    parts = (record.key, record.value, record.old_key)
    head = _HEAD.pack(record.offset, *(-1 if part is None else len(part) for part in parts))
    return hashlib.sha256(head + b"".join(part or b"" for part in parts)).digest()


def _fates(target: psycopg.Connection[Any], topic: Topic, batch: Batch) -> Iterator[str]:
    """Every event of a batch has the fate that it must have, and the keys that it changed are noted."""
    first, end = (topic.records_before(batch[name]) for name in ("first_offset", "next_offset"))
    events = [event for event in topic.history.events if first <= event.record < end]
    fresh = [event for event in events if not event.replayed]
    wanted = {
        "replayed": len(events) - len(fresh),
        "refused": sum(event.refused for event in fresh),
        "landed": _landed(fresh),
        "filtered": 0,
        "control": end - first - len(events),
    }
    wanted["superseded"] = len(fresh) - wanted["refused"] - wanted["landed"]
    found = {name: batch[name] for name in wanted}
    if found != wanted:
        yield f"batch {batch['batch']}: {found} are not {wanted}"
    noted = target.execute(
        "SELECT mirror, key FROM cdc.journal_key WHERE stream = %s AND batch = %s", (topic.name, batch["batch"])
    ).fetchall()
    yield from _keys(topic, batch["batch"], fresh, {(mirror, key and key[0]) for mirror, key in noted})


def _landed(events: list[Event]) -> int:
    """One event per key that is written: the last one; a TRUNCATE lands, and what is before it does, too."""
    seen: set[tuple[str, int | None, int]] = set()
    truncations: dict[str, int] = {}
    for event in events:
        if event.key is None:
            truncations[event.table] = truncations.get(event.table, 0) + 1
        if not event.refused:
            seen.add((event.table, event.key, truncations.get(event.table, 0)))
    return len(seen)


def _keys(topic: Topic, batch: int, events: list[Event], noted: set[tuple[str, str | None]]) -> Iterator[str]:
    """All keys of the batch's events are noted; those before a TRUNCATE are covered by its mark."""
    source = topic.history.source
    last = {event.table: event.record for event in events if event.key is None}
    wanted = {
        (f"{source}.{event.table}", None if event.key is None else str(event.key))
        for event in events
        if event.record >= last.get(event.table, -1)
    }
    if not wanted <= noted:
        yield f"batch {batch}: changed keys are not noted: {sorted(wanted - noted, key=str)[:3]}"


def _units(target: psycopg.Connection[Any], topic: Topic) -> Iterator[str]:
    """Every source transaction is on record once."""
    rows = target.execute("SELECT id, events FROM cdc.unit WHERE stream = %s", (topic.name,)).fetchall()
    if len({row[0] for row in rows}) != len(rows) or len(rows) != topic.history.commits:
        yield f"{len(rows)} transactions are on record, {topic.history.commits} were committed"


def _refused(target: psycopg.Connection[Any], topic: Topic) -> Iterator[str]:
    """What cannot land is kept, byte for byte, and nothing else is."""
    rows = target.execute(
        'SELECT "offset", mirror, key[1], code, record_key, record_value FROM cdc.refused WHERE stream = %s',
        (topic.name,),
    ).fetchall()
    records = topic.history.wire.records
    wanted = {
        (
            topic.offsets[event.record],
            f"{topic.history.source}.{event.table}",
            str(event.key),
            "VAL-103",
            records[event.record].key,
            records[event.record].value,
        )
        for event in topic.history.events
        if event.refused and not event.replayed
    }
    if set(rows) != wanted:
        yield f"refused: {len(rows)} changes are kept, {len(wanted)} cannot land"


def _moves(target: psycopg.Connection[Any], stream: str) -> Iterator[str]:
    """Epochs only grow, positions go on batch by batch, and only the owner moves them."""
    rows = target.execute(
        "SELECT old_epoch, epoch, old_batch, batch, old_next_offset, next_offset, pid, owner_pid FROM witness.move"
        " WHERE stream = %s ORDER BY id",
        (stream,),
    ).fetchall()
    if not rows:
        yield f"nobody has seen {stream} move"
    for old_epoch, epoch, old_batch, batch, old_next, following, pid, owner in rows:
        if epoch - old_epoch not in (0, 1):
            yield f"{stream}: epoch {epoch} after {old_epoch}"
        if batch - old_batch not in (0, 1) or (following > old_next) != (batch > old_batch):
            yield f"{stream}: batch {batch} up to {following} after batch {old_batch} up to {old_next}"
        if pid != owner:
            yield f"{stream}: batch {batch} is written by another than the owner of epoch {epoch}"


def _torn(target: psycopg.Connection[Any], topic: Topic) -> Iterator[str]:
    """What was committed together ends where a source transaction ends, or lies inside of a snapshot."""
    rows = target.execute(
        "SELECT max(next_offset) FROM witness.move WHERE stream = %s AND batch > old_batch GROUP BY transaction",
        (topic.name,),
    ).fetchall()
    for (offset,) in rows:
        step = topic.history.step_over(topic.records_before(offset))
        if step is not None and not topic.history.is_snapshot(step):
            yield f"{topic.name}: a commit at {offset} ends inside of a source transaction"

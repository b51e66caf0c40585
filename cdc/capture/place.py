"""The place in a source's log up to which its connector has sent everything, as Kafka Connect records it.

Who records another one decides what is sent: from an earlier place on what landed comes again, and is counted as
replayed; what lies before a later one never comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from cdc.capture.connect import PLACES, Connect
from cdc.capture.reading import Reading
from cdc.capture.source import Source
from cdc.errors import FatalError

FORMAT: Final = "cdc connectors offsets 1"
REFUSALS: Final = frozenset({"CON-102", "CON-118"})
"""What Kafka Connect answers about a place that it has not recorded; after any other failure it may have."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one connector: objects of `partition` and `offset`. `place` is what they say, in words."""

    format: str
    source: str
    place: str
    offsets: list[dict[str, Any]]


def read_recorded(connect: Connect, source: Source) -> Recorded:
    """Return the place of a source's connector. Raises FatalError CON-116 if there is no connector."""
    if connect.config(source.name) is None:
        raise FatalError("CON-116", source.name)
    offsets = connect.offsets(source.name)
    return Recorded(FORMAT, source.name, place_of(offsets), offsets)


def read_file(path: Path, source: Source) -> Recorded:
    """Return a place that was written down (`offsets show --json`). Raises FatalError CON-184 for what is none."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Recorded)
    except (OSError, msgspec.DecodeError) as error:
        raise FatalError("CON-184", f"{path}: {error}") from error
    if found.format != FORMAT or found.source != source.name or next(_places(found.offsets), None) is None:
        raise FatalError("CON-184", f"{path}: not a place of {source.name}")
    return found


def place_of(offsets: Sequence[Mapping[str, Any]]) -> str:
    """Return a place in words, as the source's own tools write it; "none" where nothing is recorded, or no place."""
    place = next(_places(offsets), None)
    if place is None:
        return "none"
    if "lsn" in place:
        return f"{int(place['lsn']) >> 32:X}/{int(place['lsn']) & 0xFFFFFFFF:X}"
    return f"{place['file']} {place.get('pos', 0)}"


def passes_over(before: Recorded, after: Recorded) -> bool:
    """Tell whether going on from `after` may leave out what `before` would still have sent: it lies not before it."""
    old, new = _order(before.offsets), _order(after.offsets)
    if old is None or new is None:
        return old is not None
    return new[0] != old[0] or new > old


def go_on_from(connect: Connect, source: Source, reading: Reading, recorded: Recorded, tables: Sequence[str]) -> None:
    """Stop the connector and record another place for it; `tables` have to be read anew then, because of a gap.

    The connector stays stopped. In this order: who dies in between, or hears no answer, leaves the need on record; what
    was refused (`REFUSALS`) was not done, and leaves none.
    """
    connect.stop(source.name)
    note = uuid4().hex
    if tables:
        reading.note_gap(tables, note)
    try:
        connect.put_offsets(source.name, recorded.offsets)
    except FatalError as error:
        if tables and error.code in REFUSALS:
            reading.void(note)
        raise


def _places(offsets: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    found = (entry.get("offset") for entry in offsets)
    return (offset for offset in found if isinstance(offset, Mapping) and PLACES & offset.keys())


def _order(offsets: Sequence[Mapping[str, Any]]) -> tuple[str, int, int, int] | None:
    """Return what places of one log are ordered by behind its name: file number and position, or the log's sequence.

    Of several rows at one place of PostgreSQL's log (a COPY) it is how many were sent.
    """
    place = next(_places(offsets), None)
    if place is None:
        return None
    if "lsn" in place:
        return "", 0, int(place["lsn"]), int(place.get("lsn_events_processed", 0))
    name, _, number = str(place["file"]).rpartition(".")
    return (name, int(number), int(place.get("pos", 0)), 0) if number.isdecimal() else (number, 0, 0, 0)

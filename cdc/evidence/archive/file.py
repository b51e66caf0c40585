"""One file of an archive: the records of a stream and a month, and the manifest beside it.

A file is written under another name, verified from the disk, and never overwritten: who finds one by its name that has
other records stops. What is in it: `README.md` here, which is put beside the files.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from cdc.change import Record
from cdc.crash import crash_point
from cdc.errors import FatalError
from cdc.evidence.archive.verify import (
    FORMAT,
    SEALED_FORMAT,
    Anchors,
    Broken,
    Open,
    Sealed,
    Verified,
    digest_of,
    read_manifest,
    verify_file,
)
from cdc.evidence.chain import Part, Stored, Walk, read_parts, read_stored
from cdc.evidence.snapshot import snapshot
from cdc.land.journal import opened, record_bytes, seal_last, unpack
from cdc.protect.seal import Opener, ShreddedError

# Makes a tenth of JSON; a higher level takes twice the time for a few per cent.
_LEVEL: Final = 6


class Manifest(msgspec.Struct, frozen=True):
    """What stands beside a file; `size` is in bytes, hashes are in hex.

    `sealed` counts the records that are sealed, by the keys `data_keys`; both are there if there are any.
    """

    format: str
    stream: str
    month: str
    file: str
    size: int = msgspec.field(name="bytes")
    sha256: str
    records: int
    first_offset: int
    next_offset: int
    first_batch: int
    last_batch: int
    head_before: str
    head: str
    retention: tuple[str, ...] = ()
    sealed: int | UnsetType = UNSET
    data_keys: tuple[int, ...] | UnsetType = UNSET

    @property
    def name(self) -> str:
        """Its own file's name."""
        return f"{self.file.removesuffix('.gz')}.json"

    def content(self) -> bytes:
        """Return the bytes of its own file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def part(self, digest: bytes) -> Part:
        """Return the same as the target keeps it on record; `digest` is SHA-256 of its own file."""
        head_before, head, file = map(bytes.fromhex, (self.head_before, self.head, self.sha256))
        numbers = (self.first_batch, self.last_batch, self.first_offset, self.next_offset, self.records)
        return Part(self.month, *numbers, head_before, head, self.file, file, digest)


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that is on the disk, verified: its manifest, what is to be on record of it, and its last record.

    `last` is a chunk of that record alone, sealed by `data_key` if it was; empty if nobody can read it any more.
    """

    manifest: Manifest
    part: Part
    last: bytes
    data_key: int | None


def export(
    opener: Opener,
    stream: str,
    month: str,
    classes: Sequence[str],
    folder: Path,
    report: Callable[[int], None],
) -> Exported:
    """Write the records of a stream that are in a month; a file that is there already has to be the same.

    `classes` of retention stand in the manifest, `report` gets how many records are written. What is sealed stays
    sealed. Raises FatalError EVD-101 for a chain that does not hold, EVD-110 for a folder that does not take it,
    PRT-103 without the key of what is sealed.
    """
    name = f"{stream}_{month.removeprefix('journal_')}"
    with writing(folder):
        made = folder / f".{name}.part"
        before, walk, records = _write_records(opener, stream, month, made, report)
        manifest = _manifest(before, walk, records, classes, made, f"{name}.gz")
        crash_point("E2")
        digest = hashlib.sha256(manifest.content())
        if not _is_there(folder / manifest.file, manifest.sha256):
            _is_there(folder / manifest.name, digest.hexdigest())
        made.rename(folder / manifest.file)
        crash_point("E3")
        put(folder / manifest.name, manifest.content())
    last = b"" if records.last is None else seal_last(opener, stream, records.last, records.data_key)
    exported = Exported(manifest, manifest.part(digest.digest()), last, records.data_key)
    for name in (manifest.file, manifest.name):
        _forget(folder / name)
    verify_part(opener, stream, exported.part, folder, {})  # by the program that is put beside it
    return exported


def verify_part(opener: Opener, stream: str, part: Part, folder: Path, anchors: dict[int, bytes]) -> Verified:
    """Hold a file against what is on record of it, and against anchors. What is sealed is opened.

    Raises FatalError EVD-109, PRT-103 without the key of what is sealed.
    """
    known: Anchors = {(stream, offset): head.hex() for offset, head in anchors.items()}
    try:
        path = folder / f"{part.file.removesuffix('.gz')}.json"
        manifest = read_manifest(path)
        read = msgspec.convert(manifest, Manifest)
        if (read.stream, read.part(bytes.fromhex(digest_of(path)))) != (stream, part):
            raise Broken(f"{part.file}: its manifest is not that on record")
        return verify_file(folder, manifest, known, _unseal(opener, stream))
    except msgspec.ValidationError as error:
        raise FatalError("EVD-109", f"{part.file}: its manifest is none ({error})") from None
    except Broken as broken:
        raise FatalError("EVD-109", str(broken)) from None


def put(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole, or not at all."""
    made = path.with_name(f".{path.name}.part")
    with made.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    made.rename(path)
    _keep_names(path.parent)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise what the disk says as FatalError EVD-110."""
    try:
        yield
    except OSError as error:
        raise FatalError("EVD-110", f"{error.filename or folder}: {error.strerror}") from error


@dataclass(slots=True)
class _Records:
    """The records on their way into a file; the last one is needed again, with the key that it is sealed by."""

    file: gzip.GzipFile
    month: str
    last: Record | None = None
    data_key: int | None = None
    sealed: int = 0
    keys: set[int] = field(default_factory=set)

    def begin(self, stored: Stored) -> None:
        """Begin with a chunk; one that is sealed goes into the file as it is."""
        self.last, self.data_key = None, stored.data_key
        if stored.data_key is not None:
            place = (stored.first_offset, stored.next_offset, stored.records)
            self.file.write(Sealed(*place, stored.data_key, bytes(stored.chain), bytes(stored.chunk)).raw())
            self.sealed += stored.records
            self.keys.add(stored.data_key)

    def take(self, record: Record) -> None:
        if self.data_key is None:
            self.file.write(record_bytes(record))
        self.last = record


def _unseal(opener: Opener, stream: str) -> Open:
    """Return what opens the sealed records of a file, and leaves those whose key was shredded closed."""

    def unseal(sealed: Sealed) -> bytes | None:
        try:
            opener.key(sealed.data_key)
        except ShreddedError:
            return None
        try:
            plain = opened(opener, stream, sealed.offset, sealed.data, sealed.data_key)
        except FatalError as error:
            raise Broken(str(error)) from error
        return b"".join(map(record_bytes, unpack(plain)))

    return unseal


def _write_records(
    opener: Opener, stream: str, month: str, path: Path, report: Callable[[int], None]
) -> tuple[Walk, Walk, _Records]:
    """Write the records of a month, and hold them against the chain and the ledger on the way.

    Return where that began, where it ended, and what was written.
    """
    with path.open("wb") as raw:
        with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file, snapshot(opener.connection):
            records = _Records(file, month)
            before, walk = Walk(stream, opener), Walk(stream, opener, take=records.take)
            parts = read_parts(opener.connection, stream)
            fault = before.archive(parts) or walk.archive(parts)
            for stored in () if fault else read_stored(opener.connection, stream, month):
                records.begin(stored)
                fault = walk.chunk(stored)
                if fault:
                    break
                report(walk.records)
        if fault:
            raise FatalError("EVD-101", f"{stream}: batch {fault.batch}, offset {fault.offset}: {fault.what}")
        raw.flush()
        os.fsync(raw.fileno())
    return before, walk, records


def _manifest(before: Walk, walk: Walk, records: _Records, classes: Sequence[str], path: Path, name: str) -> Manifest:
    return Manifest(
        *(
            SEALED_FORMAT if records.sealed else FORMAT,
            walk.stream,
            records.month,
            name,
            path.stat().st_size,
            digest_of(path),
            walk.records,
        ),
        *(walk.began, walk.offset, before.batch + 1, walk.batch, before.chain.hex(), walk.chain.hex()),
        tuple(classes),
        records.sealed or UNSET,
        tuple(sorted(records.keys)) or UNSET,
    )


def _is_there(path: Path, digest: str) -> bool:
    """Tell whether a file was left behind by a run before. Raises EVD-110 for one of that name with another content."""
    if path.exists() and digest_of(path) != digest:
        raise FatalError("EVD-110", f"{path} is there, and another one")
    return path.exists()


def _forget(path: Path) -> None:
    """Have the next reader of a file read the disk, not what the kernel still has of it in memory."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _keep_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

#!/usr/bin/env python3
"""Verify, or print, an archive of a journal. Needs Python 3.8 and nothing else: no database, no other program.

    python3 verify.py [FOLDER]                     verify every file of a folder (default: where this program is)
    python3 verify.py FOLDER --anchor FILE         also hold it against heads of chains that were kept elsewhere
    python3 verify.py --print FILE.gz              print its records, a line of JSON each

What is sealed it cannot open: of such records it holds where they stand, their bytes and the heads around them.

The format is described in README.md beside it. Exit code 0: all holds; 1: something does not, and is named.
What is signed (FILE.json.sig) is verified by `openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in FILE.json
-sigfile FILE.json.sig` (OpenSSL 3), anchors by whatever knows Ed25519: this program takes them as they are.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import struct
import sys
import zlib
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, NamedTuple, Optional, Tuple, Union  # noqa: UP035 - for Python 3.8

FORMAT = "cdc-journal-archive-1"
SEALED_FORMAT = "cdc-journal-archive-2"
_SIZES = struct.Struct(">4q")
_SEALED = -2
_SEAL = struct.Struct(">2q32s")
Anchors = Dict[Tuple[str, int], str]  # noqa: UP006
"""Stream and offset to head, in hex."""


class Broken(Exception):
    """What does not hold, in words."""


class Frame(NamedTuple):
    """A record, and the bytes of which its digest is taken."""

    offset: int
    key: Optional[bytes]  # noqa: UP045
    value: Optional[bytes]  # noqa: UP045
    old_key: Optional[bytes]  # noqa: UP045
    raw: bytes


class Sealed(NamedTuple):
    """Records that are sealed: where they stand, how many they are, and the head of the chain behind them."""

    offset: int
    next_offset: int
    records: int
    data_key: int
    head: bytes
    data: bytes

    def raw(self) -> bytes:
        """Return the bytes that a file has of it."""
        sizes = _SIZES.pack(self.offset, _SEALED, self.next_offset, self.records)
        return sizes + _SEAL.pack(self.data_key, len(self.data), self.head) + self.data


class Verified(NamedTuple):
    """What was found of a file: anchors that it has met, records that are sealed, and how many of them stay closed."""

    anchors: int
    sealed: int
    closed: int


Open = Callable[[Sealed], Optional[bytes]]  # noqa: UP045
"""Returns the bytes of sealed records as a file has those that are not, None if it cannot."""


def read_frames(file: BinaryIO) -> Iterator[Union[Frame, Sealed]]:  # noqa: UP007
    """Yield the records of an unpacked file. Raises Broken where one breaks off."""
    while True:
        head = file.read(_SIZES.size)
        if not head:
            return
        if len(head) < _SIZES.size:
            raise Broken("it breaks off in the sizes of a record")
        offset, *sizes = _SIZES.unpack(head)
        if sizes[0] == _SEALED:
            yield _read_sealed(file, offset, sizes[1], sizes[2])
            continue
        body = file.read(sum(max(size, 0) for size in sizes))
        if len(body) < sum(max(size, 0) for size in sizes):
            raise Broken(f"it breaks off in the record at offset {offset}")
        parts = []
        at = 0
        for size in sizes:
            parts.append(None if size < 0 else body[at : at + size])
            at += max(size, 0)
        yield Frame(offset, parts[0], parts[1], parts[2], head + body)


def _read_sealed(file: BinaryIO, offset: int, next_offset: int, records: int) -> Sealed:
    seal = file.read(_SEAL.size)
    if len(seal) == _SEAL.size:
        data_key, size, head = _SEAL.unpack(seal)
        data = file.read(size) if size >= 0 else b""
        if len(data) == size:
            return Sealed(offset, next_offset, records, data_key, head, data)
    raise Broken(f"it breaks off in what is sealed at offset {offset}")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a file. Raises Broken for what is none."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] not in (FORMAT, SEALED_FORMAT):
            raise Broken(f"{path.name}: its format is {manifest['format']}, this program knows up to {SEALED_FORMAT}")
        for name in ("records", "first_offset", "next_offset", "first_batch", "last_batch"):
            manifest[name] + 0  # a number, or it is none
        for name in ("stream", "file", "sha256"):
            manifest[name] + ""
        for name in ("head_before", "head"):
            bytes.fromhex(manifest[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Broken(f"{path.name}: is no manifest ({type(error).__name__})") from None
    return dict(manifest)


def digest_of(path: Path) -> str:
    """Return SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def verify_file(folder: Path, manifest: dict[str, Any], anchors: Anchors, unseal: Open = lambda _: None) -> Verified:
    """Hold a file against its manifest, and its records against anchors.

    `unseal` opens what is sealed. Of what it does not open the head that stands there is taken as given.
    Raises Broken with the first thing that does not hold.
    """
    name = str(manifest["file"])
    try:
        if digest_of(folder / name) != manifest["sha256"]:
            raise Broken(f"{name}: its SHA-256 is not {manifest['sha256']}")
        with gzip.open(folder / name, "rb") as file:
            return _Walk(name, manifest, anchors, unseal).verify(file)
    except (OSError, EOFError, zlib.error) as error:
        raise Broken(f"{name}: cannot be read ({error})") from None


class _Walk:
    """Where the walk over a file stands: the head of the chain, and the last offset."""

    def __init__(self, name: str, manifest: dict[str, Any], anchors: Anchors, unseal: Open) -> None:
        self.name, self.manifest, self.unseal = name, manifest, unseal
        self.chain, self.offset, self.records = bytes.fromhex(manifest["head_before"]), -1, 0
        self.sealed = self.closed = 0
        self.stands = {
            offset: head
            for (stream, offset), head in anchors.items()
            if stream == manifest["stream"] and manifest["first_offset"] < offset <= manifest["next_offset"]
        }

        self.offsets = sorted(self.stands)

    def verify(self, file: Any) -> Verified:
        """Go over all records. Raises Broken."""
        count = len(self.stands)
        for frame in read_frames(file):
            if isinstance(frame, Sealed):
                count -= self._take_sealed(frame)
            else:
                self._take(frame)
        name, manifest, end = self.name, self.manifest, self.offset + 1
        if self.chain.hex() != manifest["head"]:
            raise Broken(f"{name}: its records are not those that landed: another head than {manifest['head']}")
        if (self.records, end) != (manifest["records"], manifest["next_offset"]):
            raise Broken(f"{name}: it has {self.records} records up to {end - 1}, its manifest says otherwise")
        if self.sealed != manifest.get("sealed", 0):
            raise Broken(f"{name}: it has {self.sealed} records that are sealed, its manifest says otherwise")
        if self.stands:
            raise Broken(f"{name}: an anchor stands at offset {min(self.stands)}, where no record ends")
        return Verified(count, self.sealed, self.closed)

    def _take(self, frame: Frame) -> None:
        self._require_place(frame.offset)
        self.chain = hashlib.sha256(self.chain + hashlib.sha256(frame.raw).digest()).digest()
        self.offset, self.records = frame.offset, self.records + 1
        self._meet(frame.offset + 1)

    def _take_sealed(self, sealed: Sealed) -> int:
        """Go over what is sealed; return how many anchors stand where nobody can look."""
        self._require_place(sealed.offset)
        self.sealed += sealed.records
        plain = self.unseal(sealed)
        if plain is not None:
            self._take_opened(sealed, plain)
            return 0
        if sealed.next_offset - sealed.offset < sealed.records or sealed.records < 1:
            raise Broken(f"{self.name}: what is sealed at offset {sealed.offset} cannot have {sealed.records} records")
        self.chain, self.offset = sealed.head, sealed.next_offset - 1
        self.records, self.closed = self.records + sealed.records, self.closed + sealed.records
        first, end = bisect_right(self.offsets, sealed.offset), bisect_left(self.offsets, sealed.next_offset)
        for offset in self.offsets[first:end]:
            del self.stands[offset]
        self._meet(sealed.next_offset)
        return end - first

    def _take_opened(self, sealed: Sealed, plain: bytes) -> None:
        before = self.records
        for frame in read_frames(io.BytesIO(plain)):
            if isinstance(frame, Sealed):
                raise Broken(f"{self.name}: what is sealed at offset {sealed.offset} has something sealed in it")
            self._take(frame)
        said = (sealed.records, sealed.next_offset, sealed.head)
        if (self.records - before, self.offset + 1, self.chain) != said:
            raise Broken(f"{self.name}: what is sealed at offset {sealed.offset} is not what it says")

    def _require_place(self, offset: int) -> None:
        if offset <= self.offset or (self.records == 0 and offset != self.manifest["first_offset"]):
            raise Broken(f"{self.name}: offset {offset} stands where it does not belong")

    def _meet(self, offset: int) -> None:
        if self.stands.pop(offset, None) not in (None, self.chain.hex()):
            raise Broken(f"{self.name}: an anchor has another head behind offset {offset - 1}")


def verify_folder(folder: Path, anchors: Anchors) -> Iterator[str]:
    """Verify all files of a folder and how they follow each other; yield a line for each. Raises Broken."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        manifest = read_manifest(path)
        streams.setdefault(manifest["stream"], []).append(manifest)
    for stream in sorted(streams):
        yield from _verify_stream(folder, streams[stream], anchors)
    for stream in sorted({stream for stream, _ in anchors} - set(streams)):
        yield f"{stream}: there are anchors, and no files"
    known = {file["file"] for files in streams.values() for file in files}
    for path in sorted(folder.glob("*.gz")):
        if path.name not in known:
            raise Broken(f"{path.name}: has no manifest")
    if not streams:
        raise Broken(f"{folder}: there is no archive here")


def _verify_stream(folder: Path, manifests: list[dict[str, Any]], anchors: Anchors) -> Iterator[str]:
    stream = manifests[0]["stream"]
    offsets = sorted(offset for name, offset in anchors if name == stream)
    before: dict[str, Any] = {"last_batch": 0, "head": "", "next_offset": 0}
    for one in sorted(manifests, key=lambda one: int(one["first_batch"])):
        follows = (one["first_batch"], one["head_before"]) == (before["last_batch"] + 1, before["head"])
        if not follows or one["first_offset"] < before["next_offset"]:
            raise Broken(f"{one['file']}: does not follow batch {before['last_batch']} of {stream}")
        between = [offset for offset in offsets if before["next_offset"] < offset <= one["first_offset"]]
        if between:
            raise Broken(f"{one['file']}: an anchor stands at offset {between[0]}, where no record ends")
        found = verify_file(folder, one, anchors)
        sealed = f", {found.closed} of them sealed" if found.closed else ""
        told = f"{one['records']} records{sealed}, up to offset {one['next_offset']}, {found.anchors} anchors"
        yield f"{one['file']}: {told}, holds"
        before = one
    behind = [offset for offset in offsets if offset > before["next_offset"]]
    if behind:
        yield f"{stream}: {len(behind)} anchors stand behind its files, from offset {behind[0]} on: not looked at"


def read_anchor_file(path: Path) -> Anchors:
    """Return the anchors of a file; signatures are not looked at. Raises Broken for a line that is none."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            if line.strip():
                anchor = json.loads(line)
                found[anchor["stream"], int(anchor["offset"])] = str(anchor["head"])
        except (ValueError, KeyError, TypeError):
            raise Broken(f"{path}:{number}: is no anchor") from None
    return found


def _text(part: bytes | None) -> Any:
    """Return a part as text, or in base64 if it is none."""
    if part is None:
        return None
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(part).decode("ascii")}


def print_records(path: Path) -> None:
    """Print a line of JSON for each record: offset, key, value, old_key."""
    with gzip.open(path, "rb") as file:
        for frame in read_frames(file):  # type: ignore[arg-type]
            if isinstance(frame, Sealed):
                sealed = {"data_key": frame.data_key, "records": frame.records, "next_offset": frame.next_offset}
                print(json.dumps({"offset": frame.offset, "sealed": sealed}))  # noqa: T201
                continue
            parts = {name: _text(getattr(frame, name)) for name in ("key", "value", "old_key")}
            print(json.dumps({"offset": frame.offset, **parts}, ensure_ascii=False))  # noqa: T201


def main() -> int:
    """Verify or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--anchor", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--print", type=Path, metavar="FILE", dest="printed")
    arguments = parser.parse_args()
    try:
        if arguments.printed:
            try:
                print_records(arguments.printed)
            except BrokenPipeError:  # whoever reads it has seen enough
                sys.stderr.close()
            except (OSError, EOFError, zlib.error) as error:
                raise Broken(f"{arguments.printed}: cannot be read ({error})") from None
            return 0
        anchors: Anchors = {}
        for path in arguments.anchor:
            anchors.update(read_anchor_file(path))
        for line in verify_folder(arguments.folder, anchors):
            print(line)  # noqa: T201
    except Broken as broken:
        print(broken, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

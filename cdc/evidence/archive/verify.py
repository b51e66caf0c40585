#!/usr/bin/env python3
"""Verify, or print, an archive of a journal. Needs Python 3.8 and nothing else: no database, no other program.

    python3 verify.py [FOLDER]                     verify every file of a folder (default: where this program is)
    python3 verify.py FOLDER --anchor FILE         also hold it against heads of chains that were kept elsewhere
    python3 verify.py --print FILE.gz              print its records, a line of JSON each

The format is described in README.md beside it. Exit code 0: all holds; 1: something does not, and is named.
What is signed (FILE.json.sig) is verified by `openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in FILE.json
-sigfile FILE.json.sig` (OpenSSL 3), anchors by whatever knows Ed25519: this program takes them as they are.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, NamedTuple, Optional, Tuple  # noqa: UP035 - for Python 3.8

FORMAT = "cdc-journal-archive-1"
_SIZES = struct.Struct(">4q")
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


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """Yield the records of an unpacked file. Raises Broken where one breaks off."""
    while True:
        head = file.read(_SIZES.size)
        if not head:
            return
        if len(head) < _SIZES.size:
            raise Broken("it breaks off in the sizes of a record")
        offset, *sizes = _SIZES.unpack(head)
        body = file.read(sum(max(size, 0) for size in sizes))
        if len(body) < sum(max(size, 0) for size in sizes):
            raise Broken(f"it breaks off in the record at offset {offset}")
        parts = []
        at = 0
        for size in sizes:
            parts.append(None if size < 0 else body[at : at + size])
            at += max(size, 0)
        yield Frame(offset, parts[0], parts[1], parts[2], head + body)


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a file. Raises Broken for what is none."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise Broken(f"{path.name}: its format is {manifest['format']}, this program knows {FORMAT}")
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


def verify_file(folder: Path, manifest: dict[str, Any], anchors: Anchors) -> int:
    """Hold a file against its manifest, and its records against anchors; return how many anchors it has met.

    Raises Broken with the first thing that does not hold.
    """
    name = str(manifest["file"])
    try:
        if digest_of(folder / name) != manifest["sha256"]:
            raise Broken(f"{name}: its SHA-256 is not {manifest['sha256']}")
        with gzip.open(folder / name, "rb") as file:
            return _verify_records(name, file, manifest, anchors)
    except (OSError, EOFError, zlib.error) as error:
        raise Broken(f"{name}: cannot be read ({error})") from None


def _verify_records(name: str, file: Any, manifest: dict[str, Any], anchors: Anchors) -> int:
    stands = {
        offset: head
        for (stream, offset), head in anchors.items()
        if stream == manifest["stream"] and manifest["first_offset"] < offset <= manifest["next_offset"]
    }
    count = len(stands)
    chain, offset, records = bytes.fromhex(manifest["head_before"]), -1, 0
    for frame in read_frames(file):
        if frame.offset <= offset or (records == 0 and frame.offset != manifest["first_offset"]):
            raise Broken(f"{name}: offset {frame.offset} stands where it does not belong")
        offset, records = frame.offset, records + 1
        chain = hashlib.sha256(chain + hashlib.sha256(frame.raw).digest()).digest()
        if stands.pop(offset + 1, None) not in (None, chain.hex()):
            raise Broken(f"{name}: an anchor has another head behind offset {offset}")
    if chain.hex() != manifest["head"]:
        raise Broken(f"{name}: its records are not those that landed: another head than {manifest['head']}")
    if (records, offset + 1) != (manifest["records"], manifest["next_offset"]):
        raise Broken(f"{name}: it has {records} records up to {offset}, its manifest says otherwise")
    if stands:
        raise Broken(f"{name}: an anchor stands at offset {min(stands)}, where no record ends")
    return count


def verify_folder(folder: Path, anchors: Anchors) -> Iterator[str]:
    """Verify all files of a folder and how they follow each other; yield a line for each. Raises Broken."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        manifest = read_manifest(path)
        streams.setdefault(manifest["stream"], []).append(manifest)
    for stream in sorted(streams):
        before: dict[str, Any] = {"last_batch": 0, "head": "", "next_offset": 0}
        for one in sorted(streams[stream], key=lambda one: int(one["first_batch"])):
            follows = (one["first_batch"], one["head_before"]) == (before["last_batch"] + 1, before["head"])
            if not follows or one["first_offset"] < before["next_offset"]:
                raise Broken(f"{one['file']}: does not follow batch {before['last_batch']} of {stream}")
            met = verify_file(folder, one, anchors)
            yield f"{one['file']}: {one['records']} records up to offset {one['next_offset']}, {met} anchors, holds"
            before = one
    known = {file["file"] for files in streams.values() for file in files}
    for path in sorted(folder.glob("*.gz")):
        if path.name not in known:
            raise Broken(f"{path.name}: has no manifest")


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
            print_records(arguments.printed)
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

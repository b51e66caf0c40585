"""Anchors: heads of chains that are kept where whoever owns the database cannot change them.

A file or a topic of them has a line of JSON for each, and lines are only ever added:

    {"stream": "cdc.erp", "offset": 4711, "head": "64 hex digits", "time": "2026-03-02T08:00:00+00:00",
     "signature": "base64 of the 64 bytes of RFC 8032 (Ed25519)"}

Signed are the bytes `cdc-anchor-v1`, a line end, and the other four fields as JSON (sorted keys, no blanks, UTF-8).
The head at an offset is h(n) over the n records of the stream before it, in offset order: h(0) is empty, and
h(i) = SHA-256(h(i-1) + d(i)), where d(i) = SHA-256(offset, length of key, value and old key as four signed 64-bit
big-endian integers, -1 for what the record does not have, and then key, value and old key). The old key is the header
`__debezium.oldkey`. With the topic of the stream, or the journal, that is all that a proof takes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from cdc.approval import read_public_key
from cdc.errors import FatalError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from cdc.evidence.chain import Head

_DOMAIN: Final = b"cdc-anchor-v1\n"
_HEAD_BYTES: Final = 32


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The head of a stream's chain over all records before `offset`, in hex; `time` is ISO 8601 with offset."""

    stream: str
    offset: int
    head: str
    time: str
    signature: str | None = None

    @property
    def chain(self) -> bytes:
        """The head itself."""
        return bytes.fromhex(self.head)

    def message(self) -> bytes:
        """Return the bytes that are signed."""
        fields = {"stream": self.stream, "offset": self.offset, "head": self.head, "time": self.time}
        return _DOMAIN + json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def line(self) -> bytes:
        """Return the anchor as a file has it, without a line end."""
        return msgspec.json.encode(self)


def anchor_of(head: Head, key: Ed25519PrivateKey | None = None) -> Anchor:
    """Return the anchor of a head as of now, signed if there is a key."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    anchor = Anchor(head.stream, head.offset, head.chain.hex(), time)
    if key is None:
        return anchor
    return msgspec.structs.replace(anchor, signature=base64.b64encode(key.sign(anchor.message())).decode())


def read_anchors(lines: Iterable[bytes], origin: str, keys: Sequence[Ed25519PublicKey] = ()) -> list[Anchor]:
    """Return the anchors of lines; `origin` is where they are from. Empty lines are none.

    With keys, each anchor has to be signed by one of them. Raises EVD-102 for a line that is no anchor, EVD-122 for one
    that is not signed so.
    """
    return [_anchor(line, f"{origin}:{number}", keys) for number, line in enumerate(lines, 1) if line.strip()]


def read_anchor_file(path: Path, keys: Sequence[Ed25519PublicKey] = ()) -> list[Anchor]:
    """Return the anchors of a file. Raises as `read_anchors`, and CFG-101 for a file that cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FatalError("CFG-101", f"{path}: {error.strerror}") from error
    return read_anchors(lines, str(path), keys)


def read_anchor_key(path: Path) -> Ed25519PublicKey:
    """Return the public key (PEM) by which anchors are verified. Raises EVD-123 for what is no such key."""
    key = read_public_key(path)
    if key is None:
        raise FatalError("EVD-123", str(path))
    return key


def by_stream(anchors: Iterable[Anchor]) -> dict[str, dict[int, bytes]]:
    """Return heads by stream and offset. Raises FatalError EVD-102 where two contradict each other."""
    found: dict[str, dict[int, bytes]] = {}
    for one in anchors:
        known = found.setdefault(one.stream, {}).setdefault(one.offset, one.chain)
        if known != one.chain:
            raise FatalError("EVD-102", f"{one.stream} at offset {one.offset}")
    return found


def _anchor(line: bytes, place: str, keys: Sequence[Ed25519PublicKey]) -> Anchor:
    try:
        anchor = msgspec.json.decode(line, type=Anchor)
        if len(anchor.chain) not in (0, _HEAD_BYTES):
            raise ValueError("not the length of a SHA-256")
    except (msgspec.MsgspecError, ValueError) as error:
        raise FatalError("EVD-102", f"{place}: {error}") from error
    if keys:
        _require_signed(anchor, place, keys)
    return anchor


def _require_signed(anchor: Anchor, place: str, keys: Sequence[Ed25519PublicKey]) -> None:
    if anchor.signature is None:
        raise FatalError("EVD-122", f"{place}: it has no signature")
    try:
        signature = base64.b64decode(anchor.signature, validate=True)
    except binascii.Error as error:
        raise FatalError("EVD-122", f"{place}: its signature is not base64") from error
    if not any(_is_signed(anchor, signature, key) for key in keys):
        raise FatalError("EVD-122", f"{place}: its signature is of none of the keys, or of another line")


def _is_signed(anchor: Anchor, signature: bytes, key: Ed25519PublicKey) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who verifies needs it

    try:
        key.verify(signature, anchor.message())
    except InvalidSignature:
        return False
    return True

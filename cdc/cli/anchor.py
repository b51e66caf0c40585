"""Heads of chains that were kept elsewhere, for the commands that hold evidence against them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cdc.config import Settings
from cdc.evidence.anchor import Anchor, read_anchor_file, read_anchors
from cdc.evidence.published import read_lines
from cdc.stream.signal import read_signals

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--anchor",
        metavar="FILE",
        help="Heads of before: a file to which they are published, or what `cdc audit heads` printed. Repeatable.",
    ),
]
Topic = Annotated[str | None, typer.Option("--topic", metavar="NAME", help="The topic to which heads are published.")]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="A public key (PEM, Ed25519): every anchor has to be signed by it, or by another one. Repeatable.",
    ),
]


def kept_elsewhere(
    read: Settings, files: Sequence[Path], topic: str | None, keys: Sequence[Ed25519PublicKey]
) -> list[Anchor]:
    """Return the anchors of files and of a topic. Raises STR-109 and its like, CFG-101, EVD-102, EVD-122."""
    found = [one for path in files for one in read_anchor_file(path, keys)]
    if topic:
        lines = (record.value or b"null" for record in read_signals(read.kafka, topic))
        found += read_anchors(lines, f"topic {topic}", keys)
    return found


def on_record(connection: psycopg.Connection[Any], keys: Sequence[Ed25519PublicKey]) -> list[Anchor]:
    """Return the anchors that the target itself has on record. Raises EVD-102, EVD-122."""
    return read_anchors(read_lines(connection), "cdc.anchor", keys)

"""Heads of chains that were kept elsewhere, for the commands that hold evidence against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cdc.cli.output import say
from cdc.config import Settings
from cdc.evidence.anchor import by_stream, read_anchor_file, read_anchor_key, read_anchors
from cdc.evidence.published import read_lines
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect
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


ByStream = dict[str, dict[int, bytes]]


class Heads:
    """The heads that a command is given: read once, before the target is asked for those that it has on record.

    Raises STR-109 and its like, CFG-101, EVD-102, EVD-122.
    """

    def __init__(self, read: Settings, files: Sequence[Path] | None, topic: str | None, keys: Sequence[Path] | None):
        self._is_asked = bool(files or topic)
        self._keys = [read_anchor_key(path) for path in keys or ()]
        self._found = [one for path in files or () for one in read_anchor_file(path, self._keys)]
        if topic:
            lines = (record.value or b"null" for record in read_signals(read.kafka, topic))
            self._found += read_anchors(lines, f"topic {topic}", self._keys)
        self._kept = {one.stream for one in self._found}

    @contextmanager
    def in_target(self, read: Settings, command: str) -> Iterator[tuple[Opener, ByStream]]:
        """Connect to the target: yields what opens its records, and all heads by stream and offset, its own as well.

        Nothing has begun on the connection. Raises EVD-102, EVD-122.
        """
        with as_service_errors(), connect(read.target, command) as connection:
            self._found += read_anchors(read_lines(connection), "cdc.anchor", self._keys)
            connection.commit()
            yield Opener(connection, read.protection), by_stream(self._found)

    def say_unheld(self) -> None:
        """Say it if there are signatures, and no key that they were held against."""
        if not self._keys and any(one.signature for one in self._found):
            say("Anchors are signed, and nothing was held against their signatures: give the public key, `--key FILE`.")

    def bare(self, streams: Iterable[str]) -> list[str]:
        """Return, and say, the streams of which there is no head where heads were looked for."""
        bare = [stream for stream in streams if self._is_asked and stream not in self._kept]
        if bare:
            say(f"No head of {', '.join(bare)} is there: that these were not cut off or written anew is not shown.")
        return bare

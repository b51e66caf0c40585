"""Heads of chains that were kept elsewhere, for the commands that hold evidence against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from cdc.cli.failure import Exit
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
Signatures = Literal["verified", "unverified", "none"]
JSON_HELP = (
    "signatures (of heads: verified, none, or unverified: there was no --key), bare (streams of which the file or "
    "topic has no head)"
)


class Heads:
    """The heads that a command is given: read once, before the target is asked for those that it has on record.

    Raises STR-109 and its like, CFG-101, EVD-102, EVD-122.
    """

    def __init__(self, read: Settings, files: Sequence[Path] | None, topic: str | None, keys: Sequence[Path] | None):
        self._read = read
        self._is_asked = bool(files or topic)
        self._keys = [read_anchor_key(path) for path in keys or ()]
        self._found = [one for path in files or () for one in read_anchor_file(path, self._keys)]
        if topic:
            lines = (record.value or b"null" for record in read_signals(read.kafka, topic))
            self._found += read_anchors(lines, f"topic {topic}", self._keys)
        self._kept = {one.stream for one in self._found}

    @contextmanager
    def in_target(self, command: str) -> Iterator[tuple[Opener, ByStream]]:
        """Connect to the target: yields what opens its records, and all heads by stream and offset, its own as well.

        Nothing has begun on the connection. Raises EVD-102, EVD-122.
        """
        with as_service_errors(), connect(self._read.target, command) as connection:
            self._found += read_anchors(read_lines(connection), "cdc.anchor", self._keys)
            connection.commit()
            yield Opener(connection, self._read.protection), by_stream(self._found)

    @property
    def signatures(self) -> Signatures:
        """Whether those of the heads were held against a key: with one, a head without or by another was refused."""
        if self._keys and self._found:
            return "verified"
        return "unverified" if any(one.signature for one in self._found) else "none"

    def document(self, streams: Iterable[str]) -> dict[str, Any]:
        """Return what `--json` says of them."""
        return {"signatures": self.signatures, "bare": self._bare(streams)}

    def end(self, streams: Sequence[str], *, holds: bool) -> NoReturn:
        """Say what of the evidence was held against nothing, and end the command by what it found."""
        if self.signatures == "unverified":
            say("Anchors are signed, and nothing was held against their signatures: give the public key, `--key FILE`.")
        if bare := self._bare(streams):
            say(f"No head of {', '.join(bare)} is there: that these were not cut off or written anew is not shown.")
        raise typer.Exit(Exit.ATTENTION if holds and bare else Exit.OK if holds else Exit.DIFFERENT)

    def _bare(self, streams: Iterable[str]) -> list[str]:
        return [stream for stream in streams if self._is_asked and stream not in self._kept]

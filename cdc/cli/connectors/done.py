"""What was done to sources: lines for a person as they happen, or one list at the end for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from cdc.cli.output import write_json, write_line

NOTHING: Final = "nothing to do"
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a list of source, done (list of what was done, in words; empty: nothing).")
]


class Done:
    """Tells what was done; a command that fails in the middle has told nothing to a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.listed: list[dict[str, Any]] = []
        self._as_json = as_json

    def tell(self, source: str, actions: Sequence[str], otherwise: str = NOTHING) -> None:
        """Tell what was done to a source; `otherwise` is what a person reads if nothing was."""
        self.listed.append({"source": source, "done": list(actions)})
        if not self._as_json:
            for action in actions or [otherwise]:
                write_line(f"{source}: {action}")


@contextmanager
def telling(*, as_json: bool) -> Iterator[Done]:
    """Yield what tells; the list is printed at the end of the block, unless it fails."""
    done = Done(as_json=as_json)
    yield done
    if as_json:
        write_json(done.listed)

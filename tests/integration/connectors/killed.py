"""A command that is killed between its steps: behind the Nth thing that it does, by SIGKILL: nothing is tidied up.

    python -m tests.integration.connectors.killed N PATIENCE ARGUMENT...

What it does is what others see: requests that change Kafka Connect, records of the signal topic, topics, slots, files,
statements that change the target. With 0 it is not killed. PATIENCE are the seconds after which an attempt that nobody
goes on with is another one's (two minutes, as a rule: too long for each step of each command).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from cdc.capture import lifecycle, reader, reading, turn
from cdc.capture.connect import Connect
from cdc.cli import stream
from cdc.cli.main import execute

# Their package has the functions under these names.
add_table = import_module("cdc.cli.connectors.add_table")
apply = import_module("cdc.cli.connectors.apply")


def main() -> int:
    """Give the command; the exit code is its own, or that of a process that was killed."""
    number, patience, *arguments = sys.argv[1:]
    turn.PATIENCE_S = float(patience)  # type: ignore[misc]
    fuse = _Fuse(int(number))
    for place, name in (
        *((place, "apply_topics") for place in (apply, reader, stream)),
        *((place, "send_signal") for place in (reading, turn)),
        (lifecycle, "drop_slot"),
        (add_table, "apply_target"),
        (stream, "_pass_over"),
        (Path, "write_text"),
    ):
        setattr(place, name, fuse.behind(getattr(place, name)))
    Connect._send = fuse.behind(Connect._send, counts=_changes)  # type: ignore[method-assign]
    return execute(arguments)


class _Fuse:
    def __init__(self, number: int) -> None:
        self._left = number

    def behind(self, work: Callable[..., Any], counts: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
        return lambda *arguments, **options: self._do(partial(work, *arguments, **options), counts(*arguments))

    def _do(self, work: Callable[[], Any], counts: bool) -> Any:
        done = work()
        self._left -= counts
        if counts and self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def _changes(_: Connect, method: str, path: str) -> bool:
    return method != "GET" and not path.endswith("/validate")


if __name__ == "__main__":
    sys.exit(main())

"""The real stack for a test session: fresh data, own folder and ports, stopped at the end.

Started through `tests/run.sh`, which moves folder and ports away from those of a demo that may be up.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from compose.demo import process
from compose.local.env import PORTS, REPO, environment, ports_from
from compose.local.stack import Stack

# A variable of its own: the folder is emptied, and CDC_LOCAL may be a demo's.
_FOLDER = Path(os.environ.get("CDC_TEST_LOCAL") or REPO / ".local" / "test")


@contextmanager
def fresh_stack(services: Sequence[str] = ()) -> Iterator[Stack]:
    """Start the named services, all of them by default, empty; whatever runs at the end is stopped."""
    moved = {name: os.environ.get(name, default) for name, default in ports_from(29000).items()}
    taken = {name: moved[name] for name in PORTS if moved[name] == str(PORTS[name])}
    ports = ports_from(29000) if taken else moved  # called by hand: never onto the demo's ports
    shared = {name: os.environ[name] for name in ("CDC_JARS", "CDC_MYSQL") if name in os.environ}
    stack = Stack(environment({"CDC_LOCAL": str(_FOLDER), **shared, **ports}))
    process.stop_all(stack.env)  # what a killed demo of the lane `faults` or `demo` has left
    stack.stop()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    try:
        stack.start(services)
        yield stack
    finally:
        stack.stop()

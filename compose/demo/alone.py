"""One run at a time: a second one would begin with new data while the first still compares its own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from compose.local.daemon import StackError


@contextmanager
def only_run(env: Mapping[str, str]) -> Iterator[None]:
    """Be the only run on the data of `CDC_LOCAL`. Raises StackError while another one goes on."""
    path = Path(env["CDC_LOCAL"]) / "run" / "demo.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        message = "Another run of the demo goes on. Wait for its end, or end it: Ctrl-C there, or SIGTERM."
        raise StackError(message) from error
    try:
        yield
    finally:
        os.close(descriptor)

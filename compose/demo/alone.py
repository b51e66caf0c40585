"""One run at a time: a second one would begin with new data while the first still compares its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from compose.local.daemon import StackError
from compose.local.lock import locked


@contextmanager
def only_run(env: Mapping[str, str]) -> Iterator[None]:
    """Be the only run on the data of `CDC_LOCAL`. Raises StackError while another one goes on."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(Path(env["CDC_LOCAL"]) / "run" / "demo.lock", wait=False))
        except BlockingIOError as error:
            message = "Another run of the demo goes on. Wait for its end, or end it: Ctrl-C there, or SIGTERM."
            raise StackError(message) from error
        yield

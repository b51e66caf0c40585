"""A worker for which libfaketime makes the clock jump: `python -m tests.faults.faked land ...`.

CPython sleeps until a moment of the monotonic clock. With that clock left as it is, libfaketime (0.9.10) makes of the
moment one that never was, and the sleep fails with EINVAL; a wait for no file at all is as long and goes through.
"""

from __future__ import annotations

import select
import time


def _sleep(seconds: float) -> None:
    select.select((), (), (), seconds)


if __name__ == "__main__":
    time.sleep = _sleep
    from cdc.cli.main import main

    main()

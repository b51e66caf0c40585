"""Archives in a process of its own, which kills itself: `DSN FOLDER WHERE`, at the line with that number, or `never`.

Prints how many lines of the archive's own code it has run.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from cdc.evidence import archive
from cdc.evidence.archive.month import archive_month, closed_months, prune_keys
from cdc.evidence.archive.retention import Retention
from cdc.protect.seal import Opener

KEEP = Retention(1)
HOME = str(Path(archive.__file__).parent)


class Tracer:
    """Counts lines of one folder, and kills at one of them."""

    def __init__(self, where: str) -> None:
        self.lines, self.last = 0, None if where == "never" else int(where)

    def __call__(self, frame: FrameType, event: str, _: Any) -> Tracer | None:
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def main(dsn: str, folder: str, where: str) -> None:
    tracer = Tracer(where)
    with psycopg.connect(dsn, autocommit=True) as connection:
        sys.settrace(tracer)
        prune_keys(connection)
        for month in closed_months(connection, KEEP):
            archive_month(Opener(connection, None), month, KEEP, Path(folder), None, lambda *_: None)
            prune_keys(connection)
        sys.settrace(None)
    print(tracer.lines)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])

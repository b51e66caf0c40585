"""A landing process that kills itself: `landing_process.py DSN SOURCE WHERE`.

WHERE is a number: the process dies at that line of cdc/land, counted while it runs; or `function:hit`: at the hit-th
line of that function; or `function:return`: when it returns for the first time. `never` prints how many lines it ran.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

import psycopg

from cdc.config import Land
from cdc.land import transaction
from cdc.land.mirror import writer as mirror_writer
from cdc.land.position import take_over
from cdc.land.session import Session
from cdc.land.stream import StreamSource
from cdc.observe import log
from tests.contract.cdc.land.stage import DATABASES, DirectLanding, recorded
from tests.contract.cdc.land.test_cuts import grown

lines = 0
hits = 0


def main(dsn: str, source: str, where: str) -> None:
    # Both ways to stage rows: single inserts for the smallest batches, COPY for the others.
    mirror_writer.COPY_FROM_ROWS = transaction.COPY_FROM_ROWS = 5
    log.configure()  # to standard error
    sys.settrace(tracer(where))
    with psycopg.connect(dsn, options="-c TimeZone=UTC -c DateStyle=ISO") as connection:
        position = take_over(connection, f"cdc.{source}", source)
        described = (lambda: grown(source), lambda: {contract.mirror for contract in grown(source)})
        stream = StreamSource(source, f"cdc.{source}", DATABASES[source], *described)
        landing = DirectLanding(stream, Session(connection), position, Land(batch_rows=12))
        for record in recorded(source):
            if record.offset >= position.next_offset:
                landing.feed([record])
                while landing.is_full:
                    landing.land_next()
        landing.flush()
        while landing.has_pending:
            landing.land_next()
    sys.settrace(None)
    print(lines)  # noqa: T201


def tracer(where: str) -> Any:
    function, _, hit = where.partition(":")

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        global lines, hits  # noqa: PLW0603
        if "/cdc/land/" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            if str(lines) == where:
                os.kill(os.getpid(), signal.SIGKILL)
        if frame.f_code.co_name == function:
            hits += event == "line"
            if (event == "return" and hit == "return") or str(hits) == hit:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


if __name__ == "__main__":
    main(*sys.argv[1:])

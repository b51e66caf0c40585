"""The end of a pipeline: everything is sent before its answers are waited for.

psycopg's own `sync` (3.3.9) waits for the answers as soon as its last command is handed to libpq. Of a value that the
socket does not take at once the rest is still there; the server waits for it, and both wait for ever.
"""

from __future__ import annotations

import psycopg


def sync(pipeline: psycopg.Pipeline) -> None:
    """Send what is queued to its last byte, then take all answers. Raises psycopg.Error as the commands do."""
    queue = pipeline.command_queue

    def drain() -> None:
        # Called when the socket takes more; it stands last in the queue until nothing is left.
        if queue or pipeline.pgconn.flush():
            queue.append(drain)

    queue.append(drain)
    pipeline.sync()

"""Waiting for Kafka's answer without an exception when none comes in time.

The client (3.0.12) ends a wait that was in vain by raising an error whose traceback leads back to it. Such a ring keeps
what was waited for, the bytes of an answer that comes later and records, until Python's collector finds it. That one
counts objects, not bytes: a worker grew by 90 bytes for every row that it landed. Here a wait just ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kafka.future import Future


def install(consumer: Any) -> None:
    """Make a consumer's polls wait like this."""
    consumer._fetcher.fetch_records = partial(_fetch_records, consumer._fetcher)


def _fetch_records(
    fetcher: Any,
    max_records: int | None = None,
    update_offsets: bool = True,  # noqa: FBT001 - the signature is the client's
    timeout_ms: float | None = None,
) -> tuple[dict[Any, list[Any]], bool]:
    """Do what the method of the client does: return records, and whether there was nothing to wait for."""
    records, is_partial = fetcher.fetched_records(max_records, update_offsets=update_offsets)
    if not is_partial:
        fetcher.send_fetches()
    if records:
        return records, False
    awaited = list(fetcher._fetch_futures)
    if fetcher._reset_task is not None and not fetcher._reset_task.is_done:
        awaited.append(fetcher._reset_task)
    if not awaited:
        return records, True
    fetcher._net.run(wait_for_any, fetcher._net, awaited, timeout_ms)
    records, _ = fetcher.fetched_records(max_records, update_offsets=update_offsets)
    return records, False


async def wait_for_any(net: Any, awaited: Sequence[Any], timeout_ms: float | None) -> None:
    """Wait until one of the client's futures is done, or for so long."""
    over = Future()

    def end(_outcome: object = None) -> None:
        if not over.is_done:
            over.success(None)

    for future in awaited:
        future.add_both(end)
    timer = None if timeout_ms is None else net.call_later(timeout_ms / 1000, end)
    try:
        await over
    finally:
        if timer is not None:
            net.cancel(timer)

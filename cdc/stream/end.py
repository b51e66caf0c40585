"""Where streams end: the offset after the last record of each topic, by which a reader is behind."""

from __future__ import annotations

from collections.abc import Iterable

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError

from cdc.errors import TransientError

# A healthy broker answers in milliseconds; a person waits for this.
_TIMEOUT_MS = 2000


def end_offsets(bootstrap: str, streams: Iterable[str]) -> dict[str, int]:
    """Return the end of each stream that exists. Raises STR-109 if no broker answers."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=_TIMEOUT_MS)
        try:
            existing = set(admin.list_topics())
            specs = {TopicPartition(name, 0): OffsetSpec.LATEST for name in streams if name in existing}
            found = admin.list_partition_offsets(specs, timeout_ms=_TIMEOUT_MS) if specs else {}
        finally:
            admin.close()
    except KafkaError as error:
        raise TransientError("STR-109", f"{bootstrap}: {type(error).__name__}") from error
    return {partition.topic: int(place.offset) for partition, place in found.items()}

"""L12: the history of table definitions can be read again from its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc.capture.connector import history_topic
from cdc.capture.lint.demand import demanded
from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_PREFIX = "schema.history.internal."
_TOPIC = f"{_PREFIX}kafka.topic"
_KEPT = demanded(
    {
        f"{_PREFIX}skip.unparseable.ddl": ("false",),
        f"{_PREFIX}store.only.captured.tables.ddl": ("false",),
        "schema.history.internal": ("io.debezium.storage.kafka.history.KafkaSchemaHistory",),
    },
    lambda file: _TOPIC in file.pinned,
)


def _history(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Remark]:
    yield from _KEPT(file, files)
    if _TOPIC in file.settings and file.settings[_TOPIC] != history_topic(file.source):
        yield file.entry(_TOPIC), f"{_TOPIC} is not {history_topic(file.source)}, which is made as it has to be"


RULES = (
    Rule(
        "L12",
        "history of table definitions may be incomplete",
        "The connector reads this topic from its first record at each start. If a statement was skipped, a table left "
        "out, or records have expired, it cannot decode the log, and cannot be started again.",
        "Leave the setting out: `cdc connectors apply` makes the topic, of one partition, kept for ever and not "
        "compacted, for this connector alone.",
        _history,
    ),
)

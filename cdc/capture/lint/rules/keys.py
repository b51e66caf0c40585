"""L09: a row is known by the same columns in Kafka and in its mirror, and its changes stand in one order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdc.capture.connector import table_names
from cdc.capture.lint.demand import demanded, every
from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_TOMBSTONES = demanded({"tombstones.on.delete": ("false",)})
_KEYS = "message.key.columns"
# By these Kafka Connect makes topics that are not there.
_PARTITIONS = re.compile(r"topic\.creation\..+\.partitions")


def _keys(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Remark]:
    yield from _TOMBSTONES(file, files)
    if _KEYS in file.settings:
        yield file.entry(_KEYS), f"{_KEYS} is made of `key` of the tables"
    for index, (name, table) in enumerate(zip(table_names(file.source), file.source.tables, strict=True)):
        contract = file.by_table.get(name)
        if contract is None:
            continue
        place = ("tables", index, "key")
        if table.key and table.key != contract.key:
            yield place, f"key of {table.name} is not that of its contract: {', '.join(contract.key)}"
        elif not table.key and not table.is_keyless and contract.key_origin in ("declared", "rows"):
            yield place, f"the contract of {table.name} has a key ({contract.key_origin}) that does not stand here"
        elif table.is_keyless != (contract.key_origin == "rows"):
            yield place, f"key of {table.name} is none, and its contract has one"


def _partitions(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for setting, value in file.settings.items():
        if _PARTITIONS.fullmatch(setting) and value != "1":
            yield file.entry(setting), f"{setting} is not 1: only one partition has the source's order"


RULES = (
    Rule(
        "L09",
        "key of a table is not that of its mirror",
        "The stream is put together by keys. If Kafka's key is another than the mirror's, an update finds no row, or "
        "another one. And what stands in several partitions stands in no order.",
        "Correct `key`, or run `cdc source contract SOURCE` and review what changes. A key that changes takes a new "
        "snapshot.",
        every(_keys, _partitions),
    ),
)

"""L07, L18: what a connector and its place are known by: not to be chosen lightly, and never twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdc.capture.connector import render_reader, table_names
from cdc.capture.lint.file import BROKERS, ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_FIXED = re.compile(r"name|topic\.prefix|snapshot\.mode(\..*)?|offsets\.storage\.topic|table\.include\.list|read\.only")
_SLOT = re.compile(r"[a-z0-9_]{1,63}")
_LARGEST_SERVER_ID = 2**32 - 1
_SERVER_ID = "database.server.id"
# Topics of one connector, which no other one may use.
_TOPICS = ("transforms.stream.replacement", "schema.history.internal.kafka.topic", "signal.kafka.topic")


def _identity(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key in file.settings:
        if _FIXED.fullmatch(key):
            yield file.entry(key), f"{key} is what the connector is known by, or how it begins"
    slot, server = file.settings.get("slot.name"), file.settings.get(_SERVER_ID)
    if slot is not None and not _SLOT.fullmatch(slot):
        yield file.entry("slot.name"), "slot.name is no name of a slot: small letters, digits and _, at most 63"
    if server is not None and not (server.isascii() and server.isdecimal() and 0 < int(server) <= _LARGEST_SERVER_ID):
        yield file.entry(_SERVER_ID), f"{_SERVER_ID} is not a number from 1 to {_LARGEST_SERVER_ID}"


def _clashing(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Remark]:
    own = dict(_names(file))
    for other in files:
        if other.path == file.path:
            continue
        theirs = {name for name, _ in _names(other)}
        for name, key in own.items():
            if name in theirs:
                yield file.entry(key), f"{key} is also that of {other.path.name}"


def _names(file: ConnectorFile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what nobody else may use, each with the setting that says so."""
    source = file.source
    if source.kind == "postgresql":
        # A slot belongs to a server, whatever database it is of.
        yield ("slot", source.host, source.port, file.config["slot.name"]), "slot.name"
        # The script of the one would take the tables of the other out of it.
        own = (source.host, source.port, source.database, file.config["publication.name"])
        yield ("publication", *own), "publication.name"
    if source.has_binlog:
        yield ("server id", file.config[_SERVER_ID]), _SERVER_ID
        yield ("server id", render_reader(source, table_names(source), BROKERS, {})[_SERVER_ID]), _SERVER_ID
    for key in _TOPICS:
        if key in file.config:
            yield ("topic", file.config[key]), key


RULES = (
    Rule(
        "L07",
        "setting decides what the connector is, or how it begins",
        "Under another name, prefix or mode Kafka Connect knows no place of the connector: it reads the whole source "
        "again, or begins at now and leaves a gap. A slot or a server's number that is not valid stops it.",
        "Leave it out; of a slot or a number, write a valid one and keep it. `cdc connectors reload` takes a new "
        "snapshot where that is what is wanted.",
        _identity,
    ),
    Rule(
        "L18",
        "two connectors use one name",
        "Two connectors on one slot get half of the changes each, without an error. Of two on one publication the "
        "script of one takes the other's tables out. Two with one server id cut each other off. In one topic the "
        "histories or changes of both are mixed, and neither can be read any more.",
        "Give one of them a name of its own before it is applied.",
        _clashing,
    ),
)

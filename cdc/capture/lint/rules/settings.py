"""L13, L15, L17, L20: what stands under `settings` is understood, may be set, is needed, and says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule
from cdc.capture.source_values import PINNED_RULE


def _unknown(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key in file.settings:
        if not file.plugin.knows(key):
            near = file.plugin.near(key)
            meant = f"; probably {near}" if near else ""
            yield file.entry(key), f"{key} is not a setting of the connector ({file.plugin.version}){meant}"


def _nothing(_: ConnectorFile, __: Sequence[ConnectorFile]) -> Iterator[Remark]:
    """Reading the file applies this rule."""
    yield from ()


def _unexplained(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key in file.settings:
        line, _column = file.document.mark("settings", key)
        if not file.comment(line).lstrip("# "):
            yield file.entry(key), f"{key} has no comment that says why"


def _idle(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key, value in file.settings.items():
        if file.pinned.get(key, file.plugin.listed.get(key)) == value:
            yield file.entry(key), f"{key} is {value} anyway"


RULES = (
    Rule(
        "L13",
        "setting is not known to the connector",
        "Kafka Connect ignores what a connector does not know, without a word: a misspelt setting is none.",
        "Correct the spelling, or leave it out.",
        _unknown,
    ),
    Rule(
        PINNED_RULE,
        "setting is not a source's to choose",
        "The service pins the settings on which it depends that nothing is lost, and lets a file set only speed, "
        "waiting times, names and the security of clients (connector-configs/README.md).",
        "Leave it out; `cdc connectors render SOURCE` shows what is pinned.",
        _nothing,
    ),
    Rule(
        "L17",
        "setting does not say why",
        "A file has only what differs from what is pinned. Whoever reviews it, or upgrades the connector, has to know "
        "what it was for.",
        "Write the reason as a comment behind the setting or right above it.",
        _unexplained,
    ),
    Rule(
        "L20",
        "setting says what holds anyway",
        "It is the pinned value, or the connector's default: the file would seem to differ where it does not.",
        "Leave it out.",
        _idle,
    ),
)

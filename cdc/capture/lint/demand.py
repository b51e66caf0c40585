"""Settings that must have a value: what most rules are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Check, Remark

Demands = Mapping[str, tuple[str, ...]]
"""The values that a setting may have; the first one is what the service pins."""


def demanded(demands: Demands, applies: Callable[[ConnectorFile], bool] = lambda _: True) -> Check:
    """Return the check that each setting which the connector knows has one of its values, by default or written."""

    def check(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
        if not applies(file):
            return
        for key, allowed in demands.items():
            if file.plugin.knows(key) and (file.effective(key) or "") not in allowed:
                yield file.entry(key), f"{key} is not {' or '.join(allowed)}"

    return check


def every(*checks: Check) -> Check:
    """Return the check that yields what all of them do."""

    def check(file: ConnectorFile, files: Sequence[ConnectorFile]) -> Iterator[Remark]:
        for one in checks:
            yield from one(file, files)

    return check

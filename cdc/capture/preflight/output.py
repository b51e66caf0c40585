"""Preflight of a server that is not connected to: what its DBA's script printed, held against the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cdc.capture.preflight import oracle, sqlserver
from cdc.capture.preflight.fact import Facts, read_facts
from cdc.capture.preflight.finding import Finding, Report, sorted_findings
from cdc.capture.preflight.limits import Limits
from cdc.errors import FatalError

_RULES: Final[dict[str, Callable[[Facts, Limits], Iterator[Finding]]]] = {
    "sqlserver": sqlserver.findings,
    "oracle": oracle.findings,
}
_UNSEEN: Final = ("values of rows, and Kafka Connect (a script tells nothing of them)",)


def read_output(path: Path, limits: Limits) -> Report:
    """Judge a file. Raises FatalError SRC-340 for one that is not what a script printed."""
    facts = read_facts(path)
    product = facts.server("product")
    if product not in _RULES:
        raise FatalError("SRC-340", f"{path.name}: product {product} is none of {', '.join(_RULES)}")
    return Report(path.stem, sorted_findings(_RULES[product](facts, limits)), unseen=_UNSEEN)

"""A finding, and what all findings about a source come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from cdc.capture.finding import Fault, faults_of
from cdc.errors import FatalError, catalogue

Severity = Literal["refuse", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("refuse", "warning", "note")
# What the catalogue calls those that do not stand in the way; every other code does.
_BY_KIND: Final[dict[str, Severity]] = {"warn": "warning", "note": "note"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `what` names it; `statement` ends it, run by the DBA: empty where none does."""

    code: str
    what: str
    statement: str = ""

    @property
    def severity(self) -> Severity:
        """Whether it keeps the source from being captured (refuse), is to be looked at, or only to be known."""
        return _BY_KIND.get(catalogue()[self.code].kind, "refuse")

    @property
    def why(self) -> str:
        """What it does."""
        return catalogue()[self.code].cause

    @property
    def action(self) -> str:
        """What to do, in words."""
        return catalogue()[self.code].action


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about a source: the worst first.

    `rows` says how many rows of each table were looked at, `unseen` what could not be looked at, and why.
    """

    source: str
    findings: tuple[Finding, ...]
    rows: dict[str, int] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return them with the worst first, else in the order in which they were found; none twice."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda finding: SEVERITIES.index(finding.severity)))


def findings_of(error: FatalError) -> list[Finding]:
    """Return what the catalogue's reader refuses, as findings."""
    return [Finding(one.code, one.detail, one.statement if isinstance(one, Fault) else "") for one in faults_of(error)]

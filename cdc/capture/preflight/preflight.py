"""Preflight of a source, of whatever product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cdc.capture.login import login_of
from cdc.capture.preflight import binlog, postgresql
from cdc.capture.preflight.connect import Connectors
from cdc.capture.preflight.finding import Finding, Report, sorted_findings
from cdc.capture.preflight.limits import Limits
from cdc.capture.source import Source
from cdc.errors import NotAdmitted

# That nobody is let in is a finding; that the file's references lead nowhere is a fault of the file.
_NOT_LET_IN = frozenset({"SRC-111", "SRC-112"})


def preflight(source: Source, variables: Mapping[str, str], limits: Limits, connectors: Connectors) -> Report:
    """Look at a source's server; `connectors` is what Kafka Connect says. Nothing is written anywhere.

    Raises TransientError SRC-110 if the server does not answer, NotAdmitted SRC-101 for references that lead nowhere.
    """
    login = login_of(source, variables)
    try:
        if source.kind == "postgresql":
            report = postgresql.preflight(source, login, limits, is_applied=connectors.is_applied)
        else:
            report = binlog.preflight(source, login, limits)
    except NotAdmitted as error:
        if error.code not in _NOT_LET_IN:
            raise
        report = Report(source.name, (Finding(error.code, error.detail),))
    return replace(report, findings=sorted_findings([*report.findings, *connectors.findings]))

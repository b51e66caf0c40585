"""L03: settings by which the Connect worker runs, or fetches, what somebody chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule
from cdc.capture.tunable import runs_code


def _running(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    for key in file.settings:
        if runs_code(key):
            yield file.entry(key), f"{key} has the worker run, or fetch, what is chosen here"


RULES = (
    Rule(
        "L03",
        "setting executes code",
        "A class, a statement, a file or an address that a connector's configuration names is loaded, run or fetched "
        "by the Connect worker, with all that the worker may do and see: this is how a Connect cluster is taken.",
        "Leave it out. What the brokers' logins need stands in the service's settings, under `kafka`. The worker "
        "should refuse such settings, too: connector.client.config.override.policy=Allowlist.",
        _running,
        final=True,
    ),
)

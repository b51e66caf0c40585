"""What a snapshot that begins now selects: by the source's catalogue, not by what was known when it was applied.

Landing follows a column that came since by itself. A snapshot that was begun again without its select would bring other
values than the log reader does (`cdc.capture.snapshot_select`), and nobody would hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from cdc.capture import catalogue
from cdc.capture.connector import selects_of, with_selects
from cdc.capture.contract import Contract
from cdc.capture.reading import captured
from cdc.capture.snapshot_select import condition_of, select_where, snapshot_selects
from cdc.capture.source import Source
from cdc.config import environment

Reselect = Callable[[Mapping[str, str]], dict[str, str]]
"""Returns a configuration of a source's connector, or of its reader, with the selects that a snapshot is to have."""


def selects_now(source: Source) -> Reselect:
    """Read the source's catalogue, and return what puts its selects into a configuration.

    Raises as `cdc.capture.catalogue.read_contracts`.
    """
    return partial(selecting_by, source, catalogue.read_contracts(source, environment()))


def selecting_by(source: Source, contracts: Iterable[Contract], config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with the selects of its tables by these contracts; of some rows only it is these again."""
    known = {contract.source_table: contract for contract in contracts}
    conditions = {table: condition_of(select) for table, select in selects_of(config).items()}
    selects = snapshot_selects(source, known.values())
    for table, condition in conditions.items():
        if condition is not None and table in known:
            selects[table] = select_where(source, known[table], condition)
    tables = captured(config)
    return with_selects(config, source, {table: select for table, select in selects.items() if table in tables})

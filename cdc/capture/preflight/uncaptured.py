"""Tables beside the captured ones of which nobody has decided anything: an upgrade of the application brings some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

from cdc.capture.preflight.finding import Finding
from cdc.capture.source import Source

_NAMED: Final = 20
"""Of a database from which a few tables are taken, names beyond these tell nobody anything."""


def uncaptured_findings(source: Source, names: Iterable[str]) -> Iterator[Finding]:
    """Yield SRC-324, once, for tables that neither `tables` nor `exclude` has; names as the connector file has them."""
    captured = {".".join(filter(None, (table.schema, table.name))) for table in source.tables}
    left = [
        name for name in names if name not in captured and not any(fnmatchcase(name, one) for one in source.exclude)
    ]
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        yield Finding("SRC-324", f"{', '.join(left[:_NAMED])}{more}")

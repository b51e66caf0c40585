"""Names of sources, as a shell completes them."""

from __future__ import annotations

import typer

from cdc.capture.source import load_sources
from cdc.cli.context import settings
from cdc.errors import CdcError


def complete_source(context: typer.Context, incomplete: str) -> list[str]:
    """Return the sources whose names begin so; none where settings or connector files have faults."""
    try:
        names = load_sources(settings(context).folders.connector_configs)
    except CdcError:
        return []
    return [name for name in names if name.startswith(incomplete)]

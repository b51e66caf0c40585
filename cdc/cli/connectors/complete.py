"""Names for the shell's completion."""

from __future__ import annotations

from pathlib import Path

import typer

from cdc.cli.context import settings
from cdc.errors import CdcError


def source_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the sources that have a file, whatever is wrong in it; none without settings or `--folder`."""
    try:
        folder = context.params.get("folder") or settings(context).folders.connector_configs
    except CdcError:
        return []
    return sorted(path.stem for path in Path(folder).glob(f"{incomplete}*.yaml"))

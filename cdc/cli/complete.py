"""Names for the shell's completion: offline, from files as they are, and none where something is wrong with them."""

from __future__ import annotations

import typer

from cdc.cli.context import invocation
from cdc.config import environment
from cdc.context import configured, contexts


def complete_context(context: typer.Context, incomplete: str) -> list[str]:
    """Return the contexts whose names begin so."""
    folder = configured(invocation(context).config, environment())
    return [name for name in ({} if folder is None else contexts(folder)) if name.startswith(incomplete)]

"""What every command shares: the settings, read when a command needs them and not before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from cdc.config import Settings, load


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that stand before the command's name."""

    config: Path | None = None


def settings(context: typer.Context) -> Settings:
    """Return the settings of the file that `--config` or CDC_CONFIG names. Raises CFG-101 with every fault."""
    return load(invocation(context).config)


def invocation(context: typer.Context) -> Invocation:
    """Return the options that were given before the command's name."""
    found = context.find_object(Invocation)
    return found or Invocation()

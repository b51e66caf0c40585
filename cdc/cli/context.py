"""What every command shares: the settings, read when a command needs them and not before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

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


Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="Folder of the dictionary. Default: the one that the settings name.",
        show_default=False,
    ),
]
"""The dictionary that a command is about."""

Dev = Annotated[
    bool, typer.Option("--dev", help="Take a dictionary that is not approved: for a trial on a target of its own.")
]
"""Whether an approved dictionary is not asked for, whatever the settings say."""


def folder_of(context: typer.Context, folder: Path | None) -> Path | None:
    """Return the folder that is meant: the one that is named, or that of the settings (None: the packaged one)."""
    return folder or settings(context).folders.dictionary


def without_approval(read: Settings) -> Settings:
    """Return the settings of a trial: no approval is asked for."""
    return replace(read, approval=replace(read.approval, required=False))

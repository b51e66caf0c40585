"""What every command shares: the settings, read when a command needs them and not before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cdc.cli.output import say
from cdc.cli.repeated import repeat
from cdc.config import Settings, environment, load
from cdc.context import current


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that say which settings are meant: `--config` before the command's name, `--context` anywhere."""

    config: Path | None = None
    context: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The same options, for another command of this program."""
        config = ("--config", str(self.config)) if self.config else ()
        return (*config, "--context", self.context) if self.context else config

    def read(self) -> Settings:
        """Return the settings that are meant. Raises CFG-101 with every fault."""
        return load(self.config, context=self.context)


def settings(context: typer.Context) -> Settings:
    """Return the settings that are meant. Raises CFG-101 with every fault."""
    return invocation(context).read()


def acting(context: typer.Context) -> Settings:
    """Return the settings for a command that changes something; of several contexts, say first which one it is."""
    given = invocation(context)
    read, name = given.read(), current(given.config, given.context, environment())
    if name:
        target = f"{read.target.host}:{read.target.port}/{read.target.database}"
        say(f"Context {name}: Kafka Connect {read.connect.url}, target {target}")
    return read


def invocation(context: typer.Context) -> Invocation:
    """Return the options that were given."""
    config = context.meta.get("--config")
    return Invocation(Path(config) if config else None, context.meta.get("--context"))


def note(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """Note one of them while it is parsed, as it is for completion, too; of several the last one counts."""
    if value:
        repeat(option.opts[0], str(value))
        context.meta[option.opts[0]] = value
    return value


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

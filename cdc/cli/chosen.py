"""The sources that a command is about, and what the service knows of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from cdc.capture import catalogue, connector
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.selects_now import Reselect, selects_now
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.complete import complete_source
from cdc.cli.output import say
from cdc.config import Settings, environment
from cdc.errors import CdcError

# References that lead nowhere on this machine, no answer, no login or right, no trust.
_OUT_OF_REACH: Final = frozenset({"SRC-101", "SRC-110", "SRC-111", "SRC-112"})

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SOURCE]...", help="Default: every source.", autocompletion=complete_source),
]
NamesGiven = Annotated[
    list[str], typer.Argument(metavar="SOURCE...", help="Names of sources.", autocompletion=complete_source)
]
Name = Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a source.", autocompletion=complete_source)]


def chosen(options: Settings, names: Sequence[str] | None) -> list[Source]:
    """Return the sources of those names, or all. Raises SRC-101, SRC-103."""
    sources = load_sources(options.folders.connector_configs)
    return [find_source(sources, name) for name in names or sources]


def named(options: Settings, name: str) -> Source:
    """Return the source of that name. Raises SRC-101, SRC-103."""
    return find_source(load_sources(options.folders.connector_configs), name)


def contracts(source: Source, options: Settings) -> tuple[Contract, ...]:
    """Return the reviewed contracts of a source. Raises SRC-102."""
    return read_contracts(options.folders.connector_configs / "contracts" / source.name)


def contracts_now(source: Source, options: Settings) -> tuple[Contract, ...]:
    """Return the contracts by which a snapshot that begins now selects: the source's catalogue, not the files.

    Raises as `catalogue.read_contracts`, and as `require_contracts`.
    """
    require_contracts(source, options)
    return catalogue.read_contracts(source, environment())


def require_contracts(source: Source, options: Settings) -> None:
    """Raise LND-102, SRC-102, SRC-105 where contract files lack a table, or do not fit the connector file."""
    snapshot_selects(source, contracts(source, options))


def selects_or_told(source: Source) -> Reselect:
    """Return the same as `selects_now`; what leaves the settings as they are, if nobody here can read the catalogue.

    That is told. Kafka Connect may reach a source that this machine does not, and says itself what else is wrong. A
    catalogue that was read, and cannot become exact mirrors, is none to begin a snapshot by: raises as `selects_now`.
    """
    try:
        return selects_now(source)
    except CdcError as error:
        if error.code not in _OUT_OF_REACH:
            raise
        say(
            f"{source.name}: the source's catalogue cannot be read, so a snapshot selects as the settings have it. "
            "Values of columns that came since the last apply may arrive altered (a FLOAT with six digits): where "
            f"there are any, run `cdc connectors reload {source.name}` from where the source can be reached. {error}"
        )
        return dict


def rendered(source: Source, options: Settings) -> dict[str, str]:
    """Return the configuration of a source's connector, as its file and the contracts say. Raises SRC-102."""
    return connector.render(source, options.kafka.for_connectors, snapshot_selects(source, contracts(source, options)))

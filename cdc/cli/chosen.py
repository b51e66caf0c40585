"""The sources that a command is about, and what the service knows of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cdc.capture import catalogue, connector
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.complete import complete_source
from cdc.config import Settings, environment

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

    A column that came since the files were written is in none of them, landing follows it by itself, and a snapshot
    without its select would bring other values (floats of six digits). Raises as `catalogue.read_contracts`, and
    LND-102, SRC-102, SRC-105 where the files lack a table, or do not fit the connector file.
    """
    snapshot_selects(source, contracts(source, options))
    return catalogue.read_contracts(source, environment())


def rendered(source: Source, options: Settings) -> dict[str, str]:
    """Return the configuration of a source's connector, as its file and the contracts say. Raises SRC-102."""
    return connector.render(source, options.kafka.for_connectors, snapshot_selects(source, contracts(source, options)))

"""`cdc connectors render`: the configuration that a connector is sent, as JSON or as a resource of Kubernetes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cdc.capture import connector, strimzi
from cdc.capture.source import KINDS, UNLANDED, Source, raise_faults, read_source
from cdc.cli.chosen import named, rendered
from cdc.cli.complete import complete_source
from cdc.cli.context import settings
from cdc.cli.output import say, write_json, write_line
from cdc.errors import FatalError

_SUFFIX = ".yaml"


class Format(StrEnum):
    """What a configuration is printed as."""

    JSON = "json"
    STRIMZI = "strimzi"


def render(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE|FILE.yaml",
            help="Name of a source, or a file of any of eight products.",
            autocompletion=complete_source,
        ),
    ],
    form: Annotated[
        Format, typer.Option("--format", help="As Kafka Connect takes it, or a `KafkaConnector` of Strimzi.")
    ] = Format.JSON,
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="With strimzi: the `KafkaConnect` resource that is to run it.")
    ] = "cdc",
) -> None:
    """Print the configuration that Kafka Connect is sent; secrets stay references.

    A file that is named need not be in the folder of connector files, and has no contracts: of PostgreSQL, MariaDB and
    MySQL the selects that the snapshot takes by contracts are missing. What connectors of others send is not landed.
    """
    options = settings(context)
    if name.endswith(_SUFFIX):
        source = _of_file(Path(name))
        config = connector.render(source, options.kafka.for_connectors, {})
        say(_warning(source))
    else:
        source = named(options, name)
        config = rendered(source, options)
    if form is Format.JSON:
        write_json(config)
    else:
        write_line(strimzi.to_yaml(strimzi.resource(config, source.state, cluster)).rstrip())


def _of_file(path: Path) -> Source:
    """Return what a file describes. Raises SRC-101 with its faults, SRC-103 if it is not there."""
    if not path.is_file():
        raise FatalError("SRC-103", str(path))
    read = read_source(path, (*KINDS, *UNLANDED))
    raise_faults([read])
    if read.source is None:
        raise FatalError("SRC-101", str(path))
    return read.source


def _warning(source: Source) -> str:
    if source.kind in UNLANDED:
        return f"{source.name}: the service does not land what a {source.kind} connector sends."
    return f"{source.name}: without contracts; `cdc connectors render {source.name}` is what would be sent."

"""`cdc connectors render`: the configuration that a connector is sent."""

from __future__ import annotations

import typer

from cdc.capture.source import find_source, load_sources
from cdc.cli.connectors.chosen import Name, rendered
from cdc.cli.context import settings
from cdc.cli.output import write_json


def render(context: typer.Context, name: Name) -> None:
    """Print the configuration that Kafka Connect is sent; secrets stay references."""
    options = settings(context)
    source = find_source(load_sources(options.folders.connector_configs), name)
    write_json(rendered(source, options))

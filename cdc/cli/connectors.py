"""`cdc connectors`: bring the connectors of Kafka Connect to what connector-configs says, and see where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from cdc.capture import connector, watchdog
from cdc.capture.connect import Connect, Status
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import write_json, write_line, write_table
from cdc.config import Settings
from cdc.stream.topic import TopicPlan, apply_topics, history_plan, signal_plan, stream_plan
from cdc.worker import work

app = typer.Typer(help="Apply, watch and show the connectors of the sources.", no_args_is_help=True)

_Names = Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Default: every source.")]


@app.command()
def apply(context: typer.Context, names: _Names = None) -> None:
    """Make topics and connectors what the connector files say, and wait until each is in its state.

    A second call changes nothing and says so. Failed tasks are started again.
    """
    options = settings(context)
    with Connect(options.connect.url) as connect:
        for source in _chosen(options, names):
            done = apply_source(source, options.kafka.bootstrap, connect)
            for action in done or ["nothing to do"]:
                write_line(f"{source.name}: {action}")


def apply_source(source: Source, bootstrap: str, connect: Connect) -> list[str]:
    """Bring the topics and the connector of one source to its file; return what was done, in words."""
    done = apply_topics(bootstrap, topic_plans(source))
    return done + connect.apply(source.name, connector.render(source, bootstrap), source.state)


def topic_plans(source: Source) -> Iterator[TopicPlan]:
    """Yield the topics that a source's connector needs."""
    yield stream_plan(source.stream, connector.MAX_RECORD_BYTES)
    yield signal_plan(connector.signal_topic(source))
    if source.kind == "mariadb":
        yield history_plan(connector.history_topic(source))


@dataclass(frozen=True, slots=True)
class Finding:
    """What `connectors status` says of one source. `settings` is as applied, differs, or absent."""

    source: str
    wanted: str
    connector: str
    task: str
    settings: str
    failure: str


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, one per source.")] = False,
) -> None:
    """Show whether each connector is in its state and has the settings of its file.

    Exit code 4 if a connector has failed or is in another state, 3 if only settings differ from the file.
    """
    options = settings(context)
    with Connect(options.connect.url) as connect:
        findings = [_finding(source, options.kafka.bootstrap, connect) for source in _chosen(options, None)]
    if as_json:
        write_json(findings)
    else:
        rows = [(f.source, f.wanted, f.connector, f.task, f.settings, f.failure or None) for f in findings]
        write_table("Connectors", ("source", "wanted", "connector", "task", "settings", "failure"), rows)
    raise typer.Exit(_exit_code(findings))


@app.command()
def render(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a source.")]
) -> None:
    """Print the configuration that Kafka Connect is sent; secrets stay references."""
    options = settings(context)
    source = find_source(load_sources(options.folders.connector_configs), name)
    write_json(connector.render(source, options.kafka.bootstrap))


@app.command()
def watch(context: typer.Context) -> None:
    """Start failed and silent connectors again, until SIGTERM or Ctrl-C. `cdc run` does the same."""
    raise typer.Exit(work("watch", watchdog.run, settings(context)))


def _chosen(options: Settings, names: Sequence[str] | None) -> list[Source]:
    sources = load_sources(options.folders.connector_configs)
    return [find_source(sources, name) for name in names or sources]


def _finding(source: Source, bootstrap: str, connect: Connect) -> Finding:
    now = connect.status(source.name)
    current = connect.config(source.name)
    wanted = connector.render(source, bootstrap)
    agreement = "absent" if current is None else "as applied" if current == wanted else "differ"
    return Finding(source.name, source.state, now.state.lower(), _task_state(now), agreement, now.failure)


def _task_state(now: Status) -> str:
    return ", ".join(task.state.lower() for task in now.tasks) or "none"


def _exit_code(findings: Sequence[Finding]) -> Exit:
    if any(not _in_state(finding) for finding in findings):
        return Exit.ATTENTION
    return Exit.DIFFERENT if any(finding.settings != "as applied" for finding in findings) else Exit.OK


def _in_state(finding: Finding) -> bool:
    task = "none" if finding.wanted == "stopped" else finding.wanted
    return finding.connector == finding.wanted and finding.task == task

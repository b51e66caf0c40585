"""`cdc connectors apply`: topics and connectors become what the files say."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source
from cdc.cli.connectors.chosen import Names, chosen, contracts
from cdc.cli.context import settings
from cdc.cli.left_out import check_left_out
from cdc.cli.output import write_line
from cdc.config import Settings
from cdc.stream.topic import TopicPlan, apply_topics, history_plan, signal_plan, stream_plan


def apply(context: typer.Context, names: Names = None) -> None:
    """Make topics and connectors what the connector files say, and wait until each is in its state.

    A second call changes nothing and says so. Failed tasks are started again. The rows of a table that is new in the
    file of a running connector are read beside the stream; `cdc connectors status` says when they have been.
    """
    options = settings(context)
    with Connect(options.connect) as connect:
        for source in chosen(options, names):
            done = apply_source(source, options, connect)
            for action in done or ["nothing to do"]:
                write_line(f"{source.name}: {action}")


def apply_source(source: Source, options: Settings, connect: Connect) -> list[str]:
    """Bring the topics and the connector of one source to its file; return what was done, in words."""
    known = contracts(source, options)
    selects = snapshot_selects(source, known)
    check_left_out(source, known, options)
    done = apply_topics(options.kafka, topic_plans(source))
    reader = Reader(source, options.kafka, connect)
    done += reader.tidy()
    # In this order: what is interrupted in between leaves the need on record, and the next call meets it.
    reader.record.note_changes(connect.config(source.name))
    own = Lifecycle(connect, options.kafka, source, source.name)
    done += own.apply(connector.render(source, options.kafka.for_connectors, selects), source.state)
    return done + reader.begin(selects)


def topic_plans(source: Source) -> Iterator[TopicPlan]:
    """Yield the topics that a source's connector needs."""
    yield stream_plan(source.stream, connector.max_record_bytes(source))
    yield signal_plan(connector.signal_topic(source))
    if source.kind == "mariadb":
        yield history_plan(connector.history_topic(source))

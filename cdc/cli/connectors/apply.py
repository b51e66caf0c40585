"""`cdc connectors apply`: topics and connectors become what the files say, or what a plan says, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.plan.plan import Plan, PlanFile, read_plans, require_agreed, require_same_cluster, require_unmoved
from cdc.capture.reader import Reader
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source
from cdc.capture.topics import topic_plans
from cdc.cli.chosen import chosen, contracts, selects_or_told
from cdc.cli.complete import complete_source
from cdc.cli.connectors.done import AsJson, telling
from cdc.cli.connectors.on_record import on_record
from cdc.cli.connectors.plan import SameServer, is_file, plan_source
from cdc.cli.context import acting
from cdc.cli.left_out import check_left_out
from cdc.config import Settings
from cdc.stream.topic import apply_topics

_What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]... | PLAN",
        help="Sources, default: every one; or a file of `plan --out`.",
        autocompletion=complete_source,
    ),
]


def apply(context: typer.Context, what: _What = None, same_server: SameServer = False, as_json: AsJson = False) -> None:
    """Make topics and connectors what the connector files say, and wait until each is in its state.

    A second call changes nothing and says so; one that was interrupted is repeated. Failed tasks are started again. The
    rows of a table that is new in the file of a running connector are read beside the stream; `cdc connectors status`
    says when they have been.

    With the file of a plan exactly that is done, or nothing if things are not as they were then (exit code 5). What
    makes a connector forget its place, and read all rows anew, takes a plan.
    """
    options = acting(context)
    agreed = _agreed(what)
    names = what if agreed is None else [one.source for one in agreed.plans]
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        if agreed is not None:
            require_same_cluster(agreed, connect.cluster())
        for source, known in _matched(chosen(options, names), agreed):
            same = same_server if agreed is None else agreed.same_server
            with action("connectors apply", source.name) as effect:
                done = apply_source(source, options, connect, known, same_server=same)
                if done:
                    effect.update(done=done, planned=known is not None)
            told.tell(source.name, done)


def apply_source(
    source: Source, options: Settings, connect: Connect, agreed: Plan | None = None, *, same_server: bool = False
) -> list[str]:
    """Bring the topics and the connector of one source to its file; return what was done, in words.

    Raises FatalError CON-180 if it would forget its place and no plan was agreed on, CON-181 if the plan is another one
    by now; nothing was done then.
    """
    known = contracts(source, options)
    selects = snapshot_selects(source, known)
    check_left_out(source, known, options)
    config = connector.render(source, options.kafka.for_connectors, selects)
    now = plan_source(source, options, connect, config, same_server=same_server)
    if agreed is None:
        require_agreed(now)
    else:
        require_unmoved(agreed, now)
    reader = Reader(source, options.kafka, connect, selects_or_told)
    done = apply_topics(options.kafka, topic_plans(source))
    done += reader.tidy()
    # In this order: what is interrupted in between leaves the need on record, and the next call meets it.
    reader.record.note_changes(connect.config(source.name))
    own = Lifecycle(connect, options.kafka, source, source.name, selects_or_told)
    configure = own.begin_as if now.forgets else own.apply

    def bring() -> list[str]:
        # Asked last: `cdc run` may have begun a snapshot meanwhile, which selects by the catalogue.
        live = connect.config(source.name)
        return configure(config if live is None else connector.keeping_selects(source, config, live), source.state)

    done += reader.follow(source.state, bring)
    return done + reader.begin(selects)


def _agreed(what: Sequence[str] | None) -> PlanFile | None:
    """Return the plan that the arguments name, None if they name sources. Raises CON-182."""
    if not what or len(what) > 1 or not is_file(what[0]):
        return None
    return read_plans(Path(what[0]))


def _matched(sources: Sequence[Source], agreed: PlanFile | None) -> Iterator[tuple[Source, Plan | None]]:
    plans = {} if agreed is None else {one.source: one for one in agreed.plans}
    return ((source, plans.get(source.name)) for source in sources)

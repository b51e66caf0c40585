"""`cdc connectors apply`: topics and connectors become what the files say, or what a plan says, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
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
from cdc.cli.connectors.done import AsJson, Done, telling
from cdc.cli.connectors.on_record import Effect, on_record
from cdc.cli.connectors.plan import SameServer, is_file, plan_source
from cdc.cli.context import acting
from cdc.cli.left_out import check_left_out
from cdc.config import Settings
from cdc.errors import CdcError
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
    makes a connector forget its place, and read all rows anew, takes a plan; so does the end of a table's capture.
    """
    options = acting(context)
    agreed = _agreed(what)
    names = what if agreed is None else [one.source for one in agreed.plans]
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        if agreed is not None:
            require_same_cluster(agreed, connect.cluster())
        for source, known in _matched(chosen(options, names), agreed):
            same = same_server if agreed is None else agreed.same_server
            with action("connectors apply", source.name) as effect, _noted(effect, told, source.name) as done:
                effect["planned"] = known is not None
                apply_source(source, options, connect, done, known, same_server=same)


@contextmanager
def _noted(effect: Effect, told: Done, name: str) -> Iterator[list[str]]:
    """Yield the list of what is done to a source; what stands in it is told, and on record, whatever comes behind it.

    A table that comes back is refused (CON-108) when the connector has it: a new snapshot begins with that.
    """
    done: list[str] = []
    try:
        yield done
    except CdcError:
        if done:
            told.tell(name, done)
        raise
    else:
        told.tell(name, done)
    finally:
        if done:
            effect["done"] = done
        else:
            effect.clear()


def apply_source(
    source: Source,
    options: Settings,
    connect: Connect,
    done: list[str],
    agreed: Plan | None = None,
    *,
    same_server: bool = False,
) -> None:
    """Bring the topics and the connector of one source to its file; add to `done` what was done, in words.

    Raises FatalError CON-180 if it would forget its place or lose a table and no plan was agreed on, CON-181 if the
    plan is another one by now; nothing was done then. CON-113 if a table without a key is to be read: only topics were
    made.
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
    done += apply_topics(options.kafka, topic_plans(source))
    if not now.forgets:
        reader.require_keys()
    done += reader.tidy()
    # In this order: what is interrupted in between leaves the need on record, and the next call meets it.
    reader.record.note_new(connect.config(source.name))
    own = Lifecycle(connect, options.kafka, source, source.name, selects_or_told)
    configure = own.begin_as if now.forgets else own.apply

    def bring() -> list[str]:
        # Asked last: `cdc run` may have begun a snapshot meanwhile, which selects by the catalogue.
        live = connect.config(source.name)
        wanted = config if live is None else connector.keeping_selects(source, config, live)
        leaving = reader.record.leaving(live)
        if leaving:
            connect.validate(wanted)  # whatever may be refused or unreachable is so before anything is noted
        with reader.record.dropping(leaving, partial(connect.config, source.name)):
            return configure(wanted, source.state)

    done += reader.halt_outdated()
    done += reader.follow(source.state, bring)
    done += reader.begin(selects)


def _agreed(what: Sequence[str] | None) -> PlanFile | None:
    """Return the plan that the arguments name, None if they name sources. Raises CON-182."""
    if not what or len(what) > 1 or not is_file(what[0]):
        return None
    return read_plans(Path(what[0]))


def _matched(sources: Sequence[Source], agreed: PlanFile | None) -> Iterator[tuple[Source, Plan | None]]:
    plans = {} if agreed is None else {one.source: one for one in agreed.plans}
    return ((source, plans.get(source.name)) for source in sources)

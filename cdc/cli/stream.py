"""`cdc stream`: streams that cannot be read on, made to go on; what had landed stays, what is missing is on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Annotated, Any

import psycopg
import typer

from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reading import Reading
from cdc.capture.source import Source
from cdc.capture.topics import topic_plans
from cdc.cli.chosen import Name, named, rendered
from cdc.cli.context import acting
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.progress import Shown
from cdc.cli.reveal import masks, masks_by
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.evidence.mend import Mender
from cdc.evidence.mirrors import MirrorAudit
from cdc.land.contract.in_force import read_contracts_in_force
from cdc.land.resume import Resumed, go_on_behind, last_known, pass_over, require_unowned
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect
from cdc.stream.search import find_records
from cdc.stream.topic import Extent, apply_topics, extent

app = typer.Typer(help="Make streams go on that cannot be read as they are.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the evidence.")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one object: stream, batch, next_offset (what would have been read), read_from, passed_over (how "
        "many offsets of the topic), shift (the target's offsets less the topic's), new_topic (bool).",
    ),
]


@app.command()
def resnapshot(
    context: typer.Context,
    name: Name,
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pass over what the stream of a source has now, and have the source captured again: for changes that are lost.

    The connector forgets its place, the topic is made anew if it is gone, and the stream goes on with a new snapshot of
    all tables; at its end rows that it did not bring leave the mirrors. Changes that are passed over are in no journal:
    a gap says so for ever. Mirrors stay usable meanwhile. Workers of the source have to be stopped.
    """
    options = acting(context)
    source = named(options, name)
    if not yes:
        asked = f"Pass over what {source.stream} has, and read all rows of {len(source.tables)} tables of {name} again?"
        typer.confirm(asked, abort=True, err=True)
    with as_service_errors(), connect(options.target, "cdc stream resnapshot") as connection:
        require_unowned(connection, source.stream)
    resumed: list[Resumed] = []
    config = rendered(source, options)
    with Connect(options.connect) as connected:
        lifecycle = Lifecycle(connected, options.kafka, source, source.name)
        is_wanted = source.state == "running"

        def prepare() -> dict[str, str]:
            apply_topics(options.kafka, topic_plans(source))
            resumed.append(_pass_over(options, source, reason))
            _configure(options, source, connected, config)
            return config

        lifecycle.begin(is_wanted=is_wanted, between=prepare)
    _tell(resumed[0], as_json=as_json)
    say(
        "Snapshot begun: start `cdc run`." if is_wanted else "The snapshot begins once the connector file says running."
    )


@app.command()
def rewind(context: typer.Context, name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Find the record that landed last in the topic as it is now, and go on behind it: nothing was lost then.

    For a topic that was made anew and filled from a copy, or that a restored broker has under other offsets. The whole
    topic is read; nothing is changed if the record is not there. Workers of the source have to be stopped.
    """
    options = acting(context)
    source = named(options, name)
    with as_service_errors(), connect(options.target, "cdc stream rewind") as connection:
        opener = Opener(connection, options.protection)
        known = last_known(opener, source.stream)
        topic = extent(options.kafka, source.stream)
        with Shown() as shown:
            told = _shown(shown, source.stream, topic)
            places = find_records(options.kafka, source.stream, topic, known.records, told)
        resumed = go_on_behind(opener, source.stream, topic, known, places, reason)
    _tell(resumed, as_json=as_json)
    say("Start `cdc run`.")


@app.command()
def repair(
    context: typer.Context,
    name: Name,
    reason: Reason,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Stop after so many wrong rows.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name the rows: as `cdc audit mirrors`.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of mirror, key, what (was wrong), done (null with --dry-run).")
    ] = False,
) -> None:
    """Find mirror rows that are not what the journal says, and write them anew from it, beside the workers.

    The source is not asked, and nothing is done to a row for which something lands meanwhile. What is made of the rows
    is derived again; for what looks them up, run `cdc audit rows --repair` behind it. A row that the journal does not
    have whole stays, and takes a new snapshot: exit code 4. So it is where the limit was reached: there may be more.
    """
    options = acting(context)
    source = named(options, name)
    with as_service_errors(), connect(options.target, "cdc stream repair") as connection, Shown() as shown:
        done = list(islice(_mended(connection, options, source, reason, dry_run, shown), limit))
    masked = masks(options, "stream repair", name, reveal=False, reason=None)
    rows = [{**one, "key": list(masked.key(str(one["mirror"]), one["key"]))} for one in done]
    if as_json:
        write_json(rows)
    elif rows:
        told = [(one["mirror"], ", ".join(map(str, one["key"])), one["what"], one["done"] or "") for one in rows]
        write_table("Wrong rows", ("mirror", "key", "what", "done"), told)
    else:
        say("Every mirror row is what the journal says.")
    if len(rows) == limit:
        say("There may be more: it stopped at the limit.")
    if len(rows) == limit or any(one["done"] not in {"written", "removed"} for one in rows):
        raise typer.Exit(Exit.DIFFERENT if dry_run else Exit.ATTENTION)


def _mended(
    connection: psycopg.Connection[Any], options: Settings, source: Source, reason: str, dry_run: bool, shown: Shown
) -> Iterator[dict[str, Any]]:
    connection.autocommit = True
    contracts = {one.mirror: one for one in read_contracts_in_force(connection, source.name)}
    mappings: dict[str, tuple[str, ...]] = {}
    dictionary = dictionary_in_force(connection, options)
    hidden = masks_by(connection, dictionary)
    for mapping in dictionary.mappings:
        mappings[str(mapping.source)] = (*mappings.get(str(mapping.source), ()), mapping.name)
    opener = Opener(connection, options.protection)
    audit = MirrorAudit(opener, source.stream, contracts.values(), source.kind, options.tokens)
    with connect(options.target, "cdc stream repair") as writing:
        writing.autocommit = True
        mender = Mender(Opener(writing, options.protection), source.kind, mappings, options.tokens, reason)
        for fault in audit.audit(partial(shown.show, f"audit mirrors of {source.stream}", of="batches")):
            done = None if dry_run else mender.mend(contracts[fault.mirror], fault)
            yield {"mirror": fault.mirror, "key": hidden.key(fault.mirror, fault.key), "what": fault.what, "done": done}


def _pass_over(options: Settings, source: Source, reason: str) -> Resumed:
    with as_service_errors(), connect(options.target, "cdc stream resnapshot") as connection:
        return pass_over(connection, source.stream, extent(options.kafka, source.stream), reason)


def _configure(options: Settings, source: Source, connected: Connect, config: dict[str, str]) -> None:
    """Give the connector what its file says by now."""
    current = connected.config(source.name)
    if current != config:
        record = Reading(source, options.kafka)
        record.note_new(current)
        connected.validate(config)
        with record.dropping(record.leaving(current), partial(connected.config, source.name)):
            connected.configure(source.name, config)


def _shown(shown: Shown, stream: str, topic: Extent) -> Callable[[int], None]:
    return lambda offset: shown.show(stream, offset - topic.first, topic.end - topic.first, "records")


def _tell(resumed: Resumed, *, as_json: bool) -> None:
    if as_json:
        write_json(asdict(resumed))
        return
    write_line(f"{resumed.stream} goes on at offset {resumed.read_from}, behind {resumed.next_offset} that has landed.")
    if resumed.passed_over:
        write_line(f"{resumed.passed_over} offsets of its topic are passed over.")
    if resumed.new_topic:
        write_line(f"Its topic is another one; offset 0 of it is {resumed.shift} from now on.")

"""`cdc connectors remove`: a source taken off, step by step, each asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import psycopg
import typer

from cdc.capture.connect import Connect
from cdc.capture.connector import slot_name
from cdc.capture.plan.survey import strays
from cdc.capture.removal import WAITS, ConnectorRemoval, Outcome, Removal, Step, is_over, take
from cdc.capture.slot import drop_named
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.chosen import Name
from cdc.cli.context import acting
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.config import Settings, environment
from cdc.land.resume import where_in_topic
from cdc.store.action import record_action
from cdc.store.connection import as_service_errors, connect


def remove(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept on record with each step.")],
    *,
    yes_stop: Annotated[bool, typer.Option("--yes-stop", help="Stop the connector.")] = False,
    yes_offsets: Annotated[bool, typer.Option("--yes-offsets", help="Forget how far it has read.")] = False,
    yes_connector: Annotated[bool, typer.Option("--yes-connector", help="Delete the connector.")] = False,
    yes_topics: Annotated[bool, typer.Option("--yes-topics", help="Delete its topics.")] = False,
    yes_files: Annotated[bool, typer.Option("--yes-files", help="Delete connector file and contracts.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: source, steps (step, outcome: done, nothing to do, left, waits; what), slot (the "
            "DBA's statement, or null), hints (what the DBA may run besides).",
        ),
    ] = False,
) -> None:
    """Take a source off: stop the connector, forget its place, delete it, then its topics, then its files.

    Each step is asked for at the terminal, or named by an option; what nobody says yes to is left. Stop the connector
    while `cdc run` goes on and lands the rest, then end that, then go on. A command that was interrupted is repeated.
    The slot is the DBA's to drop: the statement is printed, and the files stay until it is gone. Mirrors, journal and
    what derives from them stay. Exit code 4 if something is left, 5 if changes in the topic have not landed.

    Of a connector of which no file says anything (`cdc connectors plan` names it) there are the first three steps,
    and its slot.
    """
    options = acting(context)
    sources = load_sources(options.folders.connector_configs)
    yes = {"stop": yes_stop, "offsets": yes_offsets, "connector": yes_connector}
    yes |= {"topics": yes_topics, "files": yes_files}
    if name not in sources:
        _remove_stray(options, name, sources, yes, reason, as_json=as_json)
        return
    source = sources[name]
    with (
        as_service_errors(),
        connect(options.target, "cdc connectors remove") as target,
        Connect(options.connect) as client,
    ):
        target.autocommit = True
        removal = Removal(source, client, options.kafka, options.folders.connector_configs)
        steps = removal.steps(lambda: where_in_topic(target, source.stream))
        agrees, record = _asker(yes), _recorder(target, name, reason)
        *of_connector, topics, files = steps
        done = take(of_connector, agrees, record)
        if is_over(done, "connector"):
            slot = removal.slot(environment())
            _tell_slot(slot)  # at once: whatever comes of the topics
            done += take([topics], agrees, record)
        else:
            slot = None  # while the connector is there, it needs it
            done.append(Outcome("topics", WAITS, "for the steps before"))
        if slot is None and all(one.is_over for one in done):
            done += take([files], agrees, record)
        else:
            done.append(Outcome("files", WAITS, "for the slot" if slot else "for the steps before"))
    hints = removal.hints(one for one in sources.values() if one.name != name)
    _end(name, done, slot, hints, as_json=as_json)


def _remove_stray(
    options: Settings, name: str, sources: Mapping[str, Source], yes: Mapping[str, bool], reason: str, *, as_json: bool
) -> None:
    """Take a connector away that is the service's by its class and topics. Raises SRC-103 for any other name."""
    with (
        as_service_errors(),
        connect(options.target, "cdc connectors remove") as target,
        Connect(options.connect) as client,
    ):
        target.autocommit = True
        if name not in strays(client, sources.keys()):
            find_source(sources, name)
        slot = _slot_of_stray(client.config(name) or {}, sources.values())
        done = take(ConnectorRemoval(name, (name,), client).steps(), _asker(yes), _recorder(target, name, reason))
    if is_over(done, "connector"):
        _tell_slot(slot)
    _end(name, done, slot, [], as_json=as_json)


def _slot_of_stray(config: Mapping[str, str], sources: Iterable[Source]) -> str | None:
    """Return the DBA's statement for its slot, which nothing else names once it is gone; None if a source has it."""
    slot = config.get("slot.name")
    return None if slot is None or slot in map(slot_name, sources) else drop_named(slot)


def _asker(yes: Mapping[str, bool]) -> Callable[[Step, list[str]], bool]:
    """Return what asks whether a step may be done: its option, or the person at the terminal."""

    def agrees(step: Step, what: list[str]) -> bool:
        if yes[step.name]:
            return True
        return sys.stdin.isatty() and typer.confirm(f"{step.question} ({', '.join(what)})", err=True)

    return agrees


def _recorder(target: psycopg.Connection[Any], name: str, reason: str) -> Callable[[Step, list[str]], None]:
    """Return what puts a step on record, before it is done: its effect is in no transaction of the target's."""
    return lambda step, what: record_action(
        target, "connectors remove", name, {"step": step.name, "removes": what}, reason
    )


def _tell_slot(slot: str | None) -> None:
    if slot is not None:
        say(f"For the DBA, now: the server keeps its log for nobody until then:\n  {slot}")


def _end(name: str, done: list[Outcome], slot: str | None, hints: list[str], *, as_json: bool) -> None:
    """Tell what was done and what is left; exit code 4 if something is."""
    _tell(name, done, slot, hints, as_json=as_json)
    if slot is not None or not all(one.is_over for one in done):
        raise typer.Exit(Exit.ATTENTION)


def _tell(name: str, done: list[Outcome], slot: str | None, hints: list[str], *, as_json: bool) -> None:
    if as_json:
        write_json({"source": name, "steps": [asdict(one) for one in done], "slot": slot, "hints": hints})
        return
    write_table(f"Removing {name}", ("step", "outcome", "what"), [(one.step, one.outcome, one.what) for one in done])
    for hint in hints:
        say(f"For the DBA, if nothing else needs it: {hint}")
    say(f"Mirrors and journal of {name} stay in the target.")

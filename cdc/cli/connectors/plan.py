"""`cdc connectors plan`: what `apply` would do, and what that leads to."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect
from cdc.capture.plan.plan import FORMAT, Plan, PlanFile, make_plan, write_plans
from cdc.capture.plan.survey import strays, survey
from cdc.capture.source import Source, load_sources
from cdc.capture.topics import topic_plans
from cdc.cli.chosen import Names, chosen, rendered
from cdc.cli.context import acting
from cdc.cli.failure import Exit, exit_of
from cdc.cli.output import say, write_advice, write_json, write_table
from cdc.cli.written import writing
from cdc.config import Settings
from cdc.errors import CdcError

SameServer = Annotated[
    bool,
    typer.Option(
        "--same-server",
        help="Another host or port in the file is another name of the server that was read: its log goes on there.",
    ),
]


def plan(
    context: typer.Context,
    names: Names = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the plan to a file that `apply FILE` takes.")
    ] = None,
    same_server: SameServer = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: format, cluster, plans, strays, same_server.")
    ] = False,
) -> None:
    """Show what `apply` would do: differences by setting with what they lead to, and the steps in order.

    Nothing is changed. Secrets are shown as the references that they are, or not at all. Exit code 3 if there is
    something to do, or a connector of which no file says anything. A source whose files are not finished is named with
    its code, which the exit code is then of; the others are shown, but no file is written.
    """
    options = acting(context)
    configs = [(source, _config(source, options)) for source in chosen(options, names)]
    faults = {source.name: config for source, config in configs if isinstance(config, CdcError)}
    if configs and len(faults) == len(configs):
        raise typer.Exit(_tell(faults, out))
    with Connect(options.connect) as connect:
        plans = [
            plan_source(source, options, connect, config, same_server=same_server)
            for source, config in configs
            if not isinstance(config, CdcError)
        ]
        cluster = connect.cluster()
        left = [] if names else strays(connect, load_sources(options.folders.connector_configs).keys())
    found = PlanFile(FORMAT, cluster, plans, left, same_server)
    if out is not None and not faults:
        with writing(out, "--out"):
            write_plans(out, found)
    if as_json:
        write_json(found)
    else:
        _write(found, out, is_whole=not faults)
    if faults:
        raise typer.Exit(_tell(faults, out))
    raise typer.Exit(Exit.DIFFERENT if left or any(one.steps for one in plans) else Exit.OK)


def _config(source: Source, options: Settings) -> dict[str, str] | CdcError:
    """Return what the connector is to be sent, or why nobody can tell yet: that must not hide the other sources."""
    try:
        return rendered(source, options)
    except CdcError as error:
        return error


def _tell(faults: Mapping[str, CdcError], out: Path | None) -> Exit:
    for name, fault in faults.items():
        say(f"{name}: {fault.advice()}")
    if out is not None:
        say(f"{out} is not written: it would lack {', '.join(faults)}")
    return max(map(exit_of, faults.values()))


def is_file(argument: str) -> bool:
    """Tell whether an argument of `apply` is a file: no source's name has a dot or a slash in it."""
    return not {".", "/"}.isdisjoint(argument)


def argument_of(file: Path) -> str:
    """Return a file as it is given to `apply`, in a shell: not as a name that a source might have."""
    return shlex.quote(str(file) if is_file(str(file)) else f"./{file}")


def plan_source(
    source: Source, options: Settings, connect: Connect, config: Mapping[str, str], *, same_server: bool
) -> Plan:
    """Return the plan of one source as things are now; `config` is what its connector is to be sent."""
    seen = survey(source, options.kafka, connect, topic_plans(source), connector.signal_topic(source))
    return make_plan(source, seen, config, same_server=same_server)


def _write(found: PlanFile, out: Path | None, *, is_whole: bool) -> None:
    changes = [
        (one.source, change.key, *change.apart(), change.impact) for one in found.plans for change in one.changes
    ]
    if changes:
        write_table("Settings", ("source", "setting", "now", "then", "leads to"), changes)
    steps = [
        (one.source, number, step.what, step.impact)
        for one in found.plans
        for number, step in enumerate(one.steps, start=1)
    ]
    if steps:
        write_table("Steps", ("source", "step", "what", "leads to"), steps)
    for line in _words(found.plans, found.strays):
        write_advice(line)
    if steps and (is_whole or out is None):
        say(f"next: cdc connectors apply {_names(found.plans) if out is None else argument_of(out)}")


def _words(plans: Sequence[Plan], left: Iterable[str]) -> Iterable[str]:
    for one in plans:
        if not one.steps:
            yield f"{one.source}: nothing to do"
        for change in {change.impact: change for change in one.changes}.values():
            yield f"{one.source}: {change.impact}: {change.why}"
        yield from (f"{one.source}: {hint}" for hint in one.hints)
    for name in left:
        yield f"{name}: no file says anything of it; `cdc connectors remove {name} --reason TEXT` takes it away"


def _names(plans: Iterable[Plan]) -> str:
    if any(one.takes_plan for one in plans):
        return "FILE (of --out: a place is forgotten, or a table is lost)"
    return " ".join(one.source for one in plans if one.steps)

"""`cdc target`: the target database as this release, the contracts and the dictionary want it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, NamedTuple

import psycopg
import typer

from cdc.approval import in_words, require_approved
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.policy import policy_of, require_policy
from cdc.capture.source import load_sources
from cdc.cli.context import Dev, acting, settings, without_approval
from cdc.cli.grants import grants
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.config import Settings
from cdc.derive.active import in_force_or, record
from cdc.derive.bind import bind, check_source_keys
from cdc.derive.ddl import mirrors_of, plan_target
from cdc.derive.leftover import Leftover, leftovers, plan_drops
from cdc.derive.mirror import Mirror
from cdc.derive.statement import Statement
from cdc.derive.turn import GATE
from cdc.land.contract.in_force import put_in_force, read_contracts_in_force, renew_sessions
from cdc.land.mirror.ddl import Step
from cdc.protect.classes import record_classes
from cdc.store.action import record_action
from cdc.store.connection import connect
from cdc.store.migrate import migrate
from transforms.load import load as load_dictionary
from transforms.mapping import MirrorRef
from transforms.model import Dictionary

# An index of as much is made in a second, which nobody who writes has to notice.
LARGE_MIB = 64

Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="NAME", help="Drop this table or index that an earlier dictionary left behind."),
]

app = typer.Typer(help="The target database.", no_args_is_help=True)
app.command()(grants)


@app.command()
def plan(
    context: typer.Context,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `steps`, a list of `step`, `locks`, `mib`, `beside` (bool), and `left_behind`, "
            "a list of `kind` (table, index), `name`, `mib`, `of` (the table of an index).",
        ),
    ] = False,
    drop: Drop = None,
) -> None:
    """Show what `cdc target apply` would do, what it locks meanwhile and for how much, and do nothing.

    A step that would keep others from writing to a large table is done beside the running service instead. What an
    earlier dictionary left behind is listed at the end, and stays until `--drop` names it.
    """
    steps, left = _apply(without_approval(settings(context)), drop or (), keep=False, tell=lambda _: None)
    left = [one for one in left if one.name not in (drop or ())]
    if as_json:
        write_json({"steps": [one._asdict() for one in steps], "left_behind": [one._asdict() for one in left]})
        return
    rows = [(planned.step, planned.locks or None, planned.mib or None, planned.how) for planned in steps]
    if rows:
        write_table("The target", ("step", "locks", "MiB", "how"), rows)
    say(f"{len(steps)} steps. Run `cdc target apply` to do them." if steps else "Nothing to do, the target is ready.")
    for one in left:
        say(f"Left behind: {one.kind} {one.name}, {one.mib} MiB. `cdc target apply --drop {one.name}` drops it.")


@app.command()
def apply(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    dev: Dev = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: `dry_run` (bool) and `steps`, a list of texts.")
    ] = False,
    drop: Drop = None,
) -> None:
    """Make the target ready: migrations, contracts, mirrors, dictionary, canonical tables, indexes for look-ups.

    All of it happens in one transaction or not at all, indexes of large tables aside: these come after it, one by one,
    while the service goes on. What is there stays; a second run does what is left, or finds nothing to do.
    """
    read = acting(context)
    steps = apply_target(without_approval(read) if dev else read, drop or (), keep=not dry_run, tell=say)
    if as_json:
        write_json({"dry_run": dry_run, "steps": steps})
        return
    for step in steps:
        write_line(step)
    if not steps:
        say("Nothing to do, the target is ready.")
    elif dry_run:
        say(f"{len(steps)} steps would be done. Run `cdc target apply` to do them.")
    else:
        say(f"{len(steps)} steps done.")


class Planned(NamedTuple):
    """A step in words; `locks`: the table that nobody can write to meanwhile, of `mib`; `beside`: without that."""

    step: str
    locks: str = ""
    mib: int = 0
    beside: bool = False

    @property
    def how(self) -> str:
        """When it is done."""
        return "beside the service, afterwards" if self.beside else "at once"


def apply_target(
    read: Settings, drop: Collection[str] = (), *, keep: bool = True, tell: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Do what is missing and return it in words; with `keep` False it is rolled back.

    Raises DRV-106, DRV-108, DRV-121 for what cannot be dropped. `tell` gets a line before each step that takes long.
    """
    steps, _ = _apply(read, drop, keep=keep, tell=tell)
    return [planned.step for planned in steps]


def _apply(
    read: Settings, drop: Collection[str], *, keep: bool, tell: Callable[[str], None]
) -> tuple[list[Planned], list[Leftover]]:
    """Do it; return the steps, and what an earlier dictionary left behind, dropped or not."""
    # Files are read first: an open transaction may not wait for anything.
    contracts = contracts_of(read)
    dictionary = load_dictionary(read.folders.dictionary)
    require_approved(read, dictionary)
    approval = in_words(read, dictionary)
    later: list[Statement] = []
    with connect(read.target, "cdc target apply") as connection:
        with connection.transaction(force_rollback=not keep):
            connection.execute(
                "SET LOCAL statement_timeout = 0"
            )  # an index on a large mirror takes as long as it takes
            done: list[str | Step | Planned] = [
                *_land_steps(connection, contracts),
                *_dictionary_steps(connection, read, dictionary, approval),
            ]
            if drop:
                connection.execute(GATE)  # no other dictionary is put in force meanwhile, which may need what goes
            in_force = in_force_or(connection, dictionary)
            done += record_classes(connection, in_force)
            domains = in_force.domains()
            mirrors = _mirrors(connection, contracts)
            check_source_keys(dictionary.domains(), mirrors)
            done += _done(connection, plan_target(connection, domains, mirrors), later, keep=keep)
            left = leftovers(connection, [bind(domain, "", mirrors) for domain in domains])
            done += _done(connection, plan_drops(connection, left, drop), later, keep=keep)
            steps = [step if isinstance(step, Planned) else Planned(_words(step)) for step in done]
            if steps:
                _record(connection, [planned.step for planned in steps if not planned.beside])
        if keep:
            renew_sessions(connection, (step for step in done if isinstance(step, Step)))
            connection.commit()
            _do_beside(connection, later, tell)
    return steps, left


def _words(step: str | Step) -> str:
    return step.title if isinstance(step, Step) else step


def _do_beside(connection: psycopg.Connection, statements: Iterable[Statement], tell: Callable[[str], None]) -> None:
    """Do what would lock a large table for long, without that; who is killed leaves it to the next run."""
    connection.autocommit = True
    # They wait for everybody who was writing when they began, and keep nobody from beginning.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET lock_timeout = 0")
    for statement in statements:
        tell(f"{statement.title}: the service goes on meanwhile ...")
        for text in statement.beside:
            connection.execute(text.encode())
        _record(connection, [statement.title])


def contracts_of(read: Settings) -> dict[str, tuple[Contract, ...]]:
    """Return the reviewed contracts of every source that has a connector file. Raises SRC-101, SRC-102, TGT-118."""
    folder = read.folders.connector_configs
    sources = load_sources(folder)
    found = {name: read_contracts(folder / "contracts" / name) for name in sources}
    for name, contracts in found.items():
        require_policy(contracts, policy_of(sources[name]))
    return found


def _land_steps(connection: psycopg.Connection, contracts: Mapping[str, tuple[Contract, ...]]) -> Iterator[str | Step]:
    yield from (f"apply migration {name}" for name in migrate(connection))
    for source, wanted in contracts.items():
        yield from _contract_steps(connection, source, wanted)


def _contract_steps(connection: psycopg.Connection, source: str, wanted: tuple[Contract, ...]) -> Iterator[str | Step]:
    before = {contract.mirror: contract for contract in read_contracts_in_force(connection, source)}
    steps = put_in_force(connection, source, wanted)
    for contract in read_contracts_in_force(connection, source):
        if contract != before.get(contract.mirror):
            yield f"put contract {contract.mirror} in force"
    yield from steps


def _mirrors(connection: psycopg.Connection, sources: Iterable[str]) -> dict[MirrorRef, Mirror]:
    """Return the mirrors of the contracts in force."""
    return mirrors_of(contract for source in sources for contract in read_contracts_in_force(connection, source))


def _done(
    connection: psycopg.Connection, statements: Iterable[Statement], later: list[Statement], *, keep: bool
) -> Iterator[Planned]:
    """Do statements, with `keep`: an index on a mirror is no dry run.

    What waits for others, or would keep others from writing to a large table, is put off until `later`.
    """
    for statement in statements:
        mib = _mib(connection, statement.locked) if statement.locked else 0
        beside = mib >= LARGE_MIB or statement.is_beside
        if beside:
            later.append(statement)
        elif keep:
            connection.execute(statement.text.encode())
        yield Planned(statement.title, statement.locked.replace('"', "") if mib else "", mib, beside)


def _mib(connection: psycopg.Connection, table: str) -> int:
    """Return how large a table is, 0 where there is none."""
    row = connection.execute("SELECT pg_table_size(to_regclass(%s)) >> 20", (table,)).fetchone()
    return (row and row[0]) or 0


def _dictionary_steps(
    connection: psycopg.Connection, read: Settings, dictionary: Dictionary, approval: str
) -> Iterator[str]:
    if record(connection, read, dictionary):
        yield f"record dictionary {dictionary.name} {dictionary.version}, {approval}"


def _record(connection: psycopg.Connection, steps: list[str]) -> None:
    record_action(connection, "target apply", "target", steps)

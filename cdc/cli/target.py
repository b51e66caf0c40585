"""`cdc target`: the target database as this release, the contracts and the dictionary want it."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import psycopg
import typer
from psycopg.types.json import Jsonb

from cdc.approval import in_words, require_approved
from cdc.capture.contract import Contract, read_contracts
from cdc.capture.source import load_sources
from cdc.cli.context import Dev, settings, without_approval
from cdc.cli.output import say, write_json, write_line
from cdc.config import Settings
from cdc.derive.ddl import mirrors_of, plan_target
from cdc.land.contract.in_force import put_in_force, read_contracts_in_force, renew_sessions
from cdc.land.mirror.ddl import Step
from cdc.store.connection import connect
from cdc.store.migrate import migrate
from transforms.load import load as load_dictionary
from transforms.model import Dictionary

app = typer.Typer(help="The target database.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `target` a group while it has one command."""


@app.command()
def apply(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    dev: Dev = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: `dry_run` (bool) and `steps`, a list of texts.")
    ] = False,
) -> None:
    """Make the target ready: migrations, contracts, mirrors, dictionary, canonical tables, indexes for look-ups.

    All of it happens in one transaction or not at all. What is there stays; a second run finds nothing to do.
    """
    read = settings(context)
    steps = apply_target(without_approval(read) if dev else read, keep=not dry_run)
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


def apply_target(read: Settings, *, keep: bool = True) -> list[str]:
    """Do what is missing and return it in words; with `keep` False it is rolled back. Raises DRV-106 and DRV-108."""
    # Files are read first: an open transaction may not wait for anything.
    contracts = contracts_of(read)
    dictionary = load_dictionary(read.folders.dictionary)
    require_approved(read, dictionary)
    approval = in_words(read, dictionary)
    with connect(read.target, "cdc target apply") as connection:
        with connection.transaction(force_rollback=not keep):
            connection.execute(
                "SET LOCAL statement_timeout = 0"
            )  # an index on a large mirror takes as long as it takes
            done = [
                *_land_steps(connection, contracts),
                *_dictionary_steps(connection, dictionary, approval),
                *_derive_steps(connection, contracts, dictionary, keep=keep),
            ]
            steps = [step.title if isinstance(step, Step) else step for step in done]
            if steps:
                _record(connection, steps)
        if keep:
            renew_sessions(connection, (step for step in done if isinstance(step, Step)))
    return steps


def contracts_of(read: Settings) -> dict[str, tuple[Contract, ...]]:
    """Return the reviewed contracts of every source that has a connector file. Raises SRC-101 and SRC-102."""
    folder = read.folders.connector_configs
    return {name: read_contracts(folder / "contracts" / name) for name in load_sources(folder)}


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


def _derive_steps(
    connection: psycopg.Connection, sources: Iterable[str], dictionary: Dictionary, *, keep: bool
) -> Iterator[str]:
    """Yield what its tables need; it is done only with `keep`: an index on a large mirror is no dry run."""
    in_force = [contract for source in sources for contract in read_contracts_in_force(connection, source)]
    for statement in plan_target(connection, dictionary.domains(), mirrors_of(in_force)):
        if keep:
            connection.execute(statement.text.encode())
        yield statement.title


def _dictionary_steps(connection: psycopg.Connection, dictionary: Dictionary, approval: str) -> Iterator[str]:
    added = connection.execute(
        "INSERT INTO cdc.dictionary (digest, version, content) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (dictionary.digest, dictionary.version, dictionary.content),
    )
    if added.rowcount:
        yield f"record dictionary {dictionary.name} {dictionary.version}, {approval}"


def _record(connection: psycopg.Connection, steps: list[str]) -> None:
    connection.execute(
        "INSERT INTO cdc.operator_action (actor, action, object, effect) VALUES (%s, 'target apply', 'target', %s)",
        (f"{getpass.getuser()}@{socket.gethostname()}", Jsonb(steps)),
    )

"""`cdc held waive`, `waivers`, `approve` and `withdraw`: rows that are let go although the dictionary refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import psycopg
import typer

from cdc.cli.complete import complete_mapping
from cdc.cli.context import acting, settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.cli.queue import is_derived_within
from cdc.cli.reveal import Reveal, RevealReason, masks_by, masks_or_look, require_reason
from cdc.config import Settings, environment
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.derive.held import Selection, count_held
from cdc.derive.waiver import IN_FORCE, STATES, Done, Record, Waiving, document
from cdc.protect.mask import Masks
from cdc.reference import UnresolvedError, is_reference, resolve
from cdc.store.connection import as_service_errors, connect
from transforms.model import Dictionary

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `cdc held waivers` has it.")]
WhyAtAll = Annotated[str | None, typer.Option("--reason", help="Why, for the record of what operators did.")]
Wait = Annotated[float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait until it is derived.")]
_OF_ONE = (
    "id, mapping, source_key (list), code, field, columns (list of column, code, value; null: left out, or shredded), "
    "reason, requested_by, requested_at, approved_by, approved_at, withdrawn_by, withdrawn_at, version, dictionary, "
    "state (open, in force, void), because (null unless it is void)"
)
_OF_CHANGE = f"Print one object: `changed` (bool), `derived` (bool), `held` (bool), `waiver`: {_OF_ONE}."


def waive(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    mapping: Annotated[
        str,
        typer.Argument(
            metavar="MAPPING",
            help="Its mapping (of a fold: its table), as `cdc held list` has it.",
            autocompletion=complete_mapping,
        ),
    ],
    key: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="The values of the source key (of a fold: its own), in order.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who approve it and those who audit it.")],
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="COLUMN=VALUE",
            help="The canonical value of a column that is refused; one that is personal by reference (${env:NAME}, "
            "${file:PATH:KEY}, ${dir:PATH:FILE}), as whoever lists processes sees command lines.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="COLUMN", help="A refused column to leave out.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=f"Print one object: `changed` (bool), `waiver`: {_OF_ONE}.")
    ] = False,
) -> None:
    """Ask for a held row to be let go, with a value for each column that is refused, or without the column.

    Nothing changes until somebody else approves it (`cdc held approve`). It counts for the source row as it is now,
    and for the dictionary that is in force now: when either changes it is void. One of a version in a history
    (MAPPING.history, the version last in KEY) counts for that version alone; one of a row that a fold cannot make (the
    fold's table as MAPPING) for as long as no contribution to it changes, comes or goes. The canonical row has it among
    its warnings. Exit code 5 for what cannot be waived so, or beside another waiver of the row.
    """
    values = _values(value or [], without or [])
    if not reason.strip():
        raise typer.BadParameter("say why by --reason")
    with _waiving(acting(context), "cdc held waive") as session:
        done = session.waiving.ask(mapping, key, values, reason.strip())
        waiver = _masked(session.masks(), done.waiver)
    if as_json:
        write_json({"changed": done.changed, "waiver": document(waiver)})
        return
    if done.changed:
        say(f"Waiver {waiver.id} waits for somebody else than {waiver.requested_by}: `cdc held approve {waiver.id}`.")
    else:
        say(f"Waiver {waiver.id} says so already; it is {waiver.state}. Nothing was done.")


def waivers(
    context: typer.Context,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping", metavar="MAPPING", help="Only of rows of this mapping.", autocompletion=complete_mapping
        ),
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help=f"Only those that are {', '.join(STATES)}.")
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[bool, typer.Option("--json", help=f"Print one object: `waivers`, a list of {_OF_ONE}.")] = False,
) -> None:
    """List waivers, the latest first: of which row, what is decided of it, who asked and who approved, and its state.

    A waiver that is open waits for approval. One is void when it was withdrawn, when the source row (of a fold: what is
    contributed) has changed since, when another dictionary is in force, or when the key of what it gives was shredded:
    the row is derived without it. Personal values are masked.
    """
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"--state is one of {', '.join(STATES)}")
    require_reason(reveal, reason)
    with _waiving(settings(context), "cdc held waivers") as session:
        look = ("held waivers", mapping or "*")
        shown = masks_or_look(session.connection, session.dictionary, look, reveal, reason)
        found = [_masked(shown, one) for one in session.waiving.read(mapping) if state in (None, one.state)]
    if as_json:
        write_json({"waivers": [document(one) for one in found]})
        return
    columns = ("id", "state", "mapping", "source key", "decided", "asked by", "approved by", "reason", "because")
    write_table("Waivers", columns, [_row(one) for one in found])
    say(f"{len(found)} waivers." if found else "There is no waiver.")


def approve(
    context: typer.Context,
    number: Number,
    reason: WhyAtAll = None,
    wait_s: Wait = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help=_OF_CHANGE)] = False,
) -> None:
    """Approve a waiver that somebody else has asked for: its row is derived as that says.

    Exit code 5 if whoever asked for it is who approves it, or if it is void; 6 if its row has not been derived after
    the time that was given; 4 if it is held for something else.
    """
    with _waiving(acting(context), "cdc held approve") as session:
        _finish(session, session.waiving.approve(number, reason), wait_s, "is in force", as_json=as_json)


def withdraw(
    context: typer.Context,
    number: Number,
    reason: WhyAtAll = None,
    wait_s: Wait = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help=_OF_CHANGE)] = False,
) -> None:
    """Withdraw a waiver, approved or not: its row is derived without it, and held again if it is still refused.

    Exit code 6 if it has not been derived after the time that was given.
    """
    with _waiving(acting(context), "cdc held withdraw") as session:
        _finish(session, session.waiving.withdraw(number, reason), wait_s, "is withdrawn", as_json=as_json)


class _Session(NamedTuple):
    """What a command of waivers works with; `connection` is in autocommit."""

    connection: psycopg.Connection[Any]
    dictionary: Dictionary
    waiving: Waiving

    def masks(self) -> Masks:
        return masks_by(self.connection, self.dictionary)


@contextmanager
def _waiving(read: Settings, name: str) -> Iterator[_Session]:
    with as_service_errors(), connect(read.target, name) as connection:
        connection.autocommit = True
        dictionary = dictionary_in_force(connection, read)
        plans = list(bound_domains(connection, dictionary))
        yield _Session(connection, dictionary, Waiving(connection, plans, read.protection))


def _values(given: list[str], without: list[str]) -> dict[str, str | None]:
    """Return what is decided of each column, by name."""
    pairs: list[tuple[str, str | None]] = [(name, None) for name in without]
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter("--value is COLUMN=VALUE")
        pairs.append((name, _meant(name, value)))
    if not pairs:
        raise typer.BadParameter("say by --value or --without what becomes of the columns that are refused")
    if len(dict(pairs)) < len(pairs):
        raise typer.BadParameter("each column has one --value or --without")
    return dict(sorted(pairs))


def _meant(name: str, value: str) -> str:
    """Return a value, or what it refers to."""
    try:
        return resolve(value, environment()) if is_reference(value) else value
    except UnresolvedError as error:
        raise typer.BadParameter(f"{name}: {error}", param_hint="--value") from None


def _row(one: Record) -> tuple[str | int | None, ...]:
    decided = ", ".join(
        f"{column} {'left out' if value is None else f'= {value}'}"
        for column, value in zip(one.columns, one.given or (), strict=False)
    )
    who = (one.requested_by, one.approved_by)
    return one.id, one.state, one.mapping, ", ".join(one.source_key), decided, *who, one.reason, one.because


def _masked(shown: Masks, one: Record) -> Record:
    """Return a waiver as it is shown: a value is masked if any column of that name is."""
    given = one.given and [shown.decided(*each) for each in zip(one.columns, one.given, strict=True)]
    return replace(one, given=given, source_key=shown.source_key(one.mapping, one.source_key))


def _finish(session: _Session, done: Done, wait_s: float, what: str, *, as_json: bool) -> None:
    """Wait for the row, and say what has become of it."""
    waiver = done.waiver
    derived = is_derived_within(session.connection, done.queued, wait_s, [waiver.mapping])
    held = count_held(session.connection, Selection(waiver.mapping, None, waiver.source_key)) > 0
    if as_json:
        shown = document(_masked(session.masks(), waiver))
        write_json({"changed": done.changed, "derived": derived, "held": held, "waiver": shown})
    else:
        before = "" if done.changed else " already, nothing was done"
        became = f"its row {'is held' if held else 'is not held'}."
        waits = "its row is in the queue and has not been derived yet: look at `cdc status`."
        say(f"Waiver {waiver.id} {what}{before}; {became if derived else waits}")
    if not derived:
        raise typer.Exit(Exit.TIMED_OUT)
    raise typer.Exit(Exit.ATTENTION if held and waiver.state == IN_FORCE else Exit.OK)

"""`cdc held retry`: derive held rows again, or say beforehand what would come of it."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Annotated, Any

import psycopg
import typer

from cdc.cli.complete import complete_held_code, complete_mapping
from cdc.cli.context import acting, without_approval
from cdc.cli.differing import JSON_HELP, masked, write_differences
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json
from cdc.cli.progress import Shown
from cdc.cli.queue import is_derived_within
from cdc.cli.repeated import of_deployment
from cdc.cli.reveal import Reveal, masks_by, masks_or_look, require_reason
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.derive.held import Key, Selection, count_held, queue_retry, read_keys
from cdc.derive.rehearsal import HELD, Difference, Rehearsal
from cdc.errors import FatalError
from cdc.store.connection import as_service_errors, connect
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]

_PORTION = 500
"""Rows that are rehearsed at once: what their turn locks is free again soon."""

OfMapping = Annotated[
    str | None,
    typer.Option("--mapping", metavar="MAPPING", help="Only rows of this mapping.", autocompletion=complete_mapping),
]
WithCode = Annotated[
    str | None,
    typer.Option("--code", metavar="CODE", help="Only rows held with this code.", autocompletion=complete_held_code),
]


def retry(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    mapping: OfMapping = None,
    code: WithCode = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VALUE", help="Only the row with this source key; once for each of its columns."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All held rows, if nothing else is said.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which rows would change, and how.")] = False,
    dictionary: Annotated[
        str | None,
        typer.Option(
            "--dictionary",
            metavar="V|FOLDER",
            help="With --dry-run: by this version of the dictionary, named as for `cdc dictionary activate`; it need "
            "not be approved.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record of what operators did.")] = None,
    reveal: Reveal = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait until they have been derived.")
    ] = 30.0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `selected`, `queued`, `derived` (bool, or null with --dry-run), `held` (how many "
            "of them still are), and with --dry-run `heals` (how many would be held no more) and `changes`, "
            f"{JSON_HELP}.",
        ),
    ] = False,
) -> None:
    """Derive held rows again, and whatever waits for them: after something was mended that no event tells of.

    Held rows heal by themselves when a source row or the dictionary changes; nothing is lost by asking once more.
    With --dry-run a derivation is rehearsed and taken back, beside the one that runs; with --dictionary as well it says
    what another version would make of the held rows, and of what hangs on them (all else that it changes is said by
    `cdc dictionary activate V --dry-run`). Exit code 6 if they have not been derived after the time that was given:
    they are in the queue.
    """
    selection = _selection(mapping, code, key, everything)
    if dictionary is not None and not dry_run:
        # A table is of one version: no row alone is derived by another one.
        raise typer.BadParameter(
            of_deployment(
                f"--dictionary only rehearses: add --dry-run. `cdc dictionary activate {dictionary}` puts it in force, "
                "and what it heals is derived"
            )
        )
    read = acting(context)
    require_reason(reveal, reason)
    with as_service_errors(), connect(read.target, "cdc held retry") as connection:
        connection.autocommit = True
        selected = count_held(connection, selection)
        if dry_run:
            used = dictionary_in_force(connection, read)
            by = [] if dictionary is None else [_another(connection, read, used, dictionary)]
            look = ("held retry --dry-run", mapping or "*")
            shown = [masks_or_look(connection, used, look, reveal, reason)]
            shown += [masks_by(connection, one) for one in by if not reveal]  # what either version masks is masked
            keys = read_keys(connection, selection)
            rehearsed = _rehearsed(connection, read, keys, [used, *by][-1], another=bool(by))
            changes = [reduce(lambda change, each: masked(each, change), shown, one) for one in rehearsed]
            _finish(as_json, selected=selected, queued=0, derived=None, held=selected, changes=changes)
            return
        queued, last = queue_retry(connection, selection, reason, _on_record(connection, read, selection))
        derived = is_derived_within(connection, last, wait_s, [mapping] if mapping else None)
        held = count_held(connection, selection)
    _finish(as_json, selected=selected, queued=queued, derived=derived, held=held)
    raise typer.Exit(Exit.OK if derived else Exit.TIMED_OUT)


def _selection(mapping: str | None, code: str | None, key: list[str] | None, everything: bool) -> Selection:
    if not (mapping or code or everything):
        raise typer.BadParameter("name a --mapping or a --code, or ask for --all")
    if key and not mapping:
        raise typer.BadParameter("a --key is one of a --mapping")
    return Selection(mapping, code.upper() if code else None, key or None)


def _on_record(connection: Connection, read: Settings, selection: Selection) -> Selection:
    """Return a selection as it is put on record for good: with a key that is masked where commands mask it."""
    if selection.mapping is None or selection.key is None:
        return selection
    shown = masks_by(connection, dictionary_in_force(connection, read))
    return replace(selection, key=shown.source_key(selection.mapping, selection.key))


def _rehearsed(
    connection: Connection, read: Settings, rows: list[tuple[str, Key]], used: Dictionary, *, another: bool
) -> list[Difference]:
    """Return what deriving the rows again would change, domain by domain, some at a time."""
    found: dict[Difference, None] = {}
    with Shown() as shown:
        for plan in bound_domains(connection, used):
            ours = [row for row in rows if row[0] in plan.names]
            if not ours:
                continue
            with connect(read.target, "cdc held retry --dry-run") as apart:
                apart.autocommit = True
                rehearsal = Rehearsal(apart, plan, read.protection, by_another=another)
                for place in range(0, len(ours), _PORTION):
                    found |= dict.fromkeys(rehearsal.differences(ours[place : place + _PORTION]))
                    shown.show(f"rehearse {plan.name}", min(place + _PORTION, len(ours)), len(ours))
    return list(found)


def _another(connection: Connection, read: Settings, in_force: Dictionary, named: str) -> Dictionary:
    """Return a version to rehearse by. Raises DRV-116 as an activation does, DRV-135 if tables have another shape."""
    from cdc.activate.activate import version_named  # noqa: PLC0415 - a command loads what it needs
    from cdc.activate.edition import Edition, reshaped  # noqa: PLC0415

    found, _ = version_named(connection, without_approval(read), named)
    tables = reshaped(Edition.of(in_force), Edition.of(found))
    if tables:
        raise FatalError("DRV-135", ", ".join(tables))
    return found


def _finish(
    as_json: bool,
    *,
    selected: int,
    queued: int,
    derived: bool | None,
    held: int,
    changes: list[Difference] | None = None,
) -> None:
    if as_json:
        shown: dict[str, object] = {}
        if changes is not None:
            shown = {"heals": _healing(changes), "changes": [change.document() for change in changes]}
        write_json({"selected": selected, "queued": queued, "derived": derived, "held": held, **shown})
    elif changes is not None:
        write_differences("What would change", changes)
        say(
            f"{len(changes)} rows would change if {selected} held rows were derived again, {_healing(changes)} would be"
            " held no more. Nothing was done."
        )
    elif derived:
        say(f"{selected} held rows were derived again; {held} are held.")
    else:
        already = f" ({selected - queued} were there before)" if selected > queued else ""
        say(f"{selected} rows are in the queue{already} and have not been derived yet: look at `cdc status`.")


def _healing(changes: list[Difference]) -> int:
    return sum(change.table == HELD and change.after is None for change in changes)

"""`cdc held retry`: derive held rows again, or say beforehand what would come of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
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
from cdc.derive.held import Selection, count_held, queue_retry, read_keys
from cdc.derive.rehearsal import HELD, Difference, Rehearsal
from cdc.errors import FatalError
from cdc.store.connection import as_service_errors, connect
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]

_PORTION = 500
"""Rows that are rehearsed at once: what their turn locks is free again soon."""
_LIMIT = 1000
"""Rows that would change, of which a person still reads what."""

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
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, help=f"With --dry-run: stop after so many rows that would change. Default: {_LIMIT}."
        ),
    ] = None,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait until they have been derived.")
    ] = 30.0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `selected`, `queued`, `derived` (bool, or null with --dry-run), `held` (how many "
            "of them still are), and with --dry-run `rehearsed` (how many were), `whole` (false: stopped at the "
            f"limit), `heals` (how many would be held no more) and `changes`, {JSON_HELP}.",
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
    if limit is not None and not dry_run:
        raise typer.BadParameter("--limit is of what --dry-run prints")
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
            found = _rehearse(connection, read, selection, [used, *by][-1], limit or _LIMIT, another=bool(by))
            found.changes = [reduce(lambda change, each: masked(each, change), shown, one) for one in found.changes]
            _finish(as_json, selected=selected, queued=0, derived=None, held=selected, found=found)
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


@dataclass(slots=True)
class _Rehearsed:
    """What would change if so many held rows were derived again: the first of it if there is more than the limit."""

    rows: int
    changes: list[Difference]
    whole: bool

    @property
    def heals(self) -> int:
        """How many rows would be held no more."""
        return sum(change.table == HELD and change.after is None for change in self.changes)

    def document(self) -> dict[str, object]:
        """Return what `--json` says of it."""
        listed = [change.document() for change in self.changes]
        return {"rehearsed": self.rows, "whole": self.whole, "heals": self.heals, "changes": listed}


def _rehearse(
    connection: Connection, read: Settings, selection: Selection, used: Dictionary, limit: int, *, another: bool
) -> _Rehearsed:
    """Return what deriving the rows again would change; no more of it is kept than the limit and a portion."""
    found: dict[Difference, None] = {}
    rows = 0
    with closing(_portions(connection, read, selection, used, another=another)) as portions:
        for count, differences in portions:
            if len(found) >= limit:
                return _Rehearsed(rows, list(found)[:limit], whole=False)
            rows += count
            found |= dict.fromkeys(differences)
    return _Rehearsed(rows, list(found)[:limit], whole=len(found) <= limit)


def _portions(
    connection: Connection, read: Settings, selection: Selection, used: Dictionary, *, another: bool
) -> Generator[tuple[int, list[Difference]]]:
    """Yield portion by portion, domain by domain, how many rows were rehearsed and what would change."""
    with Shown() as shown:
        for plan in bound_domains(connection, used):
            with connect(read.target, "cdc held retry --dry-run") as apart:
                apart.autocommit = True
                rehearsal = Rehearsal(apart, plan, read.protection, by_another=another)
                done = 0
                for keys in read_keys(connection, selection, plan.names, _PORTION):
                    done += len(keys)
                    yield len(keys), rehearsal.differences(keys)
                    shown.show(f"rehearse {plan.name}", done, done)


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
    found: _Rehearsed | None = None,
) -> None:
    if as_json:
        shown = {} if found is None else found.document()
        write_json({"selected": selected, "queued": queued, "derived": derived, "held": held, **shown})
    elif found is not None:
        write_differences("What would change", found.changes)
        rest = "" if found.whole else f" Of {selected} that are held: it ended at --limit."
        say(
            f"{len(found.changes)} rows would change if {found.rows} held rows were derived again, {found.heals} would"
            f" be held no more.{rest} Nothing was done."
        )
    elif derived:
        say(f"{selected} held rows were derived again; {held} are held.")
    else:
        already = f" ({selected - queued} were there before)" if selected > queued else ""
        say(f"{selected} rows are in the queue{already} and have not been derived yet: look at `cdc status`.")

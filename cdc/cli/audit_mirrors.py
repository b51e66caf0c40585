"""`cdc audit mirrors`: whether mirrors are what the journal says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Annotated

import typer

from cdc.capture.source import Source
from cdc.cli.chosen import Names, chosen
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.cli.progress import Shown
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.config import Settings
from cdc.errors import FatalError
from cdc.evidence.mirrors import MirrorAccount, MirrorAudit, MirrorFault
from cdc.land.contract.in_force import read_contracts_in_force
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect


@dataclass(slots=True)
class _Findings:
    """What the passes have come to: `whole` is False if they stopped at the limit."""

    accounts: list[MirrorAccount] = field(default_factory=list)
    faults: list[MirrorFault] = field(default_factory=list)
    whole: bool = True


def mirrors(
    context: typer.Context,
    names: Names = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Stop after so many wrong rows.")] = 1000,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `holds` (bool), `whole` (false: stopped at the limit), `mirrors`, a list of "
            "mirror, rows, proven (rows that an event says whole), partly (of which it says some columns), archived "
            "(whose event the archive has), shredded (whose event nobody can read any more), faults, and "
            "`faults`, a list of mirror, key, what, stream, batch, offset (null: no event).",
        ),
    ] = False,
) -> None:
    """Read the journal again and hold every mirror row against the last event of its key, beside the workers.

    A row that somebody changed, removed or added by hand is named. Rows that no event says whole are counted only:
    cascades, values that the log left out, refused changes, events of archived months, or of which the key was
    shredded. Tables without a key are left out. Personal values of keys are masked. Exit code 3 if anything is wrong.
    """
    read = settings(context)
    masked = masks(read, "audit mirrors", ", ".join(names or ["*"]), reveal, reason)
    found = _Findings()
    with Shown() as shown:
        for source in chosen(read, names):
            _audit(read, source, found, limit, shown)
    found.faults = [replace(one, key=tuple(masked.key(one.mirror, one.key))) for one in found.faults]
    if as_json:
        write_json(
            {
                "holds": not found.faults,
                "whole": found.whole,
                "mirrors": [asdict(one) for one in found.accounts],
                "faults": [asdict(one) for one in found.faults],
            }
        )
    else:
        _write(found)
    raise typer.Exit(Exit.DIFFERENT if found.faults else Exit.OK)


def _audit(read: Settings, source: Source, found: _Findings, limit: int, shown: Shown) -> None:
    with as_service_errors(), connect(read.target, "cdc audit mirrors") as connection:
        contracts = read_contracts_in_force(connection, source.name)
        connection.commit()
        connection.autocommit = True
        audit = MirrorAudit(Opener(connection, read.protection), source.stream, contracts, source.kind, read.tokens)
        for fault in audit.audit(partial(shown.show, f"audit mirrors of {source.stream}", of="batches")):
            found.faults.append(fault)
            if len(found.faults) >= limit:
                found.whole = False
                break
        shown.end()
        found.accounts += audit.accounts.values()


def _write(found: _Findings) -> None:
    columns = ("mirror", "rows", "proven", "partly", "archived", "shredded", "faults")
    rows = [
        (one.mirror, one.rows, one.proven, one.partly, one.archived, one.shredded, one.faults) for one in found.accounts
    ]
    write_table("Mirrors", columns, rows)
    if not found.faults:
        say("Every mirror row is what the journal says." if found.accounts else "Nothing has landed yet.")
        return
    wrong = [(one.mirror, ", ".join(one.key), one.what, one.stream, one.batch, one.offset) for one in found.faults]
    write_table("Wrong rows", ("mirror", "key", "what", "stream", "batch", "offset"), wrong)
    rest = "" if found.whole else " There may be more: the pass stopped at the limit."
    say(FatalError("EVD-117", f"{len(found.faults)} rows.{rest}").advice())

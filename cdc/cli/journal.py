"""`cdc journal`: months that leave the target for files, and whether these are what left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cdc.cli.anchor import JSON_HELP, Files, Heads, Keys, Topic
from cdc.cli.context import acting, settings
from cdc.cli.output import say, write_json, write_table
from cdc.cli.progress import Shown
from cdc.config import Anchors, Settings
from cdc.errors import FatalError
from cdc.evidence.archive.file import Manifest, verify_part
from cdc.evidence.archive.month import (
    Month,
    Sign,
    archive_month,
    closed_months,
    prune_keys,
    require_alone,
    require_owner,
)
from cdc.evidence.archive.retention import Retention, read_retention
from cdc.evidence.archive.verify import Verified
from cdc.evidence.chain import Part, read_parts
from cdc.evidence.signed import sign_file
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect

app = typer.Typer(help="The journal: months that are over leave the target for an archive.", no_args_is_help=True)

Folder = Annotated[
    Path | None, typer.Option("--folder", metavar="FOLDER", help="Of the archive. Default: archive.folder.")
]


@app.command()
def archive(
    context: typer.Context,
    folder: Folder = None,
    keep_months: Annotated[
        int | None,
        typer.Option("--keep", min=1, metavar="MONTHS", help="Whole months that stay, more than the settings say."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which months would leave.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `months`, a list of name, to_at, age (whole months), records (by stream); "
            "`files`, the manifests of what was written; `pruned`, entries of the index of changed rows that went.",
        ),
    ] = False,
) -> None:
    """Write closed months of the journal to files, verify these, and drop the months from the target.

    A month leaves when it is as old as the settings say, for each class of retention in it, and all of it is derived.
    Interrupted at any point, the command loses nothing and goes on when it is
    run again. The files can be read and verified without this program; the folder says how.
    """
    read = acting(context)
    where = _folder(read, folder)
    with as_service_errors(), connect(read.target, "cdc journal archive") as connection, Shown() as shown:
        connection.autocommit = True
        if not dry_run:
            require_owner(connection)
            require_alone(connection)
        opener = Opener(connection, read.protection)
        retention = _longer(read_retention(connection, read.archive), keep_months)
        months = closed_months(connection, retention)
        written: list[Manifest] = []
        pruned = 0 if dry_run else prune_keys(connection)  # what one before that was interrupted has left
        for month in () if dry_run else months:
            written += archive_month(opener, month, retention, where, _sign(read.anchors), _shown(shown, month))
            shown.end()
            pruned += prune_keys(connection)
    if as_json:
        files = [msgspec.to_builtins(one) for one in written]
        write_json({"months": [_document(one) for one in months], "files": files, "pruned": pruned})
        return
    rows = [(one.name, stream, count) for one in months for stream, count in one.records.items()]
    write_table("Months that are over", ("month", "stream", "records"), rows)
    say("Nothing was moved." if dry_run else f"{len(written)} files are in {where}.")


@app.command()
def verify(
    context: typer.Context,
    folder: Folder = None,
    anchor: Files = None,
    topic: Topic = None,
    key: Keys = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help=f"Print one object: `holds` (bool), {JSON_HELP} and `files`, a list of "
            "stream, month, file, records, next_offset, "
            "digest, anchors (how many were met), sealed (how many records are), shredded (how many of these nobody "
            "can read any more), fault (null, or what is wrong).",
        ),
    ] = False,
) -> None:
    """Hold the archive's files against what is on record of them, record by record, and against anchors.

    What is still in the target is verified by `cdc audit verify`, which begins where the archive ends. Sealed records
    are opened; of those whose key was shredded the head behind them stands as given. Exit code 3 if a file is not what
    was archived; 4 if a stream has no head in the file or topic that was given.
    """
    read = settings(context)
    where = _folder(read, folder)
    given = Heads(read, anchor, topic, key)
    with given.in_target("cdc journal verify") as (opener, anchors), Shown() as shown:
        connection = opener.connection
        connection.autocommit = True  # nothing waits for the files to be read
        found = connection.execute("SELECT DISTINCT stream FROM cdc.archive ORDER BY stream").fetchall()
        streams = [stream for (stream,) in found]
        parts = [(stream, part) for stream in streams for part in read_parts(connection, stream)]
        outcomes, total, done = [], sum(part.records for _, part in parts), 0
        for stream, part in parts:
            outcomes.append((stream, part, _outcome(opener, stream, part, where, anchors.get(stream, {}))))
            done += part.records
            shown.show("verify archive", done, total, "records")
    faults = [fault for *_, (_, fault) in outcomes if fault]
    if as_json:
        write_json({"holds": not faults, **given.document(streams), "files": [_verified(*one) for one in outcomes]})
    else:
        _write(outcomes, faults)
    given.end(streams, holds=not faults)


def _write(outcomes: list[tuple[str, Part, tuple[Verified, FatalError | None]]], faults: Iterable[FatalError]) -> None:
    rows = [
        (stream, part.file, part.records, *found, part.next_offset, "no" if fault else "yes")
        for stream, part, (found, fault) in outcomes
    ]
    columns = ("stream", "file", "records", "anchors", "sealed", "shredded", "up to offset", "holds")
    write_table("Archive", columns, rows)
    for fault in faults:
        say(fault.advice())
    if not faults:
        say("Every file holds." if outcomes else "Nothing has been archived yet.")


def _folder(read: Settings, named: Path | None) -> Path:
    folder = named or read.archive.folder
    if folder is None:
        raise FatalError("EVD-110", "neither --folder nor archive.folder names one")
    return folder


def _longer(retention: Retention, months: int | None) -> Retention:
    """Return the retention with so many months at least. Raises EVD-124 for fewer than it has."""
    if months is not None and months < retention.least:
        raise FatalError("EVD-124", f"--keep {months}: archive.keep_months is {retention.least}")
    return replace(retention, least=months or retention.least)


def _sign(anchors: Anchors | None) -> Sign | None:
    return None if anchors is None else partial(sign_file, key=anchors.key)


def _shown(shown: Shown, month: Month) -> Any:
    return lambda stream, records: shown.show(
        f"archive {month.name} {stream}", records, month.records[stream], "records"
    )


def _outcome(
    opener: Opener, stream: str, part: Part, folder: Path, anchors: dict[int, bytes]
) -> tuple[Verified, FatalError | None]:
    try:
        return verify_part(opener, stream, part, folder, anchors), None
    except FatalError as error:
        if error.code != "EVD-109":
            raise
        return Verified(0, 0, 0), error


def _document(month: Month) -> dict[str, Any]:
    return {"name": month.name, "to_at": month.to_at, "age": month.age, "records": month.records}


def _verified(stream: str, part: Part, outcome: tuple[Verified, FatalError | None]) -> dict[str, Any]:
    found, fault = outcome
    names = ("month", "file", "records", "next_offset")
    said = {name: getattr(part, name) for name in names}
    counts = {"anchors": found.anchors, "sealed": found.sealed, "shredded": found.closed}
    return {"stream": stream, **said, "digest": part.digest.hex(), **counts, "fault": fault and fault.detail}

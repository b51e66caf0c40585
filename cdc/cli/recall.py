"""`cdc recall`: who has which devices of a lot, as of when, and how complete that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from cdc.capture.source import load_sources
from cdc.cli.context import settings
from cdc.cli.extract import Form, keep, statement_of, write
from cdc.cli.failure import Exit
from cdc.cli.output import say
from cdc.cli.reveal import Reveal, RevealReason, masks_or_look, require_reason
from cdc.config import Settings
from cdc.derive.active import active_digest, dictionary_for_reading
from cdc.errors import CdcError
from cdc.evidence.completeness import Completeness, read_completeness
from cdc.evidence.genealogy import Genealogy
from cdc.evidence.recall import Recall, read_holdings
from cdc.evidence.snapshot import snapshot
from cdc.store.connection import as_service_errors, connect
from cdc.stream.topic import end_offsets

Connection = psycopg.Connection[Any]


def recall(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot's number.")],
    material: Annotated[
        str | None, typer.Option("--material", metavar="MATERIAL", help="Only the lot of this material.")
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", metavar="table|csv|json", help="What is printed, or written to a file."),
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write to a file.")] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="With --output: sign it by this private key (PEM, Ed25519), in FILE.sig; CSV in FILE.sha256.sig.",
        ),
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
) -> None:
    """List every unit that a lot is, or went into, and who has it: the extract for an advisory notice.

    What is personal of customers is masked: a notice that is sent needs --reveal, which is on record.
    With a statement of how complete each source was at that moment: landed up to, lag, refused, stale and held rows,
    gaps; it goes to stderr. The JSON form is lot, known (bool: any row names it), as_of, dictionary (digest), complete
    (bool), sources, unknown (tables, and columns as TABLE.COLUMN, that the target does not have), holdings.

    A file has the statement: JSON as above, a table as text with the statement below it. CSV is three files: FILE has
    the holdings, FILE.statement.csv the statement, FILE.sha256 the digests of both (`sha256sum -c`); the last one is
    what is signed. A signature is 64 bytes over a file's bytes: `openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin
    -in FILE -sigfile FILE.sig` verifies it.

    Exit code 4 if some source was not complete; 3 if all were, and the lot is unknown. Of a lot that is unknown the
    statement is the extract: what has not arrived may name it.
    """
    if key is not None and output is None:
        raise typer.BadParameter("a signature stands beside a file: name one with --output")
    require_reason(reveal, reason)
    read = settings(context)
    pseudonyms = read.tokens["export"].reveal().encode() if "export" in read.tokens else None
    streams = {name: one.stream for name, one in load_sources(read.folders.connector_configs).items()}
    with as_service_errors(), connect(read.target, "cdc recall") as connection:
        connection.autocommit = True  # who looks is on record before he sees anything
        dictionary = dictionary_for_reading(connection, read.folders.dictionary)
        shown = masks_or_look(connection, dictionary, ("recall", f"lot {lot}"), reveal, reason)
        ends = _ends(read, streams.values())
        with snapshot(connection):
            found = _recall(connection, lot, material, read_completeness(connection, ends, streams, dictionary))
        holdings = [replace(one, facts=shown.exported("trace.party", one.facts, pseudonyms)) for one in found.holdings]
    found = replace(found, holdings=holdings)
    if output is None:
        write(found, form)
    elif signature := keep(found, form, output, key):
        say(f"signed: {signature}")
    for line in statement_of(found):
        say(line)
    raise typer.Exit(_exit_code(found))


def _exit_code(found: Recall) -> Exit:
    """Return the code; that nobody knows the lot is an answer only if nothing is missing that may name it."""
    if not found.complete:
        return Exit.ATTENTION
    return Exit.OK if found.known else Exit.DIFFERENT


def _ends(read: Settings, streams: Iterable[str]) -> dict[str, int]:
    """Return the ends of the topics; without Kafka nobody knows what has not landed, and the statement says so."""
    try:
        return dict(end_offsets(read.kafka, streams))
    except CdcError as error:
        say(f"How far behind the streams are is not known: {error.code} {error.entry.title}.")
        return {}


def _recall(connection: Connection, lot: str, material: str | None, sources: list[Completeness]) -> Recall:
    genealogy = Genealogy(connection)
    lots = genealogy.lots(lot, material)
    complete = all(one.is_complete for one in sources) and not genealogy.unknown
    return Recall(
        lot,
        bool(lots),
        datetime.now(UTC),
        active_digest(connection) or "",
        complete,
        sources,
        genealogy.unknown,
        list(read_holdings(connection, genealogy, lots)),
    )

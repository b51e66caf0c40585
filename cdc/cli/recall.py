"""`cdc recall`: who has which devices of a lot, as of when, and how complete that is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import psycopg
import typer

from cdc.capture.source import load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_line, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.config import Settings
from cdc.derive.active import active_digest, dictionary_for_reading
from cdc.errors import CdcError
from cdc.evidence.completeness import Completeness, read_completeness
from cdc.evidence.genealogy import Genealogy
from cdc.evidence.recall import PARTY_FACTS, Holding, Recall, read_holdings
from cdc.evidence.signed import sign_file
from cdc.evidence.snapshot import snapshot
from cdc.store.connection import as_service_errors, connect
from cdc.stream.topic import end_offsets

Connection = psycopg.Connection[Any]
Form = Literal["table", "csv", "json"]

_COLUMNS = (
    "lot",
    "serial",
    "how",
    "shipment",
    "shipped_at",
    "customer",
    *PARTY_FACTS,
    "evidence",
    "committed_at",
    "deleted",
)


def recall(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot's number.")],
    material: Annotated[
        str | None, typer.Option("--material", metavar="MATERIAL", help="Only the lot of this material.")
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", metavar="table|csv|json", help="CSV has the holdings alone; JSON has everything."),
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write to a file.")] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="With --output: sign the file by this private key (PEM, Ed25519), in FILE.sig.",
        ),
    ] = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
) -> None:
    """List every unit that a lot is, or went into, and who has it: the extract for an advisory notice.

    What is personal of customers is masked: a notice that is sent needs --reveal, which is on record.
    With a statement of how complete each source was at that moment: landed up to, lag, refused, stale and held rows,
    gaps. The JSON form is lot, known (bool), as_of, dictionary (digest), complete (bool), sources, unknown (tables that
    the target does not have), holdings; a file gets it unless CSV is asked for. A signature is 64 bytes over its bytes:
    `openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in FILE -sigfile FILE.sig` verifies it. Exit code 4 if some
    source was not complete; 3 if all were, and the lot is unknown. Of a lot that is unknown the statement is the
    extract: what has not arrived may name it.
    """
    if key is not None and output is None:
        raise typer.BadParameter("a signature stands beside a file: name one with --output")
    read = settings(context)
    shown = masks(read, "recall", f"lot {lot}", reveal, reason)
    pseudonyms = read.tokens["export"].reveal().encode() if "export" in read.tokens else None
    streams = {name: one.stream for name, one in load_sources(read.folders.connector_configs).items()}
    ends = _ends(read, streams.values())
    with as_service_errors(), connect(read.target, "cdc recall") as connection, snapshot(connection):
        dictionary = dictionary_for_reading(connection, read.folders.dictionary)
        found = _recall(connection, lot, material, read_completeness(connection, ends, streams, dictionary))
        holdings = [replace(one, facts=shown.exported("trace.party", one.facts, pseudonyms)) for one in found.holdings]
    found = replace(found, holdings=holdings)
    text = _text(found, form)
    if output is None:
        write_line(text.rstrip("\n")) if form != "table" else _write(found)
    else:
        output.write_text(text, encoding="utf-8")
        if key is not None:
            say(f"signed: {sign_file(output, key)}")
    for line in _statement(found):
        say(line)
    if not found.known:
        say(f"The target knows no lot {lot}.")
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


def _text(found: Recall, form: Form) -> str:
    if form != "csv":
        return msgspec.json.format(msgspec.json.encode(asdict(found)), indent=2).decode() + "\n"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(_row(one) for one in found.holdings)
    return text.getvalue()


def _write(found: Recall) -> None:
    write_table(f"Lot {found.lot}", _COLUMNS[:8], [_row(one)[:8] for one in found.holdings])


def _row(one: Holding) -> list[Any]:
    facts = [one.facts.get(name) for name in PARTY_FACTS]
    head = (one.lot, one.serial, one.how, one.shipment, one.shipped_at, one.customer)
    return [*head, *facts, one.evidence, one.committed_at, "yes" if one.deleted else "no"]


def _statement(found: Recall) -> list[str]:
    serials = {one.serial for one in found.holdings if one.serial}
    customers = {one.customer for one in found.holdings if one.customer}
    at = found.as_of.isoformat(timespec="seconds")
    lines = [f"As of {at}: {len(serials)} units, {len(customers)} customers, {len(found.holdings)} lines."]
    lines += [_of_source(one) for one in found.sources]
    lines += [f"The target has no table {name}: what it would say is missing." for name in found.unknown]
    return lines


def _of_source(one: Completeness) -> str:
    held = sum(one.held.values())
    lag = "not known" if one.lag is None else str(one.lag)
    parts = [
        f"landed up to {one.landed_to or 'nothing'}",
        f"lag {lag}",
        f"{one.underived} batches not derived",
        f"{one.refused} changes refused ({one.stale} rows behind)",
        f"{held} rows held",
        f"{len(one.gaps)} gaps",
    ]
    return f"{one.source}: {'complete' if one.is_complete else 'NOT COMPLETE'}; {', '.join(parts)}"

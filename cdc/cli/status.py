"""`cdc status`: how far every stream has landed and every domain is derived, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, TypeVar

import psycopg
import typer

from cdc.capture.catalogue import estimate_rows
from cdc.capture.reading import Reading
from cdc.capture.readings import PAUSED, READING, STARTING
from cdc.capture.source import Source, load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit, as_cdc_error
from cdc.cli.output import duration, say, write_json, write_line, write_table
from cdc.cli.repeated import of_deployment
from cdc.config import Settings, environment
from cdc.derive.active import from_content
from cdc.errors import CdcError, FatalError
from cdc.evidence.published import read_failures, read_overdue
from cdc.evidence.publisher import LATE, places_of
from cdc.observe.activation import ActivationStatus, InForce, read_activation, read_in_force
from cdc.observe.load import LOADED, LOADING, Load, open_snapshots, read_loads
from cdc.observe.status import DomainStatus, IgnoredColumn, StreamStatus, read_domains, read_ignored, read_streams
from cdc.observe.stopping import Stop, read_stops
from cdc.store.connection import connect
from cdc.store.migrate import pending
from cdc.stream.topic import end_offsets
from transforms.errors import DictionaryError
from transforms.load import load as load_dictionary
from transforms.model import Dictionary

Line = tuple[str, str, str, datetime, str | None]
_Item = TypeVar("_Item")

# The connector says something every second even when nobody works: this long without a word is no pause any more.
SILENT_S = 60.0
# A turn takes far less than a second; a domain that is this far behind is not deriving.
BEHIND_S = 60.0
_UNPUBLISHED = "EVD-121"

_STREAM_COLUMNS = ("stream", "position", "captured", "landed", "refused", "stale", "lag", "freshness s", "worker")
_LOAD_COLUMNS = ("stream", "table", "state", "rows", "of about", "percent", "rows/s", "ends in")
_DOMAIN_COLUMNS = ("domain", "rows", "held", "held by code", "behind batches", "behind s", "worker")
_JSON_HELP = (
    "Print one object: `streams`, a list of stream, position, batch, generations, captured, landed, superseded, "
    "filtered, replayed, refused, control, stale, lag (offsets to the stream's end, Kafka's transaction markers "
    "included: 0 or 1 is caught up; null if Kafka does not answer), freshness_s (null before the first change), "
    "has_worker; `loads`, a list of the sources whose snapshot is open: stream, rows (landed so far), estimated_rows "
    "(by the source's statistics; null: unknown), percent, rows_per_s (of the last minute), eta_s (null: unknown), "
    "seconds (since it began), tables (a list of mirror, state, rows, estimated_rows, percent); `domains`, a list of "
    "domain, tables (rows by table, of large ones about how many), held (rows by code), behind_batches, behind_s, "
    "derivation, has_worker; "
    "`in_force`, the dictionary that is derived by: digest, version, since (null before the first one); `activation`, "
    "what stands beside it: digest, version, phase (build, close, catch up, former), since, rows, rows_total, swapped "
    "(list of tables), or null; "
    "`ignored`, a list of mirror, column, since: columns that came to a source and are not mirrored; "
    "`attention`, a list of object, text and code (or null)."
)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person has to look at."""

    object: str
    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What `cdc status` finds; its fields, in this order, are those of the JSON object."""

    streams: list[StreamStatus]
    loads: list[Load]
    domains: list[DomainStatus]
    in_force: InForce | None
    activation: ActivationStatus | None
    ignored: list[IgnoredColumn]
    attention: list[Attention]


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """Show how far every stream has landed, every initial load has come, and every domain is derived.

    Exit code 4 when something needs attention: no worker (and the error that the last one ended with), a silent source,
    refused changes, an unread table, a domain that falls behind, heads that are not published. Held rows are the
    stewards' everyday work and no reason for it: see `cdc held list`.
    """
    found = read_status(settings(context))
    if as_json:
        write_json(asdict(found))
    else:
        _write(found)
    raise typer.Exit(Exit.ATTENTION if found.attention else Exit.OK)


def read_status(read: Settings) -> Status:
    """Read the target in one snapshot. Raises TGT-109 if it is not prepared."""
    faults: list[Attention] = []
    ours = _usable("dictionary", lambda: [load_dictionary(read.folders.dictionary)], faults)
    sources = _usable("connector files", lambda: load_sources(read.folders.connector_configs).values(), faults)
    with connect(read.target, "cdc status") as connection:
        # Kafka may take seconds to be silent: asked between transactions, which may not be idle for so long.
        names, loading = _stream_names(connection)
        ends, silent = _ends(read, names)
        loaded = [source for source in sources if source.stream in loading]
        estimates = _estimates(loaded)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        in_force, activation = read_in_force(connection), read_activation(connection)
        domains = [domain for one in _derived_by(connection, in_force, ours) for domain in one.domains()]
        streams, derived = read_streams(connection, ends), read_domains(connection, domains)
        loads = read_loads(connection, {source.stream: _mirrors(source) for source in loaded}, estimates)
        stops, ignored = read_stops(connection), read_ignored(connection)
        unpublished = list(_unpublished(connection, read))
    found = [*faults, *silent, *_never_landed(sources, names), *_stream_attention(streams), *_domain_attention(derived)]
    found += [*_stopped(stops, streams, derived), *unpublished]
    if not any(item.code for item in silent):
        found += _unread(read, sources, {stream.stream for stream in streams if stream.generations})
    attention = [replace(item, text=of_deployment(item.text)) for item in found]
    return Status(streams, loads, derived, in_force, activation, ignored, attention)


def _derived_by(
    connection: psycopg.Connection, in_force: InForce | None, ours: Iterable[Dictionary]
) -> Iterable[Dictionary]:
    """Return the dictionary whose domains there are: that in force, whatever the files say."""
    known = [one for one in ours if in_force is None or one.digest == in_force.digest]
    if known or in_force is None:
        return known
    row = connection.execute("SELECT content FROM cdc.dictionary WHERE digest = %s", (in_force.digest,)).fetchone()
    return [from_content(row[0], in_force.digest)] if row else []


def _usable(what: str, read: Callable[[], Iterable[_Item]], faults: list[Attention]) -> Iterable[_Item]:
    """Return what `read` reads; files that are not usable are one more thing to look at, and hide nothing else."""
    try:
        return read()
    except (FatalError, DictionaryError) as error:
        known = as_cdc_error(error)
        faults.append(Attention(what, f"{known.entry.title}: see `cdc check`", known.code))
        return ()


def _mirrors(source: Source) -> list[str]:
    """Return the mirrors of a source in the order in which its snapshot reads them."""
    return [f"{source.name}.{table.name}" for table in source.tables]


def _estimates(sources: Iterable[Source]) -> dict[str, int]:
    """Return about how many rows tables have. A source that does not say is said, and hides nothing else."""
    estimates: dict[str, int] = {}
    for source in sources:
        try:
            estimates |= estimate_rows(source, environment())
        except CdcError as error:
            say(f"How many rows {source.name} has is not known: {error}")
    return estimates


def _stream_names(connection: psycopg.Connection) -> tuple[list[str], list[str]]:
    """Return every stream that was ever owned, and those that are in a snapshot."""
    with connection.transaction():
        missing = pending(connection)
        if missing:
            raise FatalError("TGT-109", ", ".join(migration.name for migration in missing))
        names = connection.execute("SELECT stream FROM cdc.position ORDER BY stream").fetchall()
        return [name for (name,) in names], open_snapshots(connection)


def _ends(read: Settings, names: list[str]) -> tuple[dict[str, int], list[Attention]]:
    """Return where streams end, and what is wrong with that: no answer, or a topic that is not there any more."""
    try:
        ends = end_offsets(read.kafka, names)
    except CdcError as error:
        return {}, [Attention("kafka", f"{error}; lag is not known", error.code)]
    gone = [name for name in names if name not in ends]
    said = "Kafka has no such topic: it was deleted, see `cdc runbook show STR-118`"
    return ends, [Attention(name, said) for name in gone]


def _unread(read: Settings, sources: Iterable[Source], past_snapshot: Collection[str]) -> Iterator[Attention]:
    """Yield the tables whose rows nobody reads, of sources whose first snapshot has landed: that one reads all."""
    try:
        for source in sources:
            if source.stream in past_snapshot and source.state == "running":
                unread = [one for one in Reading(source, read.kafka).unread() if one.state not in (STARTING, READING)]
                if unread:
                    goes_on = "snapshot --resume" if any(one.state == PAUSED for one in unread) else "apply"
                    missing, verb = ", ".join(map(str, unread)), f"cdc connectors {goes_on} {source.name}"
                    yield Attention(source.stream, f"rows of a table have not been read ({missing}): run `{verb}`")
    except CdcError as error:
        yield Attention("kafka", f"{error}; whether tables are unread is not known", error.code)


def _never_landed(sources: Iterable[Source], names: Sequence[str]) -> Iterator[Attention]:
    for source in sources:
        if source.stream not in names:
            yield Attention(source.stream, "nothing of this stream has landed yet: start `cdc run`")


def _stream_attention(streams: Sequence[StreamStatus]) -> Iterator[Attention]:
    for stream in streams:
        if not stream.has_worker:
            yield Attention(stream.stream, "no worker lands this stream: start `cdc run`, or read why it stopped")
        if stream.freshness_s is not None and stream.freshness_s > SILENT_S:
            said = f"the source has said nothing for {stream.freshness_s:.0f} s: see `cdc connectors status`"
            yield Attention(stream.stream, said)
        if stream.stale:
            said = f"mirror rows behind the source, because a change of theirs was refused: {stream.stale}"
            yield Attention(stream.stream, said)


def _domain_attention(domains: Sequence[DomainStatus]) -> Iterator[Attention]:
    for domain in domains:
        if not domain.has_worker:
            yield Attention(domain.domain, "no worker derives this domain: start `cdc run`, or read why it stopped")
        if domain.behind_s is not None and domain.behind_s > BEHIND_S:
            yield Attention(domain.domain, f"derivation is {domain.behind_s:.0f} s behind landing")


def _stopped(
    stops: Iterable[Stop], streams: Sequence[StreamStatus], domains: Sequence[DomainStatus]
) -> Iterator[Attention]:
    """Yield the errors that workers ended with, of those whose work nobody has taken up."""
    missed = {
        "land": not all(stream.has_worker for stream in streams),
        "derive": not all(domain.has_worker for domain in domains),
        "watch": True,
    }
    for stop in stops:
        if missed.get(stop.worker, True):
            place = f" ({' '.join(stop.detail.split())})" if stop.detail else ""
            said = f"ended at {_time(stop.stopped_at)} with {stop.code}{place}: see `cdc code {stop.code}`"
            yield Attention(f"{stop.worker} on {stop.host}", said, stop.code)


def _unpublished(connection: psycopg.Connection, read: Settings) -> Iterator[Attention]:
    """Yield the places at which heads are not, though they should be: written to in vain, or by nobody."""
    if read.anchors is None:
        return
    places = [str(place) for place in places_of(read, read.anchors)]
    failures = read_failures(connection, places)
    for one in failures:
        yield Attention(
            "anchors", f"{one.host} cannot publish heads since {_time(one.failed_at)}: {one.detail}", _UNPUBLISHED
        )
    for late in read_overdue(connection, places, read.anchors.every_minutes * 60 * LATE):
        if late.place not in {one.place for one in failures}:
            said = f"what has landed since {_time(late.since)} is in no head that was published to {late.place}"
            yield Attention(late.stream, said, _UNPUBLISHED)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _write(found: Status) -> None:
    rows = [
        (s.stream, s.position, s.captured, s.landed, s.refused, s.stale, s.lag, s.freshness_s, _yes(s.has_worker))
        for s in found.streams
    ]
    write_table("Streams", _STREAM_COLUMNS, rows)
    write_line()
    if found.loads:
        write_table("Initial load", _LOAD_COLUMNS, [row for load in found.loads for row in _load_rows(load)])
        write_line()
    write_table("Domains", _DOMAIN_COLUMNS, [_domain_row(domain) for domain in found.domains])
    write_line()
    tables = [(domain.domain, table, rows) for domain in found.domains for table, rows in domain.tables.items()]
    write_table("Canonical tables", ("domain", "table", "rows"), tables)
    _write_dictionary(found)
    if found.ignored:
        write_line()
        rows_ignored = [(one.mirror, one.column, one.since) for one in found.ignored]
        write_table("Ignored columns", ("mirror", "column", "since"), rows_ignored)
    if not found.attention:
        say("Nothing needs attention.")
        return
    write_line()
    write_table("Needs attention", ("object", "what"), [(item.object, item.text) for item in found.attention])


def _write_dictionary(found: Status) -> None:
    """Say which version is in force, and what stands beside it."""
    if found.in_force is None:
        return
    beside = found.activation
    in_force: Line = ("in force", found.in_force.version, found.in_force.digest[:12], found.in_force.since, None)
    rows = [in_force]
    if beside is not None:
        how_far = f"{beside.rows} of about {beside.rows_total} rows" if beside.phase == "build" else None
        rows += [(beside.phase, beside.version, beside.digest[:12], beside.since, how_far)]
    write_line()
    write_table("Dictionary", ("state", "version", "digest", "since", "how far"), rows)


def _load_rows(load: Load) -> Iterator[tuple[str | int | float | None, ...]]:
    """Yield the source as a whole, then its tables."""
    count = sum(table.state == LOADED for table in load.tables)
    tables = f"{count} of {len(load.tables)} tables"
    whole = (load.rows, load.estimated_rows, load.percent, round(load.rows_per_s), duration(load.eta_s) or "unknown")
    yield load.stream, tables, LOADING, *whole
    for table in load.tables:
        yield load.stream, table.mirror, table.state, table.rows, table.estimated_rows, table.percent, None, None


def _domain_row(domain: DomainStatus) -> tuple[str | int | float | None, ...]:
    rows = sum(count or 0 for count in domain.tables.values())
    by_code = ", ".join(f"{code} {count}" for code, count in domain.held.items())
    held = sum(domain.held.values())
    worker = _yes(domain.has_worker)
    return domain.domain, rows, held, by_code or None, domain.behind_batches, domain.behind_s, worker


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"

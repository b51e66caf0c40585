"""`cdc status`: how far every stream has landed and every domain is derived, and what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar

import psycopg
import typer

from cdc.capture.reading import READING, STARTING, Reading
from cdc.capture.source import Source, load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit, as_cdc_error
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.config import Settings
from cdc.errors import CdcError, FatalError
from cdc.observe.status import DomainStatus, StreamStatus, read_domains, read_streams
from cdc.store.connection import connect
from cdc.store.migrate import pending
from cdc.stream.topic import end_offsets
from transforms.errors import DictionaryError
from transforms.load import load as load_dictionary

_Item = TypeVar("_Item")

# The connector says something every second even when nobody works: this long without a word is no pause any more.
SILENT_S = 60.0
# A turn takes far less than a second; a domain that is this far behind is not deriving.
BEHIND_S = 60.0

_STREAM_COLUMNS = ("stream", "position", "captured", "landed", "refused", "stale", "lag", "freshness s", "worker")
_DOMAIN_COLUMNS = ("domain", "rows", "held", "held by code", "behind batches", "behind s", "worker")
_JSON_HELP = (
    "Print one object: `streams`, a list of stream, position, batch, generations, captured, landed, superseded, "
    "filtered, replayed, refused, control, stale, lag (offsets to the stream's end, Kafka's transaction markers "
    "included: 0 or 1 is caught up; null if Kafka does not answer), freshness_s (null before the first change), "
    "has_worker; `domains`, a list of domain, tables (rows by table), held (rows by code), behind_batches, behind_s, "
    "derivation, has_worker; `attention`, a list of object, text and code (or null)."
)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person has to look at."""

    object: str
    text: str
    code: str | None = None


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """Show how far every stream has landed and every domain is derived.

    Exit code 4 when something needs attention: no worker, a silent source, refused changes, an unread table, a domain
    that falls behind. Held rows are the stewards' everyday work and no reason for it: see `cdc held list`.
    """
    streams, domains, attention = read_status(settings(context))
    if as_json:
        document = {
            "streams": [asdict(stream) for stream in streams],
            "domains": [asdict(domain) for domain in domains],
            "attention": [asdict(item) for item in attention],
        }
        write_json(document)
    else:
        _write(streams, domains, attention)
    raise typer.Exit(Exit.ATTENTION if attention else Exit.OK)


def read_status(read: Settings) -> tuple[list[StreamStatus], list[DomainStatus], list[Attention]]:
    """Read the target in one snapshot. Raises TGT-109 if it is not prepared."""
    faults: list[Attention] = []
    domains = _usable("dictionary", lambda: load_dictionary(read.folders.dictionary).domains(), faults)
    sources = _usable("connector files", lambda: load_sources(read.folders.connector_configs).values(), faults)
    with connect(read.target, "cdc status") as connection:
        # Kafka may take seconds to be silent: asked between transactions, which may not be idle for so long.
        names = _stream_names(connection)
        ends, silent = _ends(read, names)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        streams, derived = read_streams(connection, ends), read_domains(connection, domains)
    found = [*faults, *silent, *_never_landed(sources, names), *_stream_attention(streams), *_domain_attention(derived)]
    if not any(item.code for item in silent):
        found += _unread(read, sources, {stream.stream for stream in streams if stream.generations})
    return streams, derived, found


def _usable(what: str, read: Callable[[], Iterable[_Item]], faults: list[Attention]) -> Iterable[_Item]:
    """Return what `read` reads; files that are not usable are one more thing to look at, and hide nothing else."""
    try:
        return read()
    except (FatalError, DictionaryError) as error:
        known = as_cdc_error(error)
        faults.append(Attention(what, f"{known.entry.title}: see `cdc check`", known.code))
        return ()


def _stream_names(connection: psycopg.Connection) -> list[str]:
    with connection.transaction():
        missing = pending(connection)
        if missing:
            raise FatalError("TGT-109", ", ".join(migration.name for migration in missing))
        return [name for (name,) in connection.execute("SELECT stream FROM cdc.position ORDER BY stream").fetchall()]


def _ends(read: Settings, names: list[str]) -> tuple[dict[str, int], list[Attention]]:
    """Return where streams end, and what is wrong with that: no answer, or a topic that is not there any more."""
    try:
        ends = end_offsets(read.kafka, names)
    except CdcError as error:
        return {}, [Attention("kafka", f"{error}; lag is not known", error.code)]
    gone = [name for name in names if name not in ends]
    return ends, [Attention(name, "Kafka has no such topic: it was deleted, see `cdc code STR-107`") for name in gone]


def _unread(read: Settings, sources: Iterable[Source], past_snapshot: Collection[str]) -> Iterator[Attention]:
    """Yield the tables whose rows nobody reads, of sources whose first snapshot has landed: that one reads all."""
    try:
        for source in sources:
            if source.stream in past_snapshot and source.state == "running":
                unread = Reading(source, read.kafka).unread()
                missing = ", ".join(str(table) for table in unread if table.state not in (STARTING, READING))
                if missing:
                    said = f"rows of a table have not been read ({missing}): run `cdc connectors apply {source.name}`"
                    yield Attention(source.stream, said)
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


def _write(streams: Sequence[StreamStatus], domains: Sequence[DomainStatus], attention: Sequence[Attention]) -> None:
    rows = [
        (s.stream, s.position, s.captured, s.landed, s.refused, s.stale, s.lag, s.freshness_s, _yes(s.has_worker))
        for s in streams
    ]
    write_table("Streams", _STREAM_COLUMNS, rows)
    write_line()
    write_table("Domains", _DOMAIN_COLUMNS, [_domain_row(domain) for domain in domains])
    write_line()
    tables = [(domain.domain, table, rows) for domain in domains for table, rows in domain.tables.items()]
    write_table("Canonical tables", ("domain", "table", "rows"), tables)
    if not attention:
        say("Nothing needs attention.")
        return
    write_line()
    write_table("Needs attention", ("object", "what"), [(item.object, item.text) for item in attention])


def _domain_row(domain: DomainStatus) -> tuple[str | int | float | None, ...]:
    rows = sum(count or 0 for count in domain.tables.values())
    by_code = ", ".join(f"{code} {count}" for code, count in domain.held.items())
    held = sum(domain.held.values())
    worker = _yes(domain.has_worker)
    return domain.domain, rows, held, by_code or None, domain.behind_batches, domain.behind_s, worker


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"

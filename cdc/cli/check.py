"""`cdc check`: everything that can be wrong before a worker starts, found without moving a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, TypeVar

import typer

from cdc.approval import require_approved
from cdc.capture.connect import Connect
from cdc.capture.contract import left_out, read_contracts
from cdc.capture.plugin import CLASSES
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source, load_sources
from cdc.cli.context import settings, without_approval
from cdc.cli.failure import Exit, as_cdc_error
from cdc.cli.output import say, write_json, write_table
from cdc.cli.target import apply_target, contracts_of
from cdc.config import Settings, environment
from cdc.derive.bind import bind, check_source_keys
from cdc.derive.ddl import mirrors_of
from cdc.errors import CdcError, FatalError, catalogue
from cdc.evidence.signed import read_private_key
from cdc.store.connection import connect
from cdc.stream.topic import end_offsets
from transforms.load import load as load_dictionary
from transforms.model import Dictionary

_Result = TypeVar("_Result")

# The rest is what `cdc target apply --dry-run` is for.
_SHOWN_STEPS = 5
_FILES = frozenset({"settings", "connector files", "contracts", "dictionary", "anchors"})


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check: `code` None is good. `area` is what was looked at, `object` which one of it."""

    area: str
    object: str
    code: str | None = None
    detail: str = ""

    @property
    def action(self) -> str:
        """What to do next."""
        return catalogue()[self.code].action if self.code else ""

    def advice(self) -> str:
        """Return what a person needs of a fault: what, where, why, what to do."""
        entry = catalogue()[self.code or ""]
        return f"{entry.code} {entry.title}: {self.detail}\n  cause: {entry.cause}\n  next:  {entry.action}"


def check(
    context: typer.Context,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `ok` (bool) and `findings`, a list of area, object, code (null if good), detail, "
            "action.",
        ),
    ] = False,
) -> None:
    """Check settings, connector files, contracts, dictionary, keys, target, sources, Kafka, Connect; report all faults.

    Nothing is written and no row is moved. Exit code 2 for faults in files, 1 for what cannot be reached.
    """
    findings = list(check_all(context))
    faults = [finding for finding in findings if finding.code]
    if as_json:
        listed = [{**asdict(finding), "action": finding.action} for finding in findings]
        write_json({"ok": not faults, "findings": listed})
    else:
        _write(findings, faults)
    raise typer.Exit(exit_code(faults))


def _write(findings: list[Finding], faults: list[Finding]) -> None:
    rows = [(f.area, f.object, f.code or "ok", f.detail.strip().partition("\n")[0]) for f in findings]
    write_table("Checks", ("checked", "which", "result", "where"), rows)
    for fault in faults:
        say(f"\n{fault.area} {fault.object}: {fault.advice()}")
    say("\nAll is well." if not faults else f"\n{len(faults)} of {len(findings)} checks found a fault.")


def exit_code(faults: list[Finding]) -> Exit:
    """Return 0 without faults, 2 if files are to be corrected, else 1."""
    if not faults:
        return Exit.OK
    return Exit.USAGE if any(fault.area in _FILES for fault in faults) else Exit.FAILED


def check_all(context: typer.Context) -> Iterator[Finding]:
    """Yield the finding of every check; without settings there is only one."""
    faults, read = _attempt("settings", "", lambda: settings(context))
    yield faults
    if read is not None:
        yield from _check_files(read)
        yield from _check_services(read)


def _check_files(read: Settings) -> Iterator[Finding]:
    folder = read.folders.connector_configs
    finding, sources = _attempt("connector files", str(folder), lambda: load_sources(folder))
    yield finding
    for source in (sources or {}).values():
        finding, lines = _attempt("contracts", source.name, partial(_check_contracts, read, source))
        yield replace(finding, detail="; ".join(lines)) if lines else finding
    finding, dictionary = _attempt("dictionary", "", lambda: load_dictionary(read.folders.dictionary))
    yield finding
    if dictionary is not None:
        yield _attempt("dictionary", "mappings", lambda: _check_mappings(read, dictionary))[0]
        yield _attempt("dictionary", "approval", lambda: require_approved(read, dictionary))[0]
    if read.anchors is not None:
        key = read.anchors.key
        yield _attempt("anchors", str(key), lambda: read_private_key(key))[0]


def _check_contracts(read: Settings, source: Source) -> list[str]:
    """Return what the connector file leaves out, in words."""
    contracts = read_contracts(read.folders.connector_configs / "contracts" / source.name)
    snapshot_selects(source, contracts)
    return left_out(contracts)


def _check_mappings(read: Settings, dictionary: Dictionary) -> None:
    mirrors = mirrors_of(contract for contracts in contracts_of(read).values() for contract in contracts)
    for domain in dictionary.domains():
        bind(domain, dictionary.digest, mirrors)
    check_source_keys(dictionary.domains(), mirrors)


def _check_services(read: Settings) -> Iterator[Finding]:
    place = f"{read.target.host}:{read.target.port}/{read.target.database}"
    finding, reachable = _attempt("target", place, lambda: _check_target(read))
    yield finding
    if reachable:
        yield _attempt("target", "tables", lambda: _check_prepared(read))[0]
    for source in _sources(read):
        yield _attempt("source", source.name, partial(_check_source, source))[0]
    yield _attempt("kafka", read.kafka.bootstrap, lambda: end_offsets(read.kafka, ()))[0]
    yield _attempt("connect", read.connect.url, lambda: _check_connect(read))[0]


def _sources(read: Settings) -> list[Source]:
    try:
        return list(load_sources(read.folders.connector_configs).values())
    except CdcError:
        return []  # reported already


def _check_target(read: Settings) -> bool:
    with connect(read.target, "cdc check") as connection:
        connection.execute("SELECT 1")
    return True


def _check_prepared(read: Settings) -> None:
    steps = apply_target(without_approval(read), keep=False)  # that it is not approved is a finding of its own
    if steps:
        more = f"; and {len(steps) - _SHOWN_STEPS} more" if len(steps) > _SHOWN_STEPS else ""
        raise FatalError("TGT-109", "; ".join(steps[:_SHOWN_STEPS]) + more)


def _check_source(source: Source) -> None:
    from cdc.capture.catalogue import read_contracts as read_live  # noqa: PLC0415 - two database drivers, for this alone

    read_live(source, environment())


def _check_connect(read: Settings) -> None:
    with Connect(read.connect, patience_s=1.0) as connect_worker:
        connect_worker.config("cdc-check")
        for kind in sorted({source.kind for source in _sources(read)}):
            connect_worker.require_version(CLASSES[kind])


def _attempt(area: str, name: str, action: Callable[[], _Result]) -> tuple[Finding, _Result | None]:
    """Run one check; what it raises is its finding."""
    try:
        return Finding(area, name), action()
    except Exception as error:  # noqa: BLE001 - one check must not keep the others from being made
        known = as_cdc_error(error)
        return Finding(area, name, known.code, known.detail), None

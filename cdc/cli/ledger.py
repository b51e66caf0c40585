"""`cdc ledger`: what became of every record that was read, and of every mirror row that a mapping maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import psycopg
import typer

from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.cli.progress import Shown
from cdc.cli.reveal import Reveal, RevealReason, masks_or_look, require_reason
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.derive.plan import Plan
from cdc.errors import FatalError
from cdc.evidence.account import Account, check_account, read_accounts, read_table_accounts
from cdc.evidence.balance import Balance, read_balances
from cdc.evidence.chain import Fault
from cdc.evidence.snapshot import snapshot
from cdc.land.gap import Gap, read_gaps
from cdc.protect.mask import Masks
from cdc.store.connection import as_service_errors, connect

Connection = psycopg.Connection[Any]

app = typer.Typer(help="What became of every record that was read: captured, and with which fate.")

Stream = Annotated[
    str | None, typer.Argument(metavar="STREAM", help="One stream (`cdc.erp`). Default: all.", show_default=False)
]

_COUNTS = ("captured", "landed", "superseded", "filtered", "replayed", "refused", "control")
_BALANCE = ("mapping", "rows", "derived", "held", "filtered", "waiting")


@app.callback(invoke_without_command=True)
def ledger(
    context: typer.Context,
    tables: Annotated[
        bool, typer.Option("--tables", help="Show each mirror's counts as well; reads the whole ledger.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `streams`, a list of stream, batches, next_offset, captured, landed, superseded, "
            "filtered, replayed, refused, control; `gaps`, a list of stream, batch, offset, code, detail, found_at; "
            "with --tables `tables`, a list of stream, mirror, landed, superseded, filtered, replayed, refused, "
            "cascaded.",
        ),
    ] = False,
) -> None:
    """Show the sums of each stream: captured = landed + superseded + filtered + replayed + refused + control.

    Gaps are shown for ever: where a stream was once found not to go on as it should, whatever was done then.
    """
    if context.invoked_subcommand is not None:
        return
    with as_service_errors(), connect(settings(context).target, "cdc ledger") as connection, snapshot(connection):
        accounts, gaps = read_accounts(connection), read_gaps(connection)
        by_table = read_table_accounts(connection) if tables else []
    if as_json:
        listed = {"tables": [asdict(one) for one in by_table]} if tables else {}
        write_json({"streams": [asdict(one) for one in accounts], "gaps": [asdict(gap) for gap in gaps], **listed})
        return
    _write_rows("Streams", ("stream", "batches", "next_offset", *_COUNTS), accounts)
    if tables:
        names = ("stream", "mirror", "landed", "superseded", "filtered", "replayed", "refused", "cascaded")
        _write_rows("Mirrors", names, by_table)
    _say_gaps(gaps)
    if not accounts:
        say("Nothing has landed yet.")


@app.command()
def check(
    context: typer.Context,
    stream: Stream = None,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `holds` (bool); `streams` as `cdc ledger --json` has them, with fault "
            "(null, or batch, offset, what); `mappings`, a list of mapping, rows, derived, held, filtered, waiting, "
            "fault (null, or the row); `gaps` as `cdc ledger --json` has them.",
        ),
    ] = False,
) -> None:
    """Hold the ledger against itself, the journal and the tables, while everything runs.

    Of each stream: batches abut and are numbered without gaps, every captured record has one fate, the tables, the
    refused changes and the journal of a batch have its counts. Of each mapping, at one cut: its mirror's rows are
    derived, held, filtered, or wait for the next derivation, something came of each if the mapping leaves none out, and
    nothing is derived of a row that is not there.
    Personal values of keys are masked. Exit code 3 with the first batch and offset, or the first row, that does not
    agree.
    """
    read = settings(context)
    require_reason(reveal, reason)
    with as_service_errors(), connect(read.target, "cdc ledger check") as connection:
        connection.autocommit = True  # what is set stays, and no transaction waits for a dictionary
        connection.execute("SET statement_timeout = 0")  # a person waits for it, and nobody waits for what it locks
        plans, shown = list[Plan](), Masks()
        if not stream:  # what is said of one has no keys
            dictionary = dictionary_in_force(connection, read)
            plans = list(bound_domains(connection, dictionary))
            shown = masks_or_look(connection, dictionary, ("ledger check", "*"), reveal, reason)
        with snapshot(connection):
            found = _find(connection, stream, plans, shown)
    if stream and not found.accounts:
        raise FatalError("EVD-112", stream)
    wrong = found.wrong()
    if as_json:
        write_json(found.document())
    else:
        _write_rows("Streams", ("stream", "batches", "next_offset", *_COUNTS), found.accounts)
        _write_rows("Mappings", _BALANCE, found.balances)
        _say_gaps(found.gaps)
        say(FatalError("EVD-111", "".join(f"\n  {line}" for line in wrong)).advice() if wrong else "The ledger holds.")
    raise typer.Exit(Exit.DIFFERENT if wrong else Exit.OK)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What a check has found: `faults` by stream, None where its ledger holds."""

    accounts: list[Account]
    faults: dict[str, Fault | None]
    balances: list[Balance]
    gaps: list[Gap]

    def wrong(self) -> list[str]:
        """Return a line for everything that does not agree; a gap is no fault of the ledger."""
        streams = ((name, fault) for name, fault in self.faults.items() if fault)
        return [
            *(f"{name}: batch {fault.batch}, offset {fault.offset}: {fault.what}" for name, fault in streams),
            *(f"{one.mapping}: {one.fault}" for one in self.balances if one.fault),
        ]

    def _fault(self, stream: str) -> dict[str, Any] | None:
        fault = self.faults[stream]
        return fault and fault._asdict()

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "holds": not self.wrong(),
            "streams": [asdict(one) | {"fault": self._fault(one.stream)} for one in self.accounts],
            "mappings": [asdict(one) for one in self.balances],
            "gaps": [asdict(gap) for gap in self.gaps],
        }


def _find(connection: Connection, stream: str | None, plans: list[Plan], masks: Masks) -> _Findings:
    accounts = read_accounts(connection, stream)
    faults: dict[str, Fault | None] = {}
    balances: list[Balance] = []
    with Shown() as shown:
        for done, account in enumerate(accounts, start=1):
            faults[account.stream] = check_account(connection, account.stream)
            shown.show("check", done, len(accounts), "streams")
        for done, plan in enumerate(plans, start=1):
            balances += read_balances(connection, plan, masks.source_key)
            shown.show("check", done, len(plans), "domains")
    return _Findings(accounts, faults, balances, read_gaps(connection, stream))


def _write_rows(title: str, names: tuple[str, ...], rows: Sequence[Any]) -> None:
    if rows:
        columns = [name.replace("_", " ") for name in names]
        write_table(title, columns, [[getattr(row, name) for name in names] for row in rows])


def _say_gaps(gaps: list[Gap]) -> None:
    for gap in gaps:
        place = f"{gap.stream} behind batch {gap.batch}, at offset {gap.offset}"
        say(f"gap: {place}: {gap.code} {gap.detail} ({gap.found_at:%Y-%m-%d %H:%M:%S %Z})")

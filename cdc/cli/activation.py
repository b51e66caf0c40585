"""`cdc dictionary activate`, `rollback` and `discard`: another version in force, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from cdc.activate.activate import Outcome, Wish
from cdc.activate.activation import Progress
from cdc.activate.compare import Difference, TableDifference
from cdc.cli.context import Dev, acting, without_approval
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line
from cdc.cli.progress import Shown
from cdc.config import Settings

Yes = Annotated[bool, typer.Option("--yes", help="Swap without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Build, print what changes, and drop what was built.")]
Patience = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for readers that are in the way of the swap.")
]
Reason = Annotated[str, typer.Option(help="Why, for the record of what operators did.")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one object: `state` (activated, in force, first, kept, dropped), `old` and `new` (digests), "
        "`version`, and `difference` (null if nothing was built): `tables`, a list of table, rows_before, rows_after, "
        "added, removed, changed, columns (list of column, cells, samples), shape (list), `held`, a list of mapping, "
        "code, before, after, and `unfilled`, tables that nothing fills any more.",
    ),
]


def activate(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="V|FOLDER",
            help="A folder, or the digest (its first characters) of a version that the target has kept. "
            "Default: the dictionary of the settings.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    patience: Patience = 600.0,
    reason: Reason = "",
    dev: Dev = False,
    as_json: AsJson = False,
) -> None:
    """Put another version of the dictionary in force, without a new snapshot and without asking a source anything.

    What it can change is derived anew from the mirrors, beside the tables that consumers read and while they are kept
    current; then both are compared, and change places in one transaction. Broken off anywhere, it goes on where it was
    when it is run again. Exit code 4 if it waits for a word that nobody can give: the shadow is kept.
    """
    from cdc.activate.activate import activate as put_in_force  # noqa: PLC0415 - a command loads what it needs

    read = _settings(context, dev)
    with Shown() as shown:
        outcome = put_in_force(read, version, _wish(shown, yes, dry_run, patience, reason))
    _finish(outcome, as_json)


def rollback(  # noqa: PLR0913, PLR0917 - as above
    context: typer.Context,
    yes: Yes = False,
    dry_run: DryRun = False,
    patience: Patience = 600.0,
    reason: Reason = "",
    dev: Dev = False,
    as_json: AsJson = False,
) -> None:
    """Put the version in force again that was before the last activation.

    Its tables are still there, as they were: they are brought up to date and change places again. If they were dropped
    (`cdc dictionary discard`, or another activation), they are built as by `cdc dictionary activate`.
    """
    from cdc.activate.activate import rollback as put_back  # noqa: PLC0415 - as above

    read = _settings(context, dev)
    with Shown() as shown:
        outcome = put_back(read, _wish(shown, yes, dry_run, patience, reason))
    _finish(outcome, as_json)


def discard(context: typer.Context) -> None:
    """Drop what an activation has built and not put in force, or the tables of the version before: they take space."""
    from cdc.activate.activate import discard as drop_shadow  # noqa: PLC0415 - as above

    say("The shadow is dropped." if drop_shadow(acting(context)) else "There is no shadow.")


def _settings(context: typer.Context, dev: bool) -> Settings:
    read = acting(context)
    return without_approval(read) if dev else read


def _wish(shown: Shown, yes: bool, dry_run: bool, patience: float, reason: str) -> Wish:
    def report(progress: Progress) -> None:
        shown.show(progress.phase, progress.rows, progress.total)

    return Wish(_ask(shown, yes), report, keep=not dry_run, patience_s=patience, reason=reason)


def _ask(shown: Shown, yes: bool) -> Callable[[Difference], bool]:
    def ask(difference: Difference) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            return False
        shown.end()
        _write(difference, sys.stderr.write)
        return typer.confirm("Put it in force?", err=True)

    return ask


def _finish(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        write_json(_document(outcome))
    else:
        if outcome.difference is not None:
            _write(outcome.difference, lambda text: write_line(text.rstrip("\n")))
        say(_WORDS[outcome.state].format(version=outcome.new.version, digest=outcome.new.digest[:12]))
    raise typer.Exit(Exit.ATTENTION if outcome.state == "kept" else Exit.OK)


_WORDS = {
    "activated": "Dictionary {version} ({digest}) is in force. `cdc dictionary rollback` goes back.",
    "in force": "Dictionary {version} ({digest}) is in force already.",
    "first": "Dictionary {version} ({digest}) is the first one: the derive worker fills its tables.",
    "kept": "Dictionary {version} ({digest}) is not in force; what was built is kept. Run the command again, with"
    " --yes to swap without being asked, or `cdc dictionary discard` to drop it.",
    "dropped": "Nothing was put in force, what was built is dropped.",
}


def _document(outcome: Outcome) -> dict[str, object]:
    difference = None if outcome.difference is None else asdict(outcome.difference)
    return {
        "state": outcome.state,
        "old": outcome.old,
        "new": outcome.new.digest,
        "version": outcome.new.version,
        "difference": difference,
    }


def _write(difference: Difference, write: Callable[[str], object]) -> None:
    """Write what changes, in lines for people."""
    for table in difference.tables:
        _write_table(table, write)
    for held in difference.held:
        write(f"held, {held.mapping} {held.code}: {held.before} -> {held.after} source rows\n")
    for name in difference.unfilled:
        write(f"{name}: no mapping fills it any more; its rows stay as they are\n")
    write(f"{len(difference.tables)} tables, {difference.rows} rows and {difference.cells} cells change\n")


def _write_table(table: TableDifference, write: Callable[[str], object]) -> None:
    counts = f"{table.added} added, {table.removed} removed, {table.changed} changed"
    write(f"{table.table}: {table.rows_before} -> {table.rows_after} rows ({counts})\n")
    for words in table.shape:
        write(f"    {words}\n")
    for column in table.columns:
        write(f"    {column.column}: {column.cells} cells\n")
        for sample in column.samples:
            key = ", ".join(str(part) for part in sample.key)
            write(f"        {key}: {_shown(sample.old)} -> {_shown(sample.new)}\n")


def _shown(value: str | None) -> str:
    return "nothing" if value is None else value

"""`cdc protect`: the keys by which records are sealed, and what may not be destroyed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args

import psycopg
import typer

from cdc.cli.context import acting, settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.errors import FatalError
from cdc.protect import shred as keys_of
from cdc.protect.classes import clear_keys
from cdc.protect.seal import UNCLASSED
from cdc.store.connection import as_service_errors, connect
from transforms.model import Sensitivity

app = typer.Typer(help="Keys of sealed records: listed, shredded, held for the law.", no_args_is_help=True)

_CLASSES = (*get_args(Sensitivity), UNCLASSED)
Why = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one object: `keys`, a list of id, sensitivity (the class), month, master, made_at, shredded_at, "
        "shredded_by, reason, refused, records (of the journal) and waivers (how many of each it seals), on_hold, "
        "`holds`, a list of id, sensitivity and month (null: every one), reason, held_by, held_at, released_by, "
        "released_at, and `clear`, a list of mirror and columns (list): keys of rows that are kept as they are.",
    ),
]


def _class(text: str) -> str:
    if text not in _CLASSES:
        raise typer.BadParameter(f"one of {', '.join(_CLASSES)}")
    return text


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise typer.BadParameter("a month is written 2026-03") from None


Class = Annotated[str, typer.Argument(metavar="CLASS", help=", ".join(_CLASSES), parser=_class)]
Month = Annotated[date, typer.Argument(metavar="MONTH", help="The month in which it landed (2026-03).", parser=_month)]


@app.command("keys")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """List the data keys by class and month, which of them are shredded, and the legal holds.

    Nobody seals the keys of rows, by which these are found: listed is where one may be a person's value, and no token.
    """
    with as_service_errors(), connect(settings(context).target, "cdc protect keys") as connection:
        keys, holds, clear = keys_of.read_keys(connection), keys_of.read_holds(connection), clear_keys(connection)
    if as_json:
        named = [{"mirror": mirror, "columns": columns} for mirror, columns in clear.items()]
        write_json({"keys": [asdict(one) for one in keys], "holds": [asdict(one) for one in holds], "clear": named})
        return
    rows = [
        (one.id, one.sensitivity, f"{one.month:%Y-%m}", one.master, one.refused, one.records, one.waivers, _state(one))
        for one in keys
    ]
    write_table(
        "Data keys", ("id", "class", "month", "master", "refused changes", "journal records", "waivers", "state"), rows
    )
    standing = [one for one in holds if one.released_at is None]
    if standing:
        listed = [
            (
                one.id,
                one.sensitivity or "every",
                f"{one.month:%Y-%m}" if one.month else "every",
                one.reason,
                one.held_by,
            )
            for one in standing
        ]
        write_table("Legal holds", ("id", "class", "month", "reason", "by"), listed)
    if clear:
        named_columns = [(mirror, ", ".join(columns)) for mirror, columns in clear.items()]
        write_table("Keys of rows that are kept as they are", ("table", "columns"), named_columns)
    if not keys:
        say("Nothing has been sealed yet.")


def _state(one: keys_of.DataKey) -> str:
    if one.shredded_at is not None:
        return f"shredded on {one.shredded_at:%Y-%m-%d} by {one.shredded_by}: {one.reason}"
    return "in use, on hold" if one.on_hold else "in use"


@app.command()
def shred(
    context: typer.Context,
    name: Class,
    month: Month,
    reason: Why,
    yes: Annotated[bool, typer.Option("--yes", help="Shred without asking.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `class`, `month`, `shredded` (how many keys; 0: they were before), `wiped` (false: "
            "bytes of them are left in the table's file).",
        ),
    ] = False,
) -> None:
    """Destroy the key of a class and month: whatever it has sealed can never be read again, by anybody.

    Refused changes and chunks of the journal, with all that stands in them, also where they are archived. On record
    with its reason; refused (exit code 5) while a legal hold stands. Mirrors and canonical tables are not touched. Exit
    code 4 if the key is gone but its bytes are still in a file of the target: run the command again.
    """
    why, read = _said(reason), acting(context)
    if not yes:
        typer.confirm(
            f"Nobody will be able to read {name} records of {month:%Y-%m} again. Shred?", abort=True, err=True
        )
    with as_service_errors(), connect(read.target, "cdc protect shred") as connection:
        count = keys_of.shred(connection, name, month, why)
        connection.commit()
        say(f"{count} keys are shredded." if count else "They are shredded already. Nothing was done.")
        wiped = _is_wiped(connection)
    if as_json:
        write_json({"class": name, "month": f"{month:%Y-%m}", "shredded": count, "wiped": wiped})
    if not wiped:
        say("Somebody lands for long: bytes of the wrapped key are in the table's file still. Run this again.")
        raise typer.Exit(Exit.ATTENTION)


def _is_wiped(connection: psycopg.Connection[Any]) -> bool:
    connection.autocommit = True
    try:
        keys_of.wipe(connection)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


@app.command()
def hold(
    context: typer.Context,
    reason: Why,
    name: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Only this class. Default: all.", parser=_class)
    ] = None,
    month: Annotated[
        date | None, typer.Option("--month", metavar="MONTH", help="Only this month. Default: all.", parser=_month)
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one object: `hold` (its number), `class` and `month` (null: every one)."),
    ] = False,
) -> None:
    """Forbid shredding, of one class and month or of all: for a legal hold. On record."""
    with as_service_errors(), connect(acting(context).target, "cdc protect hold") as connection:
        number = keys_of.hold(connection, name, month, _said(reason))
    if as_json:
        write_json({"hold": number, "class": name, "month": month and f"{month:%Y-%m}"})
    say(f"Hold {number} stands. `cdc protect release {number}` ends it.")


@app.command()
def release(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="HOLD", help="Its number, as `cdc protect keys` has it.")],
    reason: Why,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: `released` (the number of the hold).")
    ] = False,
) -> None:
    """End a legal hold. On record."""
    with as_service_errors(), connect(acting(context).target, "cdc protect release") as connection:
        keys_of.release(connection, number, _said(reason))
    if as_json:
        write_json({"released": number})
    say(f"Hold {number} is released.")


@app.command()
def rewrap(
    context: typer.Context,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one object: `wrapped` (how many keys), `master` (the one that they are wrapped by)."
        ),
    ] = False,
) -> None:
    """Wrap every data key by `protection.current`, so that an older master key can leave the settings. On record."""
    read = acting(context)
    if read.protection is None:
        raise FatalError("PRT-103", "protection")
    with as_service_errors(), connect(read.target, "cdc protect rewrap") as connection:
        count = keys_of.rewrap(connection, read.protection)
    if as_json:
        write_json({"wrapped": count, "master": read.protection.current})
    say(f"{count} keys are wrapped by {read.protection.current} now.")


def _said(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    return reason

"""`cdc target grants`: the roles of the target and their rights, as statements for a DBA to review and run."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from cdc.cli.context import settings
from cdc.cli.output import say, write_json, write_line
from cdc.derive.active import dictionary_for_reading
from cdc.protect.role import Right, Roles, rights
from cdc.store.connection import as_service_errors, connect
from transforms.load import load as load_dictionary

# The longest of the names behind it has six characters, and PostgreSQL cuts off what is longer than 63 bytes.
_PREFIX: Final = re.compile(r"[a-z][a-z0-9_]{0,50}")


def grants(
    context: typer.Context,
    prefix: Annotated[
        str, typer.Option("--role-prefix", metavar="P", help="What the names of the roles begin with.")
    ] = "cdc_",
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one object: `roles`, and `statements`, a list of `title`, `statement`."),
    ] = False,
) -> None:
    """Print the statements that give workers, operators and readers their rights in the target, and run nothing.

    A DBA reviews them and runs them as a superuser, and again whenever `cdc target apply` or an activation has made
    something new: that they were run before is no error. README.md of runbooks/ says who logs in as which role.
    """
    if not _PREFIX.fullmatch(prefix):
        raise typer.BadParameter("small letters, digits and _ only, 51 at most", param_hint="--role-prefix")
    read = settings(context)
    roles = Roles.named(prefix)
    with as_service_errors(), connect(read.target, "cdc target grants") as connection:
        connection.autocommit = True  # no transaction waits for a dictionary to be loaded
        is_prepared = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'cdc'").rowcount > 0
        folder = read.folders.dictionary
        dictionary = dictionary_for_reading(connection, folder) if is_prepared else load_dictionary(folder)
        with connection.transaction():
            found = rights(connection, roles, dictionary)
    if as_json:
        write_json({"roles": roles._asdict(), "statements": [one._asdict() for one in found]})
        return
    write_line(script(found))
    say(f"{len(found)} statements, in one transaction. Nothing was run: this is for a DBA (psql -f FILE).")


def script(found: list[Right]) -> str:
    """Return the statements as a file for psql."""
    lines = ["BEGIN;"]
    for before, one in zip([None, *found], found, strict=False):
        if before is None or before.title != one.title:
            lines.append(f"\n-- {one.title}")
        lines.append(f"{one.statement};")
    return "\n".join([*lines, "", "COMMIT;"])

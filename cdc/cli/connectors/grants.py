"""`cdc connectors grants`: the DBA's script for a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from cdc.capture.grants.script import script
from cdc.capture.login import login_of
from cdc.capture.source import Source
from cdc.cli.chosen import Name, named
from cdc.cli.context import settings
from cdc.cli.output import say, write_json, write_line
from cdc.config import environment
from cdc.errors import CdcError, FatalError
from cdc.reference import is_reference


def grants(
    context: typer.Context,
    name: Name,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Read the catalogue as this account, not as the connector's.")
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="Its password, as a reference such as '${env:DBA_PASSWORD}'."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object: source, kind, script.")] = False,
) -> None:
    """Print the script that the DBA of a source runs once: account, grants, publication, replica identities.

    Nothing is run. Which tables need a replica identity the catalogue says (PostgreSQL); before the connector's account
    is there, name one that is with --user. Any account will do, no privilege is needed.
    """
    options = settings(context)
    source = named(options, name)
    if bool(user) != bool(password) or not is_reference(password or "${env:X}"):
        raise typer.BadParameter("--user and --password belong together, and the password is a reference")
    variables = environment()
    reader = replace(source, user=user, password=password) if user and password else source
    text = _script(source, reader, variables, is_asked=user is not None)
    if as_json:
        write_json({"source": name, "kind": source.kind, "script": text})
    else:
        write_line(text)


def _script(source: Source, reader: Source, variables: Mapping[str, str], *, is_asked: bool) -> str:
    """Return the script; if the catalogue cannot be read, and nobody has said by whom, the one for before it is."""
    if source.kind != "postgresql":
        return script(source, variables, None)
    try:
        return script(source, variables, login_of(reader, variables))
    except CdcError as error:
        if is_asked or (isinstance(error, FatalError) and error.code not in ("SRC-101", "SRC-111")):
            raise
        say(f"The catalogue was not read ({error.code} {error.detail.strip()}): no replica identity is set.")
        return script(source, variables, None)

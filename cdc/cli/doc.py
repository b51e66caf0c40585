"""`cdc dictionary doc`: the dictionary as one page for those who steward it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cdc import approval
from cdc.approval import signature_folder
from cdc.cli.context import Folder, folder_of, settings
from cdc.cli.output import say, write_json
from cdc.cli.written import writing
from cdc.errors import FatalError
from transforms.load import load
from transforms.model import Dictionary

if TYPE_CHECKING:
    from transforms.review.site import Signature, Standing

_PAGE = Path("dictionary.html")


def doc(
    context: typer.Context,
    folder: Folder = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            dir_okay=False,
            help=f"The file to write; an earlier one is replaced. Default: {_PAGE}; with --json stdout.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print what the page says as one object: dictionary, version, status, author, digest, `standing` "
            "(signatures and what is missing; null: no settings to look by), and the lists mappings, tables, codesets, "
            "fields, units, errors, sources, functions. `anchor` is where something stands in the page.",
        ),
    ] = False,
) -> None:
    """Write the dictionary as one HTML page that needs nothing else: to be read, searched, linked and printed.

    It has a table for each mapping (target column, labels, source columns, rule, code set, unit, on error, example),
    canonical tables and folds, fields, code sets, units, error codes and sources. The same dictionary gives the same
    page. Exit code 2 if the dictionary has faults. No database is asked.
    """
    from transforms.review.site import describe, render  # noqa: PLC0415 - only this command draws pages

    where = folder_of(context, folder)
    dictionary = load(where)
    document = describe(dictionary, _standing(context, dictionary, where))
    if as_json and output is None:
        write_json(asdict(document))
        return
    path = output or _PAGE
    page = (
        msgspec.json.format(msgspec.json.encode(asdict(document)), indent=2) if as_json else render(document).encode()
    )
    with writing(path, "--output"):
        path.write_bytes(page)
    say(f"{path}: {dictionary.name} {dictionary.version} ({dictionary.status}), {len(page) // 1000} kB.")


def _standing(context: typer.Context, dictionary: Dictionary, folder: Path | None) -> Standing | None:
    """Return what the signatures are worth by the settings; None where there are no settings that could tell."""
    from transforms.review.site import Standing  # noqa: PLC0415

    try:
        trusted = settings(context).approval
    except FatalError as error:
        say(f"Signatures were not looked at: {error}")
        return None
    found = approval.standing(trusted, dictionary, signature_folder(trusted, folder))
    return Standing(tuple(map(_signature, found.signatures)), found.missing)


def _signature(found: approval.Signature) -> Signature:
    from transforms.review.site import Signature  # noqa: PLC0415

    said = found.statement
    if said is None:
        return Signature(found.file, "", "", "", found.fault)
    return Signature(said.signer, said.role, said.meaning, said.time, found.fault)

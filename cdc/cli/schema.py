"""`cdc dictionary schema`: what editors complete and check the files of a dictionary by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cdc.cli.output import say, write_json, write_table
from cdc.cli.written import writing
from transforms.review.schema import KINDS, schema_of


def _kind(value: str | None) -> str | None:
    if value is not None and value not in KINDS:
        raise typer.BadParameter(f"one of {', '.join(KINDS)}")
    return value


def _complete(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def schema(
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"Print the schema of one kind of file: {', '.join(KINDS)}.",
            callback=_kind,
            autocompletion=_complete,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FOLDER",
            file_okay=False,
            help="Write the schemas of all kinds into this folder, as KIND.schema.json; earlier ones are replaced.",
        ),
    ] = None,
) -> None:
    """Write JSON Schema (2020-12) of the dictionary's files, by which editors complete, explain and check them.

    It knows every key and word that the files may have. What only all files together tell (names, expressions,
    examples) is for `cdc dictionary check`. No database is asked and no settings are needed.
    """
    if (kind is None) == (output is None):
        raise typer.BadParameter("either --kind KIND or --output FOLDER is needed")
    if kind is not None:
        write_json(schema_of(kind))
        return
    if output is not None:
        _write_all(output)


def _write_all(folder: Path) -> None:
    with writing(folder, "--output"):
        folder.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            document = msgspec.json.format(msgspec.json.encode(schema_of(kind)), indent=2)
            (folder / _file(kind)).write_bytes(document + b"\n")
    write_table("Schemas", ("schema", "of"), [(_file(kind), what.files) for kind, what in KINDS.items()])
    say(f"{len(KINDS)} schemas written to {folder}.")


def _file(kind: str) -> str:
    return f"{kind}.schema.json"

"""Names for the shell's completion: offline, from the files as they are, and none where these cannot be read.

A function here is the `autocompletion` of an argument; the arguments before it are known by their names in the command.
Every command loads this file: what reads a dictionary, half a second on a slow machine, is loaded by who completes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cdc.capture.contract import read_contracts
from cdc.capture.source import KINDS, Source, SourceTable, read_source
from cdc.cli.context import settings
from cdc.errors import CdcError, catalogue

if TYPE_CHECKING:
    from transforms.model import Dictionary


def complete_source(context: typer.Context, incomplete: str) -> list[str]:
    """Return the sources that have a file, whatever is wrong in it; not those that are named already."""
    folder = _folder(context)
    names = () if folder is None else sorted(path.stem for path in folder.glob("*.yaml"))
    return _begun(names, incomplete, context.params.get("names"))


def complete_table(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables of the source that is named, as its connector file spells them."""
    tables = [".".join(filter(None, (one.schema, one.name))) for one in _tables_of(context)]
    return _begun(tables, incomplete, context.params.get("tables"))


def complete_mirror(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables of the source that is named, as their mirrors are called."""
    return _begun([one.name for one in _tables_of(context)], incomplete, context.params.get("tables"))


def complete_excluded(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables that the connector file of the source leaves out by name: of others it knows nothing."""
    found = _source(context)
    names = () if found is None else (name for name in found.exclude if "*" not in name)
    return _begun(names, incomplete, context.params.get("tables"))


def complete_contract(context: typer.Context, incomplete: str) -> list[str]:
    """Return the tables of the source that is named of which there is a contract."""
    folder = _folder(context)
    try:
        found = () if folder is None else read_contracts(folder / "contracts" / _name(context))
    except CdcError:
        return []
    return _begun([one.table for one in found], incomplete, context.params.get("tables"))


def complete_kind(incomplete: str) -> list[str]:
    """Return the products that a source may be of."""
    return _begun(KINDS, incomplete)


def complete_code(context: typer.Context, incomplete: str) -> list[str]:
    """Return the codes of service, rules and dictionary, in the case in which one was begun."""
    from cdc.capture.lint.rules import RULES  # noqa: PLC0415 - see above

    known = {*catalogue(), *(rule.code for rule in RULES), *complete_held_code(context, "")}
    spelled = (code.lower() if incomplete[:1].islower() else code for code in sorted(known))
    return _begun(spelled, incomplete)


def complete_held_code(context: typer.Context, incomplete: str) -> list[str]:
    """Return the codes with which the dictionary may hold a row."""
    found = _dictionary(context)
    return _begun(() if found is None else sorted(found.errors), incomplete)


def complete_mapping(context: typer.Context, incomplete: str) -> list[str]:
    """Return the mappings of the dictionary."""
    found = _dictionary(context)
    return _begun(() if found is None else sorted(one.name for one in found.mappings), incomplete)


def _begun(names: Iterable[str], incomplete: str, taken: Iterable[str] | None = None) -> list[str]:
    named = set(taken or ())
    return [name for name in names if name.startswith(incomplete) and name not in named]


def _folder(context: typer.Context) -> Path | None:
    """Return the folder of the connector files: that of `--folder` or of the settings."""
    try:
        return Path(context.params.get("folder") or settings(context).folders.connector_configs)
    except CdcError:
        return None


def _name(context: typer.Context) -> str:
    return str(context.params.get("name") or context.params.get("source"))


def _source(context: typer.Context) -> Source | None:
    folder = _folder(context)
    return None if folder is None else read_source(folder / f"{_name(context)}.yaml").source


def _tables_of(context: typer.Context) -> Iterable[SourceTable]:
    found = _source(context)
    return () if found is None else found.tables


def _dictionary(context: typer.Context) -> Dictionary | None:
    from transforms.errors import DictionaryError  # noqa: PLC0415 - see above
    from transforms.load import load  # noqa: PLC0415

    try:
        return load(settings(context).folders.dictionary)
    except (CdcError, DictionaryError):
        return None

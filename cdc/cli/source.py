"""`cdc source`: a live source's catalogue against the reviewed contracts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from cdc.capture.catalogue import read_contracts
from cdc.capture.contract import Contract, left_out, to_yaml
from cdc.cli.chosen import Name, named
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_line
from cdc.cli.written import writing
from cdc.config import environment
from cdc.errors import FatalError

app = typer.Typer(help="Read the catalogues of the sources.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `contract` a command of its own: typer makes a lone command the group itself."""


@app.command()
def contract(
    context: typer.Context,
    name: Name,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 3 if the files differ.")] = False,
) -> None:
    """Write the contract of each captured table, read from the live source (nothing is written there).

    Prints what changes as a diff against the files under connector-configs/contracts.
    """
    options = settings(context)
    source = named(options, name)
    contracts = read_contracts(source, environment())
    files = options.folders.connector_configs / "contracts" / name
    differences = compare_files(files, contracts)
    for difference in differences.values():
        write_line(difference)
    for line in left_out(contracts):
        say(line)
    if not differences:
        say(f"{len(contracts)} contracts of {name} are as the source has them.")
        return
    if check:
        say(f"{len(differences)} of {name}'s contract files differ from the source.")
        raise typer.Exit(Exit.DIFFERENT)
    write_files(files, contracts)
    say(f"{len(differences)} contract files of {name} written. Review them, then run `cdc target apply`.")


def compare_files(folder: Path, contracts: tuple[Contract, ...]) -> dict[str, str]:
    """Return a unified diff for each file that is missing, differs, or describes a table that is not captured."""
    wanted = {f"{contract.table}.yaml": to_yaml(contract) for contract in contracts}
    present = {path.name: _text(path) for path in sorted(folder.glob("*.yaml"))}
    found = {file: _difference(file, present, wanted) for file in {**wanted, **present}}
    return {file: difference for file, difference in found.items() if difference}


def write_files(folder: Path, contracts: tuple[Contract, ...]) -> None:
    """Make the folder hold exactly these contracts."""
    wanted = {f"{contract.table}.yaml" for contract in contracts}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.yaml"):
            if path.name not in wanted:
                path.unlink()
    write_some(folder, contracts)


def write_some(folder: Path, contracts: Iterable[Contract]) -> None:
    """Write these contracts into the folder, beside what it holds."""
    with writing(folder):
        for contract in contracts:
            (folder / f"{contract.table}.yaml").write_text(to_yaml(contract), encoding="utf-8")


def _difference(file: str, present: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    lines = difflib.unified_diff(
        present.get(file, "").splitlines(),
        wanted.get(file, "").splitlines(),
        file if file in present else "/dev/null",
        file if file in wanted else "/dev/null",
        lineterm="",
    )
    return "\n".join(lines)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError("SRC-102", f"{path.name}: cannot be read") from error

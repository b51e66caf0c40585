"""`cdc connectors lint`: connector files checked without a network, before anything is applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cdc.capture.lint.check import lint as check
from cdc.capture.lint.rule import Finding
from cdc.cli.complete import complete_source
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_advice, write_json, write_line
from cdc.config import Settings
from cdc.errors import FatalError
from transforms.errors import DictionaryError
from transforms.load import load as load_dictionary

_SUFFIX = ".yaml"


def lint(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE|FILE.yaml]...",
            help="Names of sources, or files, of any product. Default: every source.",
            autocompletion=complete_source,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the connector files; neither settings nor dictionary are read then. Default: the one that "
            "the settings name.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `ok` (bool), `findings`, a list of file, line, column, code, what, cause, action, "
            "and `allowed`, the same with the reason that a comment gives.",
        ),
    ] = False,
) -> None:
    """Check connector files by rules, without any connection; secrets stay references.

    A finding is `file:line:column CODE what`, why it is bad and what to do; `cdc code L07` explains a rule. A comment
    `# allow L11: the reason` at the entry allows what a rule finds there. Exit code 2 if there are findings.
    """
    where, reads = (folder, {}) if folder else _deployment(settings(context))
    found = check(where, [_path(name, where) for name in names or ()], reads)
    findings = [finding for finding in found if not finding.allowed]
    allowed = [finding for finding in found if finding.allowed]
    if as_json:
        listed = [{name: part for name, part in asdict(one).items() if name != "allowed"} for one in findings]
        write_json({"ok": not findings, "findings": listed, "allowed": allowed})
    else:
        _write(findings, allowed)
    raise typer.Exit(Exit.USAGE if findings else Exit.OK)


def _deployment(options: Settings) -> tuple[Path, Mapping[str, Sequence[str]]]:
    """Return the folder of the connector files, and the mappings of the dictionary by the mirror that they read."""
    reads = defaultdict[str, list[str]](list)
    try:
        for mapping in load_dictionary(options.folders.dictionary).mappings:
            for mirror in {mapping.source, *(lookup.mirror for lookup in mapping.lookups)}:
                reads[str(mirror)].append(mapping.name)
    except DictionaryError as error:
        say(f"What the dictionary reads was not looked at: {error}")
    return options.folders.connector_configs, reads


def _path(name: str, folder: Path) -> Path:
    """Return the file that is meant. Raises SRC-103."""
    path = Path(name) if name.endswith(_SUFFIX) else folder / f"{name}{_SUFFIX}"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob(f"*{_SUFFIX}"))) or "none"
        raise FatalError("SRC-103", f"{name} (known: {known})")
    inside = folder / path.name
    return inside if inside.exists() and inside.samefile(path) else path


def _write(findings: Sequence[Finding], allowed: Sequence[Finding]) -> None:
    for one in findings:
        write_line(f"{one.place} {one.code} {one.what}")
        write_line(f"  why:  {one.cause}")
        write_advice(f"  next: {one.action}")
    for one in allowed:
        say(f"{one.place} {one.code} is allowed: {one.allowed}")
    say(f"{len(findings)} findings." if findings else "No finding.")

"""`cdc connectors lint`: connector files checked without a network, before anything is applied."""

from __future__ import annotations

from collections.abc import Sequence
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
from cdc.errors import FatalError

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
            help="Folder of the connector files; the settings are not read then. Default: the one that they name.",
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
    where = folder or settings(context).folders.connector_configs
    found = check(where, [_path(name, where) for name in names or ()])
    findings = [finding for finding in found if not finding.allowed]
    allowed = [finding for finding in found if finding.allowed]
    if as_json:
        listed = [{name: part for name, part in asdict(one).items() if name != "allowed"} for one in findings]
        write_json({"ok": not findings, "findings": listed, "allowed": allowed})
    else:
        _write(findings, allowed)
    raise typer.Exit(Exit.USAGE if findings else Exit.OK)


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

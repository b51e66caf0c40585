"""What `cdc dictionary scaffold` made of tables: written into a folder, printed, told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from cdc.cli.output import say, write_line
from transforms.draft.draft import Draft
from transforms.draft.table import SourceTable
from transforms.errors import Fault


@dataclass(frozen=True, slots=True)
class Drafted:
    """What became of one table: its draft and files, or why there is none; `faults` are those of the draft."""

    table: SourceTable
    draft: Draft | None
    files: dict[str, str]
    faults: tuple[Fault, ...] = ()
    told: str = ""


def write_files(folder: Path, files: dict[str, str], *, force: bool) -> None:
    """Write all files, or none: BadParameter if one is there already, unless it may be overwritten."""
    there = [path for path in files if (folder / path).exists()]
    if there and not force:
        raise typer.BadParameter(f"--force overwrites what is there: {', '.join(there)}")
    put(folder, files)


def put(folder: Path, files: dict[str, str]) -> None:
    """Write files by their path in the folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def print_files(files: dict[str, str]) -> None:
    """Print every file under its name."""
    for path, text in files.items():
        write_line(f"# --- {path}")
        write_line(text)


def tell(one: Drafted) -> None:
    """Say what became of a table."""
    if one.draft is None:
        say(f"{one.table}: no draft. {one.told}")
        return
    draft = one.draft
    guessed = f"{len(draft.columns)} canonical columns guessed, {len(draft.left)} columns without a guess"
    say(f"{one.table}: {guessed}, {draft.sample.rows} rows looked at. To do: the example's outcome.")
    for fault in one.faults:
        say(f"  {fault}")


def document(one: Drafted) -> dict[str, object]:
    """Return a table's draft as plain data."""
    draft = one.draft
    return {
        "table": str(one.table),
        "target": draft.target if draft else None,
        "told": one.told,
        "rows": draft.sample.rows if draft else 0,
        "columns": [
            {
                "name": guess.name,
                "field": guess.field.name,
                "rule": guess.rule,
                "source": guess.column or None,
                "reasons": list(guess.reasons),
                "score": round(guess.score, 2),
            }
            for guess in (draft.columns if draft else ())
        ],
        "lookups": [
            {"name": one.alias, "table": str(one.table), "match": one.match, "reasons": list(one.reasons)}
            for one in (draft.lookups if draft else ())
        ],
        "left": [{"source": left.column.name, "reason": left.reason} for left in (draft.left if draft else ())],
        "faults": [{"place": str(fault.place), "code": fault.code, "message": fault.message} for fault in one.faults],
    }

"""`cdc dictionary diff` and `explain`: what a change means, and where a canonical column comes from."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cdc.cli.context import Folder, folder_of, settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.errors import FatalError
from cdc.store.connection import connect
from transforms.errors import DictionaryError, Fault
from transforms.load import load, read, read_content
from transforms.model import Dictionary, Field
from transforms.review.dependency import FOLD, ROWS, Origin, origins
from transforms.review.difference import Change, difference

_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_VERSION = "A folder, or the digest (8 characters of it are enough) of a version that was prepared in the target."


def _complete(context: typer.Context, incomplete: str) -> list[str]:
    """Return the columns that a shell may complete to; none where settings or dictionary cannot be read."""
    try:
        known = origins(load(folder_of(context, None)))
    except (FatalError, DictionaryError):
        return []
    names = sorted({origin.target.partition(".")[2] for origin in known if origin.column != ROWS})
    return [name for name in names if name.startswith(incomplete)]


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help=_VERSION)],
    new: Annotated[
        str | None,
        typer.Argument(metavar="NEW", help=f"{_VERSION} Default: the dictionary of the settings.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `old` and `new` (dictionary, version, digest), and `changes`, a list of kind, "
            "name, what, affects (list of schema.table.column; `*` stands for which rows there are).",
        ),
    ] = False,
) -> None:
    """Say in words what changed between two versions, and which canonical columns can come out otherwise.

    Exit code 0 if nothing did, 3 if something did, 2 if one of them has faults. Examples that do not hold are no matter
    here.
    """
    versions = (_version(context, old), _version(context, new) if new else _loaded(folder_of(context, None)))
    changes = difference(*versions)
    if as_json:
        named = [{"dictionary": one.name, "version": one.version, "digest": one.digest} for one in versions]
        write_json({"old": named[0], "new": named[1], "changes": [asdict(change) for change in changes]})
    else:
        _write_changes(changes)
    raise typer.Exit(Exit.DIFFERENT if changes else Exit.OK)


def explain(
    context: typer.Context,
    column: Annotated[
        str,
        typer.Argument(
            metavar="TABLE.COLUMN",
            help="A canonical column; the schema may stand in front.",
            autocompletion=_complete,
        ),
    ],
    folder: Folder = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `column`, `fold` (how contributions become one value, or null), `origins`, a list "
            "of mapping, rule, rows (what decides whether there is a row, or null), field, label, definition, type, "
            "code_set, units, lookups, lets, reads (source.table.column).",
        ),
    ] = False,
) -> None:
    """Show the way of a canonical column back to the columns of the sources."""
    dictionary = load(folder_of(context, folder))
    known = origins(dictionary)
    full = _column(column, known)
    found = [origin for origin in known if origin.target == full and origin.mapping != FOLD]
    rows = {(origin.mapping, origin.table): origin.rule or None for origin in known if origin.column == ROWS}
    described = [_origin(origin, dictionary, rows.get((origin.mapping, origin.table))) for origin in found]
    fold = next((origin.rule for origin in known if origin.target == full and origin.mapping == FOLD), None)
    if as_json:
        write_json({"column": full, "fold": fold, "origins": described})
        return
    write_line(full)
    if fold:
        write_line(f"  folded of contributions: {fold}")
    for origin in described:
        _write_origin(origin)


def _version(context: typer.Context, named: str) -> Dictionary:
    if not Path(named).is_dir() and _DIGEST.fullmatch(named):
        return _recorded(context, named)
    return _loaded(Path(named))


def _loaded(folder: Path | None) -> Dictionary:
    return _usable(*read(folder))


def _usable(dictionary: Dictionary | None, faults: list[Fault]) -> Dictionary:
    if dictionary is None:
        raise DictionaryError(faults)
    return dictionary


def _recorded(context: typer.Context, digest: str) -> Dictionary:
    """Load a version that the target has kept."""
    with connect(settings(context).target, "cdc dictionary diff") as connection:
        rows = connection.execute(
            "SELECT content::text FROM cdc.dictionary WHERE starts_with(digest, %s)", (digest,)
        ).fetchall()
    if len(rows) != 1:
        raise typer.BadParameter(f"{len(rows)} versions in the target have a digest that begins with {digest}")
    return _usable(*read_content(rows[0][0]))


def _write_changes(changes: tuple[Change, ...]) -> None:
    write_table(
        "Changes",
        ("kind", "name", "what", "affects"),
        [(change.kind, change.name, change.what, ", ".join(change.affects) or None) for change in changes],
    )
    columns = {column for change in changes for column in change.affects}
    told = f"{_count(len(changes), 'change')}; {_count(len(columns), 'canonical column')} can come out otherwise."
    say(told if changes else "No change.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _column(named: str, known: tuple[Origin, ...]) -> str:
    names = sorted({origin.target for origin in known if origin.column != ROWS})
    found = [name for name in names if named in (name, name.partition(".")[2])]
    if len(found) == 1:
        return found[0]
    short = {name.partition(".")[2]: name for name in names}
    near = found or difflib.get_close_matches(named, [*names, *short], n=3)
    raise typer.BadParameter(f"no canonical column {named}" + (f"; near: {', '.join(near)}" if near else ""))


def _origin(origin: Origin, dictionary: Dictionary, rows: str | None) -> dict[str, object]:
    field: Field = dictionary.fields[origin.field]
    return {
        "mapping": origin.mapping,
        "rule": origin.rule,
        "rows": rows,
        "field": field.name,
        "label": asdict(field.label),
        "definition": field.definition,
        "type": field.type.kind,
        "code_set": origin.code_set or None,
        "units": list(origin.units),
        "lookups": list(origin.lookups),
        "lets": list(origin.lets),
        "reads": list(origin.reads),
    }


def _write_origin(origin: dict[str, object]) -> None:
    label = origin["label"]
    names = " ".join(str(name) for name in label.values()) if isinstance(label, dict) else ""
    write_line(f"  {origin['mapping']}: {origin['rule']}")
    write_line(f"    field    {origin['field']} ({names}), {origin['type']}")
    write_line(f"             {origin['definition']}")
    for name in ("code_set", "units", "lookups", "lets", "rows"):
        value = origin[name]
        if value:
            write_line(f"    {name:8} {', '.join(value) if isinstance(value, list) else value}")
    reads = origin["reads"]
    for place, column in enumerate(reads if isinstance(reads, list) else ()):
        write_line(f"    {'' if place else 'from':8} {column}")

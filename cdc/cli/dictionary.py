"""`cdc dictionary`: what a steward does with a dictionary before anybody derives by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from cdc.cli.activation import activate, discard, rollback
from cdc.cli.approval import keygen, sign, verify
from cdc.cli.context import Folder, folder_of
from cdc.cli.doc import doc
from cdc.cli.failure import Exit
from cdc.cli.meaning import diff, explain
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.scaffold import scaffold
from cdc.cli.schema import schema
from transforms.errors import DictionaryError, Fault
from transforms.load import load, read_layers
from transforms.review.trial import Failure, Trial, try_examples
from transforms.yaml.folder import Layered
from transforms.yaml.layer import Entry

app = typer.Typer(
    help="The field dictionary: drafts, faults, examples, layers, changes, page for stewards, approval, activation.",
    no_args_is_help=True,
)


@app.command()
def check(
    context: typer.Context,
    folder: Folder = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `ok` (bool), `dictionary`, `version`, `status`, `digest` (null with faults) and "
            "`faults`, a list of file, line, column, code, message.",
        ),
    ] = False,
) -> None:
    """Print every fault of the dictionary as `file:line:column CODE message`; `cdc code CODE` explains a code.

    Examples that do not hold are faults, too. Exit code 2 with faults. No database is asked.
    """
    try:
        dictionary = load(folder_of(context, folder))
    except DictionaryError as error:
        _write_faults(error.faults, as_json=as_json)
        raise typer.Exit(Exit.USAGE) from None
    if as_json:
        shown = {name: getattr(dictionary, name) for name in ("version", "status", "digest")}
        write_json({"ok": True, "dictionary": dictionary.name, **shown, "faults": []})
    else:
        say(
            f"No fault in {dictionary.name} {dictionary.version} ({dictionary.status}): {len(dictionary.mappings)} "
            f"mappings, {dictionary.examples} examples hold."
        )


@app.command("test")
def run_test(
    context: typer.Context,
    folder: Folder = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `examples` and `failed` (counts), `failures`, a list of mapping, example, file, "
            "line, column, diff (list), and `unreached`, a list of mapping, codes (a list: the code and the column or "
            "look-up), rules (list); folds stand as mappings, too.",
        ),
    ] = False,
) -> None:
    """Run every example, and say what of a mapping or fold none of them shows: codes, conditions, tables, columns,
    checks, deletes, whose value counts.

    Exit code 0 if all examples hold and show everything, 3 if one does not hold, 4 if only something is not shown, 2 if
    the dictionary has other faults (`cdc dictionary check` lists them).
    """
    trial = try_examples(folder_of(context, folder))
    if as_json:
        write_json(_document(trial))
    else:
        _write_trial(trial)
    if trial.failures:
        raise typer.Exit(Exit.DIFFERENT)
    raise typer.Exit(Exit.ATTENTION if trial.unreached else Exit.OK)


@app.command()
def layers(
    context: typer.Context,
    folder: Folder = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `entries`, a list of kind, name, layer, overrides (the layer, or null), file, "
            "line; and `left_out`, a list of kind, name, file, line.",
        ),
    ] = False,
) -> None:
    """Show which layer each entry comes from, what it takes the place of, and what is left out.

    A folder stands alone (but for errors.yaml) unless its dictionary.yaml says `extends`.
    """
    entries, left_out = read_layers(folder_of(context, folder))
    if as_json:
        write_json({"entries": [_layered(found) for found in entries], "left_out": [_entry(one) for one in left_out]})
        return
    rows = [(one.entry.kind, one.entry.name, one.layer, one.overrides, _where(one.entry)) for one in entries]
    rows += [(one.kind, one.name, "left out", None, _where(one)) for one in left_out]
    write_table("Entries of the dictionary", ("kind", "name", "layer", "overrides", "where"), rows)
    names = sorted({one.layer for one in entries})
    counts = ", ".join(f"{sum(one.layer == name for one in entries)} of {name}" for name in names)
    overridden = sum(one.overrides is not None for one in entries)
    say(f"{counts or 'No entries'}; {overridden} override another; {len(left_out)} left out.")


def _layered(found: Layered) -> dict[str, object]:
    entry = _entry(found.entry)
    return {
        "kind": entry["kind"],
        "name": entry["name"],
        "layer": found.layer,
        "overrides": found.overrides,
        "file": entry["file"],
        "line": entry["line"],
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {"kind": entry.kind, "name": entry.name, "file": entry.place.file, "line": entry.place.line}


def _where(entry: Entry) -> str:
    return f"{entry.place.file}:{entry.place.line}"


def _write_faults(faults: Sequence[Fault], *, as_json: bool) -> None:
    if as_json:
        unknown = dict.fromkeys(("dictionary", "version", "status", "digest"))
        write_json({"ok": False, **unknown, "faults": [_fault(fault) for fault in faults]})
        return
    for fault in faults:
        write_line(str(fault))
    say(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}. `cdc code CODE` says what a code means and what to do.")


def _fault(fault: Fault) -> dict[str, str | int]:
    place = fault.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "code": fault.code,
        "message": fault.message,
    }


def _document(trial: Trial) -> dict[str, object]:
    return {
        "examples": trial.examples,
        "failed": len(trial.failures),
        "failures": [_failure(failure) for failure in trial.failures],
        "unreached": [asdict(found) for found in trial.unreached],
    }


def _failure(failure: Failure) -> dict[str, object]:
    place = failure.place
    return {
        "mapping": failure.mapping,
        "example": failure.example,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "diff": list(failure.diff),
    }


def _write_trial(trial: Trial) -> None:
    for failure in trial.failures:
        write_line(f"{failure.place} {failure.mapping}: {failure.example}")
        for line in failure.diff:
            write_line(f"    {line}")
    for found in trial.unreached:
        write_line(f"{found.mapping}: no example reaches {', '.join((*found.codes, *found.rules))}")
    held = trial.examples - len(trial.failures)
    say(f"{held} of {trial.examples} examples hold.")


for _command in (diff, explain, doc, scaffold, schema, keygen, sign, verify, activate, rollback, discard):
    app.command()(_command)

"""`cdc runbook`: what to do when a code stops something, or something is seen that should not be."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer

from cdc import runbook
from cdc.cli.code import explanations
from cdc.cli.context import invocation
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_advice, write_json, write_line, write_table
from cdc.errors import catalogue

app = typer.Typer(help="What to do when something has stopped.", no_args_is_help=True)


def _complete(incomplete: str) -> list[str]:
    """Return the pages that begin so, in the case in which it was begun."""
    spelled = (name.lower() if incomplete[:1].islower() else name for name in runbook.names())
    return [name for name in spelled if name.startswith(incomplete)]


@app.command("list")
def list_pages(
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `symptoms`, a list of page, title; `codes`, a list of code, stops (service, "
            "stream, command), title.",
        ),
    ] = False,
) -> None:
    """List the runbooks: by symptom, then by code, with what stands still while the code lasts."""
    symptoms = [runbook.read(name) for name in runbook.names() if not name.isupper()]
    codes = [entry for entry in catalogue().values() if runbook.has_page(entry.code)]
    codes.sort(key=lambda entry: entry.code)
    if as_json:
        write_json(
            {
                "symptoms": [{"page": page.name, "title": page.title} for page in symptoms],
                "codes": [{"code": one.code, "stops": one.stops, "title": one.title} for one in codes],
            }
        )
        return
    write_table("By symptom", ("page", "what you see"), [(page.name, page.title) for page in symptoms])
    write_line()
    write_table("By code", ("code", "stops", "title"), [(one.code, one.stops, one.title) for one in codes])
    say("`cdc runbook show CODE` prints a page.")


@app.command()
def show(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="A code such as STR-102, in either case, or a page by symptom such as stream-stopped.",
            autocompletion=_complete,
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: name (as given), page (what deals with it), stops (null: a page by symptom, or a "
            "code of a row), title, meaning, impact, confirm, act, verify (Markdown).",
        ),
    ] = False,
) -> None:
    """Print the page of a code: what it means, what it affects, how to confirm it, what to do, how to verify that.

    A code that stops nothing has none of its own: the page by symptom that it belongs to is printed.
    """
    given, page = _found(context, name)
    if as_json:
        write_json(_document(given, page))
        return
    write_advice(page.text.rstrip())
    if page.name != given:
        say(f"{given} has no page of its own: this is {page.name}.")


def _found(context: typer.Context, name: str) -> tuple[str, runbook.Page]:
    """Return what was meant, as it is spelled, and its page. Exits with 2 where there is none."""
    known = {one.lower(): one for one in runbook.names()}
    if name.lower() in known:
        given = known[name.lower()]
        return given, runbook.read(given)
    known |= {code.lower(): code for code in explanations(invocation(context))}
    given = known.get(name.lower(), "")
    if not given:
        near = difflib.get_close_matches(name.lower(), known, n=3)
        say(f"No runbook {name}." + (f" Near: {', '.join(known[one] for one in near)}." if near else ""))
        raise typer.Exit(Exit.USAGE)
    return given, runbook.read(runbook.page_name(given))


def _document(given: str, page: runbook.Page) -> dict[str, Any]:
    entry = catalogue().get(given)
    parts = {part.lower(): page.parts[part] for part in runbook.PARTS}
    return {"name": given, "page": page.name, "stops": entry and entry.stops, "title": page.title, **parts}

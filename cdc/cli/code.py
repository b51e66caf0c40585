"""`cdc code CODE`: what a code means and what to do, from both catalogues."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cdc.capture.lint.rules import RULES
from cdc.cli.complete import complete_code
from cdc.cli.context import Invocation, invocation
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_advice, write_json, write_line
from cdc.errors import FatalError, catalogue
from cdc.runbook import NOTHING, STOPS, page_name
from transforms.errors import DictionaryError
from transforms.load import load as load_dictionary


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code with its meaning; `catalogue` is `service`, `lint` (rules for connector files) or `dictionary`. Only those
    of the dictionary have Chinese and an owner. `stops` as of `cdc.errors.Code`.
    """

    code: str
    catalogue: str
    kind: str
    title: str
    cause: str
    action: str
    title_zh: str | None = None
    owner: str | None = None
    stops: str | None = None

    @property
    def page(self) -> str:
        """The runbook that deals with it, as `cdc runbook show` takes it."""
        return page_name(self.code)


def code(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="A code such as TGT-102 or UDI-101; case does not matter.",
            autocompletion=complete_code,
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: code, catalogue, kind, title, cause, action, title_zh, owner and stops (null: "
            "none), page (the runbook).",
        ),
    ] = False,
) -> None:
    """Explain a code: what happened, why, and what to do next.

    The service's codes and the rules of `cdc connectors lint` (L01) come with the program, the stewards' codes from the
    dictionary that the settings name.
    """
    known = explanations(invocation(context))
    found = known.get(name.upper())
    if found is None:
        near = difflib.get_close_matches(name.upper(), known, n=3)
        say(f"No code {name.upper()}." + (f" Near: {', '.join(near)}." if near else ""))
        raise typer.Exit(Exit.USAGE)
    if as_json:
        write_json({**asdict(found), "page": found.page})
        return
    write_line(f"{found.code} {found.title}" + (f" ({found.title_zh})" if found.title_zh else ""))
    write_line(f"  what it does: {_EFFECT[found.kind]}")
    if found.stops not in (None, NOTHING):
        write_line(f"  stops: {STOPS[str(found.stops)]}")
    write_advice(f"  cause: {found.cause}")
    write_advice(f"  next:  {found.action}")
    if found.owner:
        write_line(f"  owner: {found.owner}")
    write_advice(f"  page:  runbooks/{found.page}.md (`cdc runbook show {found.page}`)")


_EFFECT = {
    "transient": "the worker tries the same work again; nothing was written",
    "row": "this row is refused or held, everything else goes on",
    "warning": "this row is taken as it stands, the code says what to look at",
    "refuse": "the source is not to be captured before it is ended",
    "warn": "capturing works, and somebody should look at it first",
    "note": "nothing stands still, it is worth knowing",
    "fatal": "the work stops until a person has looked",
    "finding": "`cdc connectors lint` tells it of a connector file; nothing has happened yet",
}


def explanations(given: Invocation) -> dict[str, Explanation]:
    """Return every code; those of the dictionary only if settings and dictionary can be read."""
    known = {
        entry.code: Explanation(
            *(entry.code, "service", entry.kind, entry.title, entry.cause, entry.action), stops=entry.stops
        )
        for entry in catalogue().values()
    }
    for rule in RULES:
        known[rule.code] = Explanation(rule.code, "lint", "finding", rule.title, rule.cause, rule.action)
    for entry in _dictionary_entries(given):
        known[entry.code] = entry
    return known


def _dictionary_entries(given: Invocation) -> list[Explanation]:
    try:
        folder = given.read().folders.dictionary
    except FatalError:
        folder = None  # no usable settings: the packaged dictionary's codes are better than none
    try:
        entries = load_dictionary(folder).errors.values()
    except DictionaryError:
        say("The dictionary is not usable, its codes are missing here: run `cdc check`.")
        return []
    return [
        Explanation(one.code, "dictionary", one.kind, one.label.en, one.cause, one.action, one.label.zh, one.owner)
        for one in entries
    ]

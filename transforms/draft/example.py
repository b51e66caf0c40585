"""The row of a draft's example: made up of what the dictionary gives as examples, never of what was sampled."""

from __future__ import annotations

import re

from transforms.draft.draft import Draft
from transforms.draft.guess import Guess
from transforms.draft.table import SourceColumn
from transforms.draft.words import words_of
from transforms.model import Dictionary, Field

_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
_NUMBERS = {"integer": re.compile("-?[0-9]{1,18}"), "decimal": _DECIMAL, "double": _DECIMAL}
_UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
_KEYS = {"integer": "1", "text": "A1", "char": "A1", "date": "2026-01-31", "uuid": _UUID}


def input_of(draft: Draft, dictionary: Dictionary) -> dict[str, str]:
    """Return a value for each column that the draft reads, as far as there is one."""
    guesses = {guess.column: guess for guess in draft.columns}
    found: dict[str, str] = {}
    for column in draft.reads:
        guess = guesses.get(column.name)
        value = _value(guess, column, draft, dictionary) if guess else _other(column, draft, dictionary)
        if value is not None:
            found[column.name] = value
    return found


def lookups_of(draft: Draft, dictionary: Dictionary) -> dict[str, dict[str, str]]:
    """Return the row that each look-up finds."""
    found: dict[str, dict[str, str]] = {}
    for lookup in draft.lookups:
        row = {lookup.table.key[0]: _KEYS.get(draft.table.column(lookup.column).declared or "", "1")}
        for guess in lookup.gives:
            value = _value(guess, lookup.table.column(guess.column), draft, dictionary)
            if value is not None:
                row[guess.column] = value
        found[lookup.alias] = row
    return found


def _other(column: SourceColumn, draft: Draft, dictionary: Dictionary) -> str | None:
    """Return the value of a column that is read for something else: to look up by, as the key, as a unit."""
    if "unit" in words_of(column.name) and column.declared in ("text", "char"):
        fixed = next(
            (guess.field.unit for guess in draft.columns if column.name in guess.rule and guess.field.unit), ""
        )
        return _unit(fixed or "", draft.table.source, dictionary)
    return _KEYS.get(column.declared or "")


def _value(guess: Guess, column: SourceColumn, draft: Draft, dictionary: Dictionary) -> str | None:
    field, source = guess.field, draft.table.source
    if field.code_set:
        code = _code(field, draft, dictionary)
        # A mapping of today may make the code of what is none: of a number's sign, for one.
        number = _NUMBERS.get(column.declared or "")
        return _KEYS["integer"] if code is not None and number and not number.fullmatch(code) else code
    if field.type.kind == "unit":
        return _unit(field.example, source, dictionary)
    if column.declared == "integer":
        return field.example if re.fullmatch(r"-?[0-9]{1,9}", field.example) else "1"
    if column.declared == "timestamp":
        return f"{field.example} 00:00:00" if field.type.kind == "date" else field.example[:19].replace("T", " ")
    if column.declared == "date":
        return field.example[:10]
    return {"bit": "1", "uuid": _UUID}.get(column.declared or "", field.example)


def _code(field: Field, draft: Draft, dictionary: Dictionary) -> str | None:
    """Return a code of the source that means the field's example, or any that means something."""
    for drafted in draft.code_sets:
        if drafted.name == field.code_set:
            return next(iter(drafted.codes))
    synonyms = dictionary.codesets[field.code_set or ""].synonyms.get(draft.table.source, {})
    wanted = field.example.upper() if field.type.kind == "boolean" else field.example
    meaning = [code for code, several in synonyms.items() if any(one.to == wanted for one in several)]
    return next(iter([*meaning, *synonyms]), None)


def _unit(code: str, source: str, dictionary: Dictionary) -> str:
    aliases = dictionary.sources[source].unit_aliases if source in dictionary.sources else {}
    return next((alias for alias, meant in aliases.items() if meant == code), code)

"""A mapping drafted for one table: what is guessed, and what is left to a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

from transforms.draft.guess import Guess, Guesser, Known
from transforms.draft.lookup import LookupGuess, Present, lookups_of
from transforms.draft.table import Sample, SourceColumn, SourceTable, written
from transforms.draft.values import codes_in, nothing_in
from transforms.draft.words import snake, words_of
from transforms.mapping import Target
from transforms.model import Field, FieldType, Label

_CODE_UNREGISTERED = "COD-201"
_PLURAL = 3  # numbered columns from so many on are one column, repeated


class Unmappable(Exception):
    """A table of which no mapping can be drafted, and why."""


@dataclass(frozen=True, slots=True)
class CodeSetDraft:
    """A code set of the values found, and the field of it; `codes`: the source's code to canonical code and number."""

    name: str
    column: str
    codes: dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Left:
    """A column without a guess; `like`: the field that its name speaks for and its values do not."""

    column: SourceColumn
    reason: str = ""
    like: Field | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping as drafted. `nothing`: words that look as if they meant nothing, and are not registered as such.

    `repeated`: columns that are one column several times, by what they are called without their number.
    """

    table: SourceTable
    sample: Sample
    target: str
    key: tuple[str, ...]
    columns: tuple[Guess, ...]
    lookups: tuple[LookupGuess, ...]
    left: tuple[Left, ...]
    references: tuple[tuple[tuple[str, ...], str], ...]
    code_sets: tuple[CodeSetDraft, ...]
    fields: tuple[Field, ...]
    nothing: dict[str, int]
    repeated: dict[str, tuple[str, ...]]

    @property
    def reads(self) -> tuple[SourceColumn, ...]:
        """The columns of the source that the draft reads, in their order."""
        texts = [guess.rule for guess in self.columns] + [lookup.match for lookup in self.lookups]
        own = {lookup.column for lookup in self.lookups} | {guess.column for guess in self.columns if guess.column}
        return tuple(
            column
            for column in self.table.columns
            if column.name in {*own, *self.table.key} or any(_names(text, column.name) for text in texts)
        )


@dataclass(frozen=True)
class Drafter:
    """Drafts mappings of the tables of one source. `replaced`: mirrors whose mappings, if any, the drafts stand for."""

    known: Known
    tables: Sequence[SourceTable]
    zone: str
    replaced: frozenset[str] = frozenset()

    def draft(self, table: SourceTable, sample: Sample, present: Present) -> Draft:
        """Return the draft of one table. Raises Unmappable."""
        guesser = Guesser(self.known, table, sample, self.zone)
        lookups = lookups_of(table, self.tables, self.known, present, self.zone)
        repeated = _repeated(table)
        apart = {name for names in repeated.values() for name in names} | {one.column for one in lookups}
        target = self._target(table)
        own = [(column, guesser.best(column)) for column in table.columns if column.declared]
        guesses = [guess for column, guess in own if guess and column.name not in apart]
        code_sets = tuple(self._code_sets(target, guesser, own, apart))
        coded = [_coded(one, table) for one in code_sets]
        looked_up = [guess for lookup in lookups for guess in _named_apart(lookup, lookups)]
        key, fields = self._key(table, target, guesses, {guess.name for guess in looked_up})
        columns = _unique(key, [*looked_up, *sorted(guesses, key=lambda one: -one.score), *coded], table)
        taken = {guess.column for guess in columns}
        return Draft(
            table,
            sample,
            target,
            tuple(guess.name for guess in key),
            columns,
            tuple(one for one in lookups if one.gives),
            tuple(_left(table, taken, apart, lookups, guesser)),
            tuple(dict.fromkeys(self._references(columns))),
            code_sets,
            (*fields, *(guess.field for guess in coded)),
            {word: times for word, times in nothing_in(sample).items() if word not in self._null_tokens(table)},
            repeated,
        )

    def _null_tokens(self, table: SourceTable) -> frozenset[str]:
        source = self.known.dictionary.sources.get(table.source)
        return source.null_tokens if source else frozenset()

    def _target(self, table: SourceTable) -> str:
        """Return a canonical table of its own: nobody guesses that rows may be mixed with those of another mapping."""
        filled = {str(target) for target in self._filled()}
        schema = max((name.partition(".")[0] for name in sorted(filled)), default="trace")
        bare = snake(re.sub(rf"^(t|tbl|tab|{re.escape(table.source)})_", "", table.name)) or "draft"
        name = bare[:50] if bare.startswith(tuple("abcdefghijklmnopqrstuvwxyz")) else f"t_{bare}"[:50]
        return f"{schema}.{name}" if f"{schema}.{name}" not in filled else f"{schema}.{table.source}_{name}"[:57]

    def _filled(self) -> list[Target]:
        """Return the canonical tables that there are."""
        dictionary = self.known.dictionary
        return [target for mapping in dictionary.mappings for target in mapping.targets] + [
            fold.target for fold in dictionary.folds
        ]

    def _key(
        self, table: SourceTable, target: str, guesses: list[Guess], taken: set[str]
    ) -> tuple[list[Guess], tuple[Field, ...]]:
        """Return the key's columns: what the source's key is guessed to be, or an identifier made of it."""
        by_column = {guess.column: guess for guess in guesses}
        natural = [by_column[name] for name in table.key if name in by_column]
        names = {one.name for one in natural if one.field.type.kind in ("string", "gtin")}
        if len(names) == len(table.key):
            return [replace(one, reasons=("the source's key", *one.reasons)) for one in natural], ()
        rule = self._identifier(table)
        reason = f"made of the source's key: {', '.join(table.key)}"
        field = self._identifying(table, taken | {guess.name for guess in guesses})
        if field:
            told = (reason, f"table {table.name} ~ {field.name}")
            return [Guess(field.name, field, rule, "", told, 1.0)], ()
        name = f"{target.partition('.')[2]}_id"
        drafted = _field(name, FieldType("string", 80), f"Identifies a row of {table}.", f"{table.source.upper()}-1")
        return [Guess(name, drafted, rule, "", (reason, "no field is for it: drafted"), 1.0)], (drafted,)

    def _identifying(self, table: SourceTable, taken: set[str]) -> Field | None:
        """Return a field that identifies what the table's name speaks of, and is not taken.

        One that identifies the rows of a canonical table already is taken: these are rows of another one.
        """
        taken = taken | {key for target in self._filled() for key in target.key if len(target.key) == 1}
        for field in self.known.dictionary.fields.values():
            whole = [words - {"id", "no"} for _, words in self.known.views[field.name]]
            named = any(words and words <= words_of(table.name) for words in whole)
            if named and field.name.endswith("_id") and field.name not in taken and field.type.kind == "string":
                return field
        return None

    def _identifier(self, table: SourceTable) -> str:
        parts = []
        for name in table.key:
            # Where a mirror counts equal rows their digest is the key, and says nothing of how many there are.
            declared = None if name.startswith("_") else table.column(name).declared
            if declared not in ("text", "char", "integer", "date", "uuid"):
                raise Unmappable(f"a mapping cannot name its rows: key column {name} is {table.column(name).type}")
            parts.append(f"CAST({written(name)} AS TEXT)" if declared == "date" else written(name))
        return "CONCAT('{}-', {})".format(table.source.upper(), ", '-', ".join(parts))

    def _code_sets(
        self, target: str, guesser: Guesser, own: list[tuple[SourceColumn, Guess | None]], apart: set[str]
    ) -> Iterator[CodeSetDraft]:
        if _CODE_UNREGISTERED not in self.known.dictionary.errors:
            return
        for column, guess in own:
            if guess or column.name in apart or column.name in guesser.table.key or guesser.near(column):
                continue
            codes = codes_in(column, guesser.sample)
            if codes:
                name = f"{target.partition('.')[2]}_{snake(column.name) or 'code'}"[:57]
                if name not in self.known.dictionary.fields and name not in self.known.dictionary.codesets:
                    yield CodeSetDraft(name, column.name, _canonical(codes))

    def _references(self, columns: tuple[Guess, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield whole keys of other canonical tables that stand in the row."""
        fields = {guess.field.name: guess.name for guess in reversed(columns)}
        others = [one for one in self.known.dictionary.mappings if str(one.source) not in self.replaced]
        for mapping in others:
            for target in mapping.targets:
                made = {one.column: one.field for one in self.known.origins if one.table == str(target)}
                key = [made.get(name, name) for name in target.key]
                if all(name in fields for name in key) and (len(key) > 1 or key[0].endswith("_id")):
                    yield tuple(fields[name] for name in key), str(target)


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.\"]){re.escape(written(name))}(?![\w\"])", text) is not None


def _repeated(table: SourceTable) -> dict[str, tuple[str, ...]]:
    """Return columns that are one column several times, by what they are called without their number."""
    found: dict[str, list[str]] = {}
    for column in table.columns:
        match = re.fullmatch(r"(.*[^0-9])([0-9]{1,2})", column.name)
        if match and column.declared:
            found.setdefault(match[1], []).append(column.name)
    return {name: tuple(names) for name, names in found.items() if len(names) >= _PLURAL}


def _named_apart(lookup: LookupGuess, lookups: tuple[LookupGuess, ...]) -> Iterator[Guess]:
    """Yield what a look-up gives; what several give is named after the look-up, too."""
    for guess in lookup.gives:
        several = sum(one.name == guess.name for other in lookups for one in other.gives) > 1
        told = (*lookup.reasons, *guess.reasons)
        yield replace(
            guess, name=f"{lookup.alias}_{guess.name}"[:57] if several else guess.name, column="", reasons=told
        )


def _coded(draft: CodeSetDraft, table: SourceTable) -> Guess:
    field = replace(
        _field(
            draft.name, FieldType("code"), f"What {table}.{draft.column} says.", next(iter(draft.codes.values()))[0]
        ),
        code_set=draft.name,
    )
    reason = f"{len(draft.codes)} distinct values like codes: code set and field drafted"
    return Guess(draft.name, field, written(draft.column), draft.column, (reason,), 0.5)


def _field(name: str, field_type: FieldType, definition: str, example: str) -> Field:
    label = Label(name, name.replace("_", " "))
    rest = {"owner": "to do", "sensitivity": "internal", "code_set": None, "unit": None, "rounding": None}
    return Field(name, label, definition, field_type, example=example, checks=(), on_error={}, **rest)  # type: ignore[arg-type]


def _canonical(codes: Map[str, int]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for number, (code, times) in enumerate(codes.items(), 1):
        name = code.upper() if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", code) else f"CODE_{number}"
        while name in {taken for taken, _ in found.values()}:
            name = f"{name}_{number}"
        found[code] = (name, times)
    return found


def _unique(key: list[Guess], others: list[Guess], table: SourceTable) -> tuple[Guess, ...]:
    """Return the guesses, each under a name and for a source column of its own; the first one has its field's name.

    The key's come first, as they have to.
    """
    found: dict[str, Guess] = {}
    for guess in (*key, *others):
        if guess.column and any(one.column == guess.column for one in found.values()):
            continue
        name = guess.name if guess.name not in found else snake(guess.column)[:57]
        if name and name not in found:
            found[name] = replace(guess, name=name)
    order = {column.name: place for place, column in enumerate(table.columns)}
    keys, rest = list(found.values())[: len(key)], list(found.values())[len(key) :]
    return (*keys, *sorted(rest, key=lambda one: order.get(one.column, -1)))


def _left(
    table: SourceTable, taken: set[str], apart: set[str], lookups: tuple[LookupGuess, ...], guesser: Guesser
) -> Iterator[Left]:
    """Yield the columns that nothing reads, each with what speaks for something all the same."""
    unused = {lookup.column: lookup for lookup in lookups if not lookup.gives}
    for column in table.columns:
        if column.name in taken or column.name in table.key or (column.name in apart and column.name not in unused):
            continue
        if column.declared is None:
            yield Left(column, "a mapping cannot read this type yet")
        elif column.name in unused:
            lookup = unused[column.name]
            yield Left(column, f"a look-up? {lookup.table}.{lookup.table.key[0]} ({'; '.join(lookup.reasons)})")
        else:
            near = guesser.near(column)
            told = f"{near.field.name}? {'; '.join(near.reasons)}" if near else ""
            yield Left(column, told, near.field if near else None)

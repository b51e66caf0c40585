"""Which canonical field a source column may be: by its name, by the source's words about it, and by its values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property

from transforms.draft.rule import rules_for
from transforms.draft.table import Sample, SourceColumn, SourceTable, written
from transforms.draft.trial import NO_TRIAL, Trial, try_rule, vocabulary_of
from transforms.draft.words import Words, words_of
from transforms.model import Dictionary, Field
from transforms.reading.column import Vocabulary
from transforms.review.dependency import Origin, origins

_LIKELY = 0.56
_TRIED = 4  # fields a column is tried for, the likeliest ones by name
_BESIDE = 0.6  # what a word of the table's name counts, beside one of the column's own
_UNKNOWN = 0.25  # what a word counts that no field has
_VAGUE = frozenset({"at", "by", "count", "date", "from", "id", "name", "no", "note", "size", "state", "to", "type"})
_ENOUGH = 20  # values that say something
_FEW = 0.5  # a rule by which fewer values pass is none
_NEARLY_ALL = 0.95


@dataclass(frozen=True, slots=True)
class Guess:
    """A canonical column that a rule over a source column may fill, and why.

    `score` is from 0 to 1, and `named` what it would be without a look at values. `column` is "" where the rule does
    not read a column of the row itself.
    """

    name: str
    field: Field
    rule: str
    column: str
    reasons: tuple[str, ...]
    score: float
    named: float = 0.0
    trial: Trial = NO_TRIAL


@dataclass(frozen=True)
class Known:
    """A dictionary as guessing needs it."""

    dictionary: Dictionary

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What rules may name."""
        return vocabulary_of(self.dictionary)

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """How canonical columns are made now."""
        return origins(self.dictionary)

    @cached_property
    def views(self) -> dict[str, tuple[tuple[str, Words], ...]]:
        """What each field speaks of, in its name and in both languages of its label."""
        return {
            field.name: tuple((text, words) for text in (field.name, field.label.en, field.label.zh)
                              if (words := words_of(text)))
            for field in self.dictionary.fields.values()
        }  # fmt: skip

    @cached_property
    def weights(self) -> Map[str, float]:
        """How much a word tells: the fewer fields speak of it, the more."""
        counts = Counter(word for views in self.views.values() for word in {w for _, words in views for w in words})
        return {word: (0.5 if word in _VAGUE else 1) / math.log2(1 + count) for word, count in counts.items()}

    @cached_property
    def used(self) -> dict[tuple[str, str], dict[str, Origin]]:
        """The fields that a source's columns of one name are now, by (source, name), where they make them alone."""
        found: dict[tuple[str, str], dict[str, Origin]] = {}
        for origin in self.origins:
            if origin.field and len(origin.reads) == 1:
                name = origin.reads[0].rpartition(".")[2]
                found.setdefault((origin.source, name), {})[origin.field] = origin
        return found


@dataclass(frozen=True)
class Guesser:
    """Guesses for the columns of one table."""

    known: Known
    table: SourceTable
    sample: Sample
    zone: str
    _tried_before: dict[str, tuple[Guess, ...]] = dataclass_field(default_factory=dict)

    def best(self, column: SourceColumn) -> Guess | None:
        """Return the likeliest field of the column, None if none is likely enough."""
        best = max((guess.score for guess in self._all(column)), default=0.0)
        found = [guess for guess in self._all(column) if guess.score == best]
        # Values alone that fit several fields say nothing of which.
        clear = found and (len(found) == 1 or found[0].named > 0)
        return found[0] if clear and best >= _LIKELY else None

    def near(self, column: SourceColumn) -> Guess | None:
        """Return the field that the column is like by its name and not by its values, None if there is none."""
        found = max(self._all(column), key=lambda guess: guess.named, default=None)
        return found if found and found.named >= _LIKELY and self.best(column) is None else None

    def _all(self, column: SourceColumn) -> tuple[Guess, ...]:
        if column.name not in self._tried_before:
            self._tried_before[column.name] = tuple(self._guesses(column))
        return self._tried_before[column.name]

    def _guesses(self, column: SourceColumn) -> Iterator[Guess]:
        named = sorted(self._named(column), key=lambda found: -found[1])[:_TRIED]
        valued = [(field, 0.0, ()) for field in self._by_values(column) if field not in [one for one, _, _ in named]]
        for field, score, reasons in (*named, *valued):
            guess = self._tried(field, column, (score, reasons))
            if guess:
                yield replace(guess, name=self._name(column, field))

    def _named(self, column: SourceColumn) -> Iterator[tuple[Field, float, tuple[str, ...]]]:
        used = self.known.used.get((self.table.source, column.name), {})
        is_surrogate = column.declared == "integer" and "id" in words_of(column.name)
        for field in self.known.dictionary.fields.values():
            origin = used.get(field.name)
            if origin and origin.reads == (f"{self.table}.{column.name}",):
                yield field, 1.0, (f"mapping {origin.mapping} has it as {field.name}",)
            elif origin and len(used) == 1:
                yield field, 0.95, (f"mapping {origin.mapping} has a column of this name as {field.name}",)
            elif not (is_surrogate and field.type.kind in ("string", "code")):
                score, reason = self._alike(column, field)
                if score > 0:
                    yield field, score, (reason,)

    def _has_no_codes(self, field: Field) -> str:
        code_set = self.known.dictionary.codesets.get(field.code_set or "")
        if code_set is None or code_set.synonyms.get(self.table.source):
            return ""
        return f"code set {code_set.name} has no code of {self.table.source} yet"

    def _now(self, column: SourceColumn, field: Field) -> tuple[str, ...]:
        """Return the rule by which a mapping of this very column makes the field."""
        origin = self.known.used.get((self.table.source, column.name), {}).get(field.name)
        is_own = origin is not None and origin.reads == (f"{self.table}.{column.name}",)
        return (origin.rule,) if origin and is_own and not (origin.lets or origin.lookups) else ()

    def _name(self, column: SourceColumn, field: Field) -> str:
        """Return what the canonical column is called: as a mapping of this very column calls it, or as the field."""
        origin = self.known.used.get((self.table.source, column.name), {}).get(field.name)
        return origin.column if origin and origin.reads == (f"{self.table}.{column.name}",) else field.name

    def _alike(self, column: SourceColumn, field: Field) -> tuple[float, str]:
        """Return how much name or comment of the column and the field speak of the same, and which of them do."""
        found = [
            (self._overlap(own, words), f"{what} ~ {text}")
            for what, own in ((f"name {column.name}", words_of(column.name)), *_comment(column))
            for text, words in self.known.views[field.name]
        ]
        score, reason = max(found, default=(0.0, ""))
        # A label may say less than the name of the field: 使用状态 speaks of a state, record_status of whose.
        named = max((one for one, told in found if told.endswith(f" ~ {field.name}")), default=0.0)
        return (score + named) / 2, reason

    def _overlap(self, own: Words, wanted: Words) -> float:
        beside = (words_of(self.table.name) - own) & wanted
        if not own & wanted or (own <= _VAGUE and not beside and own < wanted):
            return 0.0
        covered = self._weigh(own & wanted) + _BESIDE * self._weigh(beside)
        precise = self._weigh(own & wanted) / self._weigh(own)
        return min(0.9, covered / self._weigh(wanted) * (0.4 + 0.6 * precise) + (0.1 if beside else 0.0))

    def _weigh(self, words: Iterable[str]) -> float:
        return sum(self.known.weights.get(word, _UNKNOWN) for word in words)

    def _by_values(self, column: SourceColumn) -> Iterator[Field]:
        """Yield fields of which values tell by themselves: codes that are registered, GTINs."""
        values = self.sample.counts.get(column.name, Counter())
        if sum(values.values()) < _ENOUGH:
            return
        for field in self.known.dictionary.fields.values():
            if field.type.kind == "gtin" or (field.type.kind == "code" and len(values) > 1):
                yield field

    def _tried(self, field: Field, column: SourceColumn, so_far: tuple[float, tuple[str, ...]]) -> Guess | None:
        named, reasons = so_far
        unit = self._unit_beside(column) if field.unit else ""
        found = []
        for rule in self._now(column, field) or rules_for(field, column, self.zone, unit=unit):
            trial = try_rule(rule, field, self.table, self.sample, self.known.vocabulary)
            if not trial.fault:
                unregistered = self._has_no_codes(field)
                told = [*reasons, unregistered or str(trial)]
                score = 0.0 if unregistered else _rated(named, field, trial)
                found.append(
                    Guess(field.name, field, rule, column.name, tuple(filter(None, told)), score, named, trial)
                )
        return max(found, key=lambda guess: guess.score, default=None)

    def _unit_beside(self, column: SourceColumn) -> str:
        """Return the column that has the unit of a quantity: MEASURED_UOM beside MEASURED."""
        units = [one for one in self.table.columns if "unit" in words_of(one.name) and one.declared in ("text", "char")]
        alike = [one for one in units if one.name.lower().startswith(column.name.lower())]
        found = alike or units
        return written(found[0].name) if len(found) == 1 or alike else ""


def _rated(named: float, field: Field, trial: Trial) -> float:
    """Return what is left of a score by name, or added to it, once values have been tried."""
    if trial.share is None:
        return named
    if trial.share < _FEW:
        return 0.0
    # Codes that are registered, units and GTINs say more than a name; that a text fits says nothing.
    tells = field.type.kind in ("gtin", "code", "unit") and trial.passed >= _ENOUGH and trial.share > _NEARLY_ALL
    return max(named * trial.share, 0.6 + 0.4 * named) if tells else named * trial.share


def _comment(column: SourceColumn) -> list[tuple[str, Words]]:
    words = words_of(column.comment)
    return [(f"comment {column.comment}", words)] if words else []

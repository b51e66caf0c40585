"""A draft as the files that a steward goes on with: every guess with its reason, every to-do with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transforms.draft.draft import CodeSetDraft, Draft
from transforms.draft.example import input_of, lookups_of
from transforms.draft.guess import Guess
from transforms.draft.table import SourceColumn
from transforms.draft.values import codes_in, describe, is_about_people
from transforms.draft.words import snake, words_of
from transforms.model import Dictionary, Field
from transforms.vocabulary.codes import source_code

_PLAIN = re.compile(r"[A-Za-z_(㐀-鿿][\w .()*/+-]*")
_WIDTH = 110
_PRIVATE = ("personal", "phi", "confidential")


@dataclass(frozen=True, slots=True)
class DraftText:
    """Writes drafts; `show` also shows some of the values that were sampled, but for those about people."""

    dictionary: Dictionary
    show: bool = False

    def files(self, draft: Draft) -> dict[str, str]:
        """Return the text of each file by its path in a dictionary's folder."""
        found = {f"mappings/{draft.table}.yaml": _joined(self._mapping(draft))}
        for code_set in draft.code_sets:
            found[f"codesets/{code_set.name}.yaml"] = _joined(_code_set(code_set, draft))
        if draft.fields:
            found[f"fields-{draft.table.source}-{snake(draft.table.name) or 'draft'}.yaml"] = _joined(_fields(draft))
        return found

    def _mapping(self, draft: Draft) -> Iterator[str]:
        yield from _head(draft)
        yield f"mapping: {_quoted(str(draft.table))}"
        yield 'version: "1"'
        yield "source:"
        yield f"  table: {_quoted(str(draft.table))}"
        if draft.table.key:
            yield f"  key: [{', '.join(map(_quoted, draft.table.key))}]"
        yield "  columns:"
        for column in draft.reads:
            yield f"    {_quoted(column.name)}: {column.declared}  # {self._about(column, draft)}"
        yield from self._lookups(draft)
        yield from _where(draft)
        yield "target:"
        yield f"  table: {draft.target}  # guess: a table of its own, named as the source's"
        yield f"  key: [{', '.join(draft.key)}]"
        yield "  on_delete: tombstone"
        yield "  columns:"
        for guess in draft.columns:
            yield f"    # guess: {_comment('; '.join(guess.reasons))}"
            yield from (f"    #   {line}" for line in self._unregistered(guess.column, guess.field, draft))
            yield f"    {guess.name}: {_column(guess)}"
        if draft.references:
            yield "  references:"
            for columns, to in draft.references:
                yield "    # guess: the whole key of that table stands in the row; not enforced before somebody says so"
                yield f"    - {{columns: [{', '.join(columns)}], to: {to}, required: false}}"
        yield from self._left(draft)
        yield from self._example(draft)

    def _lookups(self, draft: Draft) -> Iterator[str]:
        if draft.lookups:
            yield "lookups:"
        for lookup in draft.lookups:
            columns = ", ".join(f"{_quoted(name)}: {declared}" for name, declared in lookup.columns.items())
            yield f"  {lookup.alias}:  # guess: {_comment('; '.join(lookup.reasons))}"
            yield f"    table: {_quoted(str(lookup.table))}"
            yield f"    match: {_quoted(lookup.match)}"
            yield f"    columns: {{{columns}}}"

    def _left(self, draft: Draft) -> Iterator[str]:
        for name, names in draft.repeated.items():
            first, last = names[0], names[-1]
            yield f"  # {_comment(first)} to {_comment(last)} are one column {len(names)} times: rows of another table?"
            items = ", ".join(
                f"{{seq: {place}, {snake(name) or 'value'}: {one}}}" for place, one in enumerate(names[:2], 1)
            )
            yield f"  #   explode: {{from: [{_comment(items)}, ...], skip: {snake(name) or 'value'} IS NULL}}"
        if draft.left:
            yield "  # Without a guess:"
        for left in draft.left:
            told = "; ".join(part for part in (self._about(left.column, draft), _comment(left.reason)) if part)
            yield f"  #   {_comment(left.column.name)}: {told}"
            yield from (f"  #     {line}" for line in self._unregistered(left.column.name, left.like, draft))

    def _unregistered(self, column: str, field: Field | None, draft: Draft) -> Iterator[str]:
        """Yield the codes found that the code set of the field does not know of the source."""
        code_set = self.dictionary.codesets.get((field and field.code_set) or "")
        if code_set is None or not column:
            return
        known = code_set.synonyms.get(draft.table.source, {})
        for code, times in codes_in(draft.table.column(column), draft.sample).items():
            if source_code(code, code_set) not in known:
                synonym = f"{{system: {draft.table.source}, code: {json.dumps(code, ensure_ascii=False)}, to: ...}}"
                yield f"- {_comment(synonym)}  # {times} times, not in codesets/{code_set.name}.yaml"

    def _about(self, column: SourceColumn, draft: Draft) -> str:
        guessed = [guess.field.sensitivity for guess in draft.columns if guess.column == column.name]
        private = is_about_people(column) or any(one in _PRIVATE for one in guessed)
        seen = describe(column, draft.sample, show=self.show and not private)
        key = "key" if column.name in draft.table.key else ""
        return "; ".join(part for part in map(_comment, (column.type, key, column.comment, seen)) if part)

    def _example(self, draft: Draft) -> Iterator[str]:
        yield "examples:"
        yield "  # To do: a row as the source has it, and what has to become of it, by hand: an expectation that a"
        yield "  # program wrote shows what it does, not what is right. `cdc dictionary check` names it until then."
        yield "  - name: a row as usual"
        yield "    in:"
        yield from _flow(input_of(draft, self.dictionary), "      ")
        found = lookups_of(draft, self.dictionary)
        if found:
            yield "    lookups:"
        for alias, row in found.items():
            yield f"      {alias}:"
            yield from _flow(row, "        ")
        yield "    out:"
        yield from (f"      {guess.name}: null  # to do" for guess in draft.columns)


def _head(draft: Draft) -> Iterator[str]:
    sample = draft.sample
    about = "" if sample.of is None else f" of about {sample.of}"
    seen = f"{sample.rows}{about} rows of its mirror" if sample.rows else "no row of its mirror"
    yield f"# Drafted from the contract of {_comment(str(draft.table))} and {seen}. Every guess says why."
    yield "# To do: read them, write what is not guessed and the example's `out`; then `cdc dictionary check`, `test`."
    if draft.nothing:
        words = ", ".join(f'"{word}" {times} times' for word, times in draft.nothing.items())
        yield f"# Words for nothing that sources/{draft.table.source}.yaml does not list: {_comment(words)}"


def _where(draft: Draft) -> Iterator[str]:
    for column in draft.table.columns:
        told = words_of(column.name, column.comment) & {"cancelled", "deleted"}
        if told and column.declared in ("integer", "boolean"):
            right = "= 0" if column.declared == "integer" else "= FALSE"
            name = _comment(column.name)
            yield f"# where: {name} {right}  # guess: name {name} ~ {', '.join(sorted(told))}"


def _column(guess: Guess) -> str:
    parts = [f"expr: {_quoted(guess.rule)}"]
    if guess.name != guess.field.name:
        parts.append(f"field: {guess.field.name}")
    return _quoted(guess.rule) if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _code_set(code_set: CodeSetDraft, draft: Draft) -> Iterator[str]:
    yield f"# Drafted from the values of {_comment(f'{draft.table}.{code_set.column}')}. To do: names and labels that"
    yield "# say what each of them means. What was not in the sample is not here, and will be refused."
    yield f"code_set: {code_set.name}"
    yield 'version: "1"'
    yield "codes:"
    for code, (name, _) in code_set.codes.items():
        yield f"  {name}: {{zh: {_quoted(code)}, en: {_quoted(code)}}}"
    yield "normalise: [trim]"
    yield "synonyms:"
    for code, (name, times) in code_set.codes.items():
        yield f"  - {{system: {draft.table.source}, code: {_quoted(code)}, to: {name}}}  # {times} times in the sample"
    yield "unmapped: COD-201"


def _fields(draft: Draft) -> Iterator[str]:
    yield f"# Drafted for {_comment(str(draft.table))}. To do: labels, definitions, owners; or a field that is there."
    yield "fields:"
    for field in draft.fields:
        yield from _field(field)


def _field(field: Field) -> Iterator[str]:
    size = f"({field.type.size})" if field.type.size else ""
    yield f"  {field.name}:"
    yield f"    label: {{zh: {_quoted(field.label.zh)}, en: {_quoted(field.label.en)}}}"
    yield f"    definition: {_quoted(field.definition)}"
    yield f"    type: {field.type.kind}{size}"
    if field.code_set:
        yield f"    code_set: {field.code_set}"
    yield f"    owner: {_quoted(field.owner)}"
    yield f"    example: {_quoted(field.example)}"


def _flow(row: dict[str, str], indent: str) -> Iterator[str]:
    """Yield a row as a map in braces, in lines that a screen has."""
    parts = [f"{_quoted(name)}: {_quoted(value)}" for name, value in row.items()]
    line = f"{indent}{{"
    for place, part in enumerate(parts):
        if len(line) + len(part) > _WIDTH and line.strip() != "{":
            yield line.rstrip()
            line = f"{indent} "
        line += part + (", " if place < len(parts) - 1 else "")
    yield line + "}"


def _quoted(text: str) -> str:
    """Return a text as a YAML scalar, also inside of braces; in quotes only where it has to be."""
    if _PLAIN.fullmatch(text) and not text.endswith(" ") and text != "null":
        return text
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """Return what the source says in one line that cannot end the comment."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"

"""JSON Schema (2020-12) of each kind of file, for editors: made of the shapes that the readers read by.

Editors type plain scalars as YAML does (`010` is a number, `no` may be a truth value) where a dictionary keeps the text
that was written. So wherever a text is wanted the schema takes a number and a truth value, too. What only all files
together tell (names that exist, expressions, examples) is left to `cdc dictionary check`.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Final

from transforms.load import HEADER
from transforms.reading.fold import FOLD
from transforms.reading.mapping import MAPPING
from transforms.vocabulary.catalogue import CATALOGUE
from transforms.vocabulary.codes import CODE_SET
from transforms.vocabulary.field import FIELDS
from transforms.vocabulary.source import SOURCE
from transforms.vocabulary.unit import UNITS
from transforms.yaml.shape import TRUTH, Anything, Either, Many, Named, Shape, Text, Value

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file: where it stands in a dictionary's folder, and what stands in it."""

    files: str
    shape: Value


KINDS: Final[Map[str, FileKind]] = {
    "dictionary": FileKind("dictionary.yaml", HEADER),
    "fields": FileKind("fields*.yaml", FIELDS),
    "codeset": FileKind("codesets/*.yaml", CODE_SET),
    "units": FileKind("units.yaml", UNITS),
    "source": FileKind("sources/*.yaml", SOURCE),
    "mapping": FileKind("mappings/*.yaml", MAPPING),
    "fold": FileKind("folds/*.yaml", FOLD),
    "errors": FileKind("errors.yaml", CATALOGUE),
}


def schema_of(kind: str) -> Schema:
    """Return the schema of one of `KINDS`; KeyError if there is none such."""
    return {"$schema": DIALECT, "title": f"cdc dictionary: {kind}", **_schema(KINDS[kind].shape)}


@singledispatch
def _schema(value: Value) -> Schema:
    raise TypeError(value)


@_schema.register
def _text(value: Text) -> Schema:
    schema: Schema = {"type": ["string", "number", "boolean", *(["null"] if value.null else [])]}
    if value.words:
        truths = [word == "true" for word in value.words if word in TRUTH]
        schema = {"enum": [*value.words, *truths, *([None] if value.null else [])]}
    if value.form:
        schema["pattern"] = _whole(value.form)
    return _told(schema, value.told)


@_schema.register
def _many(value: Many) -> Schema:
    return _told({"type": "array", "items": _schema(value.of)}, value.told)


@_schema.register
def _named(value: Named) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": _schema(value.of)}
    if value.spelling:
        schema["propertyNames"] = {"pattern": _whole(value.spelling.form)}
    return _told(schema, value.told)


@_schema.register
def _shape(value: Shape) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {key: _schema(inner) for key, inner in value.keys.items()},
        "required": list(value.required),
        "additionalProperties": False,
    }
    if value.one_of:
        schema["oneOf"] = [{"required": [key]} for key in value.one_of]
    return _told(schema, value.told)


@_schema.register
def _either(value: Either) -> Schema:
    return _told({"anyOf": [_schema(inner) for inner in value.of]}, value.told)


@_schema.register
def _anything(value: Anything) -> Schema:
    return _told({}, value.told)


def _told(schema: Schema, told: str) -> Schema:
    return {"description": told, **schema} if told else schema


def _whole(form: str) -> str:
    return f"^(?:{form})$"

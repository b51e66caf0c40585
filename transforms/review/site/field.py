"""Canonical fields: what they mean, what they hold, and what becomes of a value that does not fit."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.model import Field, FieldType, Label, Protection
from transforms.review.site import words
from transforms.review.site.anchor import anchor
from transforms.review.site.document import FieldCheck, FieldPage, Outcome
from transforms.review.site.index import Index
from transforms.review.site.value import shower
from transforms.vocabulary.field_type import check_step, fitting_step, postgresql_type

_SHOW = shower("UTC")


def field_page(field: Field, index: Index) -> FieldPage:
    """Return one field."""
    _, codes = fitting_step(field)
    return FieldPage(
        name=field.name,
        anchor=anchor("field", field.name),
        label=field.label,
        definition=field.definition,
        type=written_type(field.type),
        stored=postgresql_type(field.type),
        owner=field.owner,
        sensitivity=words.SENSITIVITY[field.sensitivity],
        keep_raw=field.keep_raw,
        retention=words.RETENTION[field.retention] if field.retention else None,
        protect=tuple(_protect(field.protect)),
        example=field.example,
        code_set=index.code_set(field.code_set) if field.code_set else None,
        unit=index.unit(field.unit),
        rounding=words.ROUNDING[field.rounding] if field.rounding else None,
        nothing=tuple(sorted(_SHOW(value) or "" for value in field.nothing)),
        checks=tuple(_check(field, name, index) for name in field.checks),
        refused=tuple(map(index.error, sorted(codes & index.dictionary.errors.keys()))),
        tolerated=tuple(tolerated(field, index)),
        standard_refs=field.standard_refs,
        columns=index.columns_of("field", field.name),
    )


def _protect(protect: Protection) -> Iterator[Label]:
    if protect.in_logs:
        yield words.IN_LOGS[protect.in_logs]
    if protect.in_export:
        yield words.IN_EXPORT[protect.in_export]


def written_type(field_type: FieldType) -> str:
    """Return a type as fields write it, `decimal(18,6)`."""
    sizes = [str(size) for size in (field_type.size, field_type.scale) if size is not None]
    return f"{field_type.kind}({','.join(sizes)})" if sizes else field_type.kind


def tolerated(field: Field, index: Index) -> Iterator[Outcome]:
    """Yield what a field lets pass with a warning on the row."""
    for code, value in field.tolerate.items():
        yield Outcome(index.error(code), "replaced", _SHOW(value))
    for code in sorted(field.warns):
        yield Outcome(index.error(code), "kept")


def _check(field: Field, name: str, index: Index) -> FieldCheck:
    _, code = check_step(field, name)
    outcome = Outcome(index.error(code), "kept") if code in field.warns else index.held(code)
    return FieldCheck(words.CHECK[name], outcome)

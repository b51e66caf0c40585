"""A dictionary to what its page says."""

from __future__ import annotations

from transforms.model import Dictionary
from transforms.review.site import words
from transforms.review.site.codeset import codeset_page
from transforms.review.site.document import Document, Standing
from transforms.review.site.error import error_row
from transforms.review.site.field import field_page
from transforms.review.site.function import function_rows
from transforms.review.site.index import Index
from transforms.review.site.mapping import mapping_page
from transforms.review.site.source import source_page
from transforms.review.site.table import table_pages
from transforms.review.site.unit import unit_row


def describe(dictionary: Dictionary, standing: Standing | None = None) -> Document:
    """Return what the page of a dictionary says; `standing` is what somebody found of its signatures."""
    index = Index(dictionary)
    return Document(
        dictionary=dictionary.name,
        version=dictionary.version,
        status=dictionary.status,
        status_label=words.STATUS[dictionary.status],
        author=dictionary.author,
        digest=dictionary.digest,
        standing=standing,
        mappings=tuple(mapping_page(mapping, index) for mapping in dictionary.mappings),
        tables=tuple(table_pages(index)),
        codesets=tuple(codeset_page(code_set, index) for code_set in dictionary.codesets.values()),
        fields=tuple(field_page(field, index) for field in dictionary.fields.values()),
        units=tuple(unit_row(unit, index) for unit in dictionary.units.values()),
        errors=tuple(error_row(entry, index) for entry in dictionary.errors.values()),
        sources=tuple(source_page(source, index) for source in dictionary.sources.values()),
        functions=function_rows(),
    )

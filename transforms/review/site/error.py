"""The codes by which rows are held and dictionaries refused."""

from __future__ import annotations

from transforms.model import ErrorEntry
from transforms.review.site import words
from transforms.review.site.anchor import anchor
from transforms.review.site.document import ErrorRow
from transforms.review.site.index import Index


def error_row(entry: ErrorEntry, index: Index) -> ErrorRow:
    """Return one code."""
    return ErrorRow(
        code=entry.code,
        anchor=anchor("error", entry.code),
        kind=words.KIND[entry.kind],
        label=entry.label,
        cause=entry.cause,
        action=entry.action,
        owner=entry.owner,
        mappings=index.mappings_of(entry.code),
    )

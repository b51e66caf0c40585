"""Source systems: what is true of all of one, and where each column that is read has a part."""

from __future__ import annotations

from transforms.model import Source
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Ref, SourceColumn, SourcePage, SourceTable
from transforms.review.site.index import Index, mapping_ref

Tables = dict[str, dict[str, str]]  # mirror: column: declared type


def source_page(source: Source, index: Index) -> SourcePage:
    """Return one source system; a table is there as far as some mapping declares it."""
    mappings = {str(mapping.source): mapping_ref(mapping.name) for mapping in index.dictionary.mappings}
    return SourcePage(
        name=source.name,
        anchor=anchor("source", source.name),
        label=source.label,
        time_zone=source.time_zone,
        null_tokens=tuple(sorted(source.null_tokens)),
        tables=tuple(
            _table(mirror, columns, mappings.get(mirror), index)
            for mirror, columns in sorted(_declared(index).items())
            if mirror.partition(".")[0] == source.name
        ),
    )


def _table(mirror: str, columns: dict[str, str], mapping: Ref | None, index: Index) -> SourceTable:
    rows = (
        SourceColumn(
            name,
            anchor("source-column", mirror, name),
            declared,
            index.columns_of("source_column", f"{mirror}.{name}"),
        )
        for name, declared in columns.items()
    )
    return SourceTable(mirror, anchor("source-table", mirror), mapping, tuple(rows))


def _declared(index: Index) -> Tables:
    """Return the columns that mappings declare; where two declare one differently, both types."""
    found: Tables = {}
    for mapping in index.dictionary.mappings:
        tree = index.tree("mappings", mapping.name)
        lookups = (tree.get("lookups") or {}).values()
        for table, columns in [(tree["source"]["table"], tree["source"]["columns"])] + [
            (lookup["table"], lookup["columns"]) for lookup in lookups
        ]:
            known = found.setdefault(table, {})
            for name, declared in columns.items():
                both = dict.fromkeys((*known.get(name, declared).split(", "), declared))
                known[name] = ", ".join(both)
    return found

"""Examples of a fold: what source rows say of a canonical row, the row, and what was said otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from operator import attrgetter

from transforms.mapping import Fold, FoldExample, Said
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Cell, ConflictRow, FoldExampleRow, SaidRow
from transforms.review.site.index import Index, mapping_ref
from transforms.review.site.value import Show, shower


def fold_examples(fold: Fold, index: Index) -> Iterator[FoldExampleRow]:
    """Yield every example of a fold; instants are shown by the clocks of whoever speaks first."""
    for number, example in enumerate(fold.examples, 1):
        show = shower(index.dictionary.sources[example.said[0].source].time_zone)
        yield FoldExampleRow(
            name=example.name,
            anchor=anchor("fold-example", str(fold), str(number)),
            said=tuple(_said(one, show) for one in example.said),
            code=index.error(example.code) if example.code else None,
            cells=_cells(example.expected or {}, show),
            marked=example.marked,
            conflicts=tuple(_conflicts(example, show)),
        )


def _said(one: Said, show: Show) -> SaidRow:
    return SaidRow(mapping_ref(one.mapping), _key(one.source_key), _cells(one.values, show), one.deleted)


def _conflicts(example: FoldExample, show: Show) -> Iterator[ConflictRow]:
    for one in sorted(example.conflicts, key=attrgetter("column", "mapping", "source_key")):
        yield ConflictRow(Cell(one.column, show(one.value)), mapping_ref(one.mapping), _key(one.source_key))


def _cells(values: Map[str, object], show: Show) -> tuple[Cell, ...]:
    return tuple(Cell(name.removeprefix("_"), show(value)) for name, value in values.items() if value is not None)


def _key(parts: tuple[str, ...]) -> str:
    return ", ".join(parts)

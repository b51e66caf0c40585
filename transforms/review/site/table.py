"""Canonical tables, whoever fills them, and how the rows of folded ones are chosen."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.history import SUFFIX as HISTORY_SUFFIX
from transforms.mapping import Column, Fold, Target
from transforms.model import Label
from transforms.reading.raw import raw_label
from transforms.review.dependency import FOLD
from transforms.review.site import words
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Ref, TableColumn, TablePage
from transforms.review.site.fold_example import fold_examples
from transforms.review.site.index import Index, mapping_ref, table_ref
from transforms.review.site.mapping import reference


def table_pages(index: Index) -> Iterator[TablePage]:
    """Yield every canonical table by name."""
    dictionary = index.dictionary
    folds = {str(fold): fold for fold in dictionary.folds}
    targets: dict[str, Target] = {name: fold.target for name, fold in folds.items()}
    filled: dict[str, list[Ref]] = {}
    histories = {target.history: str(target) for mapping in dictionary.mappings for target in mapping.targets}
    for mapping in dictionary.derived:
        for target in mapping.targets:
            targets.setdefault(str(target), target)
            filled.setdefault(str(target), []).append(mapping_ref(mapping.name.removesuffix(HISTORY_SUFFIX)))
    for name, target in sorted(targets.items()):
        fold = folds.get(name)
        columns = [column for column in target.columns if not column.name.startswith("_")]
        yield TablePage(
            name=name,
            anchor=anchor("table", name),
            folded=fold is not None,
            order=_order(fold, index) if fold else None,
            versions_of=table_ref(histories[name]) if name in histories else None,
            columns=tuple(_column(column, target, fold, index) for column in columns),
            references=tuple(map(reference, target.references)),
            mappings=tuple(dict.fromkeys(filled.get(name, ()))),
            examples=tuple(fold_examples(fold, index)) if fold else (),
        )


def _order(fold: Fold, index: Index) -> Label | None:
    written = index.tree("folds", str(fold)).get("order")
    return words.ORDER[written] if written else None


def _validity(column: Column, table: str) -> TableColumn:
    """Return a column that every history has."""
    place, label = anchor("column", table, column.name), words.VALIDITY[column.name]
    return TableColumn(column.name, place, None, label, column.type, False, column.required, None, ())


def _column(column: Column, target: Target, fold: Fold | None, index: Index) -> TableColumn:
    table = str(target)
    fillers = index.fillers(table, column.name)
    if not fillers and fold is None:
        return _validity(column, table)
    maker = FOLD if fold else fillers[0].text
    field = index.dictionary.fields[index.origin(maker, table, column.name).field]
    rule = fold.rules.get(column.name) if fold else None
    take = words.RAW_TAKEN if fold and column.raw_of else words.taken(rule) if rule else None
    return TableColumn(
        name=column.name,
        anchor=anchor("column", table, column.name),
        field=index.field(field.name),
        label=raw_label(field.label) if column.raw_of else field.label,
        type=column.type,
        is_key=column.name in target.key,
        required=column.required,
        take=take,
        filled_by=fillers,
    )

"""Examples of a mapping: the source row, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

from transforms.mapping import Example, Input, Mapping
from transforms.model import Label
from transforms.review.dependency import Origin
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Cell, ExampleRow, ExampleTable, Ref, Shown
from transforms.review.site.index import Index, Tree, table_ref
from transforms.review.site.value import Show, shower

_NOTHING = 0
_SEVERAL = 2


class Examples:
    """The examples of one mapping, as rows of the page and as what each column shows."""

    def __init__(self, mapping: Mapping, index: Index) -> None:
        self._mapping, self._index = mapping, index
        self._show: Show = shower(index.dictionary.sources[mapping.source.schema].time_zone)
        self._by_name = {example.name: example for example in mapping.examples}
        self._numbers = {example.name: str(number) for number, example in enumerate(mapping.examples, 1)}

    def rows(self, tree: Tree) -> tuple[ExampleRow, ...]:
        """Return every example; `tree` is the mapping as written, which says what an example is like."""
        likes = {written["name"]: written.get("like") for written in tree["examples"]}
        return tuple(self._row(example, likes[example.name]) for example in self._mapping.examples)

    def ref(self, example: Example) -> Ref:
        """Return an example."""
        return Ref(example.name, anchor("example", self._mapping.name, self._numbers[example.name]))

    def refusing(self, code: str) -> tuple[Ref, ...]:
        """Return the examples that a code refuses."""
        return tuple(self.ref(example) for example in self._mapping.examples if example.code == code)

    def shown(self, place: int, position: int, origin: Origin, meanings: Map[str, Label]) -> Shown | None:
        """Return the first example that has a value of column `position` of target `place`, None if none has.

        `meanings` are the labels of the column's codes.
        """
        for example in self._mapping.examples:
            rows = example.expected[place] if example.expected else ()
            value = next((row[position] for row in rows if row[position] is not None), None)
            if value is not None:
                given = zip(self._mapping.inputs, example.row, strict=True)
                # Of the columns that one part of a row can be taken from, those that are empty say nothing.
                exploded = self._mapping.targets[place].explodes
                cells = tuple(
                    self._cell(used, read)
                    for used, read in given
                    if (used.alias, used.column) in origin.uses and not (exploded and read is None)
                )
                return Shown(self.ref(example), cells, self._show(value) or "", meanings.get(str(value)))
        return None

    def _row(self, example: Example, like: str | None) -> ExampleRow:
        start = self._by_name[like].row if like else (None,) * len(example.row)
        differs = [
            (used, value) for used, value, before in zip(self._mapping.inputs, example.row, start, strict=True)
            if self._show(value) != self._show(before)
        ]  # fmt: skip
        found = [(used.alias, value) for used, value in differs if used.column is None]
        return ExampleRow(
            name=example.name,
            anchor=self.ref(example).anchor,
            like=self.ref(self._by_name[like]) if like else None,
            given=tuple(self._cell(used, value) for used, value in self._told(differs)),
            missing=tuple(alias for alias, count in found if count == _NOTHING),
            several=tuple(alias for alias, count in found if count == _SEVERAL),
            outcome="held" if example.code else "filtered" if example.expected is None else "rows",
            code=self._index.error(example.code) if example.code else None,
            tables=tuple(self._tables(example)),
        )

    def _told(self, differs: list[tuple[Input, object]]) -> Iterator[tuple[Input, object]]:
        """Yield the values that say something: those of a look-up that finds no row, or several, are none."""
        gone = {used.alias for used, value in differs if used.column is None and value != 1}
        yield from ((used, value) for used, value in differs if used.column is not None and used.alias not in gone)

    def _tables(self, example: Example) -> Iterator[ExampleTable]:
        for target, rows in zip(self._mapping.targets, example.expected or (), strict=bool(example.expected)):
            cells = tuple(
                tuple(
                    # `order` and `warnings`, as examples call what the service keeps as `_order` and `_warnings`.
                    Cell(column.name.removeprefix("_"), self._show(value))
                    for column, value in zip(target.columns, row, strict=True)
                    if value is not None
                )
                for row in rows
            )
            if cells:
                yield ExampleTable(table_ref(str(target)), cells)

    def _cell(self, used: Input, value: object) -> Cell:
        return Cell(f"{used.alias}.{used.column}" if used.alias else str(used.column), self._show(value))

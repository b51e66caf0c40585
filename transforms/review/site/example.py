"""Examples of a mapping: the source row, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from typing import Literal

from transforms.mapping import Candidate, Column, Example, Input, Mapping, Outcome
from transforms.model import Label
from transforms.review.dependency import Origin
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Cell, ExampleRow, ExampleTable, Given, LaterRow, Ref, Shown
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
        """Return the examples that a code refuses, at first or later."""
        return tuple(self.ref(one) for one in self._mapping.examples if code in {one.code, *(x.code for x in one.then)})

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
        return ExampleRow(
            name=example.name,
            anchor=self.ref(example).anchor,
            like=self.ref(self._by_name[like]) if like else None,
            given=self._given(example.row, self._by_name[like].row if like else (None,) * len(example.row)),
            outcome="held" if example.code else "filtered" if example.expected is None else "rows",
            code=self._index.error(example.code) if example.code else None,
            tables=tuple(self._tables(example.expected)),
            then=tuple(self._later(example)),
        )

    def _later(self, example: Example) -> Iterator[LaterRow]:
        before = example.row
        for later in example.then:
            deleted = later.row is None
            empty: Literal["left", "filtered"] = "left" if deleted else "filtered"
            yield LaterRow(
                given=None if later.row is None else self._given(later.row, before),
                outcome="held" if later.code else empty if later.expected is None else "rows",
                code=self._index.error(later.code) if later.code else None,
                tables=tuple(self._tables(later.expected)),
                gone=tuple(self._tables(later.gone)),
                marked=tuple(self._tables(later.marked)),
                kept=tuple(self._tables(later.kept)),
            )
            before = before if later.row is None else later.row

    def _given(self, row: Candidate, start: Candidate) -> Given:
        differs = [
            (used, value) for used, value, before in zip(self._mapping.inputs, row, start, strict=True)
            if self._show(value) != self._show(before)
        ]  # fmt: skip
        found = [(used.alias, value) for used, value in differs if used.column is None]
        return Given(
            cells=tuple(self._cell(used, value) for used, value in self._told(differs)),
            missing=tuple(alias for alias, count in found if count == _NOTHING),
            several=tuple(alias for alias, count in found if count == _SEVERAL),
        )

    def _told(self, differs: list[tuple[Input, object]]) -> Iterator[tuple[Input, object]]:
        """Yield the values that say something: those of a look-up that finds no row, or several, are none."""
        gone = {used.alias for used, value in differs if used.column is None and value != 1}
        yield from ((used, value) for used, value in differs if used.column is not None and used.alias not in gone)

    def _tables(self, outcome: Outcome | None) -> Iterator[ExampleTable]:
        """Yield the rows in each table that has some; of keys there are only the first columns."""
        for target, rows in zip(self._mapping.targets, outcome or (), strict=bool(outcome)):
            if rows:
                yield ExampleTable(
                    table_ref(str(target)), tuple(row_cells(target.columns, row, self._show) for row in rows)
                )

    def _cell(self, used: Input, value: object) -> Cell:
        return Cell(f"{used.alias}.{used.column}" if used.alias else str(used.column), self._show(value))


def row_cells(columns: Sequence[Column], row: Sequence[object], show: Show) -> tuple[Cell, ...]:
    """Return what a canonical row has, or its key.

    `order` and `warnings` are called as examples call what the service keeps as `_order` and `_warnings`.
    """
    pairs = zip(columns, row, strict=False)
    return tuple(Cell(column.name.removeprefix("_"), show(value)) for column, value in pairs if value is not None)

"""The tables of the target that a domain needs, as the dictionary wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cdc.derive.fold import CONTRIBUTED, contributed
from cdc.derive.names import columns, literal, quoted
from cdc.derive.plan import META, Fill, Merge, Plan
from cdc.store.storage import ROOM_FOR_UPDATES
from transforms.beside import CONTRIBUTION, HELD
from transforms.mapping import Target

PARTS = ("", HELD, CONTRIBUTION)
"""Behind a schema's name: canonical tables, those of held candidates, those of contributions."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the dictionary wants it. `is_large`: most of what is derived goes into such ones.

    `labels` are what its columns are called for people, and stand as their comments.
    """

    schema: str
    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    is_large: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The table's name in a statement."""
        return quoted(self.schema, self.name)

    def creation(self, *, key: bool = True) -> str:
        """Return the statements that make it, without its key if that is made later."""
        listed = ", ".join(f"{quoted(name)} {text}" for name, text in self.columns.items())
        made = f"CREATE TABLE {self.quoted} ({listed}{f', {self.primary_key}' if key else ''}) {ROOM_FOR_UPDATES}"
        return made + self.labelling(*self.labels)

    def labelling(self, *names: str) -> str:
        """Return the statements, each after a semicolon, that label columns; of those without a label, none."""
        labels = {name: self.labels[name] for name in names if name in self.labels}
        return "".join(
            f"; COMMENT ON COLUMN {self.quoted}.{quoted(name)} IS {literal(label)}" for name, label in labels.items()
        )

    @property
    def primary_key(self) -> str:
        """The constraint."""
        return f"PRIMARY KEY ({columns(self.key)})"


def tables_of(plan: Plan) -> list[Table]:
    """Return every table that a domain needs: canonical ones, those of held candidates, those of contributions."""
    return [*(table for fill in plan.fills for table in _tables_of(fill)), *map(_contributed, plan.merges)]


def _tables_of(fill: Fill) -> Iterator[Table]:
    target = fill.target
    wanted = _column_texts(target)
    labels = {column.name: column.label for column in target.columns if column.label}
    yield Table(target.schema + fill.side, target.table, wanted, target.key, labels=labels)
    yield Table(f"{target.schema}{HELD}{fill.side}", target.table, wanted, fill.held_key, is_large=False)


def _contributed(merge: Merge) -> Table:
    """What is contributed is of no use before it is folded: of it only the key has to be there."""
    target = merge.fold.target
    wanted = {
        column.name: column.type + (" NOT NULL" if column.name in target.key else "") for column in contributed(merge)
    }
    key = ("_mapping", "_source_key", *target.key)
    return Table(f"{target.schema}{CONTRIBUTION}{merge.fill.side}", target.table, {**wanted, **CONTRIBUTED}, key)


def _column_texts(target: Target) -> dict[str, str]:
    required = {column.name for column in target.columns if column.required} | set(target.key)
    texts = {column.name: column.type + (" NOT NULL" if column.name in required else "") for column in target.columns}
    return {**texts, **META}

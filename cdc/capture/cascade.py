"""Foreign keys whose actions InnoDB performs without writing them to its log (ON DELETE, ON UPDATE CASCADE, SET NULL).

information_schema shows them to nobody who may only read; the table's own CREATE statement does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACTIONS = ("cascade", "set null")

_NAME = r"`((?:[^`]|``)+)`"
_NAMES = r"\(((?:`(?:[^`]|``)+`(?:, ?)?)+)\)"
_KEY = re.compile(
    rf"^ *CONSTRAINT {_NAME} FOREIGN KEY {_NAMES} REFERENCES (?:{_NAME}\.)?{_NAME} {_NAMES}([A-Z ]*),?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Cascade:
    """A foreign key of a child table. `parent` is what Debezium calls its parent (`db.table`).

    `on_delete` and `on_update` are one of ACTIONS, or None where the source refuses the parent's change.
    """

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str | None = None
    on_update: str | None = None


def cascades_of(create_table: str, database: str) -> Iterator[Cascade]:
    """Yield the keys with an action of what SHOW CREATE TABLE printed of a table in `database`."""
    for name, columns, schema, parent, parent_columns, rules in _KEY.findall(create_table):
        on_delete, on_update = (_action(rules, event) for event in ("DELETE", "UPDATE"))
        if on_delete or on_update:
            place = f"{_plain(schema) or database}.{_plain(parent)}"
            yield Cascade(_plain(name), _list(columns), place, _list(parent_columns), on_delete, on_update)


def parents_of(create_table: str) -> set[str]:
    """Return the tables of the same database that its foreign keys refer to, those without an action included."""
    return {_plain(parent) for _, _, schema, parent, _, _ in _KEY.findall(create_table) if not schema}


def to_document(cascade: Cascade) -> dict[str, Any]:
    """Return it as plain data in file order; what is empty is left out."""
    document: dict[str, Any] = {"name": cascade.name, "columns": list(cascade.columns), "parent": cascade.parent}
    document["parent_columns"] = list(cascade.parent_columns)
    if cascade.on_delete is not None:
        document["on_delete"] = cascade.on_delete
    if cascade.on_update is not None:
        document["on_update"] = cascade.on_update
    return document


def from_document(document: Mapping[str, Any]) -> Cascade:
    """Build it from plain data. Raises KeyError, TypeError for what is missing or of another kind."""
    names = {name: tuple(document[name]) for name in ("columns", "parent_columns")}
    rest = {name: document[name] for name in document if name not in names}
    return Cascade(**{"on_delete": None, "on_update": None, **rest, **names})


def faults_of(cascade: Cascade, columns: set[str]) -> Iterator[str]:
    """Yield what is wrong with it in a table of these columns."""
    yield from (f"{cascade.name}: {name} is not a column" for name in cascade.columns if name not in columns)
    if len(cascade.columns) != len(cascade.parent_columns) or not cascade.columns:
        yield f"{cascade.name}: columns and parent_columns do not match"
    for action in (cascade.on_delete, cascade.on_update):
        if action not in (None, *ACTIONS):
            yield f"{cascade.name}: action {action} is none of {', '.join(ACTIONS)}"


def _action(rules: str, event: str) -> str | None:
    found = re.search(rf"ON {event} (CASCADE|SET NULL)", rules)
    return found[1].lower() if found else None


def _list(names: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in re.findall(_NAME, names))


def _plain(name: str) -> str:
    return name.replace("``", "`")

"""The class of each mirror, by which the key of its records is chosen: of the most sensitive field made of it."""

from __future__ import annotations

from typing import Any, get_args

import psycopg

from transforms.model import Dictionary, Sensitivity
from transforms.review.dependency import ROWS, origins

_ORDER = get_args(Sensitivity)  # from what everybody may see to what is nobody's business


def classes(dictionary: Dictionary) -> dict[str, str]:
    """Return the class of each mirror that a mapping reads, by name."""
    mirrors = {
        mapping.name: {"": mapping.source, **{one.alias: one.mirror for one in mapping.lookups}}
        for mapping in dictionary.mappings
    }
    found: dict[str, str] = {}
    for one in origins(dictionary):
        if one.column == ROWS or one.mapping not in mirrors:
            continue
        said = dictionary.fields[one.field].sensitivity
        for alias, _ in one.uses:
            name = str(mirrors[one.mapping][alias])
            found[name] = max(found.get(name, _ORDER[0]), said, key=_ORDER.index)
    return found


def record_classes(connection: psycopg.Connection[Any], dictionary: Dictionary) -> list[str]:
    """Keep what a dictionary says; return in words what is another class now."""
    wanted = classes(dictionary)
    known = dict(connection.execute("SELECT mirror, class FROM cdc.mirror_class").fetchall())
    changed = {mirror: name for mirror, name in sorted(wanted.items()) if known.get(mirror) != name}
    for mirror, name in changed.items():
        connection.execute(
            "INSERT INTO cdc.mirror_class (mirror, class) VALUES (%s, %s)"
            " ON CONFLICT (mirror) DO UPDATE SET class = excluded.class",
            (mirror, name),
        )
    return [f"records of {mirror} are {name}" for mirror, name in changed.items()]

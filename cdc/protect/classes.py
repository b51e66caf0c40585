"""The class of each mirror, by which the key of its records is chosen: of the most sensitive field made of it.

Its sensitive columns are those of which a field is made that not everybody may see, or for which a token stands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, get_args

import psycopg

from cdc.capture.contract import Contract, from_document
from cdc.capture.policy import is_token
from cdc.protect.mask import MASK
from cdc.protect.seal import CLEAR
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


def sensitive_columns(dictionary: Dictionary) -> dict[str, list[str]]:
    """Return the sensitive columns of each mirror that has any, by name, sorted."""
    mirrors = {
        mapping.name: {"": mapping.source, **{one.alias: one.mirror for one in mapping.lookups}}
        for mapping in dictionary.mappings
    }
    found: dict[str, set[str]] = {}
    for one in origins(dictionary):
        if one.column == ROWS or one.mapping not in mirrors:
            continue
        if one.hides or dictionary.fields[one.field].sensitivity not in CLEAR:
            for alias, column in one.uses:
                found.setdefault(str(mirrors[one.mapping][alias]), set()).add(column)
    return {mirror: sorted(columns) for mirror, columns in found.items()}


def clear_keys(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Return by mirror the sensitive columns of its key that are kept as they are, where there are any."""
    rows = connection.execute(
        "SELECT mirror, columns, content FROM cdc.mirror_class JOIN cdc.contract USING (mirror) ORDER BY mirror"
    ).fetchall()
    found = {mirror: _clear(from_document(content, mirror), columns) for mirror, columns, content in rows}
    return {mirror: columns for mirror, columns in found.items() if columns}


def _clear(contract: Contract, sensitive: Collection[str]) -> list[str]:
    return [name for name in contract.key if name in sensitive and not is_token(contract.column(name))]


def key_on_record(connection: psycopg.Connection[Any], contract: Contract, key: Sequence[str]) -> list[str]:
    """Return the key of a mirror's row for a record that is kept for good: a mask for values of sensitive columns."""
    row = connection.execute("SELECT columns FROM cdc.mirror_class WHERE mirror = %s", (contract.mirror,)).fetchone()
    hidden = _clear(contract, row[0] if row else ())
    return [MASK if name in hidden else value for name, value in zip(contract.key, key, strict=True)]


def record_classes(connection: psycopg.Connection[Any], dictionary: Dictionary) -> list[str]:
    """Keep what a dictionary says; return in words what is another class now."""
    columns = sensitive_columns(dictionary)
    wanted = {mirror: (name, columns.get(mirror, [])) for mirror, name in sorted(classes(dictionary).items())}
    rows = connection.execute("SELECT mirror, class, columns FROM cdc.mirror_class").fetchall()
    known = {mirror: (name, listed) for mirror, name, listed in rows}
    for mirror, said in wanted.items():
        if known.get(mirror) != said:
            connection.execute(
                "INSERT INTO cdc.mirror_class (mirror, class, columns) VALUES (%s, %s, %s)"
                " ON CONFLICT (mirror) DO UPDATE SET class = excluded.class, columns = excluded.columns",
                (mirror, *said),
            )
    changed = {mirror: name for mirror, (name, _) in wanted.items() if known.get(mirror, ("", []))[0] != name}
    return [f"records of {mirror} are {name}" for mirror, name in changed.items()]

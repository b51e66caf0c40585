"""SQL text: quoted names, literals, lists. Statements of this package are texts without parameters, as bytes.

The same text every turn is what lets PostgreSQL keep its plan; without parameters a `%` in a name needs no care.
"""

from __future__ import annotations

from collections.abc import Iterable


def quoted(*parts: str) -> str:
    """Return an identifier, or a dotted path of them."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Return a text constant (standard_conforming_strings is on in every session)."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Return a text[] constant."""
    return f"ARRAY[{', '.join(map(literal, texts))}]::text[]"


def columns(names: Iterable[str], alias: str = "") -> str:
    """Return a list of columns, of `alias` where one is given."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quoted(name) for name in names)


def equal(names: Iterable[str], left: str, right: str, right_names: Iterable[str] | None = None) -> str:
    """Return `left.a = right.a AND ...`; the names on the right may differ."""
    lefts = tuple(names)
    rights = lefts if right_names is None else tuple(right_names)
    pairs = zip(lefts, rights, strict=True)
    return " AND ".join(f"{left}.{quoted(one)} = {right}.{quoted(other)}" for one, other in pairs)


def all_present(names: Iterable[str], alias: str) -> str:
    """Return the condition under which a reference of these columns binds."""
    return " AND ".join(f"{alias}.{quoted(name)} IS NOT NULL" for name in names)

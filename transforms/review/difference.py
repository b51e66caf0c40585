"""What a change of the dictionary means, in stewards' words, and the canonical columns that it touches.

    lot_status: synonym mes 'HOLD' added -> BLOCKED          trace.material_lot.status

Compared is the effective content as it is written, entry by entry: what a change is called does not depend on how it is
compiled. Columns come from the dependency index of both versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from transforms.model import Dictionary
from transforms.review.dependency import Origin, origins

_Tree = Map[str, Any]
_REMARKS = ("note", "relationship")
_ABOUT = ("to", "valid_to", *_REMARKS)  # of a synonym: what is said of a code; the rest says which code


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `kind` and `name` of the entry, what happened to it, and the columns that can come out otherwise."""

    kind: str
    name: str
    what: str
    affects: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


def difference(old: Dictionary, new: Dictionary) -> tuple[Change, ...]:
    """Return what changed from `old` to `new`, by kind and name; nothing if their content is the same."""
    return tuple(_Comparison(old, new).changes())


def touched(old: Dictionary, new: Dictionary) -> frozenset[Origin]:
    """Return the origins, of either version, that a change from `old` to `new` touches."""
    return frozenset(origin for _, found in _Comparison(old, new).found() for origin in found)


class _Comparison:
    """Both versions, as written and with where everything is used."""

    def __init__(self, old: Dictionary, new: Dictionary) -> None:
        self._old, self._new = _entries(old), _entries(new)
        self._origins = (*origins(old), *origins(new))

    def changes(self) -> Iterator[Change]:
        for (kind, name, what), found in self.found():
            yield Change(kind, name, what, tuple(sorted({origin.target for origin in found})))

    def found(self) -> Iterator[tuple[tuple[str, str, str], list[Origin]]]:
        """Yield each change, as kind, name and words, with the origins that it touches."""
        for kind, affects in _AFFECTS.items():
            old, new = self._old.get(kind, {}), self._new.get(kind, {})
            for name in dict.fromkeys((*old, *new)):
                for what, detail in _told(kind, old.get(name), new.get(name)):
                    yield (kind, name, what), [one for one in self._origins if affects(one, name, detail)]


def _entries(dictionary: Dictionary) -> dict[str, dict[str, Any]]:
    """Return every entry of a version by kind and name."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _AFFECTS}
    for file, tree in json.loads(dictionary.content).items():
        path = PurePosixPath(file)
        if path.name == "dictionary.yaml":
            # How it is layered is not what it means: compared is what counts in the end.
            header = {key: value for key, value in tree.items() if key not in ("extends", "without")}
            found["dictionary"]["dictionary"] = header
        elif path.parent.name in found:
            found[path.parent.name][path.stem] = tree
        elif path.name == "errors.yaml":
            found["errors"] |= tree
        elif path.name == "units.yaml":
            found["units"] |= tree["units"]
            found["aliases"] |= tree["aliases"]
        else:
            found["fields"] |= tree["fields"]
    return found


def _told(kind: str, old: Any, new: Any) -> Iterator[tuple[str, _Detail]]:
    """Yield what happened to one entry, in words, each with what it was about."""
    if old is None or new is None:
        yield "added" if old is None else "removed", ()
        return
    yield from _WORDS.get(kind, _leaves)(old, new)


_Detail = tuple[str, ...]


def _leaves(old: Any, new: Any, path: _Detail = ()) -> Iterator[tuple[str, _Detail]]:
    """Yield every difference below two values; `path` are the keys that lead there."""
    if json.dumps(old) == json.dumps(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        if old.keys() == new.keys() and list(old) != list(new):
            yield _line(path, f"order {', '.join(old)} -> {', '.join(new)}"), path
        for key in dict.fromkeys((*old, *new)):
            if key not in old:
                yield _line((*path, key), f"added {_shown(new[key])}"), (*path, key)
            elif key not in new:
                yield _line((*path, key), f"removed (was {_shown(old[key])})"), (*path, key)
            else:
                yield from _leaves(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    else:
        yield _line(path, f"{_shown(old)} -> {_shown(new)}"), path


def _lists(old: list[Any], new: list[Any], path: _Detail) -> Iterator[tuple[str, _Detail]]:
    names = {_name_of(item) for item in (*old, *new)}
    if None not in names and len({*map(_name_of, old)}) == len(old) and len({*map(_name_of, new)}) == len(new):
        yield from _leaves({_name_of(item): item for item in old}, {_name_of(item): item for item in new}, path)
        return
    gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
    for item in gone:
        yield _line(path, f"{_shown(item)} removed"), path
    for item in come:
        yield _line(path, f"{_shown(item)} added"), path
    if not gone and not come:
        yield _line(path, f"order {_shown(old)} -> {_shown(new)}"), path


def _name_of(item: Any) -> str | None:
    """Return what an item of a list is called: examples, targets and checks have names."""
    if not isinstance(item, dict):
        return None
    if "columns" in item and "to" in item:
        return f"{'+'.join(item['columns'])} to {item['to']}"
    return next((str(item[key]) for key in ("name", "table", "rule") if key in item), None)


def _code_set(old: _Tree, new: _Tree) -> Iterator[tuple[str, _Detail]]:
    """Codes and synonyms have words of their own; the rest is as anywhere."""
    before, after = _synonyms(old), _synonyms(new)
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        system, shown = key[0], f"synonym {key[0]} {key[1]}"
        if was is None or now is None:
            told = f"{shown} added -> {now['to']}" if now else f"{shown} removed (was {was and was['to']})"
            yield told, ("synonym", system)
        elif was != now:
            leaves = list(_leaves(was, now))
            in_words = all(path[0] in _REMARKS for _, path in leaves)
            changed = "; ".join(what for what, _ in leaves).removeprefix("to ")
            yield f"{shown} {changed}", ("note",) if in_words else ("synonym", system)
    yield from _leaves(_rest(old), _rest(new))


def _synonyms(tree: _Tree) -> dict[tuple[str, str], _Tree]:
    found: dict[tuple[str, str], _Tree] = {}
    for item in tree["synonyms"]:
        more = [f"{key} {_shown(value)}" for key, value in item.items() if key not in (*_ABOUT, "system", "code")]
        shown = f"'{item['code']}'" + (f" ({', '.join(more)})" if more else "")
        found[item["system"], shown] = {key: value for key, value in item.items() if key in _ABOUT}
    return found


def _rest(tree: _Tree) -> dict[str, Any]:
    return {("code" if key == "codes" else key): value for key, value in tree.items() if key != "synonyms"}


def _unit(old: _Tree, new: _Tree) -> Iterator[tuple[str, _Detail]]:
    """What a unit is worth counts for quantities of its dimension; whether it is worth anything, or of another one, for
    all that names units."""
    keeps = bool(old.get("factor")) == bool(new.get("factor"))
    for what, path in _leaves(old, new):
        yield what, path if path[:1] in (("label",), ("dimension",)) or not keeps else ("worth",)


def _aliases(old: _Tree, new: _Tree) -> Iterator[tuple[str, _Detail]]:
    for word in dict.fromkeys((*old, *new)):
        if old.get(word) != new.get(word):
            was, now = old.get(word), new.get(word)
            told = f"added -> {now}" if was is None else f"removed (was {was})" if now is None else f"{was} -> {now}"
            yield f"'{word}' {told}", (word,)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`" if " " in value or not value else value
    if value is None:
        return "nothing"
    return json.dumps(value, ensure_ascii=False)


def _line(path: _Detail, what: str) -> str:
    return f"{' '.join(path)} {what}" if path else what


def _by_field(origin: Origin, name: str, detail: _Detail) -> bool:
    if detail[:1] == ("keep_raw",):
        return origin.field == name and bool(origin.raw_of)
    return origin.field == name and detail[:1] not in _WORDS_ONLY


def _by_code_set(origin: Origin, name: str, detail: _Detail) -> bool:
    is_label = detail[:1] == ("code",) and len(detail) > 2
    if name not in (origin.code_set, *origin.translates) or is_label or detail[:1] in (("version",), ("note",)):
        return False
    # A synonym counts for the rows of its source alone.
    return detail[:1] != ("synonym",) or detail[1] == origin.source


def _by_unit(origin: Origin, name: str, detail: _Detail) -> bool:
    if detail[:1] == ("label",):
        return False
    return name in origin.units or (origin.measures and detail != ("worth",))


def _by_alias(origin: Origin, name: str, detail: _Detail) -> bool:
    # A word that was unknown has another code when it is known, whatever it is a unit of.
    return origin.source == name and (not detail or origin.measures)


def _by_error(origin: Origin, name: str, detail: _Detail) -> bool:
    return name in origin.codes and detail[:1] in ((), ("kind",))


def _by_source(origin: Origin, name: str, detail: _Detail) -> bool:
    return origin.source == name and detail[:1] != ("label",)


def _by_fold(origin: Origin, name: str, detail: _Detail) -> bool:
    if origin.table != name or detail[:1] == ("examples",):
        return False
    return detail[:1] != ("columns",) or len(detail) < 2 or detail[1] == _named(origin)


def _by_mapping(origin: Origin, name: str, detail: _Detail) -> bool:
    if origin.mapping != name or detail[:1] in (("version",), ("examples",)) or detail[:2] == ("source", "key"):
        return False  # what the source's key is only examples are read by
    if detail[:1] in (("target",), ("targets",)):
        return _by_target(origin, detail)
    named = detail[1] if len(detail) > 1 else ""
    if detail[:1] == ("let",):
        return named in origin.lets
    if detail[:1] == ("lookups",):
        return not named or named in origin.lookups
    if detail[:2] == ("source", "columns") and len(detail) > 2:
        return any(read.endswith(f".{detail[2]}") for read in origin.reads)
    return detail[:1] != ("where",) or origin.column == "*"


def _by_target(origin: Origin, detail: _Detail) -> bool:
    several = detail[0] == "targets"
    if several and detail[1:2] != (origin.versions_of or origin.table,):
        return len(detail) < 2
    below = detail[2:] if several else detail[1:]
    if below[:1] == ("when",):
        return origin.column == "*"
    if below[:1] == ("columns",) and below[2:3] == ("never",):
        return False  # it is said of examples alone
    return below[:1] != ("columns",) or len(below) < 2 or below[1] == _named(origin)


def _named(origin: Origin) -> str:
    """Return the column that the files name; a raw one follows the one beside which it stands."""
    return origin.raw_of or origin.column


# What says nothing of values: how they are kept and shown to others is no other value of theirs.
_WORDS_ONLY = tuple(
    (key,) for key in ("label", "definition", "owner", "example", "standard_refs", "retention", "protect")
)
_WORDS: Map[str, Callable[[Any, Any], Iterator[tuple[str, _Detail]]]] = {
    "codesets": _code_set,
    "aliases": _aliases,
    "units": _unit,
}
_AFFECTS: Map[str, Callable[[Origin, str, _Detail], bool]] = {
    "dictionary": lambda *_: False,
    "fields": _by_field,
    "codesets": _by_code_set,
    "units": _by_unit,
    "aliases": _by_alias,
    "sources": _by_source,
    "folds": _by_fold,
    "mappings": _by_mapping,
    "errors": _by_error,
}

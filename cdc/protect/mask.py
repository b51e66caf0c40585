"""What is shown of a value: itself, or a mask in its place.

A column of a canonical table is masked by the fields that it is of: `personal` and `phi`, and whatever says so under
`protect`. A column of a mirror is masked if such a field, or a token, is made of it, and if nobody has said what it is:
the dictionary names it nowhere. What the row is found by is shown in the latter case, or nobody could name a row. Keys
and decisions of a mapping that the dictionary does not have (any more) are masked: it cannot say what they are.

The absence of a value is shown: a mask says that there is one. A field may ask for more under `protect`: `in_logs:
omit` leaves its columns out of a row that is printed; in an export `omit` leaves the value out, `pseudonymise` puts a
token in its place (of the key `tokens.export`; a mask where the settings have none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from transforms.beside import CONTRIBUTION
from transforms.history import OLD_KEY
from transforms.mapping import CONFLICTS
from transforms.model import Dictionary, Field
from transforms.review.dependency import ROWS, Origin, origins
from transforms.value.token import token_of

MASK: Final = "***"
PROTECTED: Final = frozenset({"personal", "phi"})
"""The classes of fields whose values are not shown."""
_Keys = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Masks:
    """What is masked; one that nothing was given hides nothing.

    `hidden`: canonical and mirror columns, as `schema.table.column`; `named`: mirror columns that the dictionary names;
    `mirrors`: the key columns of each mirror; `tables`: those of canonical tables; `origin`: the mirror of a mapping,
    the table of a fold; `lookups`: by mapping and look-up its mirror, and the columns by which it finds the row there;
    `omitted`: columns that are not even masked; `exports`: what becomes of a column in an export, where it is no mask.
    `columns`: all canonical columns that the dictionary has; None: nothing was given.
    """

    hidden: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    mirrors: _Keys = field(default_factory=dict)
    tables: _Keys = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[str, Mapping[str, tuple[str, Sequence[str]]]] = field(default_factory=dict)
    omitted: frozenset[str] = frozenset()
    exports: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] | None = None

    @classmethod
    def of(cls, dictionary: Dictionary, mirrors: _Keys) -> Masks:
        """Return what a dictionary says of these mirrors."""
        found = origins(dictionary)
        fields = dictionary.fields_of_columns()
        targets = [one for mapping in dictionary.derived for one in mapping.targets]
        targets += [fold.target for fold in dictionary.folds]
        folds = {str(fold): str(fold.target) for fold in dictionary.folds}
        hidden = {name for name, several in fields.items() if any(map(is_protected, several))}
        omitted = {name for name, several in fields.items() if any(one.protect.in_logs == "omit" for one in several)}
        sources = {*_sources(dictionary, found)}
        keys = {f"{mirror}.{name}" for mirror, names in mirrors.items() for name in names}
        # A conflict has what was said of any column, by which source row; a version the key that this had before.
        told = {f"{table}.{CONFLICTS}" for table in folds.values() if keys & sources or _has_any(table, hidden)}
        told |= {f"{target}.{OLD_KEY}" for target in targets if keys & sources}
        return cls(
            frozenset({*hidden, *told, *_contributed(hidden, folds.values()), *sources}),
            frozenset(name for one in found for name in one.reads),
            mirrors,
            {str(target): target.key for target in targets},
            {mapping.name: f"{mapping.source.schema}.{mapping.source.table}" for mapping in dictionary.derived} | folds,
            {
                mapping.name: {one.alias: (str(one.mirror), one.columns) for one in mapping.lookups}
                for mapping in dictionary.derived
            },
            frozenset({*omitted, *_contributed(omitted, folds.values())}),
            {name: said for name, several in fields.items() for one in several if (said := one.protect.in_export)},
            frozenset(column.name for target in targets for column in target.columns),
        )

    def hides(self, table: str, column: str) -> bool:
        """Tell whether a column of a canonical table or of a mirror is masked."""
        name = f"{table}.{column}"
        return name in self.hidden or (table in self.mirrors and self._is_unknown(table, column))

    def value(self, table: str, column: str, value: Any) -> Any:
        """Return a value, or its mask."""
        return MASK if value is not None and self.hides(table, column) else value

    def row(self, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a row, by column."""
        kept = {name: value for name, value in values.items() if f"{table}.{name}" not in self.omitted}
        return {name: self.value(table, name, value) for name, value in kept.items()}

    def exported(self, table: str, values: Mapping[str, Any], key: bytes | None) -> dict[str, Any]:
        """Return the values of a row for a file that leaves the house; `key` is that of pseudonyms."""
        return {name: self._exported(f"{table}.{name}", value, key) for name, value in values.items()}

    def _exported(self, name: str, value: Any, key: bytes | None) -> Any:
        if value is None or name not in self.hidden:
            return value
        said = self.exports.get(name, "mask")
        if said == "omit":
            return None
        return token_of(key, str(value)) if said == "pseudonymise" and key is not None else MASK

    def key(self, table: str, values: Iterable[Any]) -> list[Any]:
        """Return the key of a row of a mirror or of a canonical table; that of a version of it has its number last."""
        names = self.mirrors.get(table, self.tables.get(table))
        return self._unknown(values) if names is None else self._listed(table, [*names, "_version"], values)

    def source_key(self, mapping: str, values: Iterable[Any]) -> list[Any]:
        """Return the key of what a mapping, or a fold, makes a row of."""
        return self.key(self.origin.get(mapping, ""), values)

    def decided(self, column: str, value: Any) -> Any:
        """Return what somebody has decided of a canonical column, in whichever table it is."""
        known = self.columns is None or column in self.columns
        hidden = not known or any(name.endswith(f".{column}") for name in self.hidden)
        return MASK if value is not None and hidden else value

    def awaited(self, mapping: str, table: str | None, values: list[Any] | None) -> list[Any] | None:
        """Return the values of what a held row waits for.

        That is a canonical row by its key, a mirror's row by its key if it is behind its source, or by any of the
        look-ups of the mapping there. Which of them is not said: a value is masked that one of them masks.
        """
        if values is None or table is None:
            return values
        found = [columns for mirror, columns in self.lookups.get(mapping, {}).values() if mirror == table]
        found += [names for names in (self.mirrors.get(table), self.tables.get(table)) if names is not None]
        shown = [self._listed(table, names, values) for names in found] or [self._unknown(values)]
        return [
            value if all(one == value for one in several) else MASK
            for value, *several in zip(values, *shown, strict=True)
        ]

    def taken(self, mapping: str, name: str, value: Any) -> Any:
        """Return what a rule takes: of `schema.table.column` of the source row, or of `look-up.column`."""
        source = self.origin.get(mapping, "")
        alias, _, column = name.partition(".")
        if name.startswith(f"{source}."):
            return self.value(source, name[len(source) + 1 :], value)
        mirror, _ = self.lookups.get(mapping, {}).get(alias, ("", ()))
        return self.value(mirror, column, value)

    def _unknown(self, values: Iterable[Any]) -> list[Any]:
        """Return values of which the dictionary does not say what they are of."""
        return [value if value is None or self.columns is None else MASK for value in values]

    def _listed(self, table: str, names: Iterable[str], values: Iterable[Any]) -> list[Any]:
        given = list(values)
        shown = [self.value(table, name, value) for name, value in zip(names, given, strict=False)]
        return shown + given[len(shown) :]

    def _is_unknown(self, mirror: str, column: str) -> bool:
        return (
            f"{mirror}.{column}" not in self.named
            and column not in self.mirrors[mirror]
            and not column.startswith("_")  # the service's own
        )


def is_protected(one: Field) -> bool:
    """Tell whether values of a field are not shown."""
    return one.sensitivity in PROTECTED or one.protect.in_logs is not None or one.protect.in_export is not None


def _has_any(table: str, names: Iterable[str]) -> bool:
    return any(name.startswith(f"{table}.") for name in names)


def _contributed(names: Iterable[str], folded: Iterable[str]) -> Iterable[str]:
    """Yield the columns of folded tables once more, as those of what is said of their rows, which stands beside."""
    tables = {*folded}
    for table, _, column in (name.rpartition(".") for name in names):
        if table in tables:
            schema, _, own = table.partition(".")
            yield f"{schema}{CONTRIBUTION}.{own}.{column}"


def _sources(dictionary: Dictionary, found: Iterable[Origin]) -> Iterable[str]:
    """Yield the mirror columns that fields are made of whose values are not shown, and those that tokens stand for."""
    mirrors = {
        mapping.name: {"": mapping.source, **{one.alias: one.mirror for one in mapping.lookups}}
        for mapping in dictionary.mappings
    }
    for one in found:
        if one.column == ROWS or one.mapping not in mirrors:
            continue
        if one.hides or is_protected(dictionary.fields[one.field]):
            yield from (f"{mirrors[one.mapping][alias]}.{name}" for alias, name in one.uses)

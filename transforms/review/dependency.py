"""What each canonical column is made of: the way back to the source, and the index the other way round.

    origins(dictionary)        one `Origin` for each column that a mapping fills, and one, named `*`, for what decides
                               whether there is a row at all (look-ups, `where`, `when`, `explode`, `checks`)
    affected(dictionary, kind, name)
                               the canonical columns that a definition has a part in: `field`, `code_set`, `unit`,
                               `source_column` (`mirror.column`)

It is read off the written mappings, without running anything, and errs on the side of too much: a quantity whose unit
comes from the source depends on every unit of its dimension, and a row on every look-up, as it is refused where that
finds several rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import sqlglot
from sqlglot import exp

from transforms.mapping import RAW, Mapping
from transforms.model import Dictionary, Field
from transforms.vocabulary.codes import conditions

Kind = Literal["field", "code_set", "unit", "source_column"]
Name = tuple[str, str]  # look-up ("": the source row) and column
ROWS = "*"
FOLD = "fold"  # stands for the mapping where a fold makes the column


@dataclass(frozen=True, slots=True)
class Origin:
    """How one mapping makes one canonical column (`column` is `*`: how it decides about rows).

    `reads` are mirror columns as `source.table.column`, those by which look-ups find their row included; `uses` those
    that the rule takes a value of, as (look-up, column); `lets` the named expressions on the way.
    """

    mapping: str
    source: str
    table: str
    column: str
    rule: str
    field: str
    code_set: str
    units: tuple[str, ...]
    reads: tuple[str, ...]
    lookups: tuple[str, ...] = ()
    lets: tuple[str, ...] = ()
    translates: tuple[str, ...] = ()
    """The code sets that its expressions translate by CODE."""
    versions_of: str = ""
    """Of a history, the table whose rows it has all versions of."""
    uses: tuple[Name, ...] = ()
    codes: tuple[str, ...] = ()
    """The codes that it can refuse a row with."""
    raw_of: str = ""
    """Of a raw column, the one beside which it says what the source said."""
    measures: bool = False
    """Whether it goes by what units are called: one more name, or one less, and a row may be refused otherwise."""
    hides: bool = False
    """Whether it puts a token in the place of what it uses, which nobody is to read then."""

    @property
    def target(self) -> str:
        """The column as `schema.table.column`."""
        return f"{self.table}.{self.column}"


def origins(dictionary: Dictionary) -> tuple[Origin, ...]:
    """Return the origins of all canonical columns, by table, column and mapping; `*` stands first."""
    trees = json.loads(dictionary.content)
    found = [
        origin
        for mapping in dictionary.mappings
        for origin in _Written(dictionary, mapping, trees[f"mappings/{mapping.name}.yaml"]).origins()
    ]
    found += (
        origin for file, tree in trees.items() if file.startswith("folds/") for origin in _folded(dictionary, tree)
    )
    return tuple(sorted(found, key=lambda origin: (origin.table, origin.column != ROWS, origin.column, origin.mapping)))


def affected(dictionary: Dictionary, kind: Kind, name: str) -> tuple[str, ...]:
    """Return the canonical columns (`schema.table.column`, `*` for its rows) that a definition has a part in."""
    return tuple(dict.fromkeys(origin.target for origin in origins(dictionary) if name in names_of(origin, kind)))


def names_of(origin: Origin, kind: Kind) -> tuple[str, ...]:
    """Return what an origin uses of one kind of definition."""
    if kind == "source_column":
        return origin.reads
    if kind == "unit":
        return origin.units
    return (origin.field,) if kind == "field" else (origin.code_set, *origin.translates)


@dataclass(slots=True)
class _Used:
    """What expressions name: columns and named expressions; whether they convert a quantity, out of packaging, too."""

    columns: set[Name] = field(default_factory=set)
    lets: set[str] = field(default_factory=set)
    translates: set[str] = field(default_factory=set)
    converts: bool = False
    packs: bool = False
    hides: bool = False

    def add(self, other: _Used) -> None:
        """Take what others name, too."""
        self.columns |= other.columns
        self.lets |= other.lets
        self.translates |= other.translates
        self.converts |= other.converts
        self.packs |= other.packs
        self.hides |= other.hides


def _folded(dictionary: Dictionary, tree: Map[str, Any]) -> Iterator[Origin]:
    """Yield how a fold makes its columns of what mappings contribute: it reads nothing of its own."""
    for name, written in {**dict.fromkeys(tree["key"], "key"), **tree["columns"]}.items():
        rule = written if isinstance(written, dict) else {"take": written}
        defined = dictionary.fields[rule.get("field", name)]
        units = (defined.unit,) if defined.unit else ()
        told = f"take {rule.get('take', 'key')}"
        origin = Origin(FOLD, "", tree["fold"], name, told, defined.name, defined.code_set or "", units, ())
        yield origin
        if defined.keep_raw:
            yield _raw(origin, f"raw text with the value of {name}")


def _raw(origin: Origin, rule: str) -> Origin:
    """Return how the raw column beside a column is made: of the same, and it refuses nothing of its own."""
    return replace(origin, column=origin.column + RAW, rule=rule, raw_of=origin.column, codes=())


class _Written:
    """One mapping as it is written."""

    def __init__(self, dictionary: Dictionary, mapping: Mapping, tree: Map[str, Any]) -> None:
        self._dictionary, self._mapping, self._tree = dictionary, mapping, tree
        self._lookups = {lookup.alias: lookup for lookup in mapping.lookups}
        self._lets: Map[str, str] = tree.get("let") or {}

    def origins(self) -> Iterator[Origin]:
        for target in self._tree.get("targets") or [self._tree["target"]]:
            for origin in self._of_target(target):
                yield origin
                if target.get("history"):
                    yield replace(origin, table=target["history"], versions_of=origin.table)

    def _of_target(self, target: Map[str, Any]) -> Iterator[Origin]:
        parts = _parts(target.get("explode") or {})
        yield self._rows(target, parts)
        codes = self._codes(target)
        for name, written in target["columns"].items():
            column = written if isinstance(written, dict) else {"expr": written}
            defined = self._dictionary.fields[column.get("field", name)]
            # What contributions are ordered by decides whose value a folded row has.
            order = [target["order"]] if target.get("order") and name not in target["key"] else []
            made = self._made_of(target, name)
            used = self._use([*made, *order], parts)
            origin = self._origin(target["table"], name, " * ".join(_rule(column)), defined, used)
            origin = replace(origin, uses=tuple(sorted(self._use(made, parts).columns)), codes=codes.get(name, ()))
            yield origin
            if defined.keep_raw:
                yield _raw(origin, f"raw text of {origin.rule}")

    def _rows(self, target: Map[str, Any], parts: Map[str, list[str]]) -> Origin:
        """Return what decides whether a target has rows of a source row, and which code that is refused with."""
        explode = target.get("explode") or {}
        decides = [("where", self._tree.get("where")), ("when", target.get("when")), *_explodes(explode)]
        rules = [(name, rule) for name, rule in decides if rule]
        checks = [check["rule"] for check in target.get("checks") or ()]
        told = "; ".join(f"{name} {rule}" for name, rule in (*rules, *(("check", rule) for rule in checks)))
        # All parts of a row are worked out, used or not; an order of keys alone stands nowhere else.
        cut = [expression for expressions in parts.values() for expression in expressions]
        order = [target["order"]] if target.get("order") and len(target["columns"]) == len(target["key"]) else []
        used = self._use([*(rule for _, rule in rules), *cut, *order], parts)
        used.add(self._checked(target, checks, parts))
        used.columns |= {found for alias in self._lookups for found in self._found_by(alias)}
        origin = self._origin(target["table"], ROWS, told, None, used)
        return replace(origin, codes=tuple(sorted(self._mapping.codes)))

    def _checked(self, target: Map[str, Any], rules: list[str], parts: Map[str, list[str]]) -> _Used:
        """Return what checks use, which is over canonical columns: of these, what they are made of."""
        trees = [_parsed(rule) for rule in rules]
        names = {column.text("this") for tree in trees for column in tree.find_all(exp.Column)}
        used = self._use(rules, {name: [] for name in names})
        used.add(self._use([one for name in names for one in self._made_of(target, name)], parts))
        return used

    def _made_of(self, target: Map[str, Any], name: str) -> list[str]:
        """Return the expressions that a canonical column is made of; what the meaning of its code hangs on, too."""
        written = target["columns"][name]
        column = written if isinstance(written, dict) else {"expr": written}
        return [*_rule(column), *self._meaning(self._dictionary.fields[column.get("field", name)], column)]

    def _codes(self, target: Map[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return the codes that the compiled columns of a target can refuse a row with."""
        found = (one for one in self._mapping.targets if str(one) == target["table"])
        return {column.name: tuple(sorted(column.codes)) for one in found for column in one.columns}

    def _meaning(self, defined: Field, column: Map[str, Any]) -> list[str]:
        """Return what the meaning of a code hangs on beside itself: a moment, other columns."""
        if not defined.code_set:
            return []
        return [*self._beside(defined.code_set), *([column["at"]] if column.get("at") else [])]

    def _beside(self, code_set: str) -> list[str]:
        """Return the columns that the meaning of a code hangs on."""
        _, names = conditions(self._dictionary.codesets[code_set], self._mapping.source.schema)
        split = (name.rpartition(".") for name in names)
        return [exp.column(name, table=table or None, quoted=True).sql() for table, _, name in split]

    def _origin(self, table: str, column: str, rule: str, defined: Field | None, used: _Used) -> Origin:
        aliases = self._hang(alias for alias, _ in used.columns if alias)
        reads = {self._mirror_column(*name) for name in used.columns}
        for alias in aliases:
            reads |= {self._mirror_column(*name) for name in self._found_by(alias)}
        return Origin(
            mapping=self._mapping.name,
            source=self._mapping.source.schema,
            table=table,
            column=column,
            rule=rule,
            field=defined.name if defined else "",
            code_set=(defined.code_set or "") if defined else "",
            units=self._units(defined, used),
            reads=tuple(sorted(reads)),
            lookups=tuple(sorted(aliases)),
            lets=tuple(sorted(used.lets)),
            translates=tuple(sorted(used.translates)),
            hides=used.hides,
            measures=used.converts or bool(defined and defined.type.kind == "unit"),
        )

    def _units(self, defined: Field | None, used: _Used) -> tuple[str, ...]:
        units = self._dictionary.units
        if defined and defined.type.kind == "unit":
            return tuple(units)
        if not used.converts:
            return (defined.unit,) if defined and defined.unit else ()
        fixed = defined.unit if defined and not used.packs else None
        return tuple(code for code in units if fixed is None or units[code].dimension == units[fixed].dimension)

    def _hang(self, aliases: Iterable[str]) -> set[str]:
        """Return the look-ups with those that they hang on."""
        needed, new = set[str](), set(aliases)
        while new:
            needed |= new
            new = {parent for alias in new for parent, _ in self._found_by(alias) if parent} - needed
        return needed

    def _found_by(self, alias: str) -> set[Name]:
        """Return what decides which row a look-up finds: columns of both sides, and of its validity."""
        lookup = self._lookups[alias]
        found = {(alias, column) for column in lookup.columns}
        found |= {(match.alias, match.source_column) for match in lookup.match}
        return found | ({(lookup.valid.alias, lookup.valid.at)} if lookup.valid else set())

    def _mirror_column(self, alias: str, column: str) -> str:
        mirror = self._lookups[alias].mirror if alias else self._mapping.source
        return f"{mirror}.{column}"

    def _use(self, expressions: Iterable[str], parts: Map[str, list[str]]) -> _Used:
        used, waiting, seen = _Used(), list(expressions), set[str]()
        while waiting:
            text = waiting.pop()
            if text in seen:
                continue
            seen.add(text)
            tree = _parsed(text)
            calls = [call for call in tree.find_all(exp.Anonymous) if call.name.upper() == "TO_UNIT"]
            for call in tree.find_all(exp.Anonymous):
                if call.name.upper() == "CODE":
                    used.translates.add(name := call.expressions[1].name)
                    waiting += self._beside(name)
            used.converts |= bool(calls)
            used.hides |= any(call.name.upper() == "TOKEN" for call in tree.find_all(exp.Anonymous))
            used.packs |= any(len(call.expressions) > 3 for call in calls)
            for column in tree.find_all(exp.Column):
                alias, name = column.text("table"), column.text("this")
                if not alias and name in parts:
                    waiting += parts[name]
                elif not alias and name in self._lets:
                    used.lets.add(name)
                    waiting.append(self._lets[name])
                else:
                    used.columns.add((alias, name))
        return used


@lru_cache(maxsize=4096)
def _parsed(text: str) -> exp.Expr:
    """Return the tree of an expression, to be read: two versions of a dictionary have most of them in common."""
    return sqlglot.parse_one(text, into=exp.Condition)


def _rule(column: Map[str, Any]) -> list[str]:
    return [column["expr"], *([column["sign"]] if column.get("sign") else [])]


def _parts(explode: Map[str, Any]) -> dict[str, list[str]]:
    """Return what the names of an `explode` stand for; a number of a part stands for nothing in the source."""
    if "split" in explode:
        return {explode["as"]: [explode["split"]], **({explode["seq"]: []} if explode.get("seq") else {})}
    found: dict[str, list[str]] = {}
    for part in explode.get("from") or ():
        for name, expression in part.items():
            found.setdefault(name, []).append(expression)
    return found


def _explodes(explode: Map[str, Any]) -> list[tuple[str, str | None]]:
    return [("split", explode.get("split")), ("skip", explode.get("skip"))]

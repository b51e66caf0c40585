"""Mappings: per canonical table what each column is made of, and what else decides about a row."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

from transforms import refusal
from transforms.mapping import RAW, Column, Lookup, Mapping, Target
from transforms.mapping import Reference as ForeignKey
from transforms.model import Field
from transforms.review.dependency import Origin
from transforms.review.site import words
from transforms.review.site.anchor import anchor
from transforms.review.site.document import (
    Check,
    ColumnRow,
    Explode,
    Item,
    LetRow,
    LookupRow,
    MappingPage,
    Outcome,
    Part,
    Ref,
    Reference,
    Refusal,
    TargetTable,
)
from transforms.review.site.example import Examples
from transforms.review.site.field import tolerated, written_type
from transforms.review.site.index import Index, Tree, column_ref, source_column_ref, table_ref
from transforms.review.site.rule import Names, pieces


def mapping_page(mapping: Mapping, index: Index) -> MappingPage:
    """Return one mapping."""
    return _Page(mapping, index).page()


class _Page:
    """One mapping, compiled and as written."""

    def __init__(self, mapping: Mapping, index: Index) -> None:
        self._mapping, self._index = mapping, index
        self._tree = index.tree("mappings", mapping.name)
        self._examples = Examples(mapping, index)
        self._names: Names = dict(self._known())

    def page(self) -> MappingPage:
        mapping, source = self._mapping, self._mapping.source.schema
        targets = self._tree.get("targets") or [self._tree["target"]]
        return MappingPage(
            name=mapping.name,
            anchor=anchor("mapping", mapping.name),
            version=self._tree["version"],
            source=Ref(source, anchor("source", source), self._index.dictionary.sources[source].label),
            table=Ref(str(mapping.source), anchor("source-table", str(mapping.source))),
            where=pieces(self._tree.get("where"), self._names),
            lookups=tuple(self._lookup(lookup) for lookup in mapping.lookups),
            lets=tuple(
                LetRow(name, anchor("let", mapping.name, name), pieces(text, self._names))
                for name, text in (self._tree.get("let") or {}).items()
            ),
            targets=tuple(
                _Target(self, place, target, written).table()
                for place, (target, written) in enumerate(zip(mapping.targets, targets, strict=True))
            ),
            refusals=tuple(self._refusal(code) for code in sorted(mapping.codes)),
            examples=self._examples.rows(self._tree),
        )

    def _known(self) -> Iterator[tuple[str, Part]]:
        """Yield what names stand for; a column of a look-up leads to where the look-up is described."""
        mirror = str(self._mapping.source)
        for name in self._tree["source"]["columns"]:
            yield name, Part("", "column", anchor("source-column", mirror, name))
        for alias, written in (self._tree.get("lookups") or {}).items():
            for name in written["columns"]:
                yield f"{alias}.{name}", Part("", "column", anchor("look-up", self._mapping.name, alias))
        for name in self._tree.get("let") or {}:
            yield name, Part("", "name", anchor("let", self._mapping.name, name))

    def _lookup(self, lookup: Lookup) -> LookupRow:
        written = self._tree["lookups"][lookup.alias]
        mirror, valid = str(lookup.mirror), written.get("valid")
        between = f"{lookup.alias}.{valid['from']} <= {valid['at']} < {lookup.alias}.{valid['to']}" if valid else ""
        return LookupRow(
            name=lookup.alias,
            anchor=anchor("look-up", self._mapping.name, lookup.alias),
            table=Ref(mirror, anchor("source-table", mirror)),
            match=pieces(written["match"], self._names),
            valid=pieces(between, self._names),
            missing=self._index.held(lookup.missing) if lookup.missing else None,
            columns=tuple(source_column_ref(mirror, name, name) for name in written["columns"]),
        )

    def _refusal(self, code: str) -> Refusal:
        return Refusal(self._index.error(code), tuple(self._places(code)), self._examples.refusing(code))

    def _places(self, code: str) -> Iterator[Ref]:
        """Yield where a row can be refused with a code: look-ups, columns, checks."""
        for lookup in self._mapping.lookups:
            if code in (lookup.missing, refusal.SEVERAL_FOUND):
                yield Ref(lookup.alias, anchor("look-up", self._mapping.name, lookup.alias))
        written = self._tree.get("targets") or [self._tree["target"]]
        for target, tree in zip(self._mapping.targets, written, strict=True):
            for column in (column for column in target.columns if code in column.codes):
                shown = column.name if len(written) == 1 else f"{target.table}.{column.name}"
                yield Ref(shown, anchor("rule", self._mapping.name, str(target), column.name))
            for check in (check for check in tree.get("checks") or () if check["error"] == code):
                yield Ref(check["rule"], anchor("target", self._mapping.name, str(target)))

    @property
    def parts(self) -> tuple[Mapping, Index, Examples, Names]:
        """What its targets are described with."""
        return self._mapping, self._index, self._examples, self._names


@dataclass(frozen=True, slots=True)
class _Target:
    """One canonical table of a mapping, compiled and as written."""

    page: _Page
    place: int
    target: Target
    tree: Tree

    def table(self) -> TargetTable:
        mapping, _, _, known = self.page.parts
        exploded = self.tree.get("explode")
        names = {**known, **_parts(exploded)} if exploded else known
        columns = [column for column in self.target.columns if not (column.name.startswith("_") or column.raw_of)]
        return TargetTable(
            table=table_ref(str(self.target)),
            anchor=anchor("target", mapping.name, str(self.target)),
            contributes=self.target.contributes,
            history=table_ref(self.target.history) if self.target.history else None,
            key=self.target.key,
            on_delete=words.ON_DELETE[self.target.on_delete],
            when=pieces(self.tree.get("when"), names),
            explode=_explode(exploded, known, names) if exploded else None,
            order=pieces(self.tree.get("order"), names),
            columns=tuple(self._column(position, column, names) for position, column in enumerate(columns)),
            references=tuple(map(reference, self.target.references)),
            checks=tuple(self._checks()),
        )

    def _column(self, position: int, column: Column, names: Names) -> ColumnRow:
        mapping, index, examples, _ = self.page.parts
        origin = index.origin(mapping.name, str(self.target), column.name)
        field = index.dictionary.fields[origin.field]
        written = self.tree["columns"][column.name]
        whole = written if isinstance(written, dict) else {"expr": written}
        code_set = index.dictionary.codesets.get(field.code_set or "")
        code_sets = dict.fromkeys((*((field.code_set,) if field.code_set else ()), *origin.translates))
        meanings = code_set.codes if code_set and field.type.kind == "code" else {}
        return ColumnRow(
            name=column.name,
            anchor=anchor("rule", mapping.name, str(self.target), column.name),
            table_column=column_ref(str(self.target), column.name),
            field=index.field(field.name),
            label=field.label,
            type=written_type(field.type),
            is_key=column.name in self.target.key,
            required=column.required,
            sources=tuple(self._sources(origin)),
            rule=pieces(whole["expr"], names),
            sign=pieces(whole.get("sign"), names),
            at=pieces(whole.get("at"), names),
            code_sets=tuple(map(index.code_set, code_sets)),
            unit=index.unit(field.unit),
            outcomes=tuple(self._outcomes(column, field)),
            raw=column_ref(str(self.target), column.name + RAW) if field.keep_raw else None,
            shown=examples.shown(self.place, position, origin, meanings),
        )

    def _sources(self, origin: Origin) -> Iterator[Ref]:
        """Yield what the rule takes values of, in the order in which the mapping declares it."""
        mapping, _, _, known = self.page.parts
        mirrors = {"": str(mapping.source), **{lookup.alias: str(lookup.mirror) for lookup in mapping.lookups}}
        shown = {f"{alias}.{name}" if alias else name: (mirrors[alias], name) for alias, name in origin.uses}
        for name in (name for name in known if name in shown):
            yield source_column_ref(*shown[name], name)

    def _outcomes(self, column: Column, field: Field) -> Iterator[Outcome]:
        _, index, *_ = self.page.parts
        yield from map(index.held, sorted(column.codes))
        yield from tolerated(field, index)

    def _checks(self) -> Iterator[Check]:
        mapping, index, *_ = self.page.parts
        names = {
            column.name: Part("", "column", anchor("rule", mapping.name, str(self.target), column.name))
            for column in self.target.columns
        }
        for check in self.tree.get("checks") or ():
            code = check["error"]
            warns = index.dictionary.errors[code].kind == "warning"
            outcome = Outcome(index.error(code), "kept") if warns else index.held(code)
            yield Check(pieces(check["rule"], names), outcome)


def reference(written: ForeignKey) -> Reference:
    """Return a reference between canonical tables."""
    return Reference(written.columns, table_ref(f"{written.schema}.{written.table}"), written.required)


def _parts(exploded: Tree) -> Map[str, Part]:
    """Return the names that `explode` gives to the expressions of its target."""
    given = exploded.get("from")
    names = given[0] if given else [name for name in (exploded["as"], exploded.get("seq")) if name]
    return {name: Part("", "name") for name in names}


def _explode(exploded: Tree, outer: Names, inner: Names) -> Explode:
    items = (
        Item(tuple((name, pieces(text, outer)) for name, text in part.items())) for part in exploded.get("from") or ()
    )
    return Explode(
        items=tuple(items),
        split=pieces(exploded.get("split"), outer),
        by=exploded.get("by") or "",
        name=exploded.get("as") or "",
        seq=exploded.get("seq") or "",
        skip=pieces(exploded.get("skip"), inner),
    )

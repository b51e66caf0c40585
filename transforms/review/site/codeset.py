"""Code sets: canonical codes, and what each source calls them, from when to when."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.model import CodeSet
from transforms.review.site import words
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Cell, CodeRow, CodeSetPage, Ref, SynonymRow
from transforms.review.site.index import Index, Tree


def codeset_page(code_set: CodeSet, index: Index) -> CodeSetPage:
    """Return one code set; its synonyms are as they are written, not as they are compared."""
    tree = index.tree("codesets", code_set.name)
    synonyms = [_synonym(code_set, written, index) for written in tree["synonyms"]]
    users = (field for field in index.dictionary.fields.values() if field.code_set == code_set.name)
    return CodeSetPage(
        name=code_set.name,
        anchor=anchor("codeset", code_set.name),
        version=code_set.version,
        normalise=tuple(words.NORMALISE[name] for name in code_set.normalise),
        unmapped=index.held(code_set.unmapped),
        codes=tuple(_codes(code_set, tree, synonyms)),
        fields=tuple(index.field(field.name) for field in users),
        columns=index.columns_of("code_set", code_set.name),
    )


def _codes(code_set: CodeSet, tree: Tree, synonyms: list[SynonymRow]) -> Iterator[CodeRow]:
    for code, label in code_set.codes.items():
        own = tuple(synonym for synonym in synonyms if synonym.to.text == code)
        standard = tree["codes"][code].get("standard") or ""
        yield CodeRow(code, anchor("code", code_set.name, code), label, standard, own)


def _synonym(code_set: CodeSet, written: Tree, index: Index) -> SynonymRow:
    system, to = written["system"], written["to"]
    return SynonymRow(
        source=Ref(system, anchor("source", system), index.dictionary.sources[system].label),
        code=written["code"],
        to=Ref(to, anchor("code", code_set.name, to), code_set.codes[to]),
        valid_from=written.get("valid_from"),
        valid_to=written.get("valid_to"),
        depends_on=tuple(Cell(name, value) for name, value in (written.get("depends_on") or {}).items()),
        relationship=words.RELATIONSHIP[written["relationship"]] if written.get("relationship") else None,
        note=written.get("note") or "",
    )
